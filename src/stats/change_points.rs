//! At which nights a history changed.
//!
//! E-divisive means: D. S. Matteson and N. A. James, "A Nonparametric Approach for Multiple Change Point
//! Analysis of Multivariate Data", Journal of the American Statistical Association 109, 2014, with
//! absolute differences as distances. D. Daly and others tell how MongoDB uses it ("The Use of Change
//! Point Detection to Identify Software Performance Regressions in a Continuous Integration System",
//! ICPE 2020), and M. Fleming and others how Hunter does, today Apache Otava ("Hunter: Using Change Point
//! Detection to Hunt for Performance Regressions", ICPE 2023).
//!
//! The stretch between two known changes is split where what is left and what is right of it differ most
//! ([`energy`]). The best split of all stretches counts when few of many histories with the values of
//! each stretch shuffled have one as good: a permutation test. Then all stretches, now one more, are tried
//! again, up to the first split that does not count. So a flat history has a false point with at most the
//! probability [`Options::level`], and one with steps hardly more often, for the values between steps are
//! not shuffled across them. The test takes the nights as independent: a slow wave looks like steps.

use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;

use super::median::median;
use energy::{Split, best_split};

pub mod energy;
#[cfg(test)]
mod tests;

/// Time grows with the square of the length and with the number of points found: 500 nights with three
/// points are a tenth of a second. A longer history is best looked at by its last so many nights.
pub const NIGHTS_MAX: usize = 500;

/// How a history is searched.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// The chance of a false point in a flat history.
    pub level: f64,
    /// How many shuffled histories each split is held against; below `1 / level` nothing can count.
    pub permutations: usize,
    /// Fewer nights than this make no stretch: after a change, one is known this many nights later.
    pub stretch_min: usize,
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            level: 0.01,
            permutations: 199,
            stretch_min: 4,
            seed: 1,
        }
    }
}

/// A change of a history.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChangePoint {
    /// The first night, from 0, of what is new.
    pub at: usize,
    /// Median from the change before up to here, and from here to the next one.
    pub before: f64,
    pub after: f64,
    /// The share of shuffled histories, itself among them, with a split as good.
    pub p: f64,
}

impl ChangePoint {
    /// The size of the step as a share of what was before: 0.05 is 5 % more.
    pub fn step(&self) -> f64 {
        self.after / self.before - 1.0
    }
}

/// The changes of `history`, one value a night in order of time, first to last. A value that is not
/// finite makes it unknown: no points then.
pub fn change_points(history: &[f64], options: &Options) -> Vec<ChangePoint> {
    if history.iter().any(|value| !value.is_finite()) {
        return Vec::new();
    }
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    // Where stretches begin, and the end; points with their chances.
    let mut bounds = vec![0, history.len()];
    let mut found: Vec<(usize, f64)> = Vec::new();
    while let Some(split) = best(history, &bounds, options.stretch_min) {
        let Some(p) = chance(history, &bounds, split.gain, options, &mut rng) else {
            break;
        };
        found.push((split.at, p));
        bounds.push(split.at);
        bounds.sort_unstable();
    }
    found.sort_unstable_by_key(|(at, _)| *at);
    let stretches = bounds.windows(3).zip(found);
    stretches
        .filter_map(|(bounds, (at, p))| {
            Some(ChangePoint {
                at,
                before: median(&history[bounds[0]..at])?,
                after: median(&history[at..bounds[2]])?,
                p,
            })
        })
        .collect()
}

/// The best split of all stretches, by its place in the history.
fn best(history: &[f64], bounds: &[usize], stretch_min: usize) -> Option<Split> {
    let splits = bounds.windows(2).filter_map(|stretch| {
        let split = best_split(&history[stretch[0]..stretch[1]], stretch_min)?;
        Some(Split {
            at: stretch[0] + split.at,
            ..split
        })
    });
    splits.max_by(|one, other| one.gain.total_cmp(&other.gain))
}

/// The chance of a split as good in shuffled stretches; `None` as soon as it must be above the level.
fn chance(
    history: &[f64],
    bounds: &[usize],
    gain: f64,
    options: &Options,
    rng: &mut ChaCha8Rng,
) -> Option<f64> {
    let histories = (options.permutations + 1) as f64;
    let mut shuffled = history.to_vec();
    // The history itself is one of them.
    let mut as_good = 1;
    for _ in 0..options.permutations {
        if f64::from(as_good) / histories > options.level {
            return None;
        }
        for stretch in bounds.windows(2) {
            shuffled[stretch[0]..stretch[1]].shuffle(rng);
        }
        let best = best(&shuffled, bounds, options.stretch_min);
        as_good += i32::from(best.is_some_and(|split| split.gain >= gain));
    }
    let p = f64::from(as_good) / histories;
    (p <= options.level).then_some(p)
}
