//! A comparison of two sides: what differs, by how much, and how sure that is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::metric::{Better, Unit};
use crate::stats::compare::{Answer, Finding, Threshold, is_settled};

/// Version of `comparison.json`; a reader refuses a later one.
pub const COMPARISON_FORMAT: u32 = 1;

/// `comparison.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    pub format: u32,
    /// The first side: what is compared with.
    pub baseline: ComparedSide,
    pub candidate: ComparedSide,
    /// Whether the runs were made in turns, pair by pair.
    pub paired: bool,
    /// The most telling answer of the gated metrics.
    pub answer: Answer,
    /// One sentence.
    pub summary: String,
    /// Metrics that decide, the most important first.
    pub gated: Vec<ComparedMetric>,
    /// Metrics that are only shown.
    pub shown: Vec<ComparedMetric>,
    /// In what the machines differ, where they do: only deterministic metrics are then compared.
    pub machines: Vec<Difference>,
    /// Metrics that were left out, for that or because a side does not have them, each with why.
    pub left_out: Vec<String>,
}

impl Comparison {
    /// Whether more pairs would change no answer that matters.
    pub fn is_settled(&self) -> bool {
        is_settled(
            self.gated
                .iter()
                .filter_map(|metric| metric.finding.as_ref()),
        )
    }
}

/// One side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ComparedSide {
    /// A baseline's name, or a run's.
    pub name: String,
    pub scenario: String,
    /// Names of the runs' folders.
    pub runs: Vec<String>,
}

/// One metric of both sides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ComparedMetric {
    pub name: String,
    pub unit: Option<Unit>,
    pub better: Better,
    pub threshold: Threshold,
    /// Medians of the runs, in the base unit.
    pub baseline: f64,
    pub candidate: f64,
    /// `None` where nothing can be said; `why_not` says so.
    pub finding: Option<Finding>,
    pub why_not: String,
}

/// A field in which two results differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    pub field: String,
    /// Empty where that side does not have it.
    pub baseline: String,
    pub candidate: String,
}

impl Difference {
    /// ``cores is `2` and `4` ``, and so on.
    pub fn in_words(differences: &[Self]) -> String {
        let side = |value: &str| match value {
            "" => "nothing".to_owned(),
            value => format!("`{value}`"),
        };
        let words = differences.iter().map(|difference| {
            let (one, other) = (side(&difference.baseline), side(&difference.candidate));
            format!("{} is {one} and {other}", difference.field)
        });
        words.collect::<Vec<_>>().join(", ")
    }
}
