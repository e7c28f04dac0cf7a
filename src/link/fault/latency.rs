//! Each chunk leaves a fixed time after it arrived, plus or minus a jitter of some shape.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::shape::{Draws, EXCESS_MAX, Shape};
use super::{End, Fault};

/// Throughput that a delay is to leave alone, in bytes per nanosecond.
const FULL_SPEED_BYTES_PER_NS: u64 = 2;
/// Most that a lane holds for the sake of a delay, so that memory is bounded.
const WINDOW_MAX_BYTES: u64 = 64 << 20;

/// Delay and jitter of one lane, with its own draws.
#[derive(Debug)]
pub struct Latency {
    delay_ns: u64,
    jitter_ns: u64,
    shape: Shape,
    draws: Draws,
    /// Drawn for the next chunk, and kept until it has left.
    hold_ns: Option<u64>,
}

impl Latency {
    /// Delays each chunk by `delay_ns ± jitter_ns` evenly, never below zero.
    pub fn new(delay_ns: u64, jitter_ns: u64, seed: u64) -> Self {
        Self::shaped(delay_ns, jitter_ns, Shape::Uniform, 0.0, seed)
    }

    /// Delays each chunk by `delay_ns` and a jitter of this shape, whose scale is `jitter_ns` and of
    /// which `correlation` (0 up to but not including 1) is kept from one chunk to the next.
    pub fn shaped(
        delay_ns: u64,
        jitter_ns: u64,
        shape: Shape,
        correlation: f64,
        seed: u64,
    ) -> Self {
        Self {
            delay_ns,
            jitter_ns,
            shape,
            draws: Draws::new(ChaCha8Rng::seed_from_u64(seed), correlation),
            hold_ns: None,
        }
    }

    /// The delay of the next chunk.
    fn draw_ns(&mut self) -> u64 {
        let excess = self.shape.excess(self.draws.draw()) * self.jitter_ns as f64;
        // Both casts stop at the ends of their ranges.
        let drawn_ns = self.delay_ns as f64 + excess;
        (drawn_ns.round() as u64).clamp(self.hold_least_ns(), self.hold_most_ns())
    }
}

impl Fault for Latency {
    fn due_ns(&mut self, ready_ns: u64) -> u64 {
        let hold_ns = match self.hold_ns {
            Some(hold_ns) => hold_ns,
            None if self.jitter_ns == 0 => self.delay_ns,
            None => self.draw_ns(),
        };
        self.hold_ns = Some(hold_ns);
        ready_ns.saturating_add(hold_ns)
    }

    fn chunk_left(&mut self) {
        self.hold_ns = None;
    }

    fn end_due_ns(&self, _end: End, ready_ns: u64) -> u64 {
        ready_ns.saturating_add(self.delay_ns)
    }

    fn hold_least_ns(&self) -> u64 {
        match self.shape {
            Shape::Uniform => self.delay_ns.saturating_sub(self.jitter_ns),
            Shape::Normal => 0,
            Shape::Pareto => self.delay_ns,
        }
    }

    fn hold_most_ns(&self) -> u64 {
        let most = match self.shape {
            Shape::Uniform => 1,
            Shape::Normal | Shape::Pareto => EXCESS_MAX,
        };
        self.delay_ns
            .saturating_add(self.jitter_ns.saturating_mul(most))
    }

    fn window_bytes(&self) -> usize {
        // A rare long draw may well hold up those behind it.
        let usual_ns = self.delay_ns.saturating_add(self.jitter_ns);
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
        let mut latency = Latency::new(50 * MS, 0, 1);
        assert_eq!(latency.due_ns(1_000), 50 * MS + 1_000);
        latency.chunk_left();
        assert_eq!(latency.due_ns(2_000), 50 * MS + 2_000);
        assert_eq!(latency.end_due_ns(End::Fin, 7), 50 * MS + 7);
    }

    #[test]
    fn jitter_is_drawn_once_per_chunk_evenly_and_from_the_seed() {
        let draw = |seed| {
            let mut latency = Latency::new(50 * MS, 10 * MS, seed);
            let mut holds = Vec::new();
            for _ in 0..10_000 {
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
        let holds = draw(1);
        assert_eq!(holds, draw(1));
        assert_ne!(holds, draw(2));
        let least = holds.iter().min().copied();
        let most = holds.iter().max().copied();
        assert!(least >= Some(40 * MS) && least < Some(41 * MS), "{least:?}");
        assert!(most <= Some(60 * MS) && most > Some(59 * MS), "{most:?}");
        let mean = holds.iter().sum::<u64>() / holds.len() as u64;
        // The standard error of the mean is 10 ms / sqrt(3 * 10,000): under 0.06 ms.
        assert!(mean.abs_diff(50 * MS) < MS / 2, "{mean}");
    }

    #[test]
    fn jitter_larger_than_the_delay_stops_at_zero() {
        let mut latency = Latency::new(MS, 5 * MS, 3);
        for _ in 0..1_000 {
            assert!(latency.due_ns(100) >= 100);
            assert!(latency.due_ns(100) <= 100 + 6 * MS);
            latency.chunk_left();
        }
    }

    #[test]
    fn the_window_grows_with_the_delay_and_is_bounded() {
        assert_eq!(Latency::new(MS, 0, 1).window_bytes(), 2_000_000);
        assert_eq!(Latency::new(u64::MAX, 0, 1).window_bytes(), 64 << 20);
    }

    #[test]
    fn other_shapes_keep_the_mean_and_their_bounds() {
        let draw = |shape| {
            let mut latency = Latency::shaped(50 * MS, 10 * MS, shape, 0.5, 1);
            let mut holds = Vec::new();
            for _ in 0..20_000 {
                holds.push(latency.due_ns(0));
                latency.chunk_left();
            }
            let mean = holds.iter().sum::<u64>() / holds.len() as u64;
            (mean, holds)
        };
        let (mean, holds) = draw(Shape::Normal);
        assert!(mean.abs_diff(50 * MS) < MS, "{mean}");
        assert!(holds.iter().any(|hold_ns| *hold_ns > 75 * MS), "a tail");
        let (mean, holds) = draw(Shape::Pareto);
        assert!(mean.abs_diff(60 * MS) < 2 * MS, "{mean}");
        assert!(holds.iter().all(|hold_ns| *hold_ns >= 50 * MS));
        assert!(holds.iter().any(|hold_ns| *hold_ns > 150 * MS), "a tail");
    }
}
