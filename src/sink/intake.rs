//! From the body of an HTTP message to a receiver's answer, the same for gRPC and HTTP.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::HeaderMap;
use hyper::body::{Body, Incoming};

use super::server::Limits;

use super::{Answer, Receiver, Request, Taken, Treatment};
use crate::clock::monotonic_ns;
use crate::otlp::inflate::{Compression, InflateError, inflate};
use crate::otlp::{Encoding, Malformed, strict, to_protobuf};
use crate::signal::Signal;

/// Why a request is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is not a valid request.
    #[error("{0}")]
    Malformed(String),
    /// It is larger than is allowed.
    #[error("{0}")]
    TooLarge(String),
    /// The sender went away, or was too slow. That is weather, not a malformed request.
    #[error("{0}")]
    BrokenOff(String),
    /// It came as far as it was to be read.
    #[error("stopped there")]
    Stopped,
}

/// A body as it came, and when the last byte of it had been read.
#[derive(Debug)]
pub struct Arrived {
    pub body: Bytes,
    pub monotonic_ns: u64,
}

/// Reads a body of at most `max_bytes`, within `timeout`, and stops once `stop_at` bytes have come.
///
/// # Errors
/// When it is larger, does not arrive, or was stopped.
pub async fn read(
    body: Incoming,
    max_bytes: u64,
    stop_at: Option<u64>,
    timeout: Duration,
) -> Result<Arrived, Refusal> {
    let too_large = || match stop_at {
        None => Refusal::TooLarge(format!("the request has more than {max_bytes} bytes")),
        Some(_) => Refusal::Stopped,
    };
    let limit = match stop_at {
        None if body.size_hint().lower() > max_bytes => return Err(too_large()),
        None => max_bytes,
        Some(0) => return Err(Refusal::Stopped),
        Some(bytes) => max_bytes.min(bytes - 1),
    };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let reading = Limited::new(body, limit).collect();
    match tokio::time::timeout(timeout, reading).await {
        Ok(Ok(body)) => Ok(Arrived {
            body: body.to_bytes(),
            monotonic_ns: monotonic_ns(),
        }),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(error)) => Err(Refusal::BrokenOff(error.to_string())),
        Err(_) => Err(Refusal::BrokenOff("the body came too slowly".to_owned())),
    }
}

/// Inflates, converts and hands a request to the receiver.
///
/// # Errors
/// When it is not a valid request, or too large.
pub fn take(
    receiver: &impl Receiver,
    signal: Signal,
    encoding: Encoding,
    compression: Compression,
    arrived: Arrived,
    limits: &Limits,
    treatment: Option<Treatment>,
) -> Result<Taken, Refusal> {
    let inflated = inflate(compression, arrived.body, limits.max_request_bytes);
    let inflated = inflated.map_err(|error| match error {
        InflateError::TooLarge(_) => Refusal::TooLarge(error.to_string()),
        InflateError::Corrupt(_) => Refusal::Malformed(error.to_string()),
    })?;
    let body = to_protobuf(signal, encoding, &inflated).map_err(refusal)?;
    if limits.strict {
        strict::check(signal, &body).map_err(refusal)?;
    }
    receiver
        .accept(Request {
            signal,
            body: &body,
            arrived_monotonic_ns: arrived.monotonic_ns,
            treatment,
        })
        .map_err(refusal)
}

/// The receiver's answer in the end, where it was not known at once.
pub async fn settle(
    receiver: &impl Receiver,
    signal: Signal,
    mut taken: Taken,
    headers: &HeaderMap,
) -> Taken {
    if let Answer::Pending(body) = taken.answer {
        taken.answer = receiver.settle(signal, body, headers).await;
    }
    taken
}

fn refusal(malformed: Malformed) -> Refusal {
    match malformed {
        Malformed::Undecodable(why) => Refusal::Malformed(why),
        Malformed::TooManyMessages(_) => Refusal::TooLarge(malformed.to_string()),
    }
}
