//! The raw client: requests laid out before the run as OTLP bytes, in which only identities and times
//! are patched in place.
//!
//! - [`template`]: a request's bytes and the places that are patched.
//! - [`body`]: a stamped template, compressed and framed.
//! - [`send`]: sends bodies and reads the answers.
//! - [`names`]: where names lead to.

pub mod body;
pub mod names;
pub mod send;
pub mod template;
