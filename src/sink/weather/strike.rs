//! A request that a fault has struck, and what becomes of it.

use std::sync::Arc;
use std::time::Duration;

use super::{Active, Line, Weather};
use crate::clock::monotonic_ns;
use crate::journal::AnswerLine;
use crate::plan::{AnswerFault, AnswerStatus, GrpcCode, LostBy, ResetReason};
use crate::signal::Signal;
use crate::sink::gate::Cut;
use crate::sink::server::Door;
use crate::sink::{Accepts, Answer, Taken, Treatment};

/// What the fault makes of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It goes out as it is.
    AsItIs,
    /// This error goes out instead.
    Status {
        status: AnswerStatus,
        retry_after_ns: Option<u64>,
    },
    /// It goes out without its trailers.
    NoTrailers,
    /// Nonsense goes out in the answer's place.
    Nonsense,
    /// Nothing goes out: the stream is reset, where the connection still stands.
    Nothing(ResetReason),
}

/// One struck request, from its header to its answer.
#[derive(Debug)]
pub struct Strike<'a> {
    weather: &'a Weather,
    active: Arc<Active>,
    fault: AnswerFault,
    signal: Signal,
}

impl<'a> Strike<'a> {
    pub(super) fn new(
        weather: &'a Weather,
        active: Arc<Active>,
        fault: AnswerFault,
        signal: Signal,
    ) -> Self {
        Self {
            weather,
            active,
            fault,
            signal,
        }
    }

    /// How much of the body is waited for, where the connection is closed before its end.
    pub fn stops_at(&self) -> Option<u64> {
        match self.fault {
            AnswerFault::CloseAtRequest { bytes } => Some(bytes),
            _ => None,
        }
    }

    /// What the receiver is to do with the items.
    pub fn treatment(&self) -> Option<Treatment> {
        let accepts = match self.fault {
            AnswerFault::Status { .. } | AnswerFault::ResetStream { .. } => Accepts::Nothing,
            AnswerFault::PartialSuccess { reject } => Accepts::AllBut(reject),
            // A body that came whole came before the byte at which the connection would close.
            AnswerFault::CloseAtRequest { .. } => return None,
            _ => Accepts::All,
        };
        Some(Treatment {
            kind: self.fault.kind(),
            accepts,
        })
    }

    /// The body has come as far as [`Self::stops_at`]: closes the connection.
    /// Why the request has no answer.
    pub fn stop(&self, line: &Line) -> ResetReason {
        let nobody = Taken {
            answer: Answer::Accepted,
            first: None,
            items: 0,
        };
        self.note(&nobody, monotonic_ns(), "none".to_owned(), None, false);
        if line.gate.cut(Cut::Close) {
            self.active.tally.connection(0);
        }
        ResetReason::InternalError
    }

    /// The receiver has decided; returns when it is time to answer. What is counted and written is
    /// so before the answer goes out.
    pub async fn meet(
        self,
        line: &Line,
        door: Door,
        taken: &Taken,
        arrived_monotonic_ns: u64,
    ) -> Effect {
        if !matches!(taken.answer, Answer::Accepted | Answer::Partial { .. }) {
            return Effect::AsItIs;
        }
        let note = |answer: String, retry_after_ns, accepted| {
            self.note(
                taken,
                arrived_monotonic_ns,
                answer,
                retry_after_ns,
                accepted,
            );
        };
        let none = || "none".to_owned();
        let success = || match door {
            Door::Grpc => "grpc OK".to_owned(),
            Door::Http => "http 200".to_owned(),
        };
        match self.fault {
            AnswerFault::Status {
                status,
                retry_after_ns,
            } => {
                note(text(status), retry_after_ns, false);
                Effect::Status {
                    status,
                    retry_after_ns,
                }
            }
            AnswerFault::PartialSuccess { .. } => {
                note(success(), None, true);
                Effect::AsItIs
            }
            AnswerFault::Slow { delay_ns } => {
                note(success(), None, true);
                match self.active.held.try_acquire() {
                    Ok(_held) => tokio::time::sleep(Duration::from_nanos(delay_ns)).await,
                    Err(_) => self.active.tally.overflow(),
                }
                Effect::AsItIs
            }
            AnswerFault::LoseResponse {
                by: LostBy::Unavailable,
            } => {
                let status = match door {
                    Door::Grpc => AnswerStatus::Grpc(GrpcCode::Unavailable),
                    Door::Http => AnswerStatus::Http(503),
                };
                note(text(status), None, true);
                Effect::Status {
                    status,
                    retry_after_ns: None,
                }
            }
            AnswerFault::LoseResponse { by: LostBy::Reset } => {
                note(none(), None, true);
                line.gate.cut(Cut::Reset);
                Effect::Nothing(ResetReason::InternalError)
            }
            AnswerFault::Goaway => {
                note(success(), None, true);
                if line.go_away() {
                    self.active.tally.closed(1);
                }
                Effect::AsItIs
            }
            AnswerFault::ResetStream { reason } => {
                note(none(), None, false);
                Effect::Nothing(reason)
            }
            AnswerFault::NoTrailers => {
                note(none(), None, true);
                Effect::NoTrailers
            }
            AnswerFault::MalformedBody => {
                note(none(), None, true);
                Effect::Nonsense
            }
            AnswerFault::CloseAtResponse { bytes } => {
                note(none(), None, true);
                line.close_after(&self.active, bytes);
                Effect::AsItIs
            }
            AnswerFault::CloseAtRequest { .. }
            | AnswerFault::SlowReader { .. }
            | AnswerFault::HalfOpen => Effect::AsItIs,
        }
    }

    fn note(
        &self,
        taken: &Taken,
        at_monotonic_ns: u64,
        answer: String,
        retry_after_ns: Option<u64>,
        accepted: bool,
    ) {
        let struck_items = match taken.answer {
            Answer::Partial { rejected, .. } => rejected,
            _ => taken.items,
        };
        self.active.tally.request(struck_items);
        self.weather.write(&AnswerLine {
            at_ns: self.weather.since_start_ns(at_monotonic_ns),
            signal: self.signal,
            first: taken.first,
            items: taken.items,
            answer,
            retry_after_ns,
            accepted,
        });
    }
}

/// A status as the client's journal tells it, too.
pub(super) fn text(status: AnswerStatus) -> String {
    match status {
        AnswerStatus::Grpc(code) => format!("grpc {}", code.as_str()),
        AnswerStatus::Http(code) => format!("http {code}"),
    }
}
