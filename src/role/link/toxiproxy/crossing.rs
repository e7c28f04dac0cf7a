//! How long things take through a place that cannot be looked into, from two counters alone: what
//! has gone in, and what has come out.

use std::collections::VecDeque;

use crate::stats::histogram::Latencies;

/// Entries that are timed at once. What enters beyond is carried and not timed.
const MARKS_MAX: usize = 1024;

/// Times the way of bytes, or of ends of streams. Pure; it is told the time.
#[derive(Debug)]
pub struct Crossing {
    /// When the counter of what went in was first seen to have reached a value.
    marks: VecDeque<(u64, u64)>,
    seen_in: u64,
    waits: Latencies,
}

impl Crossing {
    /// Begins to time what enters after `entered`.
    pub fn from(entered: u64) -> Self {
        Self {
            marks: VecDeque::new(),
            seen_in: entered,
            waits: Latencies::default(),
        }
    }

    /// Looks at the counters: `left` is what came out and what never will.
    pub fn observe(&mut self, now_ns: u64, entered: u64, left: u64) {
        if entered > self.seen_in {
            self.seen_in = entered;
            if self.marks.len() < MARKS_MAX {
                self.marks.push_back((now_ns, entered));
            }
        }
        while let Some((at_ns, mark)) = self.marks.front().copied()
            && mark <= left
        {
            self.marks.pop_front();
            self.waits.record_ns(now_ns.saturating_sub(at_ns), 1);
        }
    }

    /// How many crossings were timed.
    pub fn timed(&self) -> u64 {
        self.waits.count()
    }

    /// Half of them took that long or longer.
    pub fn median_ns(&self) -> u64 {
        self.waits.quantile_ns(0.5).unwrap_or(0)
    }

    pub fn longest_ns(&self) -> u64 {
        self.waits.max_ns().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_entry_is_timed_to_the_moment_when_as_much_has_left() {
        let mut crossing = Crossing::from(100);
        crossing.observe(0, 100, 100);
        assert_eq!(crossing.timed(), 0);
        // 50 bytes enter at 10 us and 30 at 20; the first leave at 60, all at 90.
        crossing.observe(10_000, 150, 100);
        crossing.observe(20_000, 180, 100);
        crossing.observe(60_000, 180, 155);
        assert_eq!((crossing.timed(), crossing.longest_ns()), (1, 50_000));
        crossing.observe(90_000, 180, 180);
        assert_eq!((crossing.timed(), crossing.longest_ns()), (2, 70_000));
        assert_eq!(crossing.median_ns(), 50_000);
    }

    #[test]
    fn what_is_timed_at_once_is_bounded() {
        let mut crossing = Crossing::from(0);
        for step in 1..10_000 {
            crossing.observe(step, step, 0);
        }
        assert_eq!(crossing.marks.len(), MARKS_MAX);
        crossing.observe(10_000, 9_999, 9_999);
        assert_eq!(crossing.timed(), MARKS_MAX as u64);
    }
}
