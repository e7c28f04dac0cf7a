//! What `squall sink` prints: text for people, or one JSON value a line.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;
use serde_json::json;

use super::beyond::Beyond;
use crate::capture::record::Recorded;
use crate::report::live::receiving::{Received, Receiving};
use crate::signal::Signal;
use crate::sink::counts::SignalCounts;
use crate::sink::passing::Passing;
use crate::sink::server::Server;
use crate::sink::traffic::Traffic;
use crate::units;

/// Everything that was counted, at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    pub signals: BTreeMap<Signal, SignalCounts>,
    pub malformed: u64,
    /// The first few reasons.
    pub malformed_examples: Vec<String>,
    /// With `--record`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded: Option<RecordedTally>,
    /// With `--forward`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forwarded: Option<ForwardedTally>,
    /// The last request that was not recorded or not sent on, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_trouble: Option<String>,
}

/// What was recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RecordedTally {
    /// The files, in words.
    pub to: String,
    pub requests: u64,
    pub bytes: u64,
    /// Requests that were accepted or turned away because they could not be recorded.
    pub failed: u64,
    /// Requests of which JSON could not say everything.
    pub inexact: u64,
}

/// What was sent on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ForwardedTally {
    pub to: String,
    /// Requests that the next hop accepted.
    pub accepted: u64,
    /// Requests that it did not, or that did not reach it.
    pub failed: u64,
}

impl Tally {
    /// Whether everything that came was as the specification demands, and is recorded.
    pub fn is_good(&self) -> bool {
        let is_valid = self.malformed == 0 && self.signals.values().all(|s| s.invalid == 0);
        is_valid && self.recorded.as_ref().is_none_or(|r| r.failed == 0)
    }

    pub fn of(server: &Server<Passing>, beyond: &Beyond) -> Self {
        let (receiver, traffic) = (&server.receiver, &server.traffic);
        let passed = receiver.passed();
        Self {
            signals: Signal::ALL
                .into_iter()
                .zip(receiver.counts.snapshot())
                .collect(),
            malformed: traffic.malformed_count(),
            malformed_examples: traffic.malformed_examples(),
            recorded: beyond.recorder.as_ref().map(|(to, recorder)| {
                let recorded = recorder.recorded();
                RecordedTally {
                    to: to.clone(),
                    requests: recorded.requests,
                    bytes: recorded.bytes,
                    failed: passed.unrecorded,
                    inexact: recorded.inexact,
                }
            }),
            forwarded: beyond.forwards_to.as_ref().map(|to| ForwardedTally {
                to: to.clone(),
                accepted: passed.passed,
                failed: passed.not_passed,
            }),
            last_trouble: receiver.trouble(),
        }
    }

    /// What the recording holds at its end.
    pub fn is_recorded(&mut self, recorded: Recorded) {
        if let Some(told) = &mut self.recorded {
            told.requests = recorded.requests;
            told.bytes = recorded.bytes;
            told.inexact = recorded.inexact;
        }
    }

    /// The same for the view on a terminal.
    pub fn live(&self, since: Duration, traffic: &Traffic) -> Receiving {
        let mut signals = [Received::default(); 3];
        for (signal, counts) in &self.signals {
            signals[signal.index()] = Received {
                requests: counts.requests,
                items: counts.items,
                bytes: counts.bytes,
            };
        }
        Receiving {
            at_ns: u64::try_from(since.as_nanos()).unwrap_or(u64::MAX),
            signals,
            wire_bytes: traffic.wire_bytes(),
            in_flight: traffic.in_flight(),
            malformed: self.malformed,
            last_error: self
                .last_trouble
                .clone()
                .or_else(|| traffic.last_malformed()),
            more: self.beyond().collect(),
        }
    }

    /// What was recorded and sent on, a line each.
    fn beyond(&self) -> impl Iterator<Item = String> {
        let recorded = self.recorded.as_ref().map(|recorded| {
            let (requests, bytes) = (
                units::count(recorded.requests),
                units::bytes(recorded.bytes as f64),
            );
            let mut text = format!("recorded {requests} requests, {bytes}, to {}", recorded.to);
            if recorded.failed > 0 {
                let failed = units::count(recorded.failed);
                let _ = write!(text, "; {failed} could not be recorded");
            }
            if recorded.inexact > 0 {
                let inexact = units::count(recorded.inexact);
                let _ = write!(
                    text,
                    "; {inexact} hold values that JSON has no number for: record as .pb"
                );
            }
            text
        });
        let forwarded = self.forwarded.as_ref().map(|forwarded| {
            let (accepted, failed) = (
                units::count(forwarded.accepted),
                units::count(forwarded.failed),
            );
            let to = &forwarded.to;
            format!("sent on to {to}: {accepted} requests accepted, {failed} not")
        });
        recorded.into_iter().chain(forwarded)
    }
}

/// How to print.
#[derive(Debug, Clone, Copy)]
pub struct Shown {
    pub json: bool,
}

impl Shown {
    pub fn listening(&self, protocol: &str, address: SocketAddr) -> String {
        if self.json {
            line(&json!({"listening": {"protocol": protocol, "address": address.to_string()}}))
        } else {
            format!("{protocol} listening on {address}\n")
        }
    }

    /// What has come since `last`; never empty when the two differ in counts.
    pub fn change(&self, last: &Tally, now: &Tally) -> String {
        if self.json {
            return line(&json!({"counts": now}));
        }
        let mut text = String::new();
        for why in now
            .malformed_examples
            .iter()
            .skip(last.malformed_examples.len())
        {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "malformed: {why}");
        }
        if let Some(trouble) = &now.last_trouble
            && last.last_trouble.as_ref() != Some(trouble)
        {
            let _ = writeln!(text, "trouble: {trouble}");
        }
        let counts: Vec<String> = now
            .signals
            .iter()
            .filter(|(_, counts)| counts.requests > 0)
            .map(|(signal, counts)| {
                let items = signal.items();
                format!(
                    "{signal} {} {items} in {} requests",
                    counts.items, counts.requests
                )
            })
            .collect();
        if !counts.is_empty() {
            let _ = writeln!(text, "{}", counts.join(", "));
        }
        text
    }

    pub fn summary(&self, tally: &Tally) -> String {
        if self.json {
            return line(&json!({"summary": tally}));
        }
        let mut text = format!(
            "{:<8}{:>10}{:>12}  services\n",
            "signal", "requests", "items"
        );
        for (signal, counts) in &tally.signals {
            let services: Vec<&str> = counts.services.iter().map(String::as_str).collect();
            let row = format!(
                "{signal:<8}{:>10}{:>12}  {}",
                counts.requests,
                counts.items,
                services.join(", ")
            );
            let _ = writeln!(text, "{}", row.trim_end());
        }
        let _ = writeln!(text, "malformed requests: {}", tally.malformed);
        for why in &tally.malformed_examples {
            let _ = writeln!(text, "  {why}");
        }
        for (signal, counts) in &tally.signals {
            if counts.invalid > 0 {
                let reasons: Vec<&str> = counts.invalid_reasons.iter().copied().collect();
                let (invalid, reasons) = (counts.invalid, reasons.join("; "));
                let _ = writeln!(text, "invalid in {signal}: {invalid} ({reasons})");
            }
        }
        for line in tally.beyond() {
            let _ = writeln!(text, "{line}");
        }
        if let Some(trouble) = &tally.last_trouble {
            let _ = writeln!(text, "last trouble: {trouble}");
        }
        text
    }
}

fn line(value: &serde_json::Value) -> String {
    format!("{value}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally() -> Tally {
        let traces = SignalCounts {
            requests: 2,
            items: 20,
            bytes: 4100,
            invalid: 3,
            invalid_reasons: ["a span's trace id is not 16 bytes, or all zero"].into(),
            services: ["cart".to_owned(), "shop".to_owned()].into(),
        };
        let signals = Signal::ALL.map(|signal| {
            let counts = match signal {
                Signal::Traces => traces.clone(),
                Signal::Metrics | Signal::Logs => SignalCounts::default(),
            };
            (signal, counts)
        });
        Tally {
            signals: signals.into(),
            malformed: 1,
            malformed_examples: vec!["http 415: the content type is wrong".to_owned()],
            recorded: Some(RecordedTally {
                to: "day.jsonl".to_owned(),
                requests: 1,
                bytes: 6200,
                failed: 1,
                inexact: 1,
            }),
            forwarded: Some(ForwardedTally {
                to: "collector:4317".to_owned(),
                accepted: 1,
                failed: 1,
            }),
            last_trouble: Some("cannot record to day.jsonl: no space left".to_owned()),
        }
    }

    #[test]
    fn a_person_reads() {
        let shown = Shown { json: false };
        let text = [
            shown.listening("grpc", ([127, 0, 0, 1], 4317).into()),
            shown.change(&Tally::default(), &tally()),
            shown.summary(&tally()),
        ];
        insta::assert_snapshot!(text.join("--\n"));
    }

    #[test]
    fn a_program_reads() {
        let shown = Shown { json: true };
        let text = [
            shown.listening("http", ([127, 0, 0, 1], 4318).into()),
            shown.change(&Tally::default(), &tally()),
            shown.summary(&tally()),
        ];
        insta::assert_snapshot!(text.concat());
    }
}
