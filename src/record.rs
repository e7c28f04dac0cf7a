//! What a run is stored as, and what every report is made from. Plain values.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::evidence::{RoleEvidence, Series};
use crate::metric::Unit;
use crate::plan::Plan;
use crate::signal::Signal;
use crate::stats::histogram::Latencies;
use crate::units;

mod baseline;
mod capacity;
mod command;
mod compare;
mod conformance;
mod content;
mod cost;
mod flow;
mod history;
mod selfcheck;

pub use baseline::{BASELINE_FORMAT, Baseline, BaselineRun};
pub use capacity::{
    CAPACITY_FORMAT, CapacityAnswer, CapacityEnd, CapacityResult, CapacitySettings, GaveOut,
    Headroom, Part, Trial,
};
pub use command::{CommandResult, CommandSignal};
pub use compare::{COMPARISON_FORMAT, ComparedMetric, ComparedSide, Comparison, Difference};
pub use conformance::{Conformance, ConformanceCheck, ConformanceOutcome, RetryWaits};
pub use content::{ContentFinding, ContentResult};
pub use cost::{COST_FORMAT, CostFigure, CostResult, CostRun, Interval, Spread};
pub use flow::{Flow, HopLatencyResult, OwnedUp, Placed, Seen, Station};
pub use history::{History, HistoryChange, HistoryPoint, RunSummary};
pub use selfcheck::{
    Calibration, ClientLimit, Noise, SELFCHECK_FORMAT, SelfcheckResult, TimerLateness,
};

/// Version of `result.json`; a reader refuses a later one.
pub const RESULT_FORMAT: u32 = 1;

/// A stored run, read back whole: all that a report may look at.
#[derive(Debug, Clone)]
pub struct Record {
    /// Name of the run's folder.
    pub run: String,
    pub plan: Plan,
    pub result: RunResult,
    pub series: StoredSeries,
    pub histograms: Histograms,
}

/// Pass, fail, or nobody can tell.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Pass,
    Fail,
    Inconclusive,
}

impl Verdict {
    pub const fn as_str(self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::Inconclusive => "inconclusive",
        }
    }
}

/// `result.json`: the judgment and the figures under it. Its paths are stable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunResult {
    pub format: u32,
    pub scenario: String,
    pub seed: u64,
    pub verdict: Verdict,
    pub exit_code: u8,
    /// One sentence: why the verdict is what it is.
    pub summary: String,
    /// UTC, RFC 3339.
    pub started: String,
    pub duration_s: f64,
    pub ledger: BTreeMap<Signal, SignalLedger>,
    /// Registered metrics of the whole run by name; signals as prefixes (`traces.lost`).
    pub metrics: BTreeMap<String, f64>,
    pub units: BTreeMap<String, Unit>,
    pub checks: Vec<CheckResult>,
    pub faults: Vec<FaultResult>,
    pub phases: Vec<PhaseResult>,
    /// Groups of lost or duplicated items by cause, in words.
    pub causes: Vec<Cause>,
    /// How the client kept to OTLP while things went wrong.
    #[serde(default)]
    pub conformance: Conformance,
    /// The line, hop by hop.
    #[serde(default)]
    pub flow: Flow,
    /// What was found in the content of what arrived, where the run looked (`validate: content`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<ContentResult>,
    /// Of a program of one's own as the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandResult>,
    /// What this machine was seen to be capable of, where `squall selfcheck` was run on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
    /// Metric sums: what was recorded and what arrived.
    pub sums: SumsResult,
    /// Notes on the run that change how its numbers are read (`closed loop`, `modelled`).
    pub notes: Vec<String>,
    pub environment: BTreeMap<String, String>,
    pub fingerprint: BTreeMap<String, String>,
    /// The run whose plan this one followed again: its name, or the plan's path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay_of: Option<String>,
}

impl RunResult {
    /// Why this run cannot be compared with another; empty where it can.
    pub fn unsound(&self) -> Vec<String> {
        let wrong = self.checks.iter().filter(|check| match check.group {
            CheckGroup::Harness | CheckGroup::Target => check.verdict != Verdict::Pass,
            // It ended the run before its time.
            CheckGroup::Abort => true,
            CheckGroup::SteadyState | CheckGroup::Content | CheckGroup::Expectation => false,
        });
        wrong
            .map(|check| match check.why.as_str() {
                "" => check.name.clone(),
                why => format!("{}: {why}", check.name),
            })
            .collect()
    }
}

/// The classes of one signal. The seven classes add up to `generated` where `closes` is true.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SignalLedger {
    pub closes: bool,
    pub offered: u64,
    pub missed: u64,
    pub sampled_out: u64,
    pub generated: u64,
    pub delivered: u64,
    pub duplicated: u64,
    pub extra_copies: u64,
    pub dropped_by_client: u64,
    pub refused: u64,
    pub given_up: u64,
    pub lost_silently: u64,
    pub unresolved: u64,
    pub unexpected: u64,
    pub recovered: u64,
    pub received: u64,
    pub late: u64,
    /// Of a program of one's own alone, and beside the seven classes: items that it says it made, less
    /// those that were received.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub never_came: u64,
    /// Why it does not close, in words; empty where it does.
    pub why_not: Vec<String>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde hands over a reference
const fn is_zero(items: &u64) -> bool {
    *items == 0
}

/// One check of the harness or of the user's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckResult {
    pub name: String,
    pub group: CheckGroup,
    pub verdict: Verdict,
    /// What was seen, with its unit.
    pub observed: String,
    /// What it was compared with.
    pub limit: String,
    pub why: String,
}

#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum CheckGroup {
    /// squall's checks on itself; they run first and always.
    Harness,
    /// What the targets, and a client that is a program of one's own, did of themselves.
    Target,
    SteadyState,
    /// What arrived is what was sent: `validate: content`.
    Content,
    Expectation,
    Abort,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FaultResult {
    /// Occurrences of one fault share it.
    pub name: String,
    /// Which time it was, from 1.
    #[serde(default = "one")]
    pub occurrence: u32,
    /// How many times it was planned.
    #[serde(default = "one")]
    pub occurrences: u32,
    /// The storm that it was a part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storm: Option<String>,
    pub kind: String,
    pub backend: String,
    /// Name of the station that it struck, or `machine`; empty for runs that were stored before it
    /// was told.
    #[serde(default)]
    pub place: String,
    pub started_s: Option<f64>,
    pub ended_s: Option<f64>,
    pub proof: Option<String>,
    pub healed: Option<bool>,
    /// Metrics of this fault: `recovery.time`, `delivery.gap.outage` and so on, in base units.
    pub metrics: BTreeMap<String, f64>,
}

impl FaultResult {
    /// Its name, and which time it was: `cut (2 of 3)`.
    pub fn label(&self) -> String {
        units::occurrence(&self.name, self.occurrence, self.occurrences)
    }
}

fn one() -> u32 {
    1
}

/// [`FaultResult::place`] of what strikes no station, but all of them.
pub const MACHINE: &str = "machine";

/// A phase or fault window as the report shades it, with its own figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PhaseResult {
    /// `steady`, or the fault's name and which time it was: `cut (2 of 3)`.
    pub name: String,
    /// `phase` or `fault`.
    pub kind: String,
    pub start_s: f64,
    pub end_s: f64,
}

/// A group of items with one fate and one cause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cause {
    pub signal: Signal,
    /// The ledger's class.
    pub class: String,
    pub items: u64,
    /// `entered a full queue between 12.1 s and 13.4 s, during cut`
    pub text: String,
    /// A few of them, each with its story.
    pub examples: Vec<ItemStory>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ItemStory {
    /// `producer/sequence`
    pub identity: String,
    pub due_s: Option<f64>,
    pub batch: Option<u64>,
    /// One line per thing that happened, in order.
    pub events: Vec<String>,
}

/// The second equation of metrics.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SumsResult {
    pub series: u64,
    /// Series whose received value equals the recorded one.
    pub equal: u64,
    /// Series that differ, with points lost that carried the difference.
    pub explained: u64,
    /// Series that differ and no lost point explains it.
    pub unexplained: u64,
    pub recorded_total: f64,
    pub received_total: f64,
    /// A few that differ, in words.
    pub examples: Vec<String>,
}

/// `series.json`: samples over time.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct StoredSeries {
    pub live: Series,
    pub roles: Vec<RoleEvidence>,
    /// By one-second bin from the run's start, per signal: delivery latency by due time.
    pub delivery: Vec<LatencyBins>,
}

/// Percentiles per one-second bin; `None` where nothing was received.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LatencyBins {
    pub signal: Signal,
    pub p50_s: Vec<Option<f64>>,
    pub p90_s: Vec<Option<f64>>,
    pub p99_s: Vec<Option<f64>>,
    pub max_s: Vec<Option<f64>>,
}

/// `histograms.json`: whole distributions, by metric and window.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Histograms {
    /// `delivery.latency`, `export.service`, `export.response`, `lateness`.
    pub whole_run: BTreeMap<String, Latencies>,
    /// The same per phase: `steady/delivery.latency`.
    pub by_phase: BTreeMap<String, Latencies>,
}
