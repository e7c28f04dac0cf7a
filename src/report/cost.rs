//! What targets cost, for a terminal.

use super::text::{Align, Paint, table, wrap};
use crate::record::{CostFigure, CostResult, Spread};
use crate::units;

/// Least width that the summary is laid out for.
const NARROWEST: usize = 60;

/// The figures with their ranges, what could not be measured, and the runs behind them.
pub fn summary(cost: &CostResult, colour: bool, width: usize) -> String {
    let paint = Paint { colour };
    let width = width.max(NARROWEST);
    let mut lines = vec![format!(
        "{}  {}",
        paint.bold(&format!("Cost of {}", cost.targets.join(", "))),
        paint.faint(&format!(
            "{}, {} of {} pairs of runs",
            cost.scenario, cost.pairs, cost.pairs_wanted
        ))
    )];
    for note in &cost.notes {
        let note = wrap(&format!("note: {note}"), width, "  ");
        lines.push(paint.faint(&note));
    }
    figures(cost, paint, width, &mut lines);
    unmeasured(cost, paint, width, &mut lines);
    unsound(cost, paint, width, &mut lines);
    lines.push(String::new());
    lines.push(paint.bold("Runs"));
    for run in &cost.runs {
        lines.push(format!(
            "  pair {}, {}  {}",
            run.pair,
            if run.with_targets {
                "with   "
            } else {
                "without"
            },
            run.run
        ));
    }
    lines.join("\n") + "\n"
}

fn figures(cost: &CostResult, paint: Paint, width: usize, lines: &mut Vec<String>) {
    let measured = || cost.figures.iter().filter_map(|f| Some((f, f.cost?)));
    let (Some(first), sure) = (
        measured().next(),
        measured().all(|(_, c)| c.interval.is_some()),
    ) else {
        return;
    };
    let last = match first.1.interval {
        Some(interval) if sure => format!("{:.1} % interval", interval.confidence * 100.0),
        _ => "interval".to_owned(),
    };
    let heading = ["", "with", "without", "cost", "from", "to", last.as_str()];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    rows.extend(measured().map(|(figure, spread)| row(figure, &spread)));
    let mut aligns = [Align::Right; 7];
    aligns[0] = Align::Left;
    lines.push(String::new());
    for (index, line) in table(&rows, &aligns).into_iter().enumerate() {
        lines.push(match index {
            0 => paint.faint(&format!("  {line}")),
            _ => format!("  {line}"),
        });
    }
    let told = "With and without: medians of the runs. Cost: the median of the pairs' differences, and \
                the smallest and the largest of them.";
    lines.push(paint.faint(&format!("  {}", wrap(told, width - 2, "  "))));
    if !sure {
        let told = "No interval: it takes six pairs (`--pairs 6`) to have one of 95 %.";
        lines.push(paint.faint(&format!("  {}", wrap(told, width - 2, "  "))));
    }
}

fn row(figure: &CostFigure, spread: &Spread) -> Vec<String> {
    let value = |value: f64| units::metric(&figure.name, Some(figure.unit), value);
    let side = |side: Option<f64>| side.map_or_else(|| units::UNKNOWN.to_owned(), value);
    vec![
        name(figure),
        side(figure.with_targets),
        side(figure.without_targets),
        value(spread.median),
        value(spread.smallest),
        value(spread.largest),
        spread.interval.map_or_else(
            || units::UNKNOWN.to_owned(),
            |interval| format!("{} to {}", value(interval.low), value(interval.high)),
        ),
    ]
}

/// In words; a figure that this report does not know keeps its name.
fn name(figure: &CostFigure) -> String {
    match figure.name.as_str() {
        "target.cpu.per_item" => "CPU of the targets per item",
        "target.rss.mean" => "their memory, mean (RSS)",
        "target.rss.max" => "their memory, largest (RSS)",
        "target.pss.max" => "their memory, largest (PSS)",
        "delivery.latency.p50" => "delivery latency, p50",
        "delivery.latency.p90" => "delivery latency, p90",
        "delivery.latency.p99" => "delivery latency, p99",
        "client.cpu.per_item" => "CPU of the client per item",
        "sink.cpu.per_item" => "CPU of the sink per item",
        "sink.bytes.per_item" => "bytes to the sink per item",
        "received.rate" => "items received",
        other => other,
    }
    .to_owned()
}

fn unmeasured(cost: &CostResult, paint: Paint, width: usize, lines: &mut Vec<String>) {
    let missing: Vec<&CostFigure> = cost.figures.iter().filter(|f| f.cost.is_none()).collect();
    if missing.is_empty() {
        return;
    }
    lines.push(String::new());
    lines.push(paint.bold("Not measured"));
    for figure in missing {
        let text = format!("{}: {}", name(figure), figure.why_not);
        lines.push(format!("  {}", wrap(&text, width - 2, "    ")));
    }
}

fn unsound(cost: &CostResult, paint: Paint, width: usize, lines: &mut Vec<String>) {
    let unsound = cost.runs.iter().filter(|run| !run.unsound.is_empty());
    let mut texts = unsound.map(|run| format!("{}: {}", run.run, run.unsound.join("; ")));
    let Some(first) = texts.next() else {
        return;
    };
    lines.push(String::new());
    lines.push(paint.bold("Runs that cannot be compared, and are left out with their pair"));
    for text in std::iter::once(first).chain(texts) {
        let text = wrap(&text, width - 4, "    ");
        lines.push(format!("  {} {text}", paint.unsure("?")));
    }
}

#[cfg(test)]
mod tests;
