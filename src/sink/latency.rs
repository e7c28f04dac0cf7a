//! Delivery latency of one signal: arrival minus due, by segment and by second.

use crate::plan::windows::{Segment, segment_at};
use crate::stats::histogram::Latencies;

const BIN_NS: u64 = 1_000_000_000;
/// Seconds that have a bin of their own; the last one collects the rest.
const BINS_MAX: usize = 3600;

/// The histograms of one signal.
#[derive(Debug)]
pub struct DeliveryLatency {
    pub by_segment: Vec<Latencies>,
    /// Coarse, for in a long run there are thousands, and each second adds its own to the sink's memory.
    pub by_due_bin: Vec<Latencies>,
    /// Since the last time that it was taken.
    pub recent: Latencies,
}

impl DeliveryLatency {
    pub fn new(segments: usize) -> Self {
        Self {
            by_segment: vec![Latencies::default(); segments],
            by_due_bin: Vec::new(),
            recent: Latencies::default(),
        }
    }

    /// Takes over a new timeline, in which segments were split: the first part of each keeps what was
    /// recorded in it. To be called before anything is due in the other parts.
    pub fn split(&mut self, old: &[Segment], new: &[Segment]) {
        let mut kept: Vec<Latencies> = std::mem::take(&mut self.by_segment);
        self.by_segment = new
            .iter()
            .map(|segment| {
                let index = old.iter().position(|o| o.start_ns == segment.start_ns);
                let histogram = index.and_then(|index| kept.get_mut(index));
                histogram.map(std::mem::take).unwrap_or_default()
            })
            .collect();
    }

    /// Records so many first copies. Items that were due before the run's start count as due at it.
    pub fn record(&mut self, segments: &[Segment], due_ns: i64, arrival_ns: u64, count: u64) {
        let due_ns = u64::try_from(due_ns).unwrap_or(0);
        let latency_ns = arrival_ns.saturating_sub(due_ns);
        if let Some(segment) = self.by_segment.get_mut(segment_at(segments, due_ns)) {
            segment.record_ns(latency_ns, count);
        }
        bin(&mut self.by_due_bin, due_ns).record_ns(latency_ns, count);
        self.recent.record_ns(latency_ns, count);
    }
}

fn bin(bins: &mut Vec<Latencies>, at_ns: u64) -> &mut Latencies {
    let index = usize::try_from(at_ns / BIN_NS).map_or(BINS_MAX - 1, |bin| bin.min(BINS_MAX - 1));
    if bins.len() <= index {
        bins.resize_with(index + 1, Latencies::coarse);
    }
    &mut bins[index]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::expectation::Phase;

    fn segments() -> Vec<Segment> {
        [(0, 2 * BIN_NS), (2 * BIN_NS, u64::MAX)]
            .into_iter()
            .map(|(start_ns, end_ns)| Segment {
                start_ns,
                end_ns,
                phase: Phase::Steady,
                during: Vec::new(),
                after: Vec::new(),
            })
            .collect()
    }

    fn counts(histograms: &[Latencies]) -> Vec<u64> {
        histograms.iter().map(Latencies::count).collect()
    }

    #[test]
    fn an_item_is_in_the_bin_of_its_due_time_whenever_it_arrives() {
        let mut latency = DeliveryLatency::new(2);
        latency.record(&segments(), 1_500_000_000, 3_500_000_000, 1);
        assert_eq!(counts(&latency.by_segment), [1, 0]);
        assert_eq!(counts(&latency.by_due_bin), [0, 1]);
        let max_ns = latency.by_segment[0].max_ns().unwrap();
        assert!((2_000_000_000..2_010_000_000).contains(&max_ns), "{max_ns}");
    }

    #[test]
    fn a_split_segment_keeps_in_its_first_part_what_it_has() {
        let mut latency = DeliveryLatency::new(2);
        latency.record(&segments(), 0, 1, 1);
        latency.record(&segments(), 2_500_000_000, 2_600_000_000, 1);
        let mut new = segments();
        new[1].end_ns = 3 * BIN_NS;
        new.push(Segment {
            start_ns: 3 * BIN_NS,
            end_ns: u64::MAX,
            ..new[1].clone()
        });
        latency.split(&segments(), &new);
        assert_eq!(counts(&latency.by_segment), [1, 1, 0]);
        latency.record(&new, 3_500_000_000, 3_600_000_000, 1);
        assert_eq!(counts(&latency.by_segment), [1, 1, 1]);
    }

    #[test]
    fn nothing_is_before_the_start_and_the_last_bin_collects_the_rest() {
        let mut latency = DeliveryLatency::new(2);
        latency.record(&segments(), -5, 0, 1);
        latency.record(&segments(), i64::MAX, u64::MAX, 1);
        assert_eq!(latency.by_due_bin[0].count(), 1);
        assert_eq!(latency.by_due_bin.len(), BINS_MAX);
        assert_eq!(latency.by_due_bin[BINS_MAX - 1].count(), 1);
        assert_eq!(counts(&latency.by_segment), [1, 1]);
    }
}
