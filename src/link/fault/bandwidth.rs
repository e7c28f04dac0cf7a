//! A line of so many bytes per second, per connection and direction.

use super::Fault;

/// Longest slice, in time on the line: what makes the pace smooth.
const SLICE_NS: u64 = 15_000_000;
/// How late a slice may be made up for: a timer's lateness is, a peer's long stall is not.
pub const CATCH_UP_NS: u64 = 50_000_000;

/// The pace of one lane. A slice leaves when its last byte would have left a line of this speed.
#[derive(Debug)]
pub struct Bandwidth {
    bytes_per_second: u64,
    /// When the line has sent everything that left so far.
    free_ns: u64,
    /// When the line took up the slice that was asked about, kept until it has left.
    begun_ns: Option<u64>,
    /// When that slice may leave.
    due_ns: u64,
}

impl Bandwidth {
    /// A line of `bytes_per_second`; with 0, nothing ever passes.
    pub fn new(bytes_per_second: u64) -> Self {
        Self {
            bytes_per_second,
            free_ns: 0,
            begun_ns: None,
            due_ns: 0,
        }
    }
}

/// How long a line needs for so many bytes; for ever, if it has no speed.
pub fn time_on_line_ns(bytes_per_second: u64, bytes: usize) -> u64 {
    let ns = (bytes as u128 * 1_000_000_000).checked_div(u128::from(bytes_per_second));
    ns.map_or(u64::MAX, |ns| u64::try_from(ns).unwrap_or(u64::MAX))
}

/// How many of `bytes` a line sends at once: what it sends in a slice's time, and at least one.
pub fn slice_bytes(bytes_per_second: u64, bytes: usize) -> usize {
    let slice = u128::from(bytes_per_second) * u128::from(SLICE_NS) / 1_000_000_000;
    bytes
        .min(usize::try_from(slice).unwrap_or(usize::MAX))
        .max(1)
}

impl Fault for Bandwidth {
    fn slice_bytes(&mut self, bytes: usize) -> usize {
        slice_bytes(self.bytes_per_second, bytes)
    }

    fn slice_due_ns(&mut self, ready_ns: u64, bytes: usize, now_ns: u64) -> u64 {
        let earliest_ns = self.free_ns.max(now_ns.saturating_sub(CATCH_UP_NS));
        let begun_ns = *self.begun_ns.get_or_insert(earliest_ns);
        // The slice, or when it is ready, may be another one now that another fault has begun.
        self.due_ns = begun_ns
            .max(ready_ns)
            .saturating_add(time_on_line_ns(self.bytes_per_second, bytes));
        self.due_ns
    }

    fn slice_left(&mut self, _bytes: usize, _now_ns: u64) {
        if self.begun_ns.take().is_some() {
            self.free_ns = self.due_ns;
        }
    }

    fn hold_most_ns(&self) -> u64 {
        u64::MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;
    const SECOND: u64 = 1_000 * MS;

    /// Bytes that leave by `end_ns` of a backlog that is always there, woken `late_ns` late.
    fn sent_by(end_ns: u64, bytes_per_second: u64, late_ns: u64) -> u64 {
        let mut line = Bandwidth::new(bytes_per_second);
        let (mut now_ns, mut sent) = (0, 0);
        loop {
            let bytes = line.slice_bytes(64 << 10);
            let due_ns = line.slice_due_ns(0, bytes, now_ns);
            if due_ns > end_ns {
                return sent;
            }
            if due_ns > now_ns {
                now_ns = due_ns + late_ns;
            }
            line.slice_left(bytes, now_ns);
            sent += bytes as u64;
        }
    }

    #[test]
    fn three_seconds_of_backlog_are_exact() {
        for rate in [100_000, 1_000_000, 12_345_678, 100_000_000] {
            for late_ns in [0, MS, 3 * MS] {
                let sent = sent_by(3 * SECOND, rate, late_ns);
                let share = sent as f64 / (3 * rate) as f64;
                assert!((share - 1.0).abs() < 0.01, "{rate} late {late_ns}: {share}");
            }
        }
    }

    #[test]
    fn slices_are_short_and_never_empty() {
        assert_eq!(Bandwidth::new(1_000_000).slice_bytes(64 << 10), 15_000);
        assert_eq!(Bandwidth::new(1_000_000).slice_bytes(100), 100);
        assert_eq!(Bandwidth::new(1).slice_bytes(100), 1);
        assert_eq!(Bandwidth::new(u64::MAX).slice_bytes(64 << 10), 64 << 10);
    }

    #[test]
    fn an_idle_line_saves_nothing_up() {
        let mut line = Bandwidth::new(1_000_000);
        line.slice_due_ns(0, 1_000, 0);
        line.slice_left(1_000, 0);
        // Ten idle seconds later, a chunk still takes its time on the line.
        let now_ns = 10 * SECOND;
        assert_eq!(line.slice_due_ns(now_ns, 15_000, now_ns), now_ns + 15 * MS);
    }

    #[test]
    fn a_stalled_peer_is_not_repaid_with_a_burst() {
        let mut line = Bandwidth::new(1_000_000);
        // Backlog since 0, and nobody asked for 10 s: at most 50 ms of it may come at once.
        let due_ns = line.slice_due_ns(0, 15_000, 10 * SECOND);
        assert_eq!(due_ns, 10 * SECOND - 50 * MS + 15 * MS);
        assert_eq!(
            due_ns,
            line.slice_due_ns(0, 15_000, 11 * SECOND),
            "asked again"
        );
    }

    #[test]
    fn a_slice_that_becomes_ready_later_leaves_later() {
        let mut line = Bandwidth::new(1_000_000);
        assert_eq!(line.slice_due_ns(0, 15_000, 0), 15 * MS);
        assert_eq!(line.slice_due_ns(20 * MS, 1_000, 0), 21 * MS);
    }

    #[test]
    fn a_line_of_no_speed_passes_nothing() {
        assert_eq!(Bandwidth::new(0).slice_due_ns(5, 1, 5), u64::MAX);
    }
}
