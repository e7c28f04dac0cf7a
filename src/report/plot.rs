//! What the plots show, thinned out: series over time and percentile curves, as plain values.

use serde::Serialize;

use crate::record::Record;

mod capacity;
mod curves;
mod history;
mod said;
mod stations;
mod thin;
mod timeline;

/// Everything that the page's script needs.
#[derive(Debug, Serialize)]
pub struct Plots {
    /// End of the time axis in seconds.
    pub end_s: f64,
    pub shades: Vec<Shade>,
    pub groups: Vec<Group>,
}

/// A stretch of the run that is shaded in every plot over time.
#[derive(Debug, Serialize)]
pub struct Shade {
    pub name: String,
    pub fault: bool,
    pub start_s: f64,
    pub end_s: f64,
}

/// Plots that belong together.
#[derive(Debug, Serialize)]
pub struct Group {
    pub title: &'static str,
    pub help: &'static str,
    pub plots: Vec<Plot>,
}

/// One plot.
#[derive(Debug, Serialize)]
pub struct Plot {
    pub title: String,
    pub unit: PlotUnit,
    /// Logarithmic value axis.
    pub log: bool,
    pub x: XAxis,
    pub lines: Vec<Line>,
}

/// What the horizontal axis means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum XAxis {
    /// Seconds since the run's start.
    Time,
    /// Nines: `log10(1 / (1 - quantile))`, so 1 is 90 %, 2 is 99 %.
    Nines,
    /// Items per second.
    Rate,
    /// Runs, the oldest first, from 1.
    Runs,
}

/// How values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PlotUnit {
    Count,
    PerSecond,
    Seconds,
    Bytes,
    BytesPerSecond,
    Cores,
    Percent,
}

/// One line of a plot: `[x, y]` pairs, at most a thousand; no `y` is a gap.
#[derive(Debug, Serialize)]
pub struct Line {
    pub label: String,
    /// Name of a colour of the style sheet, one per meaning.
    pub colour: &'static str,
    pub dashed: bool,
    pub points: Vec<(f64, Option<f64>)>,
}

impl Plots {
    pub fn new(record: &Record) -> Self {
        let mut groups = timeline::groups(record);
        groups.push(said::group(record));
        groups.push(curves::group(record));
        for line in groups
            .iter_mut()
            .flat_map(|group| &mut group.plots)
            .flat_map(|plot| &mut plot.lines)
        {
            line.points = thin::thin(&line.points);
        }
        for group in &mut groups {
            group.plots.retain(|plot| !plot.lines.is_empty());
        }
        groups.retain(|group| !group.plots.is_empty());
        Self {
            end_s: timeline::end_s(record),
            shades: shades(record),
            groups,
        }
    }
}

fn shades(record: &Record) -> Vec<Shade> {
    let end_s = timeline::end_s(record);
    record
        .result
        .phases
        .iter()
        .filter(|phase| phase.start_s < end_s)
        .map(|phase| Shade {
            name: phase.name.clone(),
            fault: phase.kind == "fault",
            start_s: phase.start_s,
            end_s: phase.end_s.min(end_s),
        })
        .collect()
}
