//! What a sending came to.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use crate::cli::session::Done;
use crate::evidence::OutcomeKind;
use crate::report::text::{Align, table};
use crate::signal::Signal;
use crate::units;

/// Figures of one signal. Counts are items: spans, data points or log records.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Figures {
    pub signal: &'static str,
    pub endpoint: String,
    /// With it the same items are sent again.
    pub seed: u64,
    pub offered: u64,
    pub acknowledged: u64,
    /// Answered with a permanent error, or rejected by a partial success.
    pub refused: u64,
    /// Every attempt failed, until there were no more.
    pub given_up: u64,
    /// Neither: the client dropped them, or never learnt.
    pub unanswered: u64,
    /// Due, and not made: the generator was too late.
    pub missed: u64,
    pub requests: u64,
    /// From the start to the last answer, or to the end of the load where that was later.
    pub seconds: f64,
    /// Acknowledged items per second of that time.
    pub rate: f64,
    /// In seconds.
    pub latencies: Vec<Latency>,
    /// Answers that were no success, each with how often it came; the most frequent first.
    pub answers: Vec<(String, u64)>,
    /// What the endpoint said about requests in words, with a success as well; as `answers`.
    pub words: Vec<(String, u64)>,
}

/// Percentiles of one latency.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Latency {
    pub name: &'static str,
    pub p50: Option<f64>,
    pub p90: Option<f64>,
    pub p99: Option<f64>,
    pub p999: Option<f64>,
    pub max: Option<f64>,
}

/// Latencies that are told, with their metrics.
const LATENCIES: [(&str, &str); 3] = [
    ("service", "export.service"),
    ("response", "export.response"),
    ("lateness", "lateness"),
];
/// Kinds of answers that are told, and words.
const TOLD_MAX: usize = 5;
/// Characters of them.
const WORDS_MAX: usize = 200;

impl Figures {
    /// Of a run of that signal alone.
    pub fn of(signal: Signal, endpoint: &str, done: &Done) -> Self {
        let mut figures = Self {
            signal: signal.as_str(),
            endpoint: endpoint.to_owned(),
            seed: done.record.plan.seed,
            ..Self::default()
        };
        let ledger = done.record.result.ledger.get(&signal);
        let (generated, missed) = ledger.map_or((0, 0), |l| (l.generated, l.missed));
        figures.offered = ledger.map_or(0, |ledger| ledger.offered);
        figures.missed = missed;
        let evidence = &done.evidence;
        let mut last_ns = evidence.times.load_ended_ns;
        let (mut answers, mut words) = (BTreeMap::new(), BTreeMap::new());
        for batch in evidence.batches.iter().filter(|b| b.signal == signal) {
            figures.requests += batch.attempts.len() as u64;
            for answer in batch.attempts.iter().filter_map(|a| a.answer.as_ref()) {
                if !answer.ok {
                    *answers.entry(answer.text.as_str()).or_insert(0_u64) += 1;
                }
            }
            let Some(outcome) = &batch.outcome else {
                continue;
            };
            last_ns = last_ns.max(outcome.at_ns);
            let last = batch.attempts.last().and_then(|a| a.answer.as_ref());
            let said = outcome.message.as_str();
            // Where there was no answer, its text says all of it.
            if !said.is_empty() && !last.is_some_and(|answer| answer.text.contains(said)) {
                *words.entry(said).or_insert(0_u64) += 1;
            }
            let items = batch.len();
            let rejected = outcome.rejected.min(items);
            match outcome.result {
                OutcomeKind::Acknowledged => {
                    figures.acknowledged += items - rejected;
                    figures.refused += rejected;
                }
                OutcomeKind::Refused => figures.refused += items,
                OutcomeKind::GivenUp => figures.given_up += items,
            }
        }
        let answered = figures.acknowledged + figures.refused + figures.given_up;
        figures.unanswered = generated.saturating_sub(answered);
        figures.seconds = last_ns as f64 / 1e9;
        if last_ns > 0 {
            figures.rate = figures.acknowledged as f64 / figures.seconds;
        }
        figures.answers = most_frequent(answers);
        figures.words = most_frequent(words);
        figures.latencies = LATENCIES
            .into_iter()
            .map(|(name, metric)| {
                let metrics = &done.record.result.metrics;
                let value = |which: &str| metrics.get(&format!("{metric}.{which}")).copied();
                Latency {
                    name,
                    p50: value("p50"),
                    p90: value("p90"),
                    p99: value("p99"),
                    p999: value("p999"),
                    max: value("max"),
                }
            })
            .collect();
        figures
    }

    /// Whether nothing is missing.
    pub const fn is_all_acknowledged(&self) -> bool {
        self.offered > 0 && self.acknowledged == self.offered
    }

    pub fn json(&self) -> String {
        // A value of plain fields always is JSON.
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }

    pub fn text(&self) -> String {
        let mut text = format!(
            "{} {}: {} offered, {} acknowledged in {} ({}/s)\n",
            self.endpoint,
            self.signal,
            units::count(self.offered),
            units::count(self.acknowledged),
            units::seconds(self.seconds),
            units::number(self.rate),
        );
        let rest = [
            ("refused", self.refused),
            ("given up", self.given_up),
            ("unanswered or dropped by the client", self.unanswered),
            ("missed by the generator", self.missed),
        ];
        let rest = rest.into_iter().filter(|(_, count)| *count > 0);
        let rest: Vec<String> = rest
            .map(|(name, count)| format!("{} {name}", units::count(count)))
            .collect();
        if !rest.is_empty() {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "not acknowledged: {}", rest.join(", "));
        }
        for (answer, count) in &self.answers {
            let _ = writeln!(text, "  {} times {answer}", units::count(*count));
        }
        if self.offered > 0 && self.acknowledged == 0 {
            text += "nothing was acknowledged: is this an endpoint of OTLP in the protocol that was asked for \
                     (gRPC, or HTTP with --http)?\n";
        }
        for (words, count) in &self.words {
            let _ = writeln!(text, "  {} times it said: {words}", units::count(*count));
        }
        let shown =
            |value: Option<f64>| value.map_or_else(|| units::UNKNOWN.to_owned(), units::seconds);
        let mut rows = vec![
            ["", "p50", "p90", "p99", "p99.9", "max"]
                .map(str::to_owned)
                .to_vec(),
        ];
        for latency in &self.latencies {
            let values = [
                latency.p50,
                latency.p90,
                latency.p99,
                latency.p999,
                latency.max,
            ];
            let mut row = vec![latency.name.to_owned()];
            row.extend(values.map(shown));
            rows.push(row);
        }
        let right = Align::Right;
        for line in table(&rows, &[Align::Left, right, right, right, right, right]) {
            let _ = writeln!(text, "{line}");
        }
        text += "service: from sending to the answer, per request; response: from the due time of an\n\
                 item to its answer; lateness: of the generator itself\n";
        let _ = writeln!(text, "--seed {} sends the same items again", self.seed);
        text
    }
}

/// The most frequent first.
fn most_frequent(counts: BTreeMap<&str, u64>) -> Vec<(String, u64)> {
    let mut counts: Vec<(&str, u64)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.truncate(TOLD_MAX);
    let shown = |text: &str| text.replace('\n', " ").chars().take(WORDS_MAX).collect();
    let told = counts.into_iter();
    told.map(|(text, count)| (shown(text), count)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures() -> Figures {
        let latency = |name, p50| Latency {
            name,
            p50: Some(p50),
            p90: Some(2.0 * p50),
            p99: Some(3.0 * p50),
            p999: Some(4.0 * p50),
            max: None,
        };
        Figures {
            signal: "traces",
            endpoint: "127.0.0.1:4317".to_owned(),
            seed: 77,
            offered: 300_000,
            acknowledged: 299_000,
            refused: 512,
            given_up: 400,
            unanswered: 80,
            missed: 8,
            requests: 590,
            seconds: 30.2,
            rate: 9900.7,
            latencies: vec![latency("service", 0.0021), latency("response", 0.11)],
            answers: vec![("grpc UNAVAILABLE".to_owned(), 3)],
            words: vec![("too many of them".to_owned(), 2)],
        }
    }

    #[test]
    fn a_person_reads() {
        insta::assert_snapshot!(figures().text());
        let fine = Figures {
            acknowledged: 300_000,
            ..figures()
        };
        assert!(fine.is_all_acknowledged() && !figures().is_all_acknowledged());
        assert!(
            !Figures::default().is_all_acknowledged(),
            "nothing was sent"
        );
    }

    #[test]
    fn a_program_reads() {
        insta::assert_snapshot!(figures().json());
    }
}
