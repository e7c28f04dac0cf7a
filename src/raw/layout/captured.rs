//! Requests that somebody sent, laid out to be sent again.
//!
//! Every item gets an identity, in the order of the capture. A request's bytes stay as they are but for
//! these:
//! - **Ids.** A trace has a new id, its root being the first item of it in the capture. Parents and links
//!   that refer to a span of the capture follow it, whichever request holds it; others get an id made of the
//!   one they had ([`crate::raw::template::PatchValue::OtherSpanId`]), the same one throughout a round. Log
//!   records of one span get ids of their own, for these are their identities. Ids in exemplars stay.
//! - **Times.** The request's own time is the due time, and all others are as long before it as they
//!   were. A data point's own time is the due time and its place in the request, in nanoseconds, so that it
//!   tells which one it is; its start is as long before it as it was. Times that are zero stay so.
//! - **What is missing.** A span or log record without ids gets both (a log record without a trace is one of
//!   its own), and a data point without a time gets one.
//!
//! Items are counted from the capture's start: [`crate::raw::template::Stamp::first_sequence`] is that of
//! the round's first item.

use super::binding::{Known, Meaning};
use super::complete::complete;
use super::places::Places;
use super::{lay, text};
use crate::otlp::walk::walk;
use crate::otlp::{Encoding, Malformed};
use crate::raw::template::Template;
use crate::signal::Signal;

/// A request of a capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// As protobuf.
    pub body: Vec<u8>,
    /// Its own time, since the Unix epoch: what becomes the due time.
    pub at_unix_ns: u64,
}

/// Lays out all requests of one signal of a capture.
///
/// # Errors
/// When one is no such request, or cannot be written in that encoding.
pub fn captured(
    requests: Vec<Request>,
    signal: Signal,
    encoding: Encoding,
) -> Result<Vec<Template>, Malformed> {
    let mut known = Known::default();
    let mut completed = Vec::with_capacity(requests.len());
    for Request { body, at_unix_ns } in requests {
        walk(signal, &body, &mut |_| {})?;
        let mut body = complete(signal, &body).into_owned();
        if encoding == Encoding::Json {
            // A field that is given twice has one place in JSON.
            body = text::canonical(signal, &body)?;
        }
        let first = known.add(&Places::find(signal, &body))?;
        completed.push((first, Request { body, at_unix_ns }));
    }
    let lay_out = |(first, request): (u32, Request)| {
        let meaning = Meaning::Captured {
            known: &known,
            first,
            at_unix_ns: request.at_unix_ns,
        };
        lay(signal, encoding, request.body, meaning)
    };
    completed.into_iter().map(lay_out).collect()
}
