//! What targets say of themselves: a plot for each series, with a line for each target.

use std::collections::BTreeMap;

use super::stations::TARGETS;
use super::{Group, Line, Plot, PlotUnit, XAxis};
use crate::evidence::SaidSample;
use crate::record::Record;

type Points = Vec<(f64, Option<f64>)>;

pub fn group(record: &Record) -> Group {
    Group {
        title: "What the target says",
        help: "Its own metrics, by the names that the scenario gave them.",
        plots: plots(&record.series.live.said),
    }
}

fn plots(said: &[SaidSample]) -> Vec<Plot> {
    let mut by_series: BTreeMap<&str, BTreeMap<&str, Points>> = BTreeMap::new();
    for sample in said {
        for (series, value) in &sample.values {
            let lines = by_series.entry(series).or_default();
            let points = lines.entry(&sample.target).or_default();
            points.push((sample.at_ns as f64 / 1e9, Some(*value)));
        }
    }
    let plot = |(series, lines): (&str, BTreeMap<&str, Points>)| Plot {
        title: series.to_owned(),
        unit: PlotUnit::Count,
        log: false,
        x: XAxis::Time,
        lines: lines
            .into_iter()
            .zip(TARGETS.iter().cycle())
            .map(|((target, points), colour)| Line {
                label: target.to_owned(),
                colour,
                dashed: false,
                points,
            })
            .collect(),
    };
    by_series.into_iter().map(plot).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_series_is_a_plot_and_each_target_a_line() {
        let sample = |at_s: u64, target: &str, queue: f64| SaidSample {
            at_ns: at_s * 1_000_000_000,
            target: target.to_owned(),
            values: BTreeMap::from([("queue".to_owned(), queue)]),
        };
        let said = [
            sample(1, "a", 3.0),
            sample(1, "b", 4.0),
            sample(2, "a", 5.0),
        ];
        let plots = plots(&said);
        assert_eq!(plots.len(), 1);
        assert_eq!(plots[0].lines.len(), 2);
        let points = [(1.0, Some(3.0)), (2.0, Some(5.0))];
        assert_eq!(plots[0].lines[0].points, points);
    }
}
