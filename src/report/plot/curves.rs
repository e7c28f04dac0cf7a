//! Percentile curves, whole run against steady phase, and service against response time.

use super::{Group, Line, Plot, PlotUnit, XAxis};
use crate::record::Record;
use crate::stats::histogram::Latencies;

/// Histogram, how it is called, and its colour.
const LATENCIES: [(&str, &str, &str); 3] = [
    ("delivery.latency", "delivery", "delivered"),
    ("export.response", "export response", "response"),
    ("export.service", "export service", "service"),
];
const LATENESS: [(&str, &str, &str); 1] = [("lateness", "lateness", "lateness")];

/// The curves of latency and of lateness.
pub fn group(record: &Record) -> Group {
    Group {
        title: "Latency by percentile",
        help: "Solid: whole run. Dashed: steady phase. Service time starts when a request is sent, response time and delivery when the item was due: where they part, waiting was hidden (coordinated omission).",
        plots: vec![
            plot(record, "Delivery, export response and service", &LATENCIES),
            plot(record, "Lateness of the generator", &LATENESS),
        ],
    }
}

fn plot(record: &Record, title: &str, which: &[(&str, &str, &'static str)]) -> Plot {
    let mut lines = Vec::new();
    for (name, label, colour) in which {
        let whole = record.histograms.whole_run.get(*name);
        let steady = record.histograms.by_phase.get(&format!("steady/{name}"));
        lines.extend(
            whole.and_then(|latencies| line(latencies, (*label).to_owned(), colour, false)),
        );
        lines.extend(
            steady.and_then(|latencies| line(latencies, format!("{label}, steady"), colour, true)),
        );
    }
    Plot {
        title: title.to_owned(),
        unit: PlotUnit::Seconds,
        log: true,
        x: XAxis::Nines,
        lines,
    }
}

fn line(latencies: &Latencies, label: String, colour: &'static str, dashed: bool) -> Option<Line> {
    // No quantile finer than one item can be told: the maximum stands there.
    let finest = (latencies.count().max(1) as f64).log10();
    let points: Vec<(f64, Option<f64>)> = latencies
        .curve()
        .into_iter()
        .map(|(quantile, value_ns)| {
            let nines = -(1.0 - quantile).log10();
            (nines.min(finest).max(0.0), Some(value_ns as f64 / 1e9))
        })
        .collect();
    (!points.is_empty()).then_some(Line {
        label,
        colour,
        dashed,
        points,
    })
}
