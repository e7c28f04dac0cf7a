//! A metric over the runs of a scenario, and where its level changed.

use std::collections::BTreeMap;

use super::comparable::{Comparable, Identity, comparable};
use crate::metric::{Better, find_of_signal};
use crate::record::{History, HistoryChange, HistoryPoint, RunSummary};
use crate::stats::change_points::{Settings, change_points};
use crate::stats::median::median;

/// `metric` over those of `runs` (oldest first, all of one scenario) that can be compared with the
/// newest sound one. On another machine only a deterministic metric can.
pub fn history(scenario: &str, metric: &str, runs: &[RunSummary], seed: u64) -> History {
    let known = find_of_signal(metric);
    let newest = runs.iter().rev().find(|run| run.unsound.is_empty());
    let mut left_out = BTreeMap::new();
    let mut points = Vec::new();
    for run in runs {
        match left_out_for(run, newest, metric) {
            Some(why) => *left_out.entry(why.to_owned()).or_insert(0) += 1,
            None => points.extend(run.metrics.get(metric).map(|value| HistoryPoint {
                run: run.run.clone(),
                started: run.started.clone(),
                commit: run.commit.clone(),
                value: *value,
            })),
        }
    }
    History {
        scenario: scenario.to_owned(),
        metric: metric.to_owned(),
        unit: known.map(|known| known.unit),
        changes: changes(&points, known.map(|known| known.better), seed),
        points,
        left_out,
    }
}

fn left_out_for(run: &RunSummary, newest: Option<&RunSummary>, metric: &str) -> Option<&'static str> {
    if !run.unsound.is_empty() {
        return Some("that failed the harness's own checks");
    }
    let identity = |run| -> Identity<'_> {
        let RunSummary { fingerprint, environment, .. } = run;
        Identity { fingerprint, environment }
    };
    match comparable(identity(newest?), identity(run)) {
        Comparable::Nothing(_) => Some("of another plan, seed or version"),
        Comparable::OnlyDeterministic(_)
            if !find_of_signal(metric).is_some_and(|metric| metric.deterministic) =>
        {
            Some("on another machine")
        }
        _ if !run.metrics.contains_key(metric) => Some("that did not measure it"),
        _ => None,
    }
}

fn changes(points: &[HistoryPoint], better: Option<Better>, seed: u64) -> Vec<HistoryChange> {
    let values: Vec<f64> = points.iter().map(|point| point.value).collect();
    let found = change_points(&values, &Settings { seed, ..Settings::default() });
    let ends: Vec<usize> = found.iter().map(|change| change.index).collect();
    let level = |from: usize, to: usize| median(&values[from..to]).unwrap_or_default();
    found
        .iter()
        .enumerate()
        .map(|(nth, change)| {
            let from = nth.checked_sub(1).map_or(0, |before| ends[before]);
            let to = ends.get(nth + 1).copied().unwrap_or(values.len());
            let (before, after) = (&points[change.index - 1], &points[change.index]);
            let (level_before, level_after) = (level(from, change.index), level(change.index, to));
            HistoryChange {
                at: change.index,
                before: before.run.clone(),
                after: after.run.clone(),
                before_commit: before.commit.clone(),
                after_commit: after.commit.clone(),
                level_before,
                level_after,
                better: match better {
                    Some(Better::Lower) => Some(level_after < level_before),
                    Some(Better::Higher) => Some(level_after > level_before),
                    Some(Better::Neither) | None => None,
                },
                p_value: change.p_value,
            }
        })
        .collect()
}
