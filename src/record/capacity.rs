//! How much a line carries, and what gave out first.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Version of `capacity.json`; a reader refuses a later one.
pub const CAPACITY_FORMAT: u32 = 1;

/// `capacity.json`. Rates are items per second of all signals together, as the scenario counts them
/// (for metrics: measurements).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CapacityResult {
    pub format: u32,
    pub scenario: String,
    /// UTC, RFC 3339.
    pub started: String,
    /// The targets' names.
    pub targets: Vec<String>,
    pub settings: CapacitySettings,
    /// What it means here that a rate is not held.
    pub saturation: Vec<String>,
    /// The highest rate that was held; `None`: none was.
    pub holds_per_s: Option<f64>,
    /// The lowest rate that was not; `None`: all were.
    pub gives_way_per_s: Option<f64>,
    pub answer: CapacityAnswer,
    /// What gave out first; `None` where nothing did, or nobody can tell.
    pub gave_out: Option<GaveOut>,
    pub headroom: Option<Headroom>,
    pub ended: CapacityEnd,
    /// The answer in words.
    pub summary: String,
    /// In the order in which they were made.
    pub trials: Vec<Trial>,
    pub notes: Vec<String>,
    pub environment: BTreeMap<String, String>,
}

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CapacitySettings {
    pub from_per_s: f64,
    pub to_per_s: f64,
    /// How near the two rates at the edge are to be, as a share.
    pub within: f64,
    pub trial_s: f64,
    pub budget_s: f64,
    /// The load that is expected of the line.
    pub expect_per_s: Option<f64>,
}

/// How the two rates at the edge are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CapacityAnswer {
    /// What is measured gave out between them.
    Limit,
    /// It carries at least the rate that was held: something else gave out, or nothing did.
    AtLeast,
    /// No rate was held.
    Nothing,
    /// There was no trial that tells anything.
    Unknown,
}

/// Why the search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CapacityEnd {
    /// The edge is as narrow as was asked for, and confirmed.
    Narrow,
    /// The highest rate that was to be tried was held.
    Top,
    /// Not even a small part of the first rate was held.
    Bottom,
    /// No time was left for another trial.
    Budget,
    Interrupted,
    /// A trial could not be made.
    Failed,
}

/// What can give out.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    Sink,
    Link,
    Target,
    Client,
    /// squall's own doing beside its roles, or the machine that all of them share.
    Squall,
    /// Other processes of the machine, which took the CPU that the line would have needed.
    Machine,
}

/// What gave out at the edge, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GaveOut {
    pub part: Part,
    /// The user's name for it.
    pub name: String,
    pub evidence: Vec<String>,
}

/// What the line carries, against what is expected of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Headroom {
    pub expected_per_s: f64,
    /// 2: it carries twice that.
    pub factor: f64,
}

/// One run at one rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Trial {
    /// Name of the run's folder, below `trials/`.
    pub run: String,
    pub rate_per_s: f64,
    pub held: bool,
    /// Why it was not held, in words.
    pub why: Vec<String>,
    /// What gave out, from the far end of the line: the first is where the items stood.
    pub gave_out: Vec<GaveOut>,
    /// By name, in base units; what was not measured is missing. Registered metrics of the steady
    /// phase, `NAME.cpu` and `NAME.rss` of each role, and `backlog.growth`.
    pub figures: BTreeMap<String, f64>,
}
