//! Intervals of percentiles, by drawing a histogram's values anew.
//!
//! The bootstrap of B. Efron ("Bootstrap Methods: Another Look at the Jackknife", Annals of Statistics 7,
//! 1979): as many values as were measured are drawn out of the histogram, each as often as it comes, and
//! the percentile of the drawn ones is taken; the middle of many such percentiles is the interval (B. Efron
//! and R. J. Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13).
//!
//! Of a million values a million need not be drawn. The `k`-th smallest of `n` drawn ones is where the
//! histogram's curve passes the `k`-th smallest of `n` even numbers from 0 to 1, which has the distribution
//! Beta(k, n + 1 - k) (H. A. David and H. N. Nagaraja, "Order Statistics", 3rd edition, 2003, sections 2.1
//! and 2.3). One number of that distribution is drawn, out of two of the gamma distribution (G. Marsaglia
//! and W. W. Tsang, "A Simple Method for Generating Gamma Variables", ACM Transactions on Mathematical
//! Software 26, 2000). The tests hold it against drawing all.
//!
//! Latencies of neighbours resemble each other, so a run's million are worth less: `worth` says how many
//! ([`super::autocorrelation`]). And an interval of one run knows nothing of how runs differ.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::histogram::Latencies;
use super::shift::{Interval, ordered};

/// How to draw.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Draws {
    /// So many percentiles are drawn.
    pub count: usize,
    /// What the interval leaves out on each side: 0.025 for an interval of 95 %.
    pub level: f64,
    pub seed: u64,
}

/// Latencies of one side.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    pub latencies: &'a Latencies,
    /// How many independent values they are worth; at most their number counts.
    pub worth: f64,
}

/// The interval of the percentile at `quantile` (0 to 1) in nanoseconds; `None` of an empty histogram.
pub fn percentile(side: Side<'_>, quantile: f64, draws: Draws) -> Option<Interval> {
    let mut rng = ChaCha8Rng::seed_from_u64(draws.seed);
    let curve = Curve::new(side, quantile)?;
    Some(middle(
        (0..draws.count).map(|_| curve.draw(&mut rng)),
        draws,
    ))
}

/// The interval of the change of the percentile from `first` to `second`, as a share: 0.1 is 10 % more.
/// `None` where either is empty.
pub fn change(first: Side<'_>, second: Side<'_>, quantile: f64, draws: Draws) -> Option<Interval> {
    let mut rng = ChaCha8Rng::seed_from_u64(draws.seed);
    let (first, second) = (Curve::new(first, quantile)?, Curve::new(second, quantile)?);
    let changes = (0..draws.count).map(|_| {
        // Less than a microsecond is kept as none.
        let before = first.draw(&mut rng).max(1.0);
        second.draw(&mut rng) / before - 1.0
    });
    Some(middle(changes, draws))
}

fn middle(drawn: impl Iterator<Item = f64>, draws: Draws) -> Interval {
    let drawn = ordered(drawn);
    let out = ((drawn.len() as f64 * draws.level) as usize).min(drawn.len().saturating_sub(1) / 2);
    let end = |index: Option<usize>| index.and_then(|index| drawn.get(index)).copied();
    Interval {
        low: end(Some(out)).unwrap_or(f64::NEG_INFINITY),
        high: end(drawn.len().checked_sub(1 + out)).unwrap_or(f64::INFINITY),
    }
}

/// A histogram's values, and where among the drawn ones the percentile is.
struct Curve {
    /// How many values are at most this one, in nanoseconds.
    at_most: Vec<(u64, u64)>,
    /// The percentile is the `rank`-th smallest of `drawn`.
    rank: f64,
    drawn: f64,
}

impl Curve {
    fn new(side: Side<'_>, quantile: f64) -> Option<Self> {
        let mut total = 0;
        let values = side.latencies.values_ns();
        let at_most: Vec<(u64, u64)> = values
            .map(|(value_ns, count)| {
                total += count;
                (total, value_ns)
            })
            .collect();
        let drawn = side.worth.min(total as f64).floor().max(1.0);
        let rank = (quantile * drawn).ceil().clamp(1.0, drawn);
        (total > 0).then_some(Self {
            at_most,
            rank,
            drawn,
        })
    }

    /// The percentile of values drawn anew, in nanoseconds.
    fn draw(&self, rng: &mut ChaCha8Rng) -> f64 {
        let (below, above) = (
            gamma(self.rank, rng),
            gamma(self.drawn + 1.0 - self.rank, rng),
        );
        let total = self.at_most.last().map_or(0, |(total, _)| *total);
        let place = below / (below + above) * total as f64;
        let index = self
            .at_most
            .partition_point(|(count, _)| (*count as f64) < place);
        let last = self.at_most.len() - 1;
        self.at_most[index.min(last)].1 as f64
    }
}

/// A number of the gamma distribution with a shape of at least 1.
fn gamma(shape: f64, rng: &mut ChaCha8Rng) -> f64 {
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = normal(rng);
        let v = (1.0 + c * x).powi(3);
        if v <= 0.0 {
            continue;
        }
        let accepted = 0.5 * x * x + d * (1.0 - v + v.ln());
        if (1.0 - rng.random::<f64>()).ln() < accepted {
            return d * v;
        }
    }
}

/// Standard normal (G. E. P. Box and M. E. Muller, "A Note on the Generation of Random Normal
/// Deviates", Annals of Mathematical Statistics 29, 1958).
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    radius * (2.0 * std::f64::consts::PI * rng.random::<f64>()).cos()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stats::fixture::{Noise, unit};

    const DRAWS: Draws = Draws {
        count: 1000,
        level: 0.025,
        seed: 3,
    };

    /// Exponential, with a mean of 20 ms.
    fn skewed(count: usize, rng: &mut ChaCha8Rng) -> Latencies {
        let mut latencies = Latencies::default();
        for _ in 0..count {
            latencies.record_ns((-(1.0 - unit(rng)).ln() * 2e7) as u64, 1);
        }
        latencies
    }

    fn whole(latencies: &Latencies) -> Side<'_> {
        Side {
            latencies,
            worth: latencies.count() as f64,
        }
    }

    #[test]
    fn it_is_the_interval_of_drawing_all_values() {
        let mut rng = Noise::seeded();
        let latencies = skewed(500, &mut rng);
        let values: Vec<u64> = latencies
            .values_ns()
            .flat_map(|(value_ns, count)| (0..count).map(move |_| value_ns))
            .collect();
        for quantile in [0.5, 0.9, 0.99] {
            let drawn = (0..1000).map(|_| {
                let mut drawn = Latencies::default();
                for _ in &values {
                    drawn.record_ns(values[rng.random_range(0..values.len())], 1);
                }
                drawn.quantile_ns(quantile).unwrap() as f64
            });
            let plainly = middle(drawn, DRAWS);
            let found = percentile(whole(&latencies), quantile, DRAWS).unwrap();
            for (one, other) in [(found.low, plainly.low), (found.high, plainly.high)] {
                let apart = (one - other).abs() / plainly.half();
                assert!(apart < 0.35, "{quantile}: {found:?} {plainly:?}");
            }
        }
    }

    #[test]
    fn it_covers_the_truth_about_as_often_as_it_says() {
        let mut rng = Noise::seeded();
        let truth = -(0.1_f64).ln() * 2e7;
        let covered = (0..300)
            .filter(|seed| {
                let latencies = skewed(1000, &mut rng);
                let draws = Draws {
                    count: 200,
                    seed: *seed,
                    ..DRAWS
                };
                let found = percentile(whole(&latencies), 0.9, draws).unwrap();
                (found.low..=found.high).contains(&truth)
            })
            .count();
        // 285 are due; four deviations.
        assert!((270..=300).contains(&covered), "{covered}");
    }

    #[test]
    fn values_that_are_worth_less_say_less_and_a_change_is_found() {
        let mut rng = Noise::seeded();
        let (one, other) = (skewed(20_000, &mut rng), skewed(20_000, &mut rng));
        let half = |worth| {
            let side = Side {
                latencies: &one,
                worth,
            };
            percentile(side, 0.9, DRAWS).unwrap().half()
        };
        let ratio = half(200.0) / half(20_000.0);
        assert!((7.0..13.0).contains(&ratio), "{ratio}");
        let same = change(whole(&one), whole(&other), 0.9, DRAWS).unwrap();
        assert!(
            same.half() < 0.06 && same.low.abs().max(same.high.abs()) < 0.12,
            "{same:?}"
        );
        let mut slower = Latencies::default();
        for (value_ns, count) in one.values_ns() {
            slower.record_ns(value_ns * 5 / 4, count);
        }
        let slowed = change(whole(&one), whole(&slower), 0.9, DRAWS).unwrap();
        assert!(slowed.low > 0.15 && slowed.high < 0.35, "{slowed:?}");
    }

    #[test]
    fn nothing_is_known_of_nothing() {
        assert_eq!(percentile(whole(&Latencies::default()), 0.9, DRAWS), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn an_interval_lies_among_the_values_and_is_the_same_for_the_same_seed(
            values in prop::collection::vec(1_u64..10_000_000, 1..40),
            quantile in 0.0_f64..=1.0,
            worth in 0.0_f64..100.0,
        ) {
            let mut latencies = Latencies::default();
            values.iter().for_each(|value_ns| latencies.record_ns(*value_ns, 1));
            let side = Side { latencies: &latencies, worth };
            let draws = Draws { count: 50, ..DRAWS };
            let found = percentile(side, quantile, draws).unwrap();
            prop_assert_eq!(Some(found), percentile(side, quantile, draws));
            let ends: Vec<f64> = latencies.values_ns().map(|(value_ns, _)| value_ns as f64).collect();
            prop_assert!(ends[0] <= found.low && found.low <= found.high);
            prop_assert!(found.high <= ends[ends.len() - 1]);
        }
    }
}
