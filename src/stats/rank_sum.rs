//! Whether two groups that are not paired differ, and by how much: the rank-sum test, turned around.
//!
//! Each value of one group is set against each of the other. The median of these differences is the
//! shift (J. L. Hodges and E. L. Lehmann, as in [`super::signed_rank`]); how many of them are not above
//! zero is the statistic of H. B. Mann and D. R. Whitney ("On a Test of Whether one of Two Random
//! Variables is Stochastically Larger than the Other", Annals of Mathematical Statistics 18, 1947), and
//! the interval of those shifts that the test does not refuse is L. E. Moses' (H. Walker and J. Lev,
//! "Statistical Inference", 1953, chapter 18).
//!
//! It asks that all values are independent and that the groups differ in nothing but the shift. Groups of
//! different days differ in the day as well: what it says then is of the days, not of the programs.

use super::shift::{Interval, ordered, tail_of};

/// Up to so many differences the statistic's distribution is counted out; above, it is taken as normal.
const EXACT_DIFFERENCES_MAX: usize = 900;

/// Two groups, ready to be asked by how much the second is above the first.
#[derive(Debug, Clone)]
pub struct RankSum {
    sizes: (usize, usize),
    /// In order.
    differences: Vec<f64>,
    /// The chance of at most so many differences below the true shift; empty of large groups.
    at_most: Vec<f64>,
}

impl RankSum {
    /// `None` where a group is empty or has a value that is not finite.
    pub fn new(first: &[f64], second: &[f64]) -> Option<Self> {
        let finite = first.iter().chain(second).all(|value| value.is_finite());
        if first.is_empty() || second.is_empty() || !finite {
            return None;
        }
        let differences = second
            .iter()
            .flat_map(|one| first.iter().map(move |other| one - other));
        Some(Self {
            sizes: (first.len(), second.len()),
            differences: ordered(differences),
            at_most: at_most(first.len(), second.len()),
        })
    }

    /// All differences in order.
    pub fn differences(&self) -> &[f64] {
        &self.differences
    }

    /// The chance, under no change, of at most `count` differences on one side of zero.
    pub fn chance_of_at_most(&self, count: usize) -> f64 {
        match self.at_most.get(count) {
            Some(chance) => *chance,
            None if !self.at_most.is_empty() => 1.0,
            None => {
                let (first, second) = (self.sizes.0 as f64, self.sizes.1 as f64);
                let product = first * second;
                tail_of(
                    count,
                    product / 2.0,
                    product * (first + second + 1.0) / 12.0,
                )
            }
        }
    }

    /// The interval that leaves out each side with at most the chance `level`.
    pub fn interval(&self, level: f64) -> Interval {
        Interval::of_ordered(&self.differences, level, |count| {
            self.chance_of_at_most(count)
        })
    }
}

/// `P(U <= u)` for each u, by Mann and Whitney's recursion over which group has the largest value.
fn at_most(first: usize, second: usize) -> Vec<f64> {
    let most = first * second;
    if most > EXACT_DIFFERENCES_MAX {
        return Vec::new();
    }
    // Row `n` of chances for groups of n and 0, 1, .. values; the largest value of the second group
    // exceeds all n of the first.
    let mut rows: Vec<Vec<f64>> = vec![vec![1.0]; second + 1];
    for n in 1..=first {
        for m in 1..=second {
            let share = n as f64 / (n + m) as f64;
            let (of_first, of_second) = (&rows[m], &rows[m - 1]);
            let chances = (0..=n * m)
                .map(|u| {
                    let largest_first = of_first.get(u).copied().unwrap_or(0.0);
                    let rest = u.checked_sub(n).and_then(|rest| of_second.get(rest));
                    share * largest_first + (1.0 - share) * rest.copied().unwrap_or(0.0)
                })
                .collect();
            rows[m] = chances;
        }
    }
    let mut total = 0.0;
    let last = rows.pop().unwrap_or_default();
    last.into_iter()
        .map(|chance| {
            total += chance;
            total
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn critical_values_of_the_tables() {
        // Mann and Whitney's tables: n = m = 3, and U of 8 and 8 at 0.05 on both sides is 13.
        let three = [0.05, 0.10, 0.20, 0.35, 0.50, 0.65, 0.80, 0.90, 0.95, 1.0];
        for (counted, known) in at_most(3, 3).iter().zip(three) {
            assert!((counted - known).abs() < 1e-12, "{counted} {known}");
        }
        let eight = at_most(8, 8);
        assert!(eight[13] <= 0.025 && eight[14] > 0.025);
        assert_eq!(at_most(2, 5).len(), 11);
        assert!((at_most(2, 5)[1] - at_most(5, 2)[1]).abs() < 1e-15);
    }

    #[test]
    fn an_example_of_the_literature() {
        // Permeability of the amnion, of Hollander and Wolfe, example 4.1: the estimate is -0.305, the
        // interval with 0.0127 left out on each side from -0.76 to 0.15.
        let term = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46];
        let earlier = [1.15, 0.88, 0.90, 0.74, 1.21];
        let test = RankSum::new(&term, &earlier).unwrap();
        let middle = f64::midpoint(test.differences[24], test.differences[25]);
        assert!((middle + 0.305).abs() < 1e-9, "{middle}");
        let interval = test.interval(0.0201);
        assert!((interval.low + 0.76).abs() < 1e-9, "{interval:?}");
        assert!((interval.high - 0.15).abs() < 1e-9, "{interval:?}");
    }

    #[test]
    fn large_groups_are_nearly_normal() {
        let exact = at_most(30, 30);
        let near = RankSum {
            sizes: (30, 30),
            differences: Vec::new(),
            at_most: Vec::new(),
        };
        for (count, apart) in [(250, 0.2), (300, 0.05), (350, 0.02), (450, 0.001)] {
            let chance = near.chance_of_at_most(count);
            let ratio = chance / exact[count];
            assert!((ratio - 1.0).abs() < apart, "{count}: {ratio}");
        }
        // In the tail it errs to the careful side.
        assert!(near.chance_of_at_most(250) > exact[250]);
    }

    #[test]
    fn nothing_is_known_of_nothing() {
        assert!(RankSum::new(&[], &[1.0]).is_none());
        assert!(RankSum::new(&[f64::INFINITY], &[1.0]).is_none());
    }

    proptest! {
        #[test]
        fn a_shift_is_found_as_it_was_planted(
            values in prop::collection::vec(0.0_f64..1.0, 2..25),
            shift in -3.0_f64..3.0,
        ) {
            let moved: Vec<f64> = values.iter().map(|value| value + shift).collect();
            let test = RankSum::new(&values, &moved).unwrap();
            let interval = test.interval(0.2);
            prop_assert!(interval.low <= shift + 1e-12 && interval.high >= shift - 1e-12);
            let chance = test.chance_of_at_most(test.differences.len());
            prop_assert!((chance - 1.0).abs() < 1e-9);
        }
    }
}
