//! The raw client: requests laid out before the run as OTLP bytes, in which only identities and times
//! are patched in place.
//!
//! - [`layout`]: makes templates, from a plan's payload or from a captured request.
//! - [`template`]: a request's bytes and the places that are patched.
//! - [`body`]: a stamped template, compressed and framed.
//! - [`send`]: sends bodies and reads the answers.
//! - [`dial`] makes connections, by name, by address or to the link.

pub mod body;
pub mod dial;
pub mod layout;
pub mod send;
pub mod template;
