//! Each chunk leaves a drawn time after it arrived: a fixed one, or one with a jitter of some shape.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{End, Fault};
use crate::plan::{Delay, Delays};

/// Throughput that a delay is to leave alone, in bytes per nanosecond.
const FULL_SPEED_BYTES_PER_NS: u64 = 2;
/// Most that a lane holds for the sake of a delay, so that memory is bounded.
const WINDOW_MAX_BYTES: u64 = 64 << 20;

/// The delays of one lane, with its own draws.
#[derive(Debug)]
pub struct Latency {
    delays: Delays,
    /// Drawn for the next chunk, and kept until it has left.
    hold_ns: Option<u64>,
}

impl Latency {
    /// Delays each chunk by a draw of `delay`.
    pub fn new(delay: Delay, seed: u64) -> Self {
        Self {
            delays: Delays::new(delay, ChaCha8Rng::seed_from_u64(seed)),
            hold_ns: None,
        }
    }
}

impl Fault for Latency {
    fn due_ns(&mut self, ready_ns: u64) -> u64 {
        let delays = &mut self.delays;
        let hold_ns = *self.hold_ns.get_or_insert_with(|| delays.next_ns());
        ready_ns.saturating_add(hold_ns)
    }

    fn chunk_left(&mut self) {
        self.hold_ns = None;
    }

    fn end_due_ns(&self, _end: End, ready_ns: u64) -> u64 {
        ready_ns.saturating_add(self.delays.delay().delay_ns)
    }

    fn hold_least_ns(&self) -> u64 {
        self.delays.delay().least_ns()
    }

    fn hold_most_ns(&self) -> u64 {
        self.delays.delay().most_ns()
    }

    fn window_bytes(&self) -> usize {
        // A rare long draw may well hold up those behind it.
        let usual_ns = self.delays.delay().usual_ns();
        let window = usual_ns.saturating_mul(FULL_SPEED_BYTES_PER_NS);
        window.min(WINDOW_MAX_BYTES) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn a_chunk_is_due_a_fixed_time_after_it_arrived() {
        let mut latency = Latency::new(Delay::fixed(50 * MS), 1);
        assert_eq!(latency.due_ns(1_000), 50 * MS + 1_000);
        latency.chunk_left();
        assert_eq!(latency.due_ns(2_000), 50 * MS + 2_000);
        assert_eq!(latency.end_due_ns(End::Fin, 7), 50 * MS + 7);
    }

    #[test]
    fn jitter_is_drawn_once_per_chunk_and_from_the_seed() {
        let draw = |seed| {
            let mut latency = Latency::new(Delay::uniform(50 * MS, 10 * MS), seed);
            let mut holds = Vec::new();
            for _ in 0..1_000 {
                let due_ns = latency.due_ns(0);
                assert_eq!(
                    due_ns,
                    latency.due_ns(0),
                    "asked again about the same chunk"
                );
                latency.chunk_left();
                holds.push(due_ns);
            }
            holds
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn the_window_grows_with_the_delay_and_is_bounded() {
        assert_eq!(Latency::new(Delay::fixed(MS), 1).window_bytes(), 2_000_000);
        let long = Latency::new(Delay::fixed(u64::MAX), 1);
        assert_eq!(long.window_bytes(), 64 << 20);
    }
}
