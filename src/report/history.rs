//! Metrics over the runs of a scenario, for a terminal.

use super::baseline::short;
use super::text::{Align, Paint, columns, table, wrap};
use crate::record::{History, HistoryChange};
use crate::stats::median::median;
use crate::units;

mod page;

pub use page::page;

/// Rows of the chart.
const HEIGHT: usize = 10;
/// Columns of the small chart of a line of the overview.
const SPARK: usize = 30;
/// Least width that anything is laid out for.
const NARROWEST: usize = 60;
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A line for each metric: its newest value, its level, a small chart, and its last change.
pub fn overview(histories: &[History], colour: bool, width: usize) -> String {
    let paint = Paint { colour };
    let heading = ["", "newest", "median", "", "last change"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    for history in histories {
        let values = values(history);
        let value = |value| tell(history, value);
        rows.push(vec![
            history.metric.clone(),
            values
                .last()
                .map_or(units::UNKNOWN.to_owned(), |v| value(*v)),
            median(&values).map_or(units::UNKNOWN.to_owned(), value),
            spark(&values),
            history.changes.last().map_or_else(String::new, |change| {
                format!("{} {}", size(change), when(history, change))
            }),
        ]);
    }
    let aligns = [
        Align::Left,
        Align::Right,
        Align::Right,
        Align::Left,
        Align::Left,
    ];
    let mut lines = vec![heading_line(histories.first(), paint)];
    for (at, line) in table(&rows, &aligns).into_iter().enumerate() {
        lines.push(match at {
            0 => paint.faint(&format!("  {line}")),
            _ => format!("  {line}"),
        });
    }
    lines.extend(
        histories
            .first()
            .and_then(|history| left_out(history, paint, width)),
    );
    lines.join("\n") + "\n"
}

/// One metric as a chart, with its changes and its newest runs below it.
pub fn chart(history: &History, colour: bool, width: usize) -> String {
    let paint = Paint { colour };
    let width = width.max(NARROWEST);
    let mut lines = vec![
        heading_line(Some(history), paint),
        format!("  {}", history.metric),
    ];
    lines.extend(plot(history, paint, width));
    lines.push(String::new());
    if history.changes.is_empty() {
        lines.push(format!(
            "  no change of level found in {} runs",
            history.points.len()
        ));
    } else {
        lines.push(paint.bold("Changes of level"));
    }
    for change in &history.changes {
        lines.extend(tell_change(history, change, paint));
    }
    lines.extend(left_out(history, paint, width));
    lines.join("\n") + "\n"
}

fn heading_line(history: Option<&History>, paint: Paint) -> String {
    let Some(history) = history else {
        return String::new();
    };
    let span = match (history.points.first(), history.points.last()) {
        (Some(first), Some(last)) => format!(
            "{} runs, {} to {}",
            history.points.len(),
            day(&first.started),
            day(&last.started)
        ),
        _ => "no run has measured it".to_owned(),
    };
    format!("{}  {}", paint.bold(&history.scenario), paint.faint(&span))
}

fn tell_change(history: &History, change: &HistoryChange, paint: Paint) -> [String; 2] {
    let size = size(change);
    let size = match change.better {
        Some(true) => paint.good(&size),
        Some(false) => paint.bad(&size),
        None => size,
    };
    let commit = |commit: &Option<String>| match commit {
        Some(commit) => format!(" ({})", short(commit)),
        None => String::new(),
    };
    [
        format!(
            "  {size}  {} to {}, p {:.3}",
            tell(history, change.level_before),
            tell(history, change.level_after),
            change.p_value
        ),
        format!(
            "    between {}{} and {}{}",
            change.before,
            commit(&change.before_commit),
            change.after,
            commit(&change.after_commit)
        ),
    ]
}

fn left_out(history: &History, paint: Paint, width: usize) -> Option<String> {
    let reasons = history.left_out.iter();
    let reasons: Vec<String> = reasons.map(|(why, runs)| format!("{runs} {why}")).collect();
    (!reasons.is_empty()).then(|| {
        let text = format!("left out: {}", reasons.join("; "));
        format!(
            "  {}",
            paint.faint(&wrap(&text, width.max(NARROWEST) - 2, "  "))
        )
    })
}

fn values(history: &History) -> Vec<f64> {
    history.points.iter().map(|point| point.value).collect()
}

fn tell(history: &History, value: f64) -> String {
    units::metric(&history.metric, history.unit, value)
}

/// `+12 %`; from zero there is no share.
fn size(change: &HistoryChange) -> String {
    match change.share() {
        Some(share) => format!("{:+.1} %", share * 100.0),
        None => "from zero".to_owned(),
    }
}

fn when(history: &History, change: &HistoryChange) -> String {
    let point = history.points.get(change.at);
    point.map_or_else(String::new, |point| format!("on {}", day(&point.started)))
}

/// The day of a time of RFC 3339.
fn day(started: &str) -> &str {
    started.split('T').next().unwrap_or(started)
}

/// The values in at most `room` bins of as many runs each, as the median of each bin.
fn binned(values: &[f64], room: usize) -> Vec<f64> {
    let bins = values.len().min(room);
    (0..bins)
        .filter_map(|bin| {
            let from = bin * values.len() / bins;
            let to = (bin + 1) * values.len() / bins;
            median(&values[from..to])
        })
        .collect()
}

/// Lowest and highest; a little apart where all are the same.
fn range(values: &[f64]) -> Option<(f64, f64)> {
    let low = values.iter().copied().reduce(f64::min)?;
    let high = values.iter().copied().reduce(f64::max)?;
    Some(if high > low {
        (low, high)
    } else {
        (low, low + 1.0)
    })
}

/// Which of `steps` steps between the ends of the range a value stands on.
fn step(value: f64, (low, high): (f64, f64), steps: usize) -> usize {
    let share = (value - low) / (high - low);
    // A share is 0 to 1.
    (share * (steps - 1) as f64).round() as usize
}

fn spark(values: &[f64]) -> String {
    let Some(range) = range(values) else {
        return String::new();
    };
    let bins = binned(values, SPARK).into_iter();
    bins.map(|value| BARS[step(value, range, BARS.len())])
        .collect()
}

/// A dot for each run, or for each bin of runs; a line down where the level changed.
fn plot(history: &History, paint: Paint, width: usize) -> Vec<String> {
    let values = values(history);
    let Some(range) = range(&values) else {
        return Vec::new();
    };
    let labels: Vec<String> = (0..HEIGHT)
        .map(|row| {
            let share = (HEIGHT - 1 - row) as f64 / (HEIGHT - 1) as f64;
            tell(history, range.0 + share * (range.1 - range.0))
        })
        .collect();
    let margin = labels.iter().map(|label| columns(label)).max().unwrap_or(0);
    let bins = binned(&values, width - margin - 4);
    let column = |at: usize| at * bins.len() / values.len();
    let changes: Vec<usize> = history.changes.iter().map(|c| column(c.at)).collect();
    let rows = labels.into_iter().enumerate().map(|(row, label)| {
        let cells: String = bins
            .iter()
            .enumerate()
            .map(|(at, value)| {
                if step(*value, range, HEIGHT) == HEIGHT - 1 - row {
                    '•'
                } else if changes.contains(&at) {
                    '┊'
                } else {
                    ' '
                }
            })
            .collect();
        let space = " ".repeat(margin - columns(&label));
        format!("  {space}{} ┤{}", paint.faint(&label), cells.trim_end())
    });
    rows.collect()
}

#[cfg(test)]
mod tests;
