//! How the client kept to OTLP, as results store it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The client's behaviour, held against the OpenTelemetry specification. It decides no verdict by
/// itself; `client.conformance.violations` is for expectations.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Conformance {
    pub checks: Vec<ConformanceCheck>,
    /// How long the client waited before each retry that the server asked no wait for.
    pub waits: Vec<RetryWaits>,
}

impl Conformance {
    /// Every single violation that was seen.
    pub fn violations(&self) -> u64 {
        self.checks.iter().map(|check| check.violations).sum()
    }
}

/// One rule of the specification.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConformanceCheck {
    pub name: String,
    pub outcome: ConformanceOutcome,
    /// Where the rule stands.
    pub section: String,
    /// What was seen; where nothing was, why not.
    pub observed: String,
    pub violations: u64,
    /// The first few violations: which batch, and what it did.
    pub examples: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConformanceOutcome {
    Kept,
    Violated,
    /// The run gave no occasion to tell.
    NotExercised,
}

impl ConformanceOutcome {
    /// `not exercised`
    pub const fn as_str(self) -> &'static str {
        match self {
            ConformanceOutcome::Kept => "kept",
            ConformanceOutcome::Violated => "violated",
            ConformanceOutcome::NotExercised => "not exercised",
        }
    }
}

/// Waits between a failed attempt and the next one of its batch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RetryWaits {
    /// 1 is the first retry.
    pub retry: u32,
    pub count: u64,
    pub min_s: f64,
    pub median_s: f64,
    pub max_s: f64,
}
