//! OTLP on the wire: validation, identities and data points, without building the messages.
//!
//! A protobuf body is walked once against the tables of [`schema`]; nothing is allocated per field,
//! so a hostile body costs no more memory than it has bytes. A JSON body becomes protobuf first, in
//! one pass as well. [`strict`] asks the full decoder too.

use std::borrow::Cow;

use crate::signal::Signal;

pub mod check;
pub mod content;
pub mod headers;
pub mod identities;
pub mod inflate;
pub mod json;
pub mod json_text;
pub mod known_points;
pub mod points;
pub mod raw_points;
pub mod schema;
pub mod status;
pub mod strict;
pub mod walk;
pub mod wire;

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Protobuf,
    Json,
}

/// Why a body is not a valid request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It cannot be decoded. The text says where and why.
    #[error("{0}")]
    Undecodable(String),
    /// It holds more messages than a request may, however small they are.
    #[error("the request holds more than {0} messages")]
    TooManyMessages(usize),
}

/// The request as protobuf, whichever way it was written. Protobuf is passed through unseen.
///
/// # Errors
/// When JSON is not a request of that signal.
pub fn to_protobuf(
    signal: Signal,
    encoding: Encoding,
    body: &[u8],
) -> Result<Cow<'_, [u8]>, Malformed> {
    match encoding {
        Encoding::Protobuf => Ok(Cow::Borrowed(body)),
        Encoding::Json => json::to_protobuf(signal, body).map(Cow::Owned),
    }
}
