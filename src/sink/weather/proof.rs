//! What a fault did, counted where it was done, and told in words.

use std::sync::atomic::{AtomicU64, Ordering};

use super::strike::text;
use crate::plan::{AnswerFault, FaultKind, LostBy, TlsFault};

/// Counters of one fault.
#[derive(Debug, Default)]
pub(super) struct Tally {
    requests: AtomicU64,
    items: AtomicU64,
    /// Requests that should have been held and were too many.
    overflow: AtomicU64,
    /// Connections that were closed, or told to go away, beside the struck requests.
    closed: AtomicU64,
    /// Connections that were struck as such, with effect.
    connections: AtomicU64,
    bytes: AtomicU64,
    handshakes: AtomicU64,
    refused: AtomicU64,
}

impl Tally {
    pub(super) fn request(&self, items: u64) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.items.fetch_add(items, Ordering::Relaxed);
    }

    pub(super) fn overflow(&self) {
        self.overflow.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn closed(&self, connections: u64) {
        self.closed.fetch_add(connections, Ordering::Relaxed);
    }

    pub(super) fn connection(&self, bytes: u64) {
        self.connections.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn handshake(&self, succeeded: bool) {
        self.handshakes.fetch_add(1, Ordering::Relaxed);
        self.refused
            .fetch_add(u64::from(!succeeded), Ordering::Relaxed);
    }

    /// What was counted, in words; `None` where the fault struck nothing.
    pub(super) fn prove(&self, kind: &FaultKind) -> Option<String> {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (requests, items) = (of(&self.requests), of(&self.items));
        let (connections, closed) = (of(&self.connections), of(&self.closed));
        let struck = format!("{requests} requests with {items} items");
        let (effect, told) = match *kind {
            FaultKind::Answer { fault, .. } => match fault {
                AnswerFault::Status { status, .. } => (
                    requests,
                    format!("{struck} answered {}, none accepted", text(status)),
                ),
                AnswerFault::PartialSuccess { .. } => (
                    items,
                    format!("{items} items rejected in {requests} requests"),
                ),
                AnswerFault::Slow { .. } => (
                    requests.saturating_sub(of(&self.overflow)),
                    match of(&self.overflow) {
                        0 => format!("{struck} accepted and answered late"),
                        beyond => format!(
                            "{struck} accepted and answered late, but for {beyond} requests that were too many to hold"
                        ),
                    },
                ),
                AnswerFault::LoseResponse {
                    by: LostBy::Unavailable,
                } => (requests, format!("{struck} accepted and told otherwise")),
                AnswerFault::LoseResponse { by: LostBy::Reset } => (
                    requests,
                    format!("{struck} accepted, their connections reset before the answer"),
                ),
                AnswerFault::Goaway => (
                    closed,
                    format!("{closed} connections told to go away, {struck} answered on them"),
                ),
                AnswerFault::ResetStream { reason } => (
                    requests,
                    format!(
                        "{struck} not accepted, their streams reset with {}",
                        reason.as_str()
                    ),
                ),
                AnswerFault::NoTrailers => (
                    requests,
                    format!("{struck} accepted and answered without trailers"),
                ),
                AnswerFault::MalformedBody => (
                    requests,
                    format!("{struck} accepted and answered with nonsense"),
                ),
                AnswerFault::CloseAtRequest { bytes } => (
                    connections,
                    format!("{connections} connections closed at byte {bytes} of a request"),
                ),
                AnswerFault::CloseAtResponse { bytes } => (
                    connections,
                    format!(
                        "{struck} accepted, {connections} connections closed at byte {bytes} on the way back"
                    ),
                ),
                AnswerFault::SlowReader { .. } => (
                    connections,
                    format!(
                        "{connections} connections read slowly: {} bytes, and more had to wait",
                        of(&self.bytes)
                    ),
                ),
                AnswerFault::HalfOpen => (
                    connections,
                    format!("{connections} connections with unread bytes kept silent"),
                ),
            },
            FaultKind::Tls(TlsFault::HandshakeStall) => (
                connections,
                format!(
                    "{connections} handshakes never answered, {closed} connections closed before"
                ),
            ),
            FaultKind::Tls(fault) => (
                of(&self.handshakes),
                format!(
                    "{} handshakes with {}, {} refused by the sender; {closed} connections closed before",
                    of(&self.handshakes),
                    shown(fault),
                    of(&self.refused),
                ),
            ),
            FaultKind::Link { .. }
            | FaultKind::Process { .. }
            | FaultKind::Stress { .. }
            | FaultKind::Dns(_) => (0, String::new()),
        };
        (effect > 0).then_some(told)
    }
}

/// What a handshake under the fault shows.
const fn shown(fault: TlsFault) -> &'static str {
    match fault {
        TlsFault::Expired => "an expired certificate",
        TlsFault::WrongHost => "another host's certificate",
        TlsFault::UnknownCa => "a certificate of an unknown authority",
        TlsFault::HandshakeStall => "no answer",
    }
}
