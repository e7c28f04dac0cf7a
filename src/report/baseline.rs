//! Baselines, for a terminal.

use super::text::{Align, Paint, table, wrap};
use crate::metric;
use crate::record::Baseline;
use crate::stats::median::median;
use crate::units;

/// Letters of a commit that are shown.
const COMMIT: usize = 10;

/// One line for each: name, scenario, runs, when it was saved; or why it cannot be read.
pub fn list(baselines: &[(String, Result<Baseline, String>)]) -> String {
    let mut rows = vec![
        ["name", "scenario", "runs", "saved"]
            .map(str::to_owned)
            .to_vec(),
    ];
    let mut unreadable = Vec::new();
    for (name, baseline) in baselines {
        match baseline {
            Ok(baseline) => rows.push(vec![
                name.clone(),
                baseline.scenario.clone(),
                baseline.runs.len().to_string(),
                baseline.saved.clone(),
            ]),
            Err(why) => unreadable.push(format!("{name}: {why}")),
        }
    }
    let aligns = [Align::Left, Align::Left, Align::Right, Align::Left];
    let mut lines = if rows.len() > 1 {
        table(&rows, &aligns)
    } else {
        Vec::new()
    };
    lines.extend(unreadable);
    lines.join("\n") + "\n"
}

/// What a baseline holds: where it is from, its runs and its figures.
pub fn show(baseline: &Baseline, colour: bool, width: usize) -> String {
    let paint = Paint { colour };
    let mut lines = vec![format!(
        "{}  {}",
        paint.bold(&baseline.name),
        paint.faint(&format!("{}, saved {}", baseline.scenario, baseline.saved))
    )];
    let facts = baseline.machine.iter().chain(&baseline.fingerprint);
    let facts: Vec<String> = facts
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    lines.push(paint.faint(&format!("  {}", wrap(&facts.join(", "), width - 2, "  "))));
    lines.push(String::new());
    lines.push(paint.bold("Runs"));
    for run in &baseline.runs {
        let commit = run.commit.as_deref().unwrap_or("");
        lines.push(
            format!("  {}  {}", run.run, short(commit))
                .trim_end()
                .to_owned(),
        );
    }
    lines.push(String::new());
    let mut rows = vec![
        ["", "median", "smallest", "largest"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for (name, values) in &baseline.metrics {
        let known: Vec<f64> = values.iter().copied().flatten().collect();
        let value = |value: Option<f64>| {
            let unit = metric::find_of_signal(name).map(|metric| metric.unit);
            value.map_or(units::UNKNOWN.to_owned(), |value| {
                units::metric(name, unit, value)
            })
        };
        rows.push(vec![
            name.clone(),
            value(median(&known)),
            value(known.iter().copied().reduce(f64::min)),
            value(known.iter().copied().reduce(f64::max)),
        ]);
    }
    let aligns = [Align::Left, Align::Right, Align::Right, Align::Right];
    for (at, line) in table(&rows, &aligns).into_iter().enumerate() {
        lines.push(match at {
            0 => paint.faint(&format!("  {line}")),
            _ => format!("  {line}"),
        });
    }
    lines.join("\n") + "\n"
}

/// A commit as people name it, with its `+`.
pub(super) fn short(commit: &str) -> String {
    let dirty = if commit.ends_with('+') { "+" } else { "" };
    let hash: String = commit.trim_end_matches('+').chars().take(COMMIT).collect();
    hash + dirty
}
