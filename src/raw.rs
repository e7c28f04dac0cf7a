//! The raw client: requests laid out before the run as OTLP bytes, in which only identities and times
//! are patched in place.
//!
//! - [`template`]: a request's bytes and the places that are patched.

pub mod template;
