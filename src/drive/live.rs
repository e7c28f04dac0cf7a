//! The run so far: for the live view and for abort conditions.

use std::collections::BTreeMap;

use crate::evidence::said::newest;
use crate::evidence::{ProcessSample, Series};
use crate::plan::windows::{Segment, segments};
use crate::plan::{Plan, RoleName};
use crate::signal::Signal;

/// How far back rates look.
const RATE_WINDOW_NS: u64 = 1_000_000_000;

/// Everything sampled so far.
#[derive(Debug, Default)]
pub struct Live {
    pub at_ns: u64,
    /// The timeline as it is known so far: a fault that waits for a condition has no window in it.
    pub segments: Vec<Segment>,
    /// Sizes of the SDK's queues, by [`Signal::index`].
    pub queue_sizes: [Option<u64>; 3],
    /// Whether the run was stopped and only drains.
    pub stopped: bool,
    pub series: Series,
    /// Samples of each role, and of the controller, by name.
    pub processes: BTreeMap<&'static str, Vec<ProcessSample>>,
    /// Names of the faults that are active.
    pub active_faults: Vec<String>,
    /// Roles that have ended without having been told to.
    pub dead: Vec<RoleName>,
    /// What the SDK complained about.
    pub client_errors: Vec<String>,
}

impl Live {
    /// Before anything has happened.
    pub fn of(plan: &Plan) -> Self {
        Self {
            segments: segments(plan),
            queue_sizes: Signal::ALL.map(|signal| plan.client.queue_size(signal)),
            ..Self::default()
        }
    }

    /// CPU of a role over the last second, in cores.
    pub fn cpu_cores(&self, role: &str) -> Option<f64> {
        let samples = self.processes.get(role)?;
        let last = samples.last()?;
        let first = samples
            .iter()
            .rev()
            .find(|s| s.at_ns + RATE_WINDOW_NS <= last.at_ns)
            .or(samples.first())?;
        let elapsed_ns = last.at_ns.saturating_sub(first.at_ns);
        let cpu = |s: &ProcessSample| s.cpu_user_ns + s.cpu_system_ns;
        (elapsed_ns > 0).then(|| cpu(last).saturating_sub(cpu(first)) as f64 / elapsed_ns as f64)
    }

    /// Resident memory of a role now.
    pub fn rss_bytes(&self, role: &str) -> Option<u64> {
        self.processes.get(role)?.last().map(|s| s.rss_bytes)
    }

    /// Increase of a cumulative counter over the last second, per second; `None` before there is one.
    fn rate<S>(samples: &[S], at_ns: impl Fn(&S) -> u64, value: impl Fn(&S) -> u64) -> Option<f64> {
        let last = samples.last()?;
        let first = samples
            .iter()
            .rev()
            .find(|s| at_ns(s) + RATE_WINDOW_NS <= at_ns(last))?;
        let elapsed_ns = at_ns(last).saturating_sub(at_ns(first));
        (elapsed_ns > 0)
            .then(|| value(last).saturating_sub(value(first)) as f64 * 1e9 / elapsed_ns as f64)
    }

    /// The present value of a metric that is known while the run goes on, in its base unit.
    pub fn value(&self, name: &str, signal: Option<Signal>) -> Option<f64> {
        let pick = |slots: &[u64; 3]| match signal {
            Some(signal) => slots[signal.index()],
            None => slots.iter().sum(),
        };
        if let Some((role, what)) = name.split_once('.')
            && ["client", "link", "target", "sink"].contains(&role)
        {
            match what {
                "cpu" => return self.cpu_cores(role),
                "rss.max" => {
                    let samples = self.processes.get(role)?;
                    return samples.iter().map(|s| s.rss_bytes).max().map(|b| b as f64);
                }
                _ => {}
            }
        }
        if let Some((series, None)) = crate::metric::said::parse(name) {
            return newest(&self.series.said, series);
        }
        let client = &self.series.client;
        let sink = &self.series.sink;
        let newest = client.last();
        let largest = |value: &dyn Fn(&crate::evidence::ClientSample) -> u64| {
            client.iter().map(value).max().map(|max| max as f64)
        };
        match name {
            "offered" => newest.map(|s| pick(&s.offered) as f64),
            "generated" => newest.map(|s| pick(&s.generated) as f64),
            "missed" => newest.map(|s| pick(&s.missed) as f64),
            "acknowledged" => newest.map(|s| pick(&s.acknowledged) as f64),
            "received" => sink.last().map(|s| pick(&s.received) as f64),
            "offered.rate" => Self::rate(client, |s| s.at_ns, |s| pick(&s.offered)),
            "generated.rate" => Self::rate(client, |s| s.at_ns, |s| pick(&s.generated)),
            "acknowledged.rate" => Self::rate(client, |s| s.at_ns, |s| pick(&s.acknowledged)),
            "received.rate" => Self::rate(sink, |s| s.at_ns, |s| pick(&s.received)),
            // Zero stands for a second without a receipt, which has no latency.
            "delivery.latency.p99" => sink
                .last()
                .filter(|s| s.delivery_p99_ns > 0)
                .map(|s| s.delivery_p99_ns as f64 / 1e9),
            "lateness.max" => largest(&|s| s.lateness_max_ns).map(|ns| ns / 1e9),
            "client.queue.max" => largest(&|s| pick(&s.queued)),
            "client.queue" => Signal::ALL
                .into_iter()
                .filter(|sent| signal.is_none_or(|wanted| wanted == *sent))
                .filter_map(|sent| {
                    let (slot, newest) = (sent.index(), newest?);
                    // What a full queue has just dropped counts until something behind it is handed over.
                    Some((newest.queued[slot] as f64 / self.queue_sizes[slot]? as f64).min(1.0))
                })
                .reduce(f64::max),
            "client.in_flight.max" => {
                largest(&|s| pick(&s.handed).saturating_sub(pick(&s.finished)))
            }
            _ => None,
        }
    }
}
