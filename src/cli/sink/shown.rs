//! What `squall sink` prints: text for people, or one JSON value a line.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;

use serde::Serialize;
use serde_json::json;

use crate::signal::Signal;
use crate::sink::counts::{Counts, SignalCounts};
use crate::sink::traffic::Traffic;

/// Everything that was counted, at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    pub signals: BTreeMap<Signal, SignalCounts>,
    pub malformed: u64,
    /// The first few reasons.
    pub malformed_examples: Vec<String>,
}

impl Tally {
    /// Whether everything that came was as the specification demands.
    pub fn is_valid(&self) -> bool {
        self.malformed == 0 && self.signals.values().all(|counts| counts.invalid == 0)
    }

    pub fn of(counts: &Counts, traffic: &Traffic) -> Self {
        Self {
            signals: Signal::ALL.into_iter().zip(counts.snapshot()).collect(),
            malformed: traffic.malformed_count(),
            malformed_examples: traffic.malformed_examples(),
        }
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
