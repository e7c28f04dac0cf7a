//! squall's own OTLP receiver: the end of the line, never its bottleneck.
//!
//! [`server`] accepts connections; [`grpc`] and [`http`] speak the two protocols; [`intake`] turns a
//! body into protobuf within bounded memory; a [`Receiver`] decides what becomes of it. There are
//! two receivers: [`accounting`], which closes a run's ledger, and [`counts`], for people.

use crate::otlp::Malformed;
use crate::signal::Signal;

pub mod accounting;
pub mod counts;
pub mod grpc;
pub mod http;
pub mod inflate;
pub mod intake;
pub mod latency;
pub mod plant;
pub mod server;
pub mod tls;
pub mod traffic;

/// A request that has been read wholly and inflated, not yet validated.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    pub signal: Signal,
    /// The export request, as protobuf.
    pub body: &'a [u8],
    /// When its last byte had been read, on [`crate::clock::monotonic_ns`].
    pub arrived_monotonic_ns: u64,
}

/// What the sender is told about a valid request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Accepted,
    /// A partial success: that many items were rejected.
    Partial {
        rejected: u64,
        why: String,
    },
    /// Try again: `UNAVAILABLE`, HTTP 503.
    Unavailable(String),
    /// Do not try again: `INVALID_ARGUMENT`, HTTP 400.
    Refused(String),
}

/// Whoever decides what becomes of requests. Called by many connections at once.
pub trait Receiver: Send + Sync + 'static {
    /// Takes one request. What is counted is counted before the answer goes out.
    ///
    /// # Errors
    /// When the body is not a valid request; then nothing of it is counted.
    fn accept(&self, request: Request<'_>) -> Result<Answer, Malformed>;
}
