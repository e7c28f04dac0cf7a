//! A metric over the runs of a scenario, and where its level changed.

use std::collections::BTreeMap;

use super::comparable::{Comparable, Identity, comparable};
use crate::metric::compared::is_deterministic;
use crate::metric::{Better, find_of_signal};
use crate::record::{History, HistoryChange, HistoryPoint, RunSummary};
use crate::stats::change_points::{NIGHTS_MAX, Options, change_points};

/// `metric` over those of `runs` (oldest first, all of one scenario) that can be compared with the
/// newest sound one; on another machine only a deterministic metric can. Changes are looked for in the
/// last [`NIGHTS_MAX`] of them.
pub fn history(scenario: &str, metric: &str, runs: &[RunSummary], seed: u64) -> History {
    let known = find_of_signal(metric);
    let newest = runs.iter().rev().find(|run| run.unsound.is_empty());
    let mut left_out = BTreeMap::new();
    let mut points = Vec::new();
    for run in runs {
        let value = run.metrics.get(metric).copied();
        match (left_out_for(run, newest, metric), value) {
            (None, Some(value)) => points.push(HistoryPoint {
                run: run.run.clone(),
                started: run.started.clone(),
                commit: run.commit.clone(),
                value,
            }),
            (why, _) => {
                let why = why.unwrap_or("that did not measure it");
                *left_out.entry(why.to_owned()).or_insert(0) += 1;
            }
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

fn left_out_for(
    run: &RunSummary,
    newest: Option<&RunSummary>,
    metric: &str,
) -> Option<&'static str> {
    if !run.unsound.is_empty() {
        return Some("that failed the harness's own checks");
    }
    match comparable(Identity::of(newest?), Identity::of(run)) {
        Comparable::Nothing(_) => Some("of another plan, seed or version"),
        Comparable::OnlyDeterministic(_) if !is_deterministic(metric) => Some("on another machine"),
        Comparable::OnlyDeterministic(_) | Comparable::All => None,
    }
}

fn changes(points: &[HistoryPoint], better: Option<Better>, seed: u64) -> Vec<HistoryChange> {
    let first = points.len().saturating_sub(NIGHTS_MAX);
    let recent = &points[first..];
    let values: Vec<f64> = recent.iter().map(|point| point.value).collect();
    let options = Options {
        seed,
        ..Options::default()
    };
    change_points(&values, &options)
        .into_iter()
        // Before a change there is always a run: a stretch is never empty.
        .filter_map(|change| {
            let before = recent.get(change.at.checked_sub(1)?)?;
            let after = recent.get(change.at)?;
            Some(HistoryChange {
                at: first + change.at,
                before: before.run.clone(),
                after: after.run.clone(),
                before_commit: before.commit.clone(),
                after_commit: after.commit.clone(),
                level_before: change.before,
                level_after: change.after,
                better: match better? {
                    Better::Lower => Some(change.after < change.before),
                    Better::Higher => Some(change.after > change.before),
                    Better::Neither => None,
                },
                p_value: change.p,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Verdict;

    fn runs(values: impl Iterator<Item = f64>) -> Vec<RunSummary> {
        let runs = values.enumerate().map(|(night, value)| RunSummary {
            run: format!("run-{night:03}"),
            scenario: "quick".to_owned(),
            seed: 1,
            verdict: Verdict::Pass,
            exit_code: 0,
            started: format!("{night:03}"),
            duration_s: 1.0,
            commit: Some(format!("c{night}")),
            unsound: Vec::new(),
            fingerprint: BTreeMap::from([("plan".to_owned(), "a".to_owned())]),
            environment: BTreeMap::from([("cores".to_owned(), "2".to_owned())]),
            metrics: BTreeMap::from([
                ("client.cpu.per_item".to_owned(), value),
                ("wire.bytes.per_item".to_owned(), value),
            ]),
        });
        runs.collect()
    }

    /// 40 nights at one level and 40 at another, 8 % above it.
    fn stepped() -> Vec<RunSummary> {
        runs((0..80).map(|night| {
            let level = if night < 40 { 100.0 } else { 108.0 };
            level + f64::from(night * 7 % 5)
        }))
    }

    #[test]
    fn a_step_is_found_with_the_commits_on_its_sides() {
        let history = history("quick", "client.cpu.per_item", &stepped(), 1);
        assert_eq!(history.points.len(), 80);
        let [change] = history.changes.as_slice() else {
            panic!("{:?}", history.changes);
        };
        assert_eq!(change.at, 40);
        assert_eq!(change.before_commit.as_deref(), Some("c39"));
        assert_eq!(change.after_commit.as_deref(), Some("c40"));
        assert_eq!(change.better, Some(false));
        assert!((change.share().unwrap() - 0.08).abs() < 0.01);
    }

    #[test]
    fn only_what_can_be_compared_with_the_newest_is_in_it() {
        let mut runs = stepped();
        runs[0]
            .fingerprint
            .insert("plan".to_owned(), "b".to_owned());
        runs[1]
            .environment
            .insert("cores".to_owned(), "4".to_owned());
        runs[2].unsound.push("it was late".to_owned());
        runs[3].metrics.clear();
        let of = |metric| history("quick", metric, &runs, 1);
        let cpu = of("client.cpu.per_item");
        assert_eq!(cpu.points.len(), 76);
        assert_eq!(
            cpu.left_out.values().copied().collect::<Vec<_>>(),
            [1, 1, 1, 1]
        );
        // No machine changes how many bytes an item takes.
        assert_eq!(of("wire.bytes.per_item").points.len(), 77);
        assert!(of("nonsense").points.is_empty());
    }

    #[test]
    fn a_long_history_is_searched_in_its_last_part() {
        let long = runs((0..700).map(|night| {
            let level = if night < 650 { 100.0 } else { 150.0 };
            level + f64::from(night * 7 % 5)
        }));
        let history = history("quick", "client.cpu.per_item", &long, 1);
        assert_eq!(history.points.len(), 700);
        assert_eq!(
            history.changes.iter().map(|c| c.at).collect::<Vec<_>>(),
            [650]
        );
    }
}
