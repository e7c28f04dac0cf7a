//! What is told of costs with an interval, without one, and without a pair.

use super::*;
use crate::metric::Unit;
use crate::record::{COST_FORMAT, CostRun, Interval};

fn figure(name: &str, unit: Unit, own: bool, without: f64, costs: (f64, f64, f64)) -> CostFigure {
    let (smallest, median, largest) = costs;
    CostFigure {
        name: name.to_owned(),
        unit,
        own,
        with_targets: Some(without + median),
        without_targets: (!own).then_some(without),
        cost: Some(Spread {
            pairs: 6,
            median,
            smallest,
            largest,
            interval: Some(Interval {
                low: smallest,
                high: largest,
                confidence: 0.96875,
            }),
        }),
        why_not: String::new(),
    }
}

fn made() -> CostResult {
    let run = |pair, with_targets| CostRun {
        run: format!(
            "20260101T00000{pair}Z-cost-{}",
            if with_targets { "aaaaaa" } else { "bbbbbb" }
        ),
        pair,
        with_targets,
        unsound: Vec::new(),
        figures: Default::default(),
    };
    let mut pss = figure("target.pss.max", Unit::Bytes, true, 0.0, (0.0, 0.0, 0.0));
    pss.cost = None;
    pss.why_not = "no run with the targets has measured it".to_owned();
    CostResult {
        format: COST_FORMAT,
        scenario: "cost".to_owned(),
        targets: vec!["relay".to_owned()],
        pairs_wanted: 6,
        pairs: 6,
        figures: vec![
            figure(
                "target.cpu.per_item",
                Unit::Seconds,
                true,
                0.0,
                (3.9e-6, 4.1e-6, 4.4e-6),
            ),
            figure(
                "target.rss.mean",
                Unit::Bytes,
                true,
                0.0,
                (9.1e6, 9.2e6, 9.9e6),
            ),
            pss,
            figure(
                "delivery.latency.p99",
                Unit::Seconds,
                false,
                0.104,
                (-2e-4, 1.2e-3, 2.5e-3),
            ),
            figure(
                "received.rate",
                Unit::PerSecond,
                false,
                999.0,
                (-2.0, 0.0, 1.0),
            ),
        ],
        runs: vec![run(1, true), run(1, false)],
        notes: vec!["the added latency is that of the targets and of 1 more link".to_owned()],
    }
}

#[test]
fn with_an_interval() {
    insta::assert_snapshot!(summary(&made(), false, 100));
}

#[test]
fn without_an_interval_and_with_a_run_left_out() {
    let mut cost = made();
    cost.pairs = 2;
    for figure in &mut cost.figures {
        if let Some(spread) = &mut figure.cost {
            spread.interval = None;
        }
    }
    cost.runs[0].unsound = vec!["lateness: the machine was too busy".to_owned()];
    insta::assert_snapshot!(summary(&cost, false, 100));
}

#[test]
fn without_a_pair() {
    let mut cost = made();
    cost.pairs = 0;
    for figure in &mut cost.figures {
        figure.cost = None;
        figure.why_not = "no pair of runs can be compared".to_owned();
    }
    insta::assert_snapshot!(summary(&cost, false, 100));
}
