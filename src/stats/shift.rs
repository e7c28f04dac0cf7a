//! By how much one side is above the other, how sure that is, and what could have been seen.

use super::normal;
use super::rank_sum::RankSum;
use super::signed_rank::SignedRank;

/// How often a change of the size that [`Shift::detectable`] tells is found.
pub const POWER: f64 = 0.9;

/// What is left out on each side of the interval that the standard error is read from.
const ERROR_LEVEL: f64 = 0.1;

/// From `low` to `high`; infinite ends where there is too little to say anything at the level asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

impl Interval {
    const EVERYTHING: Self = Self {
        low: f64::NEG_INFINITY,
        high: f64::INFINITY,
    };

    /// Half of its length.
    pub fn half(&self) -> f64 {
        (self.high - self.low) / 2.0
    }

    /// The shifts that a test does not refuse at `level` on either side: of `values` in order, as many
    /// are left out at each end as `chance_of_at_most` allows.
    pub(super) fn of_ordered(
        values: &[f64],
        level: f64,
        chance_of_at_most: impl Fn(usize) -> f64,
    ) -> Self {
        let out = left_out(values.len(), level, chance_of_at_most);
        let Some(low) = out.and_then(|out| values.get(out)) else {
            return Self::EVERYTHING;
        };
        let high = out.map_or(f64::INFINITY, |out| values[values.len() - 1 - out]);
        Self { low: *low, high }
    }
}

/// The most of `values` that `level` allows to leave out at one end; `None` where not even that none
/// lies beyond is rare enough.
fn left_out(values: usize, level: f64, chance_of_at_most: impl Fn(usize) -> f64) -> Option<usize> {
    let refused = (0..values.div_ceil(2)).take_while(|count| chance_of_at_most(*count) <= level);
    refused.last()
}

/// The chance of at most `count` of what is nearly normal, with half a step for what is counted.
pub(super) fn tail_of(count: usize, mean: f64, variance: f64) -> f64 {
    normal::below((count as f64 + 0.5 - mean) / variance.sqrt())
}

pub(super) fn ordered(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut ordered: Vec<f64> = values.collect();
    ordered.sort_by(f64::total_cmp);
    ordered
}

#[derive(Debug, Clone)]
enum Test {
    Pairs(SignedRank),
    Groups(RankSum),
}

/// By how much the second side is above the first, by the test that fits how they were measured.
#[derive(Debug, Clone)]
pub struct Shift {
    test: Test,
}

impl Shift {
    /// Of pairs: their differences, the second less the first. `None` of none, or of a value that is
    /// not finite.
    pub fn of_pairs(differences: &[f64]) -> Option<Self> {
        let test = Test::Pairs(SignedRank::new(differences)?);
        Some(Self { test })
    }

    /// Of two groups that are not paired. `None` as above.
    pub fn of_groups(first: &[f64], second: &[f64]) -> Option<Self> {
        let test = Test::Groups(RankSum::new(first, second)?);
        Some(Self { test })
    }

    fn values(&self) -> &[f64] {
        match &self.test {
            Test::Pairs(test) => test.averages(),
            Test::Groups(test) => test.differences(),
        }
    }

    fn chance_of_at_most(&self, count: usize) -> f64 {
        match &self.test {
            Test::Pairs(test) => test.chance_of_at_most(count),
            Test::Groups(test) => test.chance_of_at_most(count),
        }
    }

    /// The Hodges–Lehmann estimate: the median of all means, or of all differences.
    pub fn estimate(&self) -> f64 {
        let values = self.values();
        let middle = |index: usize| values.get(index).copied().unwrap_or(0.0);
        f64::midpoint(middle((values.len() - 1) / 2), middle(values.len() / 2))
    }

    /// The chance of seeing as much as this for the second side being above, where it is not.
    pub fn p_above(&self) -> f64 {
        self.chance_of_at_most(self.values().partition_point(|value| *value <= 0.0))
    }

    /// The same of it being below.
    pub fn p_below(&self) -> f64 {
        let below = self.values().partition_point(|value| *value < 0.0);
        self.chance_of_at_most(self.values().len() - below)
    }

    /// The interval that leaves out the true shift on each side with at most the chance `level`. It
    /// excludes zero exactly where `p_above` or `p_below` is at most `level`.
    pub fn interval(&self, level: f64) -> Interval {
        match &self.test {
            Test::Pairs(test) => test.interval(level),
            Test::Groups(test) => test.interval(level),
        }
    }

    /// The standard error of the estimate, read from the length of an interval (E. L. Lehmann,
    /// "Nonparametric Confidence Intervals for a Shift Parameter", Annals of Mathematical Statistics
    /// 34, 1963), so that a few far values do not blow it up. `None` of too little.
    pub fn error(&self) -> Option<f64> {
        let chance = |count| self.chance_of_at_most(count);
        let out = left_out(self.values().len(), ERROR_LEVEL, chance)?;
        let deviations = normal::exceeded_by(self.chance_of_at_most(out));
        Some(self.interval(ERROR_LEVEL).half() / deviations)
    }

    /// The minimum detectable effect: the true shift that passes the test at `level` with the
    /// probability [`POWER`] in a session like this one. An estimate passes when it is further from zero
    /// than the half of its interval, and falls short of the truth by more than so many standard errors in
    /// one session of ten. `None` where no shift would pass.
    pub fn detectable(&self, level: f64) -> Option<f64> {
        let half = self.interval(level).half();
        let detectable = half + normal::exceeded_by(1.0 - POWER) * self.error()?;
        detectable.is_finite().then_some(detectable)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stats::fixture::{Noise, normal};

    #[test]
    fn both_sides_of_a_clear_shift() {
        let up = Shift::of_pairs(&[0.9, 1.0, 1.1, 1.2, 0.8]).unwrap();
        assert!((up.estimate() - 1.0).abs() < 1e-12);
        assert_eq!((up.p_above(), up.p_below()), (1.0 / 32.0, 1.0));
        assert!(up.interval(0.04).low > 0.0);
        // Five pairs cannot say more than one in 32.
        assert_eq!(up.interval(0.03), Interval::EVERYTHING);
        assert_eq!(up.detectable(0.03), None);
        let down = Shift::of_groups(&[2.0, 2.1, 2.2, 1.9], &[1.0, 1.1, 1.2, 0.9]).unwrap();
        assert!((down.estimate() + 1.0).abs() < 1e-12);
        assert!((down.p_below() - 1.0 / 70.0).abs() < 1e-12);
    }

    #[test]
    fn the_error_is_that_of_the_estimate() {
        let mut rng = Noise::seeded();
        let sessions: Vec<Shift> = (0..600)
            .map(|_| {
                let differences: Vec<f64> = (0..20).map(|_| normal(&mut rng)).collect();
                Shift::of_pairs(&differences).unwrap()
            })
            .collect();
        let square: f64 = sessions.iter().map(|one| one.estimate().powi(2)).sum();
        let truth = (square / 600.0).sqrt();
        let said: f64 = sessions.iter().filter_map(Shift::error).sum::<f64>() / 600.0;
        assert!((said / truth - 1.0).abs() < 0.12, "{said} of {truth}");
    }

    proptest! {
        #[test]
        fn the_interval_says_what_the_test_says(
            first in prop::collection::vec(-1.0_f64..1.0, 2..12),
            second in prop::collection::vec(-0.5_f64..2.0, 2..12),
            level in 0.001_f64..0.2,
        ) {
            let shift = Shift::of_groups(&first, &second).unwrap();
            let interval = shift.interval(level);
            prop_assert_eq!(interval.low > 0.0, shift.p_above() <= level);
            prop_assert_eq!(interval.high < 0.0, shift.p_below() <= level);
            prop_assert!(interval.low <= shift.estimate() && shift.estimate() <= interval.high);
        }

        #[test]
        fn turned_around_it_says_the_same(values in prop::collection::vec(-1.0_f64..2.0, 2..25)) {
            let turned: Vec<f64> = values.iter().map(|value| -value).collect();
            let (one, other) = (Shift::of_pairs(&values).unwrap(), Shift::of_pairs(&turned).unwrap());
            prop_assert!((one.estimate() + other.estimate()).abs() < 1e-12);
            prop_assert_eq!(one.p_above(), other.p_below());
        }
    }
}
