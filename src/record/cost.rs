//! What targets cost: runs with them and without them, in pairs.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::metric::Unit;

/// Version of `cost.json`; a reader refuses a later one.
pub const COST_FORMAT: u32 = 1;

/// `cost.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CostResult {
    pub format: u32,
    pub scenario: String,
    /// The targets' names.
    pub targets: Vec<String>,
    pub pairs_wanted: u32,
    /// Pairs of which both runs were made and can be compared: those that the figures stand on.
    pub pairs: u32,
    pub figures: Vec<CostFigure>,
    /// In the order in which they were made.
    pub runs: Vec<CostRun>,
    pub notes: Vec<String>,
}

/// One run of a pair.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CostRun {
    /// Name of the run's folder.
    pub run: String,
    /// From 1.
    pub pair: u32,
    pub with_targets: bool,
    /// Why it cannot be compared; empty where it can.
    pub unsound: Vec<String>,
    /// By the figure's name, in base units; what was not measured is missing.
    pub figures: BTreeMap<String, f64>,
}

/// One figure of all pairs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CostFigure {
    pub name: String,
    pub unit: Unit,
    /// Whether only a target has it, so that all of it is the cost, and nothing is subtracted.
    pub own: bool,
    /// Median of the runs with the targets, and of those without.
    pub with_targets: Option<f64>,
    pub without_targets: Option<f64>,
    /// `None` where no pair has measured it; `why_not` says so.
    pub cost: Option<Spread>,
    pub why_not: String,
}

/// The differences of the pairs, with minus without.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Spread {
    pub pairs: u32,
    pub median: f64,
    pub smallest: f64,
    pub largest: f64,
    /// Of the median; `None` where there are too few pairs for one.
    pub interval: Option<Interval>,
}

/// An interval with the confidence that it really has.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
    /// 0 to 1.
    pub confidence: f64,
}
