//! squall's own OTLP receiver: the end of the line, never its bottleneck.
//!
//! [`server`] accepts connections; [`grpc`] and [`http`] speak the two protocols; [`intake`] turns a
//! body into protobuf within bounded memory; a [`Receiver`] decides what becomes of it. There are
//! three receivers: [`accounting`], which closes a run's ledger, [`counts`], for people, and
//! [`passing`] around the latter, which sends on and records.

use bytes::Bytes;
use hyper::HeaderMap;

use crate::otlp::Malformed;
use crate::signal::Signal;

pub mod accounting;
pub mod content;
pub mod counts;
pub mod foreign;
pub mod gate;
pub mod grpc;
pub mod http;
pub mod intake;
pub mod latency;
pub mod passing;
pub mod plant;
pub mod required;
pub mod server;
pub mod throttle;
pub mod tls;
mod told;
pub mod traffic;
pub mod unanswered;
pub mod weather;

pub use told::Told;

/// What a sender is told whose request its receiver forgot.
const UNSETTLED: &str = "the request was not settled";

/// A request that has been read wholly and inflated, not yet validated.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    pub signal: Signal,
    /// The export request, as protobuf.
    pub body: &'a [u8],
    /// When its last byte had been read, on [`crate::clock::monotonic_ns`].
    pub arrived_monotonic_ns: u64,
    /// What a fault of answers wants of it.
    pub treatment: Option<Treatment>,
}

impl Request<'_> {
    /// How many of its `items` a fault of answers keeps out, the first ones.
    pub fn kept_out(&self, items: u64) -> u64 {
        match self.treatment.map(|treatment| treatment.accepts) {
            None | Some(Accepts::All) => 0,
            Some(Accepts::AllBut(rejected)) => rejected.min(items),
            Some(Accepts::Nothing) => items,
        }
    }
}

/// What a fault of answers makes of a request's items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Treatment {
    /// The fault's name.
    pub kind: &'static str,
    pub accepts: Accepts,
}

/// Which items of a request are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepts {
    All,
    Nothing,
    /// All but the first so many, which a partial success rejects.
    AllBut(u64),
}

/// What became of a valid request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    pub answer: Answer,
    /// Producer and sequence of the first item, where it is known and has them.
    pub first: Option<(u16, u64)>,
    /// Items in the request, accepted or not.
    pub items: u64,
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
    /// What the next hop said, which was no success.
    Told(Told),
    /// [`Receiver::settle`] knows, and is given the request as protobuf.
    Pending(Bytes),
}

/// Whoever decides what becomes of requests. Called by many connections at once.
pub trait Receiver: Send + Sync + 'static {
    /// Takes one request. What is counted is counted before the answer goes out.
    ///
    /// # Errors
    /// When the body is not a valid request; then nothing of it is counted.
    fn accept(&self, request: Request<'_>) -> Result<Taken, Malformed>;

    /// The answer to a request of which [`Self::accept`] said that it is pending. `headers` are those
    /// with which it came.
    fn settle(
        &self,
        signal: Signal,
        body: Bytes,
        headers: &HeaderMap,
    ) -> impl Future<Output = Answer> + Send {
        let _ = (signal, body, headers);
        std::future::ready(Answer::Accepted)
    }
}
