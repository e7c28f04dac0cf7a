//! Each attempt with what it was answered: by the client's account, and by the sink's where the
//! client has none.

use crate::evidence::{AnswerLine, Batch};
use crate::plan::Protocol;
use crate::signal::Signal;

use super::super::facts::Facts;

/// A batch and its attempts, in order.
#[derive(Debug)]
pub(super) struct Exchange<'a> {
    pub batch: &'a Batch,
    pub attempts: Vec<Try<'a>>,
}

/// One attempt.
#[derive(Debug)]
pub(super) struct Try<'a> {
    pub sent_ns: u64,
    /// When the client knew what became of it.
    pub answered_ns: Option<u64>,
    pub said: Said<'a>,
    /// How long to wait, as the answer said; the outer `None` where nobody knows.
    pub asked_ns: Option<Option<u64>>,
    /// The client told the answer itself, so it surely reached it.
    pub told_by_client: bool,
}

/// What an attempt was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said<'a> {
    Success,
    Grpc(&'a str),
    Http(u16),
    /// No answer came.
    Nothing,
    Unknown,
}

impl<'a> Said<'a> {
    fn of_text(text: &'a str) -> Self {
        if text == "ok" {
            return Said::Success;
        }
        if text == "none" || text.starts_with("no answer") {
            return Said::Nothing;
        }
        if let Some(code) = text.strip_prefix("grpc ") {
            return Said::Grpc(code);
        }
        let status = text.strip_prefix("http ").and_then(|s| s.parse().ok());
        match status {
            Some(status) if (200..300).contains(&status) => Said::Success,
            Some(status) => Said::Http(status),
            None => Said::Unknown,
        }
    }
}

impl std::fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Said::Success => f.write_str("success"),
            Said::Grpc(code) => write!(f, "grpc {code}"),
            Said::Http(status) => write!(f, "http {status}"),
            Said::Nothing => f.write_str("no answer"),
            Said::Unknown => f.write_str("an unknown answer"),
        }
    }
}

impl Try<'_> {
    /// Whether the batch is to be sent again after this; `None` where that is not known, or where
    /// the specification does not say. Sections "Failures" (gRPC), "Retryable Response Codes" and
    /// "All Other Responses" (HTTP: a server that disconnects without an answer).
    pub fn to_be_retried(&self, protocol: Protocol) -> Option<bool> {
        match self.said {
            Said::Success => Some(false),
            Said::Grpc("RESOURCE_EXHAUSTED") => self.asked_ns.map(|asked| asked.is_some()),
            Said::Grpc(code) => Some(matches!(
                code,
                "CANCELLED"
                    | "DEADLINE_EXCEEDED"
                    | "ABORTED"
                    | "OUT_OF_RANGE"
                    | "UNAVAILABLE"
                    | "DATA_LOSS"
            )),
            Said::Http(status) => Some(matches!(status, 429 | 502 | 503 | 504)),
            Said::Nothing if protocol == Protocol::Grpc => None,
            Said::Nothing => Some(true),
            Said::Unknown => None,
        }
    }

    /// The wait that the answer asked for, where it asked for one.
    pub fn asked(&self) -> Option<u64> {
        self.asked_ns.flatten().filter(|asked| *asked > 0)
    }
}

/// Every batch that was attempted.
pub(super) fn exchanges<'a>(facts: &Facts<'a>) -> Vec<Exchange<'a>> {
    // With a target between them the sink answers the target.
    let answers = match facts.plan.targets.is_empty() {
        true => facts.evidence.answers.as_slice(),
        false => &[],
    };
    let answers = Answers::of(answers);
    facts
        .evidence
        .batches
        .iter()
        .filter(|batch| !batch.attempts.is_empty())
        .map(|batch| Exchange {
            batch,
            attempts: (0..batch.attempts.len())
                .map(|index| attempt(batch, index, &answers))
                .collect(),
        })
        .collect()
}

fn attempt<'a>(batch: &'a Batch, index: usize, answers: &Answers<'a>) -> Try<'a> {
    let attempt = &batch.attempts[index];
    let own = attempt.answer.as_ref();
    let until_ns = own
        .map(|answer| answer.at_ns)
        .or_else(|| batch.attempts.get(index + 1).map(|next| next.sent_ns))
        .or_else(|| batch.outcome.as_ref().map(|outcome| outcome.at_ns))
        .unwrap_or(u64::MAX);
    let sink = answers.find(batch, attempt.sent_ns, until_ns);
    let own_said = own.map_or(Said::Unknown, |answer| {
        if answer.ok {
            Said::Success
        } else {
            Said::of_text(&answer.text)
        }
    });
    let told_by_client = own_said != Said::Unknown;
    Try {
        sent_ns: attempt.sent_ns,
        answered_ns: own.map(|answer| answer.at_ns),
        said: match (told_by_client, sink) {
            (false, Some(line)) => Said::of_text(&line.answer),
            _ => own_said,
        },
        asked_ns: sink.map(|line| line.retry_after_ns),
        told_by_client,
    }
}

/// The sink's account of its answers, by signal and time.
struct Answers<'a> {
    by_signal: [Vec<&'a AnswerLine>; 3],
}

impl<'a> Answers<'a> {
    fn of(lines: &'a [AnswerLine]) -> Self {
        let mut by_signal: [Vec<&AnswerLine>; 3] = Default::default();
        for line in lines {
            by_signal[line.signal.index()].push(line);
        }
        for lines in &mut by_signal {
            lines.sort_by_key(|line| line.at_ns);
        }
        Self { by_signal }
    }

    /// The one answer that the sink gave to the batch while its attempt was out: both tell the time
    /// by one clock. Where two fit, one of them came too late for an earlier attempt, and neither
    /// is believed.
    fn find(&self, batch: &Batch, from_ns: u64, until_ns: u64) -> Option<&'a AnswerLine> {
        let lines = &self.by_signal[batch.signal.index()];
        let first = lines.partition_point(|line| line.at_ns < from_ns);
        let mut fitting = lines[first..]
            .iter()
            .take_while(|line| line.at_ns <= until_ns)
            .filter(|line| holds(batch, line));
        let line = fitting.next()?;
        fitting.next().is_none().then_some(*line)
    }
}

/// Whether the line can be about the batch. A data point has no identity of its own in a request,
/// so for metrics the time alone tells: the SDK exports one batch of a signal after the other.
fn holds(batch: &Batch, line: &AnswerLine) -> bool {
    match line.first {
        Some((producer, sequence)) if batch.signal != Signal::Metrics => {
            batch.items.iter().any(|range| {
                range.producer == producer && (range.first..=range.last).contains(&sequence)
            })
        }
        _ => true,
    }
}
