//! What a line does at each rate: throughput, latency, CPU and memory.

use std::collections::BTreeMap;

use super::{Group, Line, Plot, PlotUnit, Plots, XAxis};
use crate::record::{CapacityResult, Trial};
use crate::stats::median::median;

/// Figure, how it is called, and its colour.
type Row<'a> = (String, &'a str, &'static str);

const OF_TARGETS: [&str; 4] = ["target", "target2", "target3", "target4"];

impl Plots {
    /// Of a search for capacity. Where a rate was tried more than once, the median stands.
    pub fn of_capacity(result: &CapacityResult) -> Self {
        let row = |name: &str, label: &'static str, colour| (name.to_owned(), label, colour);
        let latency = [
            row("delivery.latency.p50", "p50", "p50"),
            row("delivery.latency.p90", "p90", "p90"),
            row("delivery.latency.p99", "p99", "p99"),
        ];
        let received = [row("received.rate", "received", "delivered")];
        let curve = Group {
            title: "Throughput and latency",
            help: "Each point is a rate that was tried, in its steady phase. Latency is from due to received. Where the curve bends upwards, the line has reached its limit; dotted: the highest rate that was held.",
            plots: vec![
                plot(
                    result,
                    "Delivery latency",
                    PlotUnit::Seconds,
                    true,
                    &latency,
                ),
                plot(
                    result,
                    "Received, against offered",
                    PlotUnit::PerSecond,
                    false,
                    &received,
                ),
            ],
        };
        let use_of = |what: &str| roles(result, what);
        let usage = Group {
            title: "CPU and memory",
            help: "By the rate that was tried. Memory is the largest of the run.",
            plots: vec![
                plot(result, "CPU", PlotUnit::Cores, false, &use_of("cpu")),
                plot(
                    result,
                    "Resident memory",
                    PlotUnit::Bytes,
                    false,
                    &use_of("rss"),
                ),
            ],
        };
        let mut groups = vec![curve, usage];
        for group in &mut groups {
            group.plots.retain(|plot| !plot.lines.is_empty());
        }
        Self {
            end_s: 0.0,
            shades: Vec::new(),
            groups,
        }
    }
}

/// `NAME.cpu` of every role, in the order of their names.
fn roles<'a>(result: &'a CapacityResult, what: &str) -> Vec<Row<'a>> {
    let mut names: Vec<&str> = result
        .trials
        .iter()
        .flat_map(|trial| trial.figures.keys())
        .filter_map(|name| name.strip_suffix(what)?.strip_suffix('.'))
        .collect();
    names.sort_unstable();
    names.dedup();
    let colour = |name: &str| match name {
        "client" => "client",
        "sink" => "sink",
        name => {
            let target = result.targets.iter().position(|target| target == name);
            target.map_or("link", |index| OF_TARGETS[index % OF_TARGETS.len()])
        }
    };
    let rows = names.into_iter();
    rows.map(|name| (format!("{name}.{what}"), name, colour(name)))
        .collect()
}

fn plot(result: &CapacityResult, title: &str, unit: PlotUnit, log: bool, rows: &[Row<'_>]) -> Plot {
    let mut lines: Vec<Line> = rows
        .iter()
        .map(|(figure, label, colour)| Line {
            label: (*label).to_owned(),
            colour,
            dashed: false,
            points: points(&result.trials, figure),
        })
        .filter(|line| !line.points.is_empty())
        .collect();
    lines.extend(limit(result, &lines));
    Plot {
        title: title.to_owned(),
        unit,
        log,
        x: XAxis::Rate,
        lines,
    }
}

fn points(trials: &[Trial], figure: &str) -> Vec<(f64, Option<f64>)> {
    // Rates are above zero: their bits are in the order of their values.
    let mut by_rate: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for trial in trials {
        if let Some(value) = trial.figures.get(figure) {
            by_rate
                .entry(trial.rate_per_s.to_bits())
                .or_default()
                .push(*value);
        }
    }
    by_rate
        .into_iter()
        .map(|(rate, values)| (f64::from_bits(rate), median(&values)))
        .collect()
}

/// A line straight up at the highest rate that was held.
fn limit(result: &CapacityResult, lines: &[Line]) -> Option<Line> {
    let holds = result.holds_per_s?;
    let values = lines.iter().flat_map(|line| &line.points);
    let values: Vec<f64> = values.filter_map(|(_, value)| *value).collect();
    let low = values.iter().copied().reduce(f64::min)?;
    let high = values.iter().copied().reduce(f64::max)?;
    Some(Line {
        label: "highest rate held".to_owned(),
        colour: "offered",
        dashed: true,
        points: vec![(holds, Some(low)), (holds, Some(high))],
    })
}
