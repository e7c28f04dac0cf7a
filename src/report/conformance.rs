//! How the client kept to OTLP, in the words that every report shares.

use crate::record::{Conformance, ConformanceCheck, ConformanceOutcome, RetryWaits};
use crate::units;

/// What the section is about.
pub const HELP: &str = "The client held against the OTLP specification. It decides nothing by itself; an expectation can: client.conformance.violations == 0.";

/// The mark that stands for an outcome beside its word or colour.
pub const fn mark(outcome: ConformanceOutcome) -> &'static str {
    match outcome {
        ConformanceOutcome::Kept => "✓",
        ConformanceOutcome::Violated => "✗",
        ConformanceOutcome::NotExercised => "–",
    }
}

/// Checks that the run gave an occasion for, the violated first.
pub fn exercised(conformance: &Conformance) -> Vec<&ConformanceCheck> {
    let of = |outcome| {
        let checks = conformance.checks.iter();
        checks.filter(move |check| check.outcome == outcome)
    };
    of(ConformanceOutcome::Violated)
        .chain(of(ConformanceOutcome::Kept))
        .collect()
}

/// Names of the checks that the run gave no occasion for.
pub fn not_exercised(conformance: &Conformance) -> Vec<&str> {
    let checks = conformance.checks.iter();
    checks
        .filter(|check| check.outcome == ConformanceOutcome::NotExercised)
        .map(|check| check.name.as_str())
        .collect()
}

/// `waits before retry 1: 24, from 101 ms to 198 ms, median 152 ms`
pub fn waits(waits: &RetryWaits) -> String {
    format!(
        "waits before retry {}: {}, from {} to {}, median {}",
        waits.retry,
        units::count(waits.count),
        units::seconds(waits.min_s),
        units::seconds(waits.max_s),
        units::seconds(waits.median_s)
    )
}
