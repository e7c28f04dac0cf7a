//! How much a line carries: for a terminal, as a page, and the progress of the search.

use super::text::{Align, Paint, table, wrap};
use crate::metric::Unit;
use crate::record::{CapacityAnswer, CapacityResult, Trial};
use crate::units;

mod page;
mod progress;

pub use page::page;
pub use progress::Progress;

/// Least width that the summary is laid out for.
const NARROWEST: usize = 60;

/// The trials, the answer, what gave out and how that is known.
pub fn summary(result: &CapacityResult, colour: bool, width: usize) -> String {
    let paint = Paint { colour };
    let width = width.max(NARROWEST);
    let mut lines = vec![format!(
        "{}  {}",
        paint.bold(&format!("Capacity of {}", result.scenario)),
        paint.faint(&format!("{} trials", result.trials.len()))
    )];
    lines.push(String::new());
    lines.extend(trials(result, paint));
    lines.push(String::new());
    let told = wrap(&result.summary, width, "  ");
    lines.push(match result.answer {
        CapacityAnswer::Limit => paint.good(&told),
        CapacityAnswer::AtLeast | CapacityAnswer::Unknown => paint.unsure(&told),
        CapacityAnswer::Nothing => paint.bad(&told),
    });
    if let Some(gave_out) = &result.gave_out {
        for evidence in &gave_out.evidence {
            lines.push(format!("  {}", wrap(evidence, width - 2, "    ")));
        }
    }
    if let Some(headroom) = headroom(result) {
        lines.push(paint.bold(&headroom));
    }
    for note in &result.notes {
        lines.push(paint.faint(&wrap(&format!("note: {note}"), width, "  ")));
    }
    let given_way = result.trials.iter().filter(|trial| !trial.held);
    if given_way.clone().next().is_some() {
        lines.push(String::new());
        lines.push(paint.bold("Why rates were not held"));
    }
    for trial in given_way {
        let text = format!("{}: {}", rate(trial.rate_per_s), trial.why.join("; "));
        lines.push(format!("  {}", wrap(&text, width - 2, "    ")));
    }
    lines.join("\n") + "\n"
}

fn rate(per_s: f64) -> String {
    units::metric("rate", Some(Unit::PerSecond), per_s)
}

/// `headroom 2.1x over the expected 10,000/s`
pub(super) fn headroom(result: &CapacityResult) -> Option<String> {
    let headroom = result.headroom?;
    let at_least = match result.answer {
        CapacityAnswer::Limit => "",
        _ => "at least ",
    };
    Some(format!(
        "headroom {at_least}{:.1}x over the expected {}",
        headroom.factor,
        rate(headroom.expected_per_s)
    ))
}

const HEADINGS: [&str; 9] = [
    "rate", "", "received", "p50", "p99", "backlog", "client", "targets", "sink",
];

/// One row a trial, in the order in which they were made.
pub(super) fn rows(result: &CapacityResult) -> Vec<Vec<String>> {
    result
        .trials
        .iter()
        .map(|trial| row(result, trial))
        .collect()
}

fn row(result: &CapacityResult, trial: &Trial) -> Vec<String> {
    let figure = |name: &str, unit| {
        let value = trial.figures.get(name);
        value.map_or_else(
            || units::UNKNOWN.to_owned(),
            |value| units::metric(name, Some(unit), *value),
        )
    };
    let targets = result.targets.iter();
    let targets: Vec<f64> = targets
        .filter_map(|name| trial.figures.get(&format!("{name}.cpu")).copied())
        .collect();
    vec![
        rate(trial.rate_per_s),
        if trial.held { "held" } else { "gave way" }.to_owned(),
        figure("received.rate", Unit::PerSecond),
        figure("delivery.latency.p50", Unit::Seconds),
        figure("delivery.latency.p99", Unit::Seconds),
        figure("backlog.growth", Unit::Ratio),
        figure("client.cpu", Unit::Ratio),
        match targets.as_slice() {
            [] => units::UNKNOWN.to_owned(),
            some => units::metric("target.cpu", Some(Unit::Ratio), some.iter().sum()),
        },
        figure("sink.cpu", Unit::Ratio),
    ]
}

fn trials(result: &CapacityResult, paint: Paint) -> Vec<String> {
    let mut all = vec![HEADINGS.map(str::to_owned).to_vec()];
    all.extend(rows(result));
    let mut aligns = [Align::Right; 9];
    aligns[1] = Align::Left;
    let lines = table(&all, &aligns).into_iter().enumerate();
    lines
        .map(|(index, line)| match index.checked_sub(1) {
            None => paint.faint(&format!("  {line}")),
            Some(at) if result.trials[at].held => format!("  {line}"),
            Some(_) => paint.unsure(&format!("  {line}")),
        })
        .collect()
}

#[cfg(test)]
mod tests;
