//! The value of every registered metric, over a window.

use super::facts::{Distribution, Facts};
use super::{command, flow, recovery, resources};
use crate::evidence::ClientSample;
use crate::ledger::ProducerLedger;
use crate::metric::{Metric, Windows};
use crate::plan::expectation::Window;
use crate::signal::Signal;
use crate::stats::histogram::Latencies;

/// A value in the metric's base unit, or why there is none.
pub type Measured = Result<f64, String>;

impl Facts<'_> {
    /// Measures `metric` for one signal, or over all that were sent, within `window`.
    pub fn measure(&self, metric: &Metric, signal: Option<Signal>, window: &Window) -> Measured {
        let fits = match (metric.windows, window) {
            (Windows::Any, _) | (_, Window::Whole) => true,
            (Windows::AfterFault, window) => matches!(window, Window::After(_)),
            (Windows::WholeRun, _) => false,
        };
        if !fits {
            return Err("it is not known for this part of the run".to_owned());
        }
        let value = self.measure_unchecked(metric, signal, window)?;
        if value.is_finite() {
            Ok(value)
        } else {
            Err(format!("its value, {value}, is not a number"))
        }
    }

    fn measure_unchecked(
        &self,
        metric: &Metric,
        signal: Option<Signal>,
        window: &Window,
    ) -> Measured {
        if let Some(measured) = command::measure(self, metric.name, signal, window) {
            return measured;
        }
        if metric.windows == Windows::AfterFault {
            return recovery::measure(self, metric.name, signal, window);
        }
        if metric.ledger {
            return self.ledger_count(metric.name, signal, window);
        }
        if let Some((distribution, percentile)) = Distribution::of_metric(metric.name) {
            return quantile(&self.latencies(distribution, signal, window), percentile);
        }
        if let Some(measured) = resources::measure(self, metric.name, window) {
            return measured;
        }
        if let Some(measured) = super::content::measure(self, metric.name, signal) {
            return measured;
        }
        self.rate_or_ratio(metric.name, signal, window)
    }

    /// Items of a ledger name that were due within the window.
    pub fn ledger_count(&self, name: &str, signal: Option<Signal>, window: &Window) -> Measured {
        if let Some(measured) = command::measure(self, name, signal, window) {
            return measured;
        }
        match name {
            "unexpected" => return Ok(self.ledger.unexpected(signal) as f64),
            "extra_copies" => {
                let of_signal = |p: &&ProducerLedger| signal.is_none_or(|s| p.signal == s);
                let producers = self.ledger.producers.iter().filter(of_signal);
                return Ok(producers.map(|p| p.extra_copies).sum::<u64>() as f64);
            }
            _ => {}
        }
        let count = |name: &str| {
            self.due_within(signal, window, name)
                .ok_or_else(|| format!("squall has no items by the name of {name}"))
        };
        // Nothing can be lost where nothing was due: that is no measurement.
        if *window != Window::Whole && count("offered")? == 0 {
            return Err("no item was due in the window".to_owned());
        }
        count(name).map(|count| count as f64)
    }

    /// Items behind a ledger name that were due within the window's segments.
    fn due_within(&self, signal: Option<Signal>, window: &Window, name: &str) -> Option<u64> {
        self.segments
            .iter()
            .filter(|segment| segment.is_in(window))
            .map(|segment| {
                let span = (segment.start_ns, segment.end_ns);
                self.ledger
                    .count_due_within(self.evidence, signal, span, name)
            })
            .sum()
    }

    fn rate_or_ratio(&self, name: &str, signal: Option<Signal>, window: &Window) -> Measured {
        let whole = |name: &str| self.ledger_count(name, signal, &Window::Whole);
        match name {
            "offered.rate" | "generated.rate" => {
                // Items of the window, over the window's own length of load.
                let class = name.trim_end_matches(".rate");
                let load_ended_ns = self.evidence.times.load_ended_ns;
                let length_ns: u64 = self
                    .intervals(window)
                    .iter()
                    .map(|(start, end)| (*end).min(load_ended_ns).saturating_sub(*start))
                    .sum();
                ratio(
                    self.ledger_count(class, signal, window)?,
                    length_ns as f64 / 1e9,
                    "the window has no load",
                )
            }
            "acknowledged.rate" => self.counter_rate(window, |at_ns| {
                series_at(
                    &self.evidence.series.client,
                    at_ns,
                    |s| s.at_ns,
                    |s| pick(&s.acknowledged, signal),
                )
            }),
            "received.rate" => self.counter_rate(window, |at_ns| {
                series_at(
                    &self.evidence.series.sink,
                    at_ns,
                    |s| s.at_ns,
                    |s| pick(&s.received, signal),
                )
            }),
            "delivery.gap" => recovery::longest_gap_ns(self, signal, &self.intervals(window))
                .map(|gap_ns| gap_ns as f64 / 1e9)
                .ok_or_else(|| "nothing was received, or the window has no load".to_owned()),
            "client.queue.max" => self.client_max(window, |s| pick(&s.queued, signal)),
            "client.queue" => self.fullest_queue(signal, window),
            "client.in_flight.max" => self.client_max(window, |s| {
                pick(&s.handed, signal).saturating_sub(pick(&s.finished, signal))
            }),
            "retry.amplification" => {
                let sent: u64 = self
                    .batches(signal)
                    .map(|batch| batch.attempts.len() as u64 * batch.len())
                    .sum();
                ratio(sent as f64, whole("generated")?, "nothing was generated")
            }
            "attempts" => Ok(self
                .batches(signal)
                .map(|batch| batch.attempts.len() as u64)
                .sum::<u64>() as f64),
            "batch.items.mean" => {
                let items: u64 = self.batches(signal).map(|batch| batch.len()).sum();
                ratio(
                    items as f64,
                    self.batches(signal).count() as f64,
                    "no batch was handed over",
                )
            }
            "wire.bytes.per_item" => {
                let bytes = self.evidence.series.link.last().map_or(0, |s| s.up_bytes);
                ratio(bytes as f64, whole("received")?, "nothing was received")
            }
            "target.lost" | "target.duplicated" if self.plan.targets.is_empty() => {
                Err("the run has no target".to_owned())
            }
            "target.lost" => Ok(flow::lost_in_targets(self) as f64),
            "target.duplicated" => flow::duplicated_in_targets(self),
            "target.latency.p50" | "target.latency.p99" | "target.latency.max" => {
                let latencies = flow::target_latency(self, window)?;
                let ns = match name {
                    "target.latency.p50" => latencies.quantile_ns(0.5),
                    "target.latency.p99" => latencies.quantile_ns(0.99),
                    _ => latencies.max_ns(),
                };
                let why = "nobody looked at both links of a target, or nothing passed";
                ns.map(|ns| ns as f64 / 1e9).ok_or_else(|| why.to_owned())
            }
            "client.conformance.violations" => {
                Ok(super::conformance::conformance(self).violations() as f64)
            }
            "sink.requests" => Ok(self.evidence.sink.requests as f64),
            "sink.malformed" => Ok(self.evidence.sink.malformed as f64),
            "sink.unauthenticated" => Ok(self.evidence.sink.unauthenticated as f64),
            "sink.handshakes.failed" => Ok(self.evidence.sink.failed_handshakes as f64),
            "sums.unexplained" => super::sums::unexplained(&self.evidence.sums),
            _ => Err(format!("squall has no measurement for {name}")),
        }
    }

    /// Increase of a cumulative counter over the window's time, per second. Without a window it is
    /// the time of the load: what trickles in while the run drains says nothing about a rate.
    fn counter_rate(&self, window: &Window, at: impl Fn(u64) -> Option<u64>) -> Measured {
        let mut gained = 0;
        let mut length_ns = 0;
        for (start_ns, mut end_ns) in self.intervals(window) {
            if *window == Window::Whole {
                end_ns = end_ns.min(self.evidence.times.load_ended_ns);
            }
            let (Some(before), Some(after)) = (at(start_ns), at(end_ns)) else {
                continue;
            };
            gained += after.saturating_sub(before);
            length_ns += end_ns - start_ns;
        }
        ratio(
            gained as f64,
            length_ns as f64 / 1e9,
            "the window has no samples",
        )
    }

    /// The largest share of the SDK's queue in use, of the signal where it was largest.
    fn fullest_queue(&self, signal: Option<Signal>, window: &Window) -> Measured {
        let signals = self.plan.load.signals();
        signals
            .filter(|sent| signal.is_none_or(|wanted| wanted == *sent))
            .filter_map(|sent| Some((sent, self.plan.client.queue_size(sent)?)))
            .map(|(sent, size)| {
                let most = self.client_max(window, |s| s.queued[sent.index()])?;
                // What a full queue has just dropped counts until something behind it is handed over.
                Ok((most / size as f64).min(1.0))
            })
            .reduce(|fullest, next| Ok(f64::max(fullest?, next?)))
            .unwrap_or_else(|| Err("no signal that is sent has a queue in the SDK".to_owned()))
    }

    fn client_max(&self, window: &Window, value: impl Fn(&ClientSample) -> u64) -> Measured {
        let intervals = self.intervals(window);
        self.evidence
            .series
            .client
            .iter()
            .filter(|sample| within(&intervals, sample.at_ns))
            .map(value)
            .max()
            .map(|max| max as f64)
            .ok_or_else(|| "the window has no samples".to_owned())
    }
}

/// Whether a moment lies in one of the intervals; both ends count.
pub(super) fn within(intervals: &[(u64, u64)], at_ns: u64) -> bool {
    intervals
        .iter()
        .any(|(start, end)| (*start..=*end).contains(&at_ns))
}

/// The value of a cumulative series at a moment: of the last sample not after it, 0 before the first.
pub(super) fn series_at<S>(
    samples: &[S],
    at_ns: u64,
    time: impl Fn(&S) -> u64,
    value: impl Fn(&S) -> u64,
) -> Option<u64> {
    if samples.is_empty() {
        return None;
    }
    let after = samples.partition_point(|sample| time(sample) <= at_ns);
    Some(
        after
            .checked_sub(1)
            .map_or(0, |index| value(&samples[index])),
    )
}

/// One signal's slot, or the sum of all.
pub(super) fn pick(slots: &[u64; 3], signal: Option<Signal>) -> u64 {
    match signal {
        Some(signal) => slots[signal.index()],
        None => slots.iter().sum(),
    }
}

/// `a / b`, or `why` when `b` is zero.
pub(super) fn ratio(a: f64, b: f64, why: &str) -> Measured {
    if b > 0.0 {
        Ok(a / b)
    } else {
        Err(why.to_owned())
    }
}

fn quantile(latencies: &Latencies, name: &str) -> Measured {
    let nothing = || "nothing was recorded in the window".to_owned();
    let value_ns = match name {
        "mean" => return latencies.mean_ns().map(|ns| ns / 1e9).ok_or_else(nothing),
        "max" => latencies.max_ns(),
        "p50" => latencies.quantile_ns(0.50),
        "p90" => latencies.quantile_ns(0.90),
        "p99" => latencies.quantile_ns(0.99),
        "p999" => latencies.quantile_ns(0.999),
        other => return Err(format!("there is no percentile {other}")),
    };
    value_ns.map(|ns| ns as f64 / 1e9).ok_or_else(nothing)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{healthy, run};
    use super::*;
    use crate::metric::METRICS;
    use crate::plan::Plan;
    use crate::plan::expectation::Phase;
    use crate::plan::fixture::{SECOND_NS, cut, plan};

    fn with_cut() -> Plan {
        Plan {
            faults: vec![cut("cut", 8, 10)],
            ..plan()
        }
    }

    #[test]
    fn items_and_latencies_belong_to_the_window_of_their_due_time() {
        let plan = with_cut();
        let evidence = run(&plan, |due| match due / SECOND_NS {
            8 => None,
            9 => Some(SECOND_NS),
            _ => Some(5_000_000),
        });
        let facts = Facts::of(&plan, &evidence);
        let value = |name: &str, window: &Window| {
            facts.measure(crate::metric::find(name).unwrap(), None, window)
        };
        let during = Window::During("cut".to_owned());
        let steady = Window::In(Phase::Steady);
        let recovery = Window::In(Phase::Recovery);
        assert_eq!(value("lost", &during), Ok(100.0));
        assert_eq!(value("lost_silently", &Window::Whole), Ok(100.0));
        assert_eq!(value("lost", &steady), Ok(0.0));
        assert_eq!(value("generated", &during), Ok(200.0));
        assert_eq!(value("generated", &recovery), Ok(500.0));
        assert!(value("delivery.latency.p99", &during).unwrap() > 0.9);
        assert!(value("delivery.latency.p99", &recovery).unwrap() < 0.006);
        assert!(value("lost", &Window::In(Phase::Drain)).is_err());
        assert!(value("retry.amplification", &steady).is_err());
    }

    #[test]
    fn rates_are_of_the_load_and_not_of_the_drain() {
        let plan = with_cut();
        let evidence = healthy(&plan);
        let facts = Facts::of(&plan, &evidence);
        for name in [
            "offered.rate",
            "generated.rate",
            "received.rate",
            "acknowledged.rate",
        ] {
            let metric = crate::metric::find(name).unwrap();
            for window in [Window::Whole, Window::During("cut".to_owned())] {
                let rate = facts.measure(metric, None, &window).unwrap();
                assert!((rate - 100.0).abs() < 1.0, "{name}: {rate} in {window:?}");
            }
        }
    }

    #[test]
    fn every_registered_metric_is_known_and_a_number() {
        let plan = with_cut();
        let evidence = healthy(&plan);
        let facts = Facts::of(&plan, &evidence);
        for metric in METRICS {
            match facts.measure(metric, None, &Window::Whole) {
                Ok(value) => assert!(value.is_finite(), "{}", metric.name),
                Err(why) => assert!(!why.starts_with("squall has no"), "{}: {why}", metric.name),
            }
        }
    }
}
