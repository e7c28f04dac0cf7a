//! Whether pairs differ, and by how much: the Wilcoxon signed-rank test, turned around.
//!
//! Of each two differences, each with itself included, the mean is taken (the Walsh averages). Their
//! median is the shift (J. L. Hodges and E. L. Lehmann, "Estimates of Location Based on Rank Tests",
//! Annals of Mathematical Statistics 34, 1963). How many of them are not above zero is the statistic of
//! F. Wilcoxon ("Individual Comparisons by Ranking Methods", Biometrics Bulletin 1, 1945) as J. W. Tukey
//! writes it, and the interval holds those shifts that this test does not refuse (M. Hollander,
//! D. A. Wolfe and E. Chicken, "Nonparametric Statistical Methods", 3rd edition, sections 3.1 to 3.3).
//!
//! It asks of the differences only that under no change each sign is a fair coin's. Where the order in a
//! pair was tossed (see [`super::sequential::order`]) it is, whatever the noise: heavy tails, drift of
//! the machine and autocorrelation from pair to pair included, for the toss itself is what the test
//! rests on (R. A. Fisher, "The Design of Experiments", 1935, chapter III). A Walsh average of exactly
//! zero counts against a change in either direction, so ties make the test stricter, not laxer.

use super::shift::{Interval, ordered, tail_of};

/// Up to so many pairs the statistic's distribution is counted out; above, it is taken as normal.
const EXACT_PAIRS_MAX: usize = 60;

/// The differences of pairs, ready to be asked.
#[derive(Debug, Clone)]
pub struct SignedRank {
    pairs: usize,
    /// In order.
    walsh: Vec<f64>,
    /// The chance of at most so many Walsh averages below the true shift; empty of many pairs.
    at_most: Vec<f64>,
}

impl SignedRank {
    /// `None` where there is nothing, or a value that is not finite.
    pub fn new(differences: &[f64]) -> Option<Self> {
        let finite = differences.iter().all(|value| value.is_finite());
        if differences.is_empty() || !finite {
            return None;
        }
        let walsh = differences.iter().enumerate().flat_map(|(i, one)| {
            differences[i..]
                .iter()
                .map(|other| f64::midpoint(*one, *other))
        });
        Some(Self {
            pairs: differences.len(),
            walsh: ordered(walsh),
            at_most: at_most(differences.len()),
        })
    }

    /// The Walsh averages in order.
    pub fn averages(&self) -> &[f64] {
        &self.walsh
    }

    /// The chance, under no change, of at most `count` Walsh averages on one side of zero.
    pub fn chance_of_at_most(&self, count: usize) -> f64 {
        match self.at_most.get(count) {
            Some(chance) => *chance,
            None if !self.at_most.is_empty() => 1.0,
            None => {
                let pairs = self.pairs as f64;
                let mean = pairs * (pairs + 1.0) / 4.0;
                let variance = mean * (2.0 * pairs + 1.0) / 6.0;
                tail_of(count, mean, variance)
            }
        }
    }

    /// The interval that leaves out each side with at most the chance `level`.
    pub fn interval(&self, level: f64) -> Interval {
        Interval::of_ordered(&self.walsh, level, |count| self.chance_of_at_most(count))
    }
}

/// `P(T <= t)` for each t: each rank from 1 to `pairs` is in the sum or not, by the toss of a coin.
fn at_most(pairs: usize) -> Vec<f64> {
    if pairs > EXACT_PAIRS_MAX {
        return Vec::new();
    }
    let most = pairs * (pairs + 1) / 2;
    let mut chances = vec![0.0; most + 1];
    chances[0] = 1.0;
    for rank in 1..=pairs {
        // With all ranks up to this one.
        let reached = rank * (rank + 1) / 2;
        for sum in (0..=reached).rev() {
            let with = sum.checked_sub(rank).map_or(0.0, |rest| chances[rest]);
            chances[sum] = f64::midpoint(chances[sum], with);
        }
    }
    let mut total = 0.0;
    for chance in &mut chances {
        total += *chance;
        *chance = total;
    }
    chances
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn p_greater(differences: &[f64]) -> f64 {
        let test = SignedRank::new(differences).unwrap();
        test.chance_of_at_most(test.walsh.iter().filter(|w| **w <= 0.0).count())
    }

    #[test]
    fn critical_values_of_the_tables() {
        // Hollander, Wolfe and Chicken, table A.4: P(T+ >= 50) = 0.010 of 10, P(T+ >= 154) = 0.033 of 20.
        assert!((at_most(10)[5] - 0.0098).abs() < 5e-5);
        assert!((at_most(20)[60] - 0.0487).abs() < 5e-5);
        assert_eq!(at_most(3), [0.125, 0.25, 0.375, 0.625, 0.75, 0.875, 1.0]);
    }

    #[test]
    fn an_example_of_the_literature() {
        // Hamilton depression scale factor IV before and after, of Hollander and Wolfe, example 3.1:
        // T+ = 5 of 9, P = 0.020, the estimate is -0.46, the interval of 96 % from -0.786 to -0.010.
        let before = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30];
        // One of them only looks like it.
        #[allow(clippy::approx_constant)]
        let after = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29];
        let differences: Vec<f64> = after.iter().zip(before).map(|(a, b)| a - b).collect();
        let test = SignedRank::new(&differences).unwrap();
        let above = test.walsh.iter().filter(|w| **w >= 0.0).count();
        assert_eq!(above, 5);
        assert!((test.chance_of_at_most(above) - 0.0195).abs() < 1e-4);
        assert!((test.walsh[22] + 0.46).abs() < 1e-9);
        let interval = test.interval(0.0195 + 1e-4);
        assert!((interval.low + 0.786).abs() < 1e-3, "{interval:?}");
        assert!((interval.high + 0.010).abs() < 1e-3, "{interval:?}");
    }

    #[test]
    fn many_pairs_are_nearly_normal() {
        let many: Vec<f64> = (0..61).map(f64::from).collect();
        let test = SignedRank::new(&many).unwrap();
        assert!(test.at_most.is_empty());
        // Against counting: the same recursion, one pair fewer.
        let exact = at_most(60);
        let fewer = SignedRank {
            pairs: 60,
            walsh: Vec::new(),
            at_most: Vec::new(),
        };
        for (count, apart) in [(500, 0.2), (600, 0.05), (700, 0.01), (915, 0.001)] {
            let near = fewer.chance_of_at_most(count);
            assert!((near / exact[count] - 1.0).abs() < apart, "{count}: {near}");
        }
        // In the tail it errs to the careful side.
        assert!(fewer.chance_of_at_most(500) > exact[500]);
    }

    #[test]
    fn nothing_is_known_of_nothing() {
        assert!(SignedRank::new(&[]).is_none());
        assert!(SignedRank::new(&[1.0, f64::NAN]).is_none());
        assert_eq!(p_greater(&[0.0; 12]), 1.0);
    }

    proptest! {
        /// Every way in which the coins can fall, ties and zeros included.
        #[test]
        fn the_share_of_tosses_that_alarm_is_at_most_the_level(
            sizes in prop::collection::vec(prop_oneof![0.0_f64..3.0, (0_u8..3).prop_map(f64::from)], 1..9),
            level in 0.004_f64..0.3,
        ) {
            let alarms = (0..1_u32 << sizes.len())
                .filter(|coins| {
                    let sign = |i: usize| if coins >> i & 1 == 1 { 1.0 } else { -1.0 };
                    let tossed: Vec<f64> = sizes.iter().enumerate().map(|(i, d)| d * sign(i)).collect();
                    p_greater(&tossed) <= level
                })
                .count();
            let share = alarms as f64 / f64::from(1_u32 << sizes.len());
            prop_assert!(share <= level, "{share} of {level}");
        }

        #[test]
        fn the_interval_says_what_the_test_says(
            differences in prop::collection::vec(-1.0_f64..2.0, 4..30),
            level in 0.001_f64..0.2,
        ) {
            let interval = SignedRank::new(&differences).unwrap().interval(level);
            prop_assert_eq!(interval.low > 0.0, p_greater(&differences) <= level);
        }
    }
}
