//! A line of so many bytes per second that all connections share, in turns.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Fault;
use super::bandwidth::{CATCH_UP_NS, slice_bytes, time_on_line_ns};

/// When the line has sent everything that has been promised so far: one for all lanes of a fault.
pub type Line = Arc<AtomicU64>;

/// One lane's part of the line. It takes its turn when it has a slice, and keeps it until that has
/// left; a turn that nobody uses any more is short and goes by.
#[derive(Debug)]
pub struct SharedBandwidth {
    bytes_per_second: u64,
    line: Line,
    due_ns: Option<u64>,
}

impl SharedBandwidth {
    /// A part of `line`, which sends `bytes_per_second`; with 0, nothing ever passes.
    pub const fn new(bytes_per_second: u64, line: Line) -> Self {
        Self {
            bytes_per_second,
            line,
            due_ns: None,
        }
    }

    /// The end of the next free turn on the line.
    fn turn_ns(&self, earliest_ns: u64, bytes: usize) -> u64 {
        let time_ns = time_on_line_ns(self.bytes_per_second, bytes);
        let end_ns = |free_ns: u64| free_ns.max(earliest_ns).saturating_add(time_ns);
        let took = self
            .line
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |free_ns| {
                Some(end_ns(free_ns))
            });
        // Both hold what was free before; the update itself never refuses.
        end_ns(took.unwrap_or_else(|free_ns| free_ns))
    }
}

impl Fault for SharedBandwidth {
    fn slice_bytes(&mut self, bytes: usize) -> usize {
        slice_bytes(self.bytes_per_second, bytes)
    }

    fn slice_due_ns(&mut self, ready_ns: u64, bytes: usize, now_ns: u64) -> u64 {
        let earliest_ns = ready_ns.max(now_ns.saturating_sub(CATCH_UP_NS));
        let due_ns = match self.due_ns {
            Some(due_ns) => due_ns,
            None => self.turn_ns(earliest_ns, bytes),
        };
        self.due_ns = Some(due_ns);
        due_ns.max(ready_ns)
    }

    fn slice_left(&mut self, _bytes: usize, _now_ns: u64) {
        self.due_ns = None;
    }

    fn hold_most_ns(&self) -> u64 {
        u64::MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn lanes_take_turns_and_together_keep_the_rate() {
        let line = Line::default();
        let mut lanes: Vec<SharedBandwidth> = (0..3)
            .map(|_| SharedBandwidth::new(1_000_000, Arc::clone(&line)))
            .collect();
        let mut sent = [0_u64; 3];
        for now_ms in 0..3_000 {
            for (lane, sent) in lanes.iter_mut().zip(&mut sent) {
                let bytes = lane.slice_bytes(64 << 10);
                if lane.slice_due_ns(0, bytes, now_ms * MS) <= now_ms * MS {
                    lane.slice_left(bytes, now_ms * MS);
                    *sent += bytes as u64;
                }
            }
        }
        let all: u64 = sent.iter().sum();
        assert!(all.abs_diff(3_000_000) <= 60_000, "{sent:?}");
        assert!(
            sent.iter().all(|each| each.abs_diff(1_000_000) <= 50_000),
            "{sent:?}"
        );
    }

    #[test]
    fn a_turn_is_kept_until_it_is_used() {
        let line = Line::default();
        let mut lane = SharedBandwidth::new(1_000_000, Arc::clone(&line));
        let mut other = SharedBandwidth::new(1_000_000, line);
        assert_eq!(lane.slice_due_ns(0, 1_000, 0), MS);
        assert_eq!(other.slice_due_ns(0, 1_000, 0), 2 * MS);
        assert_eq!(lane.slice_due_ns(0, 1_000, 0), MS, "asked again");
        lane.slice_left(1_000, MS);
        assert_eq!(lane.slice_due_ns(0, 1_000, 0), 3 * MS);
    }

    #[test]
    fn a_line_of_no_speed_passes_nothing() {
        let mut lane = SharedBandwidth::new(0, Line::default());
        assert_eq!(lane.slice_due_ns(5, 1, 5), u64::MAX);
    }
}
