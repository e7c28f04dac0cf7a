//! Each packet leaves a drawn time after it came, and never before one that came earlier.

use rand_chacha::ChaCha8Rng;

use super::chance::{Correlated, normal_share_below};
use super::{Impair, Packet, Verdict};
use crate::plan::{Delay, Distribution};

/// Longest delay that a heavy tail may draw: a minute beyond the fixed part.
const TAIL_MAX_NS: f64 = 60e9;

#[derive(Debug)]
pub struct Delayed {
    delay: Delay,
    draws: Correlated,
    last_due_ns: u64,
}

impl Delayed {
    pub const fn new(delay: Delay, rng: ChaCha8Rng) -> Self {
        Self {
            delay,
            draws: Correlated::new(delay.correlation, rng),
            last_due_ns: 0,
        }
    }

    /// The next packet's own delay.
    fn draw_ns(&mut self) -> u64 {
        if self.delay.jitter_ns == 0 {
            return self.delay.delay_ns;
        }
        // One correlated normal draw, bent into the distribution: the correlation bends with it,
        // the distribution is exact.
        let z = self.draws.draw();
        let jitter_ns = self.delay.jitter_ns as f64;
        let extra_ns = match self.delay.distribution {
            Distribution::Uniform => jitter_ns * (2.0 * normal_share_below(z) - 1.0),
            Distribution::Normal => jitter_ns * z,
            Distribution::Pareto { shape } => {
                let above = normal_share_below(-z);
                (jitter_ns * (above.powf(-1.0 / shape) - 1.0)).min(TAIL_MAX_NS)
            }
        };
        // A float becomes the nearest integer there is; below zero it is 0.
        (self.delay.delay_ns as f64 + extra_ns).round() as u64
    }
}

impl Impair for Delayed {
    fn judge(&mut self, packet: Packet) -> Verdict {
        let own_ns = packet.at_ns.saturating_add(self.draw_ns());
        self.last_due_ns = own_ns.max(self.last_due_ns);
        Verdict::At {
            due_ns: self.last_due_ns,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    const MS: u64 = 1_000_000;

    fn delays_ms(distribution: Distribution, correlation: f64) -> Vec<f64> {
        let delay = Delay {
            delay_ns: 50 * MS,
            jitter_ns: 10 * MS,
            distribution,
            correlation,
        };
        let mut delayed = Delayed::new(delay, ChaCha8Rng::seed_from_u64(5));
        (0..20_000)
            .map(|_| delayed.draw_ns() as f64 / MS as f64)
            .collect()
    }

    /// Kolmogorov and Smirnov's distance between what was drawn and what should be.
    fn distance(mut drawn: Vec<f64>, share_below: impl Fn(f64) -> f64) -> f64 {
        drawn.sort_by(f64::total_cmp);
        let n = drawn.len() as f64;
        drawn
            .iter()
            .enumerate()
            .map(|(i, x)| {
                let expected = share_below(*x);
                (expected - i as f64 / n)
                    .abs()
                    .max(((i + 1) as f64 / n - expected).abs())
            })
            .fold(0.0, f64::max)
    }

    fn uniform(x: f64) -> f64 {
        ((x - 40.0) / 20.0).clamp(0.0, 1.0)
    }

    fn pareto(x: f64) -> f64 {
        1.0 - (1.0 + (x - 50.0).max(0.0) / 10.0).powf(-3.0)
    }

    #[test]
    fn each_distribution_is_what_it_says_and_no_other() {
        // The critical distance of 20,000 draws at a level of 0.1 %.
        let critical = 1.95 / (20_000_f64).sqrt();
        let heavy = Distribution::Pareto { shape: 3.0 };
        let normal = |x: f64| normal_share_below((x - 50.0) / 10.0);
        assert!(distance(delays_ms(Distribution::Uniform, 0.0), uniform) < critical);
        assert!(distance(delays_ms(Distribution::Normal, 0.0), normal) < critical);
        assert!(distance(delays_ms(heavy, 0.0), pareto) < critical);
        assert!(distance(delays_ms(Distribution::Normal, 0.0), uniform) > critical);
        assert!(distance(delays_ms(Distribution::Uniform, 0.0), normal) > critical);
        assert!(distance(delays_ms(heavy, 0.0), uniform) > critical);
    }

    #[test]
    fn correlation_makes_neighbours_alike() {
        let lagged = |correlation| {
            let drawn = delays_ms(Distribution::Uniform, correlation);
            let apart = drawn.windows(2).map(|pair| (pair[0] - pair[1]).abs());
            apart.sum::<f64>() / drawn.len() as f64
        };
        assert!(lagged(0.9) < lagged(0.0) / 2.0);
    }

    proptest! {
        #[test]
        fn order_is_kept_and_nobody_is_early(
            seed: u64,
            gaps in proptest::collection::vec(0..5 * MS, 1..100),
        ) {
            let delay = Delay {
                delay_ns: 2 * MS,
                jitter_ns: 2 * MS,
                distribution: Distribution::Normal,
                correlation: 0.5,
            };
            let mut delayed = Delayed::new(delay, ChaCha8Rng::seed_from_u64(seed));
            let (mut at_ns, mut last_ns) = (0, 0);
            for gap_ns in gaps {
                at_ns += gap_ns;
                let Verdict::At { due_ns } = delayed.judge(Packet { at_ns, bytes: 1 }) else {
                    return Err(TestCaseError::fail("a delay only delays"));
                };
                prop_assert!(due_ns >= at_ns && due_ns >= last_ns);
                last_ns = due_ns;
            }
        }
    }
}
