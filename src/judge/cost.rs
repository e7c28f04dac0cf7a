//! What targets cost: of each run its figures, and of pairs of runs their differences.
//!
//! A figure that only a target has (its CPU time, its memory) is all cost. Of the others the cost is
//! the difference within each pair, with minus without, for the two runs of a pair were made right
//! after each other: what slowly changes on the machine changes both. The estimate is the median of
//! these differences, and its interval is that of [`crate::stats::median`]. No pair is left out for
//! its value; one whose runs cannot be compared is, and is named.

use std::collections::BTreeMap;

use crate::metric::Unit;
use crate::metric::Unit::{Bytes, PerSecond, Seconds};
use crate::plan::{Place, Plan, RoleName};
use crate::record::{COST_FORMAT, CostFigure, CostResult, CostRun, Interval, Record, Spread};
use crate::stats::median::{interval, median};

/// Latency of the phase in which no fault is, for faults of targets are in the runs with them alone.
const STEADY_DELIVERY: &str = "steady/delivery.latency";

/// One row of what is told.
struct Row {
    name: &'static str,
    unit: Unit,
    /// Only a target has it.
    own: bool,
}

const fn row(name: &'static str, unit: Unit, own: bool) -> Row {
    Row { name, unit, own }
}

const ROWS: [Row; 11] = [
    row("target.cpu.per_item", Seconds, true),
    row("target.rss.mean", Bytes, true),
    row("target.rss.max", Bytes, true),
    row("target.pss.max", Bytes, true),
    row("delivery.latency.p50", Seconds, false),
    row("delivery.latency.p90", Seconds, false),
    row("delivery.latency.p99", Seconds, false),
    row("client.cpu.per_item", Seconds, false),
    row("sink.cpu.per_item", Seconds, false),
    row("sink.bytes.per_item", Bytes, false),
    row("received.rate", PerSecond, false),
];

/// What one run adds to the figures.
pub fn cost_run(record: &Record, pair: u32, with_targets: bool) -> CostRun {
    CostRun {
        run: record.run.clone(),
        pair,
        with_targets,
        unsound: record.result.unsound(),
        figures: ROWS
            .iter()
            .filter(|row| with_targets || !row.own)
            .filter_map(|row| Some((row.name.to_owned(), figure(record, row.name)?)))
            .collect(),
    }
}

fn figure(record: &Record, name: &str) -> Option<f64> {
    let steady = |quantile| {
        let latencies = record.histograms.by_phase.get(STEADY_DELIVERY)?;
        Some(latencies.quantile_ns(quantile)? as f64 / 1e9)
    };
    let value = match name {
        "delivery.latency.p50" => steady(0.50),
        "delivery.latency.p90" => steady(0.90),
        "delivery.latency.p99" => steady(0.99),
        "target.pss.max" => largest_pss(record),
        "sink.bytes.per_item" => bytes_to_sink_per_item(record),
        metric => record.result.metrics.get(metric).copied(),
    };
    value.filter(|value| value.is_finite())
}

fn largest_pss(record: &Record) -> Option<f64> {
    let targets = record.series.roles.iter();
    let targets = targets.filter(|role| RoleName::is_of_kind(&role.role, "target"));
    let samples = targets.flat_map(|role| &role.samples);
    samples
        .filter_map(|sample| sample.pss_bytes)
        .max()
        .map(|bytes| bytes as f64)
}

/// Over the links that lead to the sink, which a target may fill otherwise than the client does.
fn bytes_to_sink_per_item(record: &Record) -> Option<f64> {
    let links = record.plan.links.iter().enumerate();
    let to_sink = links.filter(|(_, link)| link.to == Place::Sink);
    let bytes: u64 = to_sink
        .filter_map(|(index, _)| {
            let role = RoleName::Link(u8::try_from(index).ok()?);
            Some(record.series.live.link_of(role.as_str()).last()?.up_bytes)
        })
        .sum();
    let received: u64 = record.result.ledger.values().map(|l| l.received).sum();
    (bytes > 0 && received > 0).then(|| bytes as f64 / received as f64)
}

/// The figures of all pairs; `notes` say what the pairs differ in beside the targets.
pub fn cost(plan: &Plan, pairs_wanted: u32, runs: Vec<CostRun>, notes: Vec<String>) -> CostResult {
    let pairs = sound_pairs(&runs);
    CostResult {
        format: COST_FORMAT,
        scenario: plan.scenario.clone(),
        targets: plan.targets.iter().map(|t| t.name.clone()).collect(),
        pairs_wanted,
        pairs: u32::try_from(pairs.len()).unwrap_or(u32::MAX),
        figures: ROWS.iter().map(|row| of_pairs(row, &pairs)).collect(),
        runs,
        notes,
    }
}

/// With and without, of the pairs that have both.
fn sound_pairs(runs: &[CostRun]) -> Vec<(&CostRun, &CostRun)> {
    let mut sides: BTreeMap<u32, (Option<&CostRun>, Option<&CostRun>)> = BTreeMap::new();
    for run in runs.iter().filter(|run| run.unsound.is_empty()) {
        let (with, without) = sides.entry(run.pair).or_default();
        *(if run.with_targets { with } else { without }) = Some(run);
    }
    let pairs = sides.into_values();
    pairs
        .filter_map(|(with, without)| with.zip(without))
        .collect()
}

fn of_pairs(row: &Row, pairs: &[(&CostRun, &CostRun)]) -> CostFigure {
    let of = |run: &CostRun| run.figures.get(row.name).copied();
    let all = |values: Vec<Option<f64>>| -> Vec<f64> { values.into_iter().flatten().collect() };
    let with = all(pairs.iter().map(|(with, _)| of(with)).collect());
    let without = all(pairs.iter().map(|(_, without)| of(without)).collect());
    let costs = pairs.iter().map(|(with, without)| {
        let base = if row.own { 0.0 } else { of(without)? };
        Some(of(with)? - base)
    });
    let cost = spread(&all(costs.collect()));
    let why_not = match &cost {
        Some(_) => "",
        None if pairs.is_empty() => "no pair of runs can be compared",
        None if with.is_empty() => "no run with the targets has measured it",
        None => "no run without the targets has measured it",
    };
    CostFigure {
        name: row.name.to_owned(),
        unit: row.unit,
        own: row.own,
        with_targets: median(&with),
        without_targets: median(&without),
        cost,
        why_not: why_not.to_owned(),
    }
}

fn spread(costs: &[f64]) -> Option<Spread> {
    Some(Spread {
        pairs: u32::try_from(costs.len()).ok()?,
        median: median(costs)?,
        smallest: costs.iter().copied().reduce(f64::min)?,
        largest: costs.iter().copied().reduce(f64::max)?,
        interval: interval(costs).map(|(low, high, confidence)| Interval {
            low,
            high,
            confidence,
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixture::healthy;
    use super::super::{Circumstances, judge, stored_series};
    use super::*;
    use crate::plan::fixture::plan;
    use crate::record::Verdict;

    fn run(pair: u32, with_targets: bool, p50_s: f64) -> CostRun {
        let mut figures = BTreeMap::from([("delivery.latency.p50".to_owned(), p50_s)]);
        if with_targets {
            figures.insert("target.cpu.per_item".to_owned(), 1e-6 * f64::from(pair));
        }
        CostRun {
            run: format!("run-{pair}-{with_targets}"),
            pair,
            with_targets,
            unsound: Vec::new(),
            figures,
        }
    }

    fn figure_of<'a>(cost: &'a CostResult, name: &str) -> &'a CostFigure {
        cost.figures.iter().find(|f| f.name == name).unwrap()
    }

    #[test]
    fn a_cost_is_the_median_difference_of_the_pairs() {
        // The machine gets slower all the while; the target takes 2 ms, 3 ms and 2 ms.
        let runs = vec![
            run(1, true, 0.012),
            run(1, false, 0.010),
            run(2, false, 0.020),
            run(2, true, 0.023),
            run(3, true, 0.032),
            run(3, false, 0.030),
        ];
        let cost = cost(&plan(), 3, runs, Vec::new());
        assert_eq!(cost.pairs, 3);
        let p50 = figure_of(&cost, "delivery.latency.p50");
        let spread = p50.cost.unwrap();
        assert_eq!(
            (p50.with_targets, p50.without_targets),
            (Some(0.023), Some(0.020))
        );
        assert!((spread.median - 0.002).abs() < 1e-9, "{spread:?}");
        assert!((spread.largest - 0.003).abs() < 1e-9, "{spread:?}");
        assert_eq!(spread.interval, None, "three pairs have none");
        let cpu = figure_of(&cost, "target.cpu.per_item");
        assert_eq!(cpu.cost.unwrap().median, 2e-6);
        assert_eq!(cpu.without_targets, None);
        let pss = figure_of(&cost, "target.pss.max");
        assert_eq!(pss.why_not, "no run with the targets has measured it");
    }

    #[test]
    fn a_pair_that_cannot_be_compared_is_left_out_with_both_its_runs() {
        let mut wrong = run(2, true, 9.0);
        wrong.unsound.push("lateness".to_owned());
        let runs = vec![
            run(1, true, 0.012),
            run(1, false, 0.010),
            run(2, false, 5.0),
            wrong,
            // Interrupted before its other half.
            run(3, true, 7.0),
        ];
        let cost = cost(&plan(), 3, runs, Vec::new());
        assert_eq!((cost.pairs, cost.runs.len()), (1, 5));
        let p50 = figure_of(&cost, "delivery.latency.p50");
        assert_eq!(p50.with_targets, Some(0.012));
        assert_eq!(p50.cost.unwrap().pairs, 1);
    }

    #[test]
    fn without_a_pair_there_is_a_reason_and_no_number() {
        let cost = cost(&plan(), 3, vec![run(1, true, 0.01)], Vec::new());
        assert!(cost.figures.iter().all(|f| f.cost.is_none()));
        let p50 = figure_of(&cost, "delivery.latency.p50");
        assert_eq!(p50.why_not, "no pair of runs can be compared");
    }

    #[test]
    fn a_runs_figures_are_those_of_its_record() {
        let plan = plan();
        let mut evidence = healthy(&plan);
        evidence.roles.push(crate::evidence::RoleEvidence {
            role: "target".to_owned(),
            samples: vec![crate::evidence::ProcessSample {
                rss_bytes: 5 << 20,
                pss_bytes: Some(3 << 20),
                ..Default::default()
            }],
            ..Default::default()
        });
        let (result, histograms) = judge(&plan, &evidence, Circumstances::default());
        let mut record = Record {
            run: "a".to_owned(),
            series: stored_series(&evidence),
            plan,
            result,
            histograms,
        };
        let run = cost_run(&record, 1, true);
        assert_eq!(run.unsound, Vec::<String>::new());
        assert_eq!(run.figures["target.pss.max"], f64::from(3 << 20));
        assert!((run.figures["delivery.latency.p50"] - 0.005).abs() < 0.001);
        assert!((run.figures["sink.bytes.per_item"] - 100.0).abs() < 2.0);
        assert!(
            !cost_run(&record, 1, false)
                .figures
                .contains_key("target.pss.max")
        );
        record.result.checks[0].verdict = Verdict::Inconclusive;
        record.result.checks[0].why = "it was late".to_owned();
        assert!(cost_run(&record, 1, true).unsound[0].ends_with(": it was late"));
    }
}
