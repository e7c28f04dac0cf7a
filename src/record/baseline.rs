//! A baseline: what runs are compared with, kept for that under a name.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::RunSummary;

/// Version of a baseline's file; a reader refuses a later one.
pub const BASELINE_FORMAT: u32 = 1;

/// `results/baselines/NAME.json`: meant to be committed, so one value stands on a line, keys are
/// sorted, and nothing is in it that no comparison asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Baseline {
    pub format: u32,
    pub name: String,
    pub scenario: String,
    /// UTC, RFC 3339.
    pub saved: String,
    /// What must match for a run to be comparable with it.
    pub fingerprint: BTreeMap<String, String>,
    /// Where it was measured.
    pub machine: BTreeMap<String, String>,
    /// The runs that it was made from, oldest first.
    pub runs: Vec<BaselineRun>,
    /// By name, in base units: one value for each of `runs`, `null` where it was not measured.
    pub metrics: BTreeMap<String, Vec<Option<f64>>>,
}

/// One of a baseline's runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BaselineRun {
    /// Name of the run's folder.
    pub run: String,
    /// UTC, RFC 3339.
    pub started: String,
    /// As [`RunSummary::commit`].
    pub commit: Option<String>,
}

impl Baseline {
    /// A baseline of runs that can be compared with each other, which the caller has made sure of;
    /// `None` without a run.
    pub fn of(
        name: &str,
        saved: String,
        machine: BTreeMap<String, String>,
        mut runs: Vec<RunSummary>,
    ) -> Option<Self> {
        runs.sort_by(|a, b| (&a.started, &a.run).cmp(&(&b.started, &b.run)));
        let first = runs.first()?;
        let names = runs.iter().flat_map(|run| run.metrics.keys());
        let metrics = names
            .map(|metric| {
                let values = runs.iter().map(|run| run.metrics.get(metric).copied());
                (metric.clone(), values.collect())
            })
            .collect();
        Some(Self {
            format: BASELINE_FORMAT,
            name: name.to_owned(),
            scenario: first.scenario.clone(),
            saved,
            fingerprint: first.fingerprint.clone(),
            machine,
            metrics,
            runs: runs
                .iter()
                .map(|run| BaselineRun {
                    run: run.run.clone(),
                    started: run.started.clone(),
                    commit: run.commit.clone(),
                })
                .collect(),
        })
    }
}
