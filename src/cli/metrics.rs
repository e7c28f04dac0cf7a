//! `squall metrics`: the registry as a table.

use super::{Outcome, print};
use crate::error::Exit;
use crate::metric::{Better, METRICS, Metric, Unit, Windows, said};

/// Arguments of `squall metrics`.
#[derive(Debug, clap::Args)]
pub struct Args {}

pub fn run(_args: Args) -> Outcome {
    print(&table())?;
    Ok(Exit::Pass)
}

fn table() -> String {
    let width = METRICS.iter().map(|metric| metric.name.len()).max();
    let width = width.unwrap_or(0);
    let mut text = format!(
        "{:width$}  {:<10}  {:<6}  {:<11}  {:<6}  help\n",
        "name", "unit", "better", "windows", "notes"
    );
    for metric in METRICS.iter().chain(said::FAMILY) {
        text.push_str(&format!(
            "{:width$}  {:<10}  {:<6}  {:<11}  {:<6}  {}\n",
            metric.name,
            unit(metric.unit),
            better(metric.better),
            windows(metric.windows),
            notes(metric),
            metric.help
        ));
    }
    text.push_str(
        "\nnotes: S by signal as well (traces.lost), % takes a share of `generated`, A usable in abort_if\n\
         NAME: what the scenario calls a series of the target's own metrics\n",
    );
    text
}

fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Count => "count",
        Unit::Seconds => "time",
        Unit::Bytes => "bytes",
        Unit::PerSecond => "per second",
        Unit::BytesPerSecond => "bytes/s",
        Unit::Ratio => "ratio",
    }
}

fn better(better: Better) -> &'static str {
    match better {
        Better::Lower => "lower",
        Better::Higher => "higher",
        Better::Neither => "-",
    }
}

fn windows(windows: Windows) -> &'static str {
    match windows {
        Windows::Any => "any",
        Windows::AfterFault => "after FAULT",
        Windows::WholeRun => "whole run",
    }
}

fn notes(metric: &Metric) -> String {
    let mut notes = String::new();
    for (holds, note) in [
        (metric.per_signal, 'S'),
        (metric.ledger, '%'),
        (metric.live, 'A'),
    ] {
        if holds {
            notes.push(note);
        }
    }
    notes
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_table_lists_every_metric() {
        insta::assert_snapshot!(super::table());
    }
}
