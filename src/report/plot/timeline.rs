//! Series over time. Rates come from cumulative counters, by differences over at least a second.

use super::{Group, Line, Plot, PlotUnit, XAxis, stations};
use crate::evidence::ClientSample;
use crate::record::{LatencyBins, Record};
use crate::signal::Signal;

/// Shortest stretch over which a rate is taken.
const RATE_OVER_NS: u64 = 1_000_000_000;

pub(super) type Points = Vec<(f64, Option<f64>)>;

/// Where the time axis ends: with the run, or with the last sample after it.
pub fn end_s(record: &Record) -> f64 {
    let live = &record.series.live;
    let last_ns = [
        live.client.last().map(|sample| sample.at_ns),
        live.sink.last().map(|sample| sample.at_ns),
        live.link.last().map(|sample| sample.at_ns),
    ];
    let last_ns = last_ns.into_iter().flatten().max().unwrap_or(0);
    record.result.duration_s.max(last_ns as f64 / 1e9)
}

/// Every group of plots over time, in the order of the page.
pub fn groups(record: &Record) -> Vec<Group> {
    let sent: Vec<Signal> = record.result.ledger.keys().copied().collect();
    let bins = &record.series.delivery;
    let mut links_and_machine = stations::links(record);
    links_and_machine.push(machine(record));
    vec![
        Group {
            title: "Rates",
            help: "Items per second, over one second.",
            plots: sent.iter().map(|signal| rates(record, *signal)).collect(),
        },
        Group {
            title: "Delivery latency",
            help: "From due to received, by the second in which the item was due. A gap is a second of which nothing arrived.",
            plots: bins.iter().map(latency).collect(),
        },
        Group {
            title: "Client",
            help: "Queued: in the client and not yet in its exporter. In flight: in its exporter and not yet done.",
            plots: vec![
                backlog(record, &sent, "Queued", |s, i| s.queued[i]),
                backlog(record, &sent, "In flight", |s, i| {
                    s.handed[i].saturating_sub(s.finished[i])
                }),
                lateness(record),
            ],
        },
        Group {
            title: "Processes",
            help: "Each role is a process of its own.",
            plots: vec![
                stations::roles(record, "CPU", PlotUnit::Cores, |samples| {
                    let used = samples
                        .iter()
                        .map(|sample| (sample.at_ns, sample.cpu_user_ns + sample.cpu_system_ns));
                    rate(used)
                        .into_iter()
                        .map(|(x, y)| (x, y.map(|y| y / 1e9)))
                        .collect()
                }),
                stations::roles(record, "Resident memory", PlotUnit::Bytes, |samples| {
                    samples
                        .iter()
                        .map(|s| point(s.at_ns, s.rss_bytes as f64))
                        .collect()
                }),
            ],
        },
        Group {
            title: "Link and machine",
            help: "",
            plots: links_and_machine,
        },
    ]
}

fn rates(record: &Record, signal: Signal) -> Plot {
    let index = signal.index();
    let client = |of: fn(&ClientSample) -> &[u64; 3]| {
        let samples = record.series.live.client.iter();
        rate(samples.map(move |sample| (sample.at_ns, of(sample)[index])))
    };
    let sink = record.series.live.sink.iter();
    plot(
        format!("{}, {}", signal, signal.items()),
        PlotUnit::PerSecond,
        vec![
            line("offered", "offered", true, client(|sample| &sample.offered)),
            line(
                "generated",
                "generated",
                false,
                client(|sample| &sample.generated),
            ),
            line(
                "acknowledged",
                "acknowledged",
                true,
                client(|sample| &sample.acknowledged),
            ),
            line(
                "received",
                "delivered",
                false,
                rate(sink.map(|sample| (sample.at_ns, sample.received[index]))),
            ),
        ],
    )
}

fn latency(bins: &LatencyBins) -> Plot {
    let by_bin = |values: &[Option<f64>]| -> Points {
        let middle = |bin: usize| bin as f64 + 0.5;
        values
            .iter()
            .enumerate()
            .map(|(bin, value)| (middle(bin), *value))
            .collect()
    };
    let mut plot = plot(
        bins.signal.to_string(),
        PlotUnit::Seconds,
        vec![
            line("p50", "p50", false, by_bin(&bins.p50_s)),
            line("p90", "p90", false, by_bin(&bins.p90_s)),
            line("p99", "p99", false, by_bin(&bins.p99_s)),
            line("max", "max", true, by_bin(&bins.max_s)),
        ],
    );
    plot.log = true;
    plot
}

fn backlog(
    record: &Record,
    sent: &[Signal],
    title: &str,
    of: fn(&ClientSample, usize) -> u64,
) -> Plot {
    let lines = sent.iter().map(|signal| {
        let samples = record.series.live.client.iter();
        let points = samples.map(|s| point(s.at_ns, of(s, signal.index()) as f64));
        line(signal.as_str(), signal.as_str(), false, points.collect())
    });
    plot(format!("{title}, items"), PlotUnit::Count, lines.collect())
}

fn lateness(record: &Record) -> Plot {
    let samples = record.series.live.client.iter();
    let points = samples.map(|sample| point(sample.at_ns, sample.lateness_max_ns as f64 / 1e9));
    plot(
        "Lateness of the generator, largest".to_owned(),
        PlotUnit::Seconds,
        vec![line("lateness", "lateness", false, points.collect())],
    )
}

fn machine(record: &Record) -> Plot {
    let samples = &record.series.live.machine;
    let share = |of: fn(&crate::evidence::MachineSample) -> Option<f64>| -> Points {
        samples
            .iter()
            .map(|s| (s.at_ns as f64 / 1e9, of(s)))
            .collect()
    };
    plot(
        "Machine".to_owned(),
        PlotUnit::Percent,
        vec![
            line("busy", "busy", false, share(|s| Some(s.busy * 100.0))),
            line("steal", "steal", false, share(|s| Some(s.steal * 100.0))),
            line("CPU pressure", "pressure", true, share(|s| s.pressure_cpu)),
            line(
                "memory pressure",
                "memory",
                true,
                share(|s| s.pressure_memory),
            ),
            line("I/O pressure", "io", true, share(|s| s.pressure_io)),
        ],
    )
}

pub(super) fn plot(title: String, unit: PlotUnit, mut lines: Vec<Line>) -> Plot {
    lines.retain(|line| line.points.iter().any(|point| point.1.is_some()));
    Plot {
        title,
        unit,
        log: false,
        x: XAxis::Time,
        lines,
    }
}

pub(super) fn line(label: &str, colour: &'static str, dashed: bool, points: Points) -> Line {
    Line {
        label: label.to_owned(),
        colour,
        dashed,
        points,
    }
}

pub(super) fn point(at_ns: u64, value: f64) -> (f64, Option<f64>) {
    (at_ns as f64 / 1e9, Some(value))
}

/// Growth per second of a cumulative counter, each taken over at least [`RATE_OVER_NS`] and placed
/// in the middle of that stretch, so that a dip lies where its cause does.
pub(super) fn rate(samples: impl Iterator<Item = (u64, u64)>) -> Points {
    let samples: Vec<(u64, u64)> = samples.collect();
    let mut points = Vec::with_capacity(samples.len());
    let mut from = 0;
    for (at_ns, value) in &samples {
        while samples
            .get(from + 1)
            .is_some_and(|next| next.0 + RATE_OVER_NS <= *at_ns)
        {
            from += 1;
        }
        let (from_ns, from_value) = samples[from];
        if from_ns + RATE_OVER_NS > *at_ns {
            continue;
        }
        let over_ns = at_ns - from_ns;
        let middle_s = (from_ns + over_ns / 2) as f64 / 1e9;
        let grown = value.saturating_sub(from_value) as f64;
        points.push((middle_s, Some(grown * 1e9 / over_ns as f64)));
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_taken_over_a_second_and_placed_in_its_middle() {
        let counter = (0..30_u64).map(|tenth| (tenth * 100_000_000, tenth * 50));
        let points = rate(counter);
        assert_eq!(points.len(), 20);
        assert_eq!(points[0], (0.5, Some(500.0)));
        assert!(points.iter().all(|point| point.1 == Some(500.0)));
    }

    #[test]
    fn a_counter_that_is_sampled_slowly_or_not_at_all_has_what_rate_it_has() {
        assert!(rate(std::iter::empty()).is_empty());
        assert!(rate([(5, 1)].into_iter()).is_empty());
        let slow = rate([(0, 0), (3_000_000_000, 30)].into_iter());
        assert_eq!(slow, vec![(1.5, Some(10.0))]);
    }
}
