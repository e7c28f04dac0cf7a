//! Metrics over the runs of a scenario.

use super::{Group, Line, Plot, PlotUnit, Plots, XAxis, thin};
use crate::metric::Unit;
use crate::record::History;

impl Plots {
    /// One plot for each metric; dashed, the level between its changes.
    pub fn of_histories(histories: &[History]) -> Self {
        let measured = histories
            .iter()
            .filter(|history| !history.points.is_empty());
        Self {
            end_s: 0.0,
            shades: Vec::new(),
            groups: vec![Group {
                title: "Over the runs",
                help: "Every run that can be compared with the newest, oldest first. Dashed: the level between two changes.",
                plots: measured.map(plot).collect(),
            }],
        }
    }
}

fn plot(history: &History) -> Plot {
    let points = history.points.iter().enumerate();
    let points: Vec<(f64, Option<f64>)> = points
        .map(|(at, point)| (number(at), Some(scaled(history, point.value))))
        .collect();
    Plot {
        title: history.metric.clone(),
        unit: unit(history),
        log: false,
        x: XAxis::Runs,
        lines: vec![
            Line {
                label: "run".to_owned(),
                colour: "delivered",
                dashed: false,
                points: thin::thin(&points),
            },
            Line {
                label: "level".to_owned(),
                colour: "offered",
                dashed: true,
                points: levels(history),
            },
        ],
    }
}

/// Runs are counted from 1.
fn number(at: usize) -> f64 {
    (at + 1) as f64
}

/// The level before each change and after it, from the first run to the last.
fn levels(history: &History) -> Vec<(f64, Option<f64>)> {
    let mut points = Vec::new();
    let mut from = 0;
    for change in &history.changes {
        let level = Some(scaled(history, change.level_before));
        points.extend([
            (number(from), level),
            (number(change.at - 1), level),
            (number(change.at - 1) + 0.5, None),
        ]);
        from = change.at;
    }
    let rest: Vec<f64> = history.points[from..].iter().map(|p| p.value).collect();
    let level = crate::stats::median::median(&rest).map(|level| scaled(history, level));
    points.extend([(number(from), level), (history.points.len() as f64, level)]);
    points
}

/// The registry's ratios are shares or cores; both are told in what they are plotted in.
fn scaled(history: &History, value: f64) -> f64 {
    match unit(history) {
        PlotUnit::Percent => value * 100.0,
        _ => value,
    }
}

fn unit(history: &History) -> PlotUnit {
    match history.unit {
        Some(Unit::Seconds) => PlotUnit::Seconds,
        Some(Unit::Bytes) => PlotUnit::Bytes,
        Some(Unit::PerSecond) => PlotUnit::PerSecond,
        Some(Unit::BytesPerSecond) => PlotUnit::BytesPerSecond,
        Some(Unit::Ratio) if history.metric.ends_with(".cpu") => PlotUnit::Cores,
        Some(Unit::Ratio) if !history.metric.ends_with("amplification") => PlotUnit::Percent,
        Some(Unit::Ratio | Unit::Count) | None => PlotUnit::Count,
    }
}
