//! What a history looks like in a terminal.

use std::collections::BTreeMap;

use super::*;
use crate::metric::Unit;
use crate::record::HistoryPoint;

fn history() -> History {
    let values = (0..60).map(|night| {
        let level = if night < 40 { 0.050 } else { 0.056 };
        level + 0.001 * f64::from(night * 7 % 5)
    });
    let points: Vec<HistoryPoint> = values
        .enumerate()
        .map(|(night, value)| HistoryPoint {
            run: format!("run-{night}"),
            started: format!("2026-{:02}-{:02}T00:00:00Z", 1 + night / 28, 1 + night % 28),
            commit: Some(format!("{night:02}34567890abcdef+")),
            value,
        })
        .collect();
    History {
        scenario: "quickstart".to_owned(),
        metric: "delivery.latency.p99".to_owned(),
        unit: Some(Unit::Seconds),
        changes: vec![HistoryChange {
            at: 40,
            before: points[39].run.clone(),
            after: points[40].run.clone(),
            before_commit: points[39].commit.clone(),
            after_commit: points[40].commit.clone(),
            level_before: 0.052,
            level_after: 0.058,
            better: Some(false),
            p_value: 0.005,
        }],
        points,
        left_out: BTreeMap::from([("of another plan".to_owned(), 3)]),
    }
}

#[test]
fn a_chart_shows_every_run_and_each_change() {
    insta::assert_snapshot!(chart(&history(), false, 90));
}

#[test]
fn the_overview_has_a_line_for_each_metric() {
    let mut quiet = history();
    quiet.metric = "client.cpu.per_item".to_owned();
    quiet.changes.clear();
    quiet.points.iter_mut().for_each(|point| point.value = 5e-6);
    insta::assert_snapshot!(overview(&[history(), quiet], false, 100));
}

#[test]
fn many_runs_share_a_column_and_none_have_no_chart() {
    let values: Vec<f64> = (0..1000).map(f64::from).collect();
    assert_eq!(binned(&values, 10).len(), 10);
    assert_eq!(binned(&values[..3], 10), [0.0, 1.0, 2.0]);
    let mut empty = history();
    empty.points.clear();
    empty.changes.clear();
    assert!(chart(&empty, false, 80).contains("no run has measured it"));
}
