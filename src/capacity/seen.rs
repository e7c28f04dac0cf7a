//! What a run's record shows of its steady phase: where items pile up, and who is busy.

use crate::evidence::{ClientSample, ProcessSample, SinkSample};
use crate::plan::RoleName;
use crate::record::Record;

/// A backlog grows where more of the load than this piles up.
const GROWTH_SHARE: f64 = 0.02;
/// And more than so much of it, in seconds: less is the jitter of batches and of the machine.
const GROWTH_MIN_S: f64 = 0.05;

/// The steady phase of one run.
#[derive(Debug, Clone, Copy)]
pub struct Steady<'a> {
    pub record: &'a Record,
    start_ns: u64,
    end_ns: u64,
}

/// How much of the load piled up between two moments of the steady phase.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Growth {
    /// As a share of what was generated: 0.05 is a pipeline that is 5 % too slow.
    pub share: f64,
    /// By how many seconds of load it fell behind.
    pub seconds: f64,
}

impl Growth {
    /// Whether it is more than batches and noise can make of it.
    pub fn is_real(self) -> bool {
        self.share > GROWTH_SHARE && self.seconds > GROWTH_MIN_S
    }
}

impl<'a> Steady<'a> {
    pub fn of(record: &'a Record) -> Self {
        Self {
            record,
            start_ns: record.plan.run.warmup_ns,
            end_ns: record.plan.run.duration_ns,
        }
    }

    /// Growth of what was generated and has not been received; of what was not acknowledged, where
    /// nothing comes back to the sink.
    pub fn backlog(&self) -> Option<Growth> {
        if !self.record.plan.ends_at_sink() {
            return self.backlog_of_client();
        }
        self.growth(|client, received| total(&client.generated) - received)
    }

    /// Growth of what was generated and not acknowledged: it stands in the client, or waits for the
    /// answer of the next hop.
    pub fn backlog_of_client(&self) -> Option<Growth> {
        self.growth(|client, _| total(&client.generated) - total(&client.acknowledged))
    }

    /// Growth of what was acknowledged and not received: it stands in targets, or behind them.
    pub fn backlog_behind_client(&self) -> Option<Growth> {
        if !self.record.plan.ends_at_sink() {
            return None;
        }
        self.growth(|client, received| total(&client.acknowledged) - received)
    }

    /// Between the first and the last third of the phase. Batches make a saw of every backlog, so it is
    /// the lowest value of each third that counts.
    fn growth(&self, backlog: impl Fn(&ClientSample, f64) -> f64) -> Option<Growth> {
        let live = &self.record.series.live;
        let client: Vec<&ClientSample> = self.inside(&live.client, |s| s.at_ns).collect();
        let third_ns = (self.end_ns - self.start_ns) / 3;
        let lowest = |from_ns: u64, to_ns: u64| {
            let samples = client.iter();
            let samples = samples.filter(|s| (from_ns..=to_ns).contains(&s.at_ns));
            let values =
                samples.filter_map(|s| Some(backlog(s, received_at(&live.sink, s.at_ns)?)));
            values.reduce(f64::min)
        };
        let first = lowest(self.start_ns, self.start_ns + third_ns)?;
        let last = lowest(self.end_ns - third_ns, self.end_ns)?;
        let (begin, end) = (client.first()?, client.last()?);
        let length_s = (end.at_ns - begin.at_ns) as f64 / 1e9;
        let per_s = (total(&end.generated) - total(&begin.generated)) / length_s;
        let seconds = (last - first) / per_s;
        let apart_s = 2.0 * third_ns as f64 / 1e9;
        let growth = Growth {
            share: seconds / apart_s,
            seconds,
        };
        seconds.is_finite().then_some(growth)
    }

    /// Items that the sink received per second.
    pub fn received_per_s(&self) -> Option<f64> {
        let sink = &self.record.series.live.sink;
        let received = received_at(sink, self.end_ns)? - received_at(sink, self.start_ns)?;
        Some(received / self.length_s())
    }

    /// Requests that the sink had read and not answered, on average.
    pub fn in_the_sinks_hands(&self) -> Option<f64> {
        let sink = &self.record.series.live.sink;
        let mut inside = self.inside(sink, |s| s.at_ns);
        let (first, last) = (inside.next()?, inside.next_back()?);
        let length_ns = last.at_ns.checked_sub(first.at_ns).filter(|ns| *ns > 0)?;
        Some(last.worked_ns.saturating_sub(first.worked_ns) as f64 / length_ns as f64)
    }

    /// Share of the later two thirds in which the client's exporter had something in hand.
    pub fn exporting(&self) -> Option<f64> {
        let from_ns = self.start_ns + (self.end_ns - self.start_ns) / 3;
        let client = self.inside(&self.record.series.live.client, |s| s.at_ns);
        let (mut busy, mut all) = (0_u32, 0_u32);
        for sample in client.filter(|s| s.at_ns >= from_ns) {
            all += 1;
            busy += u32::from(total(&sample.handed) > total(&sample.finished));
        }
        (all > 0).then(|| f64::from(busy) / f64::from(all))
    }

    /// Least that a link held at any moment of the last third, in bytes.
    pub fn held_by(&self, link: RoleName) -> Option<u64> {
        let from_ns = self.end_ns - (self.end_ns - self.start_ns) / 3;
        let samples = self.record.series.live.link_of(link.as_str());
        let inside = self.inside(samples, |s| s.at_ns);
        let late = inside.filter(|s| s.at_ns >= from_ns);
        late.map(|s| s.held_bytes).min()
    }

    /// CPU that a role used, in cores.
    pub fn cores(&self, role: &str) -> Option<f64> {
        self.rate(role, |s| s.cpu_user_ns + s.cpu_system_ns)
    }

    /// Threads of a role that could have run and waited for a core, on average.
    pub fn waiting(&self, role: &str) -> Option<f64> {
        self.rate(role, |s| s.cpu_waited_ns)
    }

    /// By how much a counter of a role's in nanoseconds grows in a nanosecond.
    fn rate(&self, role: &str, ns: impl Fn(&ProcessSample) -> u64) -> Option<f64> {
        let mut inside = self.inside(self.samples(role)?, |s| s.at_ns);
        let (first, last) = (inside.next()?, inside.next_back()?);
        let length_ns = last.at_ns.checked_sub(first.at_ns).filter(|ns| *ns > 0)?;
        Some(ns(last).saturating_sub(ns(first)) as f64 / length_ns as f64)
    }

    /// Most memory of a role, in bytes, over the run: what piled up is there at its end.
    pub fn rss_bytes(&self, role: &str) -> Option<u64> {
        self.samples(role)?.iter().map(|s| s.rss_bytes).max()
    }

    /// Mean share of all cores in use.
    pub fn machine_busy(&self) -> Option<f64> {
        let machine = self.inside(&self.record.series.live.machine, |s| s.at_ns);
        let (sum, count) = machine.fold((0.0, 0.0), |(sum, count), s| (sum + s.busy, count + 1.0));
        (count > 0.0).then(|| sum / count)
    }

    fn samples(&self, role: &str) -> Option<&'a [ProcessSample]> {
        let mut roles = self.record.series.roles.iter();
        let known = roles.find(|known| known.role == role)?;
        Some(&known.samples)
    }

    fn inside<S>(
        &self,
        samples: &'a [S],
        at_ns: impl Fn(&S) -> u64,
    ) -> impl DoubleEndedIterator<Item = &'a S> {
        let span = self.start_ns..=self.end_ns;
        samples.iter().filter(move |s| span.contains(&at_ns(s)))
    }

    fn length_s(&self) -> f64 {
        (self.end_ns - self.start_ns) as f64 / 1e9
    }
}

fn total(slots: &[u64; 3]) -> f64 {
    slots.iter().sum::<u64>() as f64
}

/// The sink's count at a moment between two of its samples.
fn received_at(sink: &[SinkSample], at_ns: u64) -> Option<f64> {
    let after = sink.partition_point(|s| s.at_ns < at_ns);
    let (Some(before), Some(next)) = (sink.get(after.wrapping_sub(1)), sink.get(after)) else {
        let only = sink.get(after).or(sink.last())?;
        // Before its first sample it had received nothing that is known.
        return Some(if after == 0 {
            0.0
        } else {
            total(&only.received)
        });
    };
    let share = (at_ns - before.at_ns) as f64 / (next.at_ns - before.at_ns) as f64;
    let (from, to) = (total(&before.received), total(&next.received));
    Some(from + (to - from) * share)
}
