//! Whether the client behaved as OTLP asks of it while things went wrong.
//!
//! The rules are those of the OpenTelemetry Protocol specification 1.x, sections "Failures",
//! "OTLP/gRPC Throttling", "Retryable Response Codes", "OTLP/HTTP Throttling", "All Other Responses"
//! and "OTLP/HTTP Connection", and of "Configuration Options" in the OTLP exporter's specification.
//!
//! Each rule is kept, violated, or not exercised: a run without an occasion says nothing. What is
//! not known is no violation either: over gRPC the SDK keeps the codes of all attempts but the last
//! to itself, and then only what the sink wrote down of its own answers tells them.

use crate::evidence::Batch;
use crate::record::{Conformance, ConformanceCheck, ConformanceOutcome};

use super::facts::Facts;

mod backoff;
mod exchange;
mod limits;
mod retries;
#[cfg(test)]
mod tests;
mod throttling;

/// Violations that are told one by one.
const EXAMPLES: usize = 5;

/// Judges the client of a run by every rule.
pub(super) fn conformance(facts: &Facts<'_>) -> Conformance {
    let exchanges = exchange::exchanges(facts);
    let waits = backoff::Waits::of(&exchanges);
    let retry = &facts.plan.client.retry;
    Conformance {
        checks: vec![
            retries::check(facts, &exchanges),
            waits.growth(retry),
            waits.jitter(),
            throttling::check(facts, &exchanges),
            limits::attempts(facts, &exchanges),
            limits::exports(facts),
            limits::shutdown(facts),
        ],
        waits: waits.distribution(),
    }
}

/// Occasions on which a rule could be kept, and those on which it was not.
#[derive(Debug, Default)]
struct Tally {
    kept: u64,
    violations: u64,
    examples: Vec<String>,
}

impl Tally {
    fn kept(&mut self) {
        self.kept += 1;
    }

    fn violated(&mut self, text: String) {
        self.violations += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(text);
        }
    }

    /// The check, with `observed` in words, or with `unexercised` where there was no occasion.
    fn conclude(
        self,
        name: &str,
        section: &str,
        observed: String,
        unexercised: &str,
    ) -> ConformanceCheck {
        let outcome = match (self.violations, self.kept) {
            (0, 0) => ConformanceOutcome::NotExercised,
            (0, _) => ConformanceOutcome::Kept,
            _ => ConformanceOutcome::Violated,
        };
        ConformanceCheck {
            name: name.to_owned(),
            outcome,
            section: section.to_owned(),
            observed: match outcome {
                ConformanceOutcome::NotExercised => unexercised.to_owned(),
                _ => observed,
            },
            violations: self.violations,
            examples: self.examples,
        }
    }
}

/// `logs batch 12`
fn name(batch: &Batch) -> String {
    format!("{} batch {}", batch.signal, batch.batch)
}

fn seconds(ns: u64) -> String {
    crate::units::seconds(ns as f64 / 1e9)
}
