//! The median of a few independent values, with an interval that assumes no distribution.
//!
//! With `n` values in order, the `k`-th from below and the `k`-th from above enclose the median of
//! where they come from with the probability `1 - 2 P(B < k)`, `B` binomial with `n` and one half: the
//! sign test turned around (W. R. Thompson, "On Confidence Ranges for the Median and Other
//! Expectation Distributions for Populations of Unknown Distribution Form", Annals of Mathematical
//! Statistics 7, 1936). Of these, the narrowest with at least 95 % is taken. Five values have none:
//! their whole range has 93.75 %. Six have 96.9 %.

/// What an interval has at least.
const CONFIDENCE_MIN: f64 = 0.95;

/// The median; of an even number, the mean of the middle two. `None` of nothing.
pub fn median(values: &[f64]) -> Option<f64> {
    let sorted = sorted(values);
    let upper = sorted.get(sorted.len() / 2)?;
    let lower = sorted.get(sorted.len().checked_sub(1)? / 2)?;
    Some(f64::midpoint(*lower, *upper))
}

/// `(low, high, confidence)` of the median; `None` of too few values.
pub fn interval(values: &[f64]) -> Option<(f64, f64, f64)> {
    let sorted = sorted(values);
    let count = sorted.len();
    // Chances that so many of them lie below the median, from none on.
    let mut chance = 0.5_f64.powi(i32::try_from(count).ok()?);
    let mut outside = 0.0;
    let mut narrowest = None;
    for below in 0..count / 2 {
        outside += 2.0 * chance;
        if 1.0 - outside < CONFIDENCE_MIN {
            break;
        }
        narrowest = Some((sorted[below], sorted[count - 1 - below], 1.0 - outside));
        chance *= (count - below) as f64 / (below + 1) as f64;
    }
    narrowest
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt as _, SeedableRng as _};

    use super::*;

    #[test]
    fn medians_are_in_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[9.0, 1.0, 2.0, 4.0]), Some(3.0));
    }

    #[test]
    fn an_interval_needs_six_values_and_then_drops_the_outermost() {
        let values: Vec<f64> = (1..=20).map(f64::from).collect();
        assert_eq!(interval(&values[..5]), None);
        assert_eq!(interval(&values[..6]), Some((1.0, 6.0, 0.96875)));
        // From the tables of the sign test: the second of nine, the sixth of twenty.
        let ends = |count: usize| interval(&values[..count]).map(|(low, high, _)| (low, high));
        assert_eq!(ends(8), Some((1.0, 8.0)));
        assert_eq!(ends(9), Some((2.0, 8.0)));
        assert_eq!(ends(20), Some((6.0, 15.0)));
    }

    #[test]
    fn it_covers_the_median_of_a_skewed_distribution_as_often_as_it_says() {
        let mut rng = StdRng::seed_from_u64(11);
        // Exponential, whose median is ln 2.
        let truth = 2.0_f64.ln();
        let mut covered = 0;
        let mut said = 0.0;
        for _ in 0..4000 {
            let values: Vec<f64> = (0..10).map(|_| -(1.0 - rng.random::<f64>()).ln()).collect();
            let (low, high, confidence) = interval(&values).unwrap();
            covered += usize::from((low..=high).contains(&truth));
            said = confidence;
        }
        let share = covered as f64 / 4000.0;
        // Three standard deviations.
        assert!((share - said).abs() < 0.008, "{share}, and it says {said}");
    }
}
