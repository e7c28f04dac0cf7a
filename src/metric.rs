//! The registry of everything that an expectation can name, a report shows and a result stores.

use serde::{Deserialize, Serialize};

pub mod compared;
pub mod said;
mod table;

/// What a metric is measured in; values are stored in the base unit named here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Items, requests, threads: a plain number.
    Count,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// Items per second.
    PerSecond,
    /// Bytes per second.
    BytesPerSecond,
    /// A share or factor: 1 is 100 %.
    Ratio,
}

/// Which way is an improvement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    Lower,
    Higher,
    Neither,
}

/// Which windows make sense for a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Windows {
    /// Any phase or fault window.
    Any,
    /// Only `after FAULT`; without a window, the worst over all faults.
    AfterFault,
    /// Only the run as a whole.
    WholeRun,
}

/// One registered metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Metric {
    pub name: &'static str,
    pub unit: Unit,
    pub better: Better,
    /// Whether `traces.NAME` and so on exist beside `NAME`.
    pub per_signal: bool,
    /// A class of the ledger: its limit may be a percentage of `generated`.
    pub ledger: bool,
    pub windows: Windows,
    /// Known while the run goes on, so that `abort_if` can use it.
    pub live: bool,
    /// An estimate, judged with its interval.
    pub estimated: bool,
    /// Can be below zero.
    pub signed: bool,
    pub help: &'static str,
}

/// Every metric, sorted by name.
pub const METRICS: &[Metric] = table::ROWS;

/// The metric of that name, without a signal's prefix. Members of the family [`said`] share their
/// statistic's row, whose name is not theirs.
pub fn find(name: &str) -> Option<&'static Metric> {
    METRICS
        .binary_search_by_key(&name, |metric| metric.name)
        .ok()
        .map(|index| &METRICS[index])
        .or_else(|| said::find(name))
}

/// As [`find`], of a name that may have a signal's prefix.
pub fn find_of_signal(name: &str) -> Option<&'static Metric> {
    find(compared::plain(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_unique() {
        assert!(METRICS.windows(2).all(|pair| pair[0].name < pair[1].name));
        assert!(METRICS.iter().all(|metric| find(metric.name).is_some()));
    }
}
