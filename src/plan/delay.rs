//! A delay, how it scatters, and the draws that follow it: one meaning for chunks and for packets.

use std::f64::consts::{SQRT_2, TAU};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// Longest that a draw is beyond the fixed part: a minute. A heavy tail has no end of its own.
const BEYOND_MAX_NS: u64 = 60_000_000_000;

/// A delay with jitter. `correlation` (0 to below 1) is that of each draw with the one before; the
/// distribution stays what it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delay {
    pub delay_ns: u64,
    pub jitter_ns: u64,
    #[serde(default)]
    pub distribution: Distribution,
    #[serde(default)]
    pub correlation: f64,
}

/// How a delay scatters. No delay is ever below zero.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Distribution {
    /// Anything from `delay - jitter` to `delay + jitter`.
    #[default]
    Uniform,
    /// Around `delay`, with `jitter` as the standard deviation.
    Normal,
    /// Never below `delay`; beyond it a heavy tail (Lomax) of this `shape`, whose mean is `jitter`.
    /// The shape is above 1: with 3 the tail has a variance, with 2 or less it has none.
    Pareto { shape: f64 },
    /// `delay` and one of these, each as likely as the others; in rising order, never none.
    /// There is no `jitter`.
    Empirical { delays_ns: Vec<u64> },
}

impl Distribution {
    /// The shape of a tail where none was given: its variance is finite, its kurtosis is not.
    pub const PARETO: Distribution = Distribution::Pareto { shape: 3.0 };

    /// Its name in scenarios and in the API.
    pub const fn name(&self) -> &'static str {
        match self {
            Distribution::Uniform => "uniform",
            Distribution::Normal => "normal",
            Distribution::Pareto { .. } => "pareto",
            Distribution::Empirical { .. } => "empirical",
        }
    }
}

impl Delay {
    /// The same delay for everything.
    pub const fn fixed(delay_ns: u64) -> Self {
        Self::uniform(delay_ns, 0)
    }

    /// Evenly within `delay_ns ± jitter_ns`, never below zero.
    pub const fn uniform(delay_ns: u64, jitter_ns: u64) -> Self {
        Self {
            delay_ns,
            jitter_ns,
            distribution: Distribution::Uniform,
            correlation: 0.0,
        }
    }

    /// The shortest there can be.
    pub fn least_ns(&self) -> u64 {
        match &self.distribution {
            Distribution::Uniform => self.delay_ns.saturating_sub(self.jitter_ns),
            Distribution::Normal => 0,
            Distribution::Pareto { .. } => self.delay_ns,
            Distribution::Empirical { delays_ns } => self.beyond(delays_ns.first()),
        }
    }

    /// The longest there can be.
    pub fn most_ns(&self) -> u64 {
        match &self.distribution {
            Distribution::Uniform => self.delay_ns.saturating_add(self.jitter_ns),
            Distribution::Normal | Distribution::Pareto { .. } => {
                self.delay_ns.saturating_add(BEYOND_MAX_NS)
            }
            Distribution::Empirical { delays_ns } => self.beyond(delays_ns.last()),
        }
    }

    /// A long delay that is not yet a rare one.
    pub fn usual_ns(&self) -> u64 {
        match &self.distribution {
            Distribution::Empirical { delays_ns } => {
                self.beyond(delays_ns.get(delays_ns.len() * 9 / 10))
            }
            _ => self.delay_ns.saturating_add(self.jitter_ns),
        }
    }

    fn beyond(&self, extra_ns: Option<&u64>) -> u64 {
        self.delay_ns.saturating_add(*extra_ns.unwrap_or(&0))
    }

    /// Whether every draw is the same.
    const fn is_fixed(&self) -> bool {
        self.jitter_ns == 0 && !matches!(self.distribution, Distribution::Empirical { .. })
    }

    /// The delay that belongs to a standard normal draw: the draw's own quantile.
    fn at(&self, normal: f64) -> u64 {
        let jitter_ns = self.jitter_ns as f64;
        let beyond_ns = match &self.distribution {
            Distribution::Uniform => jitter_ns * (2.0 * share_below(normal) - 1.0),
            Distribution::Normal => jitter_ns * normal,
            Distribution::Pareto { shape } => {
                let above = share_below(-normal).max(f64::MIN_POSITIVE);
                jitter_ns * (shape - 1.0) * (above.powf(-1.0 / shape) - 1.0)
            }
            Distribution::Empirical { delays_ns } => {
                // A share of 1 itself, by rounding, belongs to the last.
                let index = (share_below(normal) * delays_ns.len() as f64) as usize;
                return self.beyond(delays_ns.get(index).or(delays_ns.last()));
            }
        };
        // The cast stops at both ends of its range.
        let drawn_ns = self.delay_ns as f64 + beyond_ns.min(BEYOND_MAX_NS as f64);
        (drawn_ns.round() as u64).clamp(self.least_ns(), self.most_ns())
    }
}

/// The draws of one delay, in order.
#[derive(Debug)]
pub struct Delays {
    delay: Delay,
    draws: Draws,
}

impl Delays {
    /// Draws with this generator, which is for nothing else.
    pub const fn new(delay: Delay, rng: ChaCha8Rng) -> Self {
        let draws = Draws::new(rng, delay.correlation);
        Self { delay, draws }
    }

    /// What is drawn from.
    pub const fn delay(&self) -> &Delay {
        &self.delay
    }

    /// The next one, in nanoseconds.
    pub fn next_ns(&mut self) -> u64 {
        if self.delay.is_fixed() {
            return self.delay.delay_ns;
        }
        // One correlated normal draw, bent into the distribution: the correlation bends with it, the
        // distribution is exact.
        self.delay.at(self.draws.draw())
    }
}

/// Standard normal draws, each of which keeps a share of the one before.
#[derive(Debug)]
struct Draws {
    rng: ChaCha8Rng,
    correlation: f64,
    last: Option<f64>,
}

impl Draws {
    const fn new(rng: ChaCha8Rng, correlation: f64) -> Self {
        Self {
            rng,
            correlation,
            last: None,
        }
    }

    /// The next draw: a first-order autoregression, so that each of them is standard normal.
    fn draw(&mut self) -> f64 {
        let fresh = self.fresh();
        let draw = self.last.map_or(fresh, |last| {
            let share = self.correlation;
            share * last + (1.0 - share * share).sqrt() * fresh
        });
        self.last = Some(draw);
        draw
    }

    /// The transform of Box and Muller.
    fn fresh(&mut self) -> f64 {
        let radius: f64 = 1.0 - self.rng.random::<f64>();
        let angle: f64 = self.rng.random();
        (-2.0 * radius.ln()).sqrt() * (TAU * angle).cos()
    }
}

/// The share of a standard normal distribution below `normal`, within 1e-7. Source: Abramowitz and
/// Stegun, "Handbook of Mathematical Functions", 7.1.26.
fn share_below(normal: f64) -> f64 {
    const COEFFICIENTS: [f64; 5] = [
        1.061_405_429,
        -1.453_152_027,
        1.421_413_741,
        -0.284_496_736,
        0.254_829_592,
    ];
    let x = normal.abs() / SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let sum = COEFFICIENTS.iter().fold(0.0, |sum, each| sum * t + each);
    let tail = 0.5 * sum * t * (-x * x).exp();
    if normal < 0.0 { tail } else { 1.0 - tail }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    const MS: u64 = 1_000_000;
    const DRAWS: usize = 20_000;
    /// The critical distance of so many draws: exceeded by chance in one of a thousand seeds.
    const CRITICAL: f64 = 1.95 / 141.4;

    /// Draws in milliseconds, of 50 ms with a jitter of 10.
    fn draws(distribution: Distribution, correlation: f64, seed: u64) -> Vec<f64> {
        let delay = Delay {
            distribution,
            correlation,
            ..Delay::uniform(50 * MS, 10 * MS)
        };
        let mut delays = Delays::new(delay, ChaCha8Rng::seed_from_u64(seed));
        (0..DRAWS).map(|_| delays.next_ns() as f64 / 1e6).collect()
    }

    /// The Kolmogorov–Smirnov distance between draws and a distribution.
    fn distance(mut draws: Vec<f64>, share_below: impl Fn(f64) -> f64) -> f64 {
        draws.sort_unstable_by(f64::total_cmp);
        let count = draws.len() as f64;
        let steps = draws.iter().enumerate().map(|(index, draw)| {
            let share = share_below(*draw);
            let (before, after) = (index as f64 / count, (index + 1) as f64 / count);
            (share - before).abs().max((share - after).abs())
        });
        steps.fold(0.0, f64::max)
    }

    fn normal(ms: f64) -> f64 {
        share_below((ms - 50.0) / 10.0)
    }

    fn uniform(ms: f64) -> f64 {
        ((ms - 40.0) / 20.0).clamp(0.0, 1.0)
    }

    fn pareto(ms: f64) -> f64 {
        1.0 - (1.0 + (ms - 50.0).max(0.0) / 20.0).powf(-3.0)
    }

    #[test]
    fn each_distribution_is_what_it_says_and_no_other() {
        let drawn = |distribution| draws(distribution, 0.0, 1);
        assert!(distance(drawn(Distribution::Uniform), uniform) < CRITICAL);
        assert!(distance(drawn(Distribution::Normal), normal) < CRITICAL);
        assert!(distance(drawn(Distribution::PARETO), pareto) < CRITICAL);
        assert!(distance(drawn(Distribution::Uniform), normal) > CRITICAL);
        assert!(distance(drawn(Distribution::Normal), uniform) > CRITICAL);
        assert!(distance(drawn(Distribution::Normal), pareto) > CRITICAL);
        assert!(distance(drawn(Distribution::PARETO), uniform) > CRITICAL);
    }

    #[test]
    fn an_empirical_delay_is_one_of_the_list_each_as_often() {
        let delays_ns = vec![0, MS, MS, 7 * MS];
        for correlation in [0.0, 0.8] {
            let drawn = draws(
                Distribution::Empirical {
                    delays_ns: delays_ns.clone(),
                },
                correlation,
                5,
            );
            let share = |ms: f64| drawn.iter().filter(|d| **d == ms).count() as f64 / DRAWS as f64;
            for (ms, expected) in [(50.0, 0.25), (51.0, 0.5), (57.0, 0.25)] {
                assert!((share(ms) - expected).abs() < 0.04, "{ms}: {}", share(ms));
            }
            assert_eq!(share(50.0) + share(51.0) + share(57.0), 1.0);
        }
    }

    #[test]
    fn the_share_below_is_that_of_the_tables() {
        for (normal, share) in [
            (0.0, 0.5),
            (1.0, 0.841_344_746),
            (-1.96, 0.024_997_895),
            (3.0, 0.998_650_102),
        ] {
            assert!((share_below(normal) - share).abs() < 2e-7, "{normal}");
        }
    }

    #[test]
    fn neighbours_resemble_each_other_as_much_as_they_should() {
        for correlation in [0.0, 0.5, 0.9] {
            let drawn = draws(Distribution::Normal, correlation, 3);
            let off: Vec<f64> = drawn.iter().map(|ms| (ms - 50.0) / 10.0).collect();
            let products = off.windows(2).map(|pair| pair[0] * pair[1]);
            let found = products.sum::<f64>() / (DRAWS - 1) as f64;
            assert!((found - correlation).abs() < 0.06, "{correlation}: {found}");
        }
    }

    #[test]
    fn the_tail_has_the_jitter_as_its_mean_whatever_its_shape() {
        for shape in [2.5, 3.0, 10.0] {
            let drawn = draws(Distribution::Pareto { shape }, 0.0, 1);
            let mean = drawn.iter().sum::<f64>() / DRAWS as f64;
            assert!((mean - 60.0).abs() < 1.0, "{shape}: {mean}");
        }
    }

    #[test]
    fn no_draw_is_outside_its_bounds() {
        let delay = Delay {
            distribution: Distribution::Pareto { shape: 1.01 },
            ..Delay::uniform(50 * MS, 10_000 * MS)
        };
        assert!(delay.at(40.0) <= delay.most_ns());
        assert_eq!(delay.at(-40.0), delay.least_ns());
        let early = Delay::uniform(MS, 5 * MS);
        assert_eq!(early.at(-40.0), 0);
        assert_eq!(early.at(40.0), 6 * MS);
    }

    #[test]
    fn an_older_plan_without_a_distribution_is_even() {
        let read: Delay = serde_json::from_str(r#"{"delay_ns":5,"jitter_ns":1}"#).unwrap();
        assert_eq!(read, Delay::uniform(5, 1));
    }
}
