//! What history keeps of a run: its result without its parts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{RunResult, Verdict};
use crate::metric::Unit;

/// One run, in a line of the index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// Name of the run's folder.
    pub run: String,
    pub scenario: String,
    pub seed: u64,
    pub verdict: Verdict,
    pub exit_code: u8,
    /// UTC, RFC 3339.
    pub started: String,
    pub duration_s: f64,
    /// Of the checkout in which it was made, with `+` behind it where something was changed there.
    pub commit: Option<String>,
    /// Why it cannot be compared with another; empty where it can.
    pub unsound: Vec<String>,
    pub fingerprint: BTreeMap<String, String>,
    /// Where it was measured: see [`RunResult::environment`].
    pub environment: BTreeMap<String, String>,
    /// In base units.
    pub metrics: BTreeMap<String, f64>,
}

impl RunSummary {
    /// Of the run that is kept in the folder of that name.
    pub fn of(run: &str, result: &RunResult) -> Self {
        let mut environment = result.environment.clone();
        let is_dirty = environment.remove("dirty").is_some_and(|d| d == "true");
        let commit = environment.remove("commit");
        environment.remove("command_line");
        Self {
            run: run.to_owned(),
            scenario: result.scenario.clone(),
            seed: result.seed,
            verdict: result.verdict,
            exit_code: result.exit_code,
            started: result.started.clone(),
            duration_s: result.duration_s,
            commit: commit.map(|commit| if is_dirty { commit + "+" } else { commit }),
            unsound: result.unsound(),
            fingerprint: result.fingerprint.clone(),
            environment,
            metrics: result.metrics.clone(),
        }
    }
}

/// One metric over the runs of a scenario that can be compared with the newest of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct History {
    pub scenario: String,
    pub metric: String,
    pub unit: Option<Unit>,
    /// Oldest first.
    pub points: Vec<HistoryPoint>,
    /// Where the level changed, oldest first.
    pub changes: Vec<HistoryChange>,
    /// Runs of the scenario that are not among the points, by the reason, in words.
    pub left_out: BTreeMap<String, usize>,
}

/// A run's value.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HistoryPoint {
    pub run: String,
    /// UTC, RFC 3339.
    pub started: String,
    pub commit: Option<String>,
    /// In the base unit.
    pub value: f64,
}

/// A step of the level between two neighbouring runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HistoryChange {
    /// Which of the points is the first after it, from 0.
    pub at: usize,
    /// The runs on each side of it, and their commits.
    pub before: String,
    pub after: String,
    pub before_commit: Option<String>,
    pub after_commit: Option<String>,
    /// Medians of the stretches on each side, up to the next change or the end.
    pub level_before: f64,
    pub level_after: f64,
    /// Whether it got better; `None` where neither way is better.
    pub better: Option<bool>,
    /// Share of the permutations that show as large a step by chance.
    pub p_value: f64,
}

impl HistoryChange {
    /// The size of the step as a share of the level before it; `None` from a level of zero.
    pub fn share(&self) -> Option<f64> {
        (self.level_before != 0.0).then(|| self.level_after / self.level_before - 1.0)
    }
}
