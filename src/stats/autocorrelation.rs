//! How many independent values a series of dependent ones is worth.
//!
//! `n / tau`, where `tau` is one plus twice the sum of the autocorrelations. Noise in the far ones would
//! swamp the sum, so it ends by the rules of C. J. Geyer ("Practical Markov Chain Monte Carlo",
//! Statistical Science 7, 1992, section 3.3): autocorrelations are added in pairs of neighbours, which
//! for a reversible process are positive and fall; the first pair that is not positive ends the sum,
//! and none counts for more than the one before it. For a series that is not reversible it errs to the
//! careful side while its correlations are positive.

/// Worth of `values` in independent ones: from 1 to their number. A series that swings from one value to
/// the next would be worth more; that is not given. Nothing is worth 0, a constant its number.
pub fn effective_size(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let covariance = |lag: usize| {
        let pairs = values.iter().zip(values.iter().skip(lag));
        pairs
            .map(|(one, other)| (one - mean) * (other - mean))
            .sum::<f64>()
            / count
    };
    let variance = covariance(0);
    if values.len() < 2 || variance <= 0.0 {
        return count;
    }
    let mut tau = -1.0;
    let mut before = f64::INFINITY;
    for lag in (0..values.len() - 1).step_by(2) {
        let pair = (covariance(lag) + covariance(lag + 1)) / variance;
        if pair <= 0.0 {
            break;
        }
        before = pair.min(before);
        tau += 2.0 * before;
    }
    (count / tau.max(1.0)).clamp(1.0, count)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stats::fixture::{Machine, Noise};

    fn mean_worth(memory: f64, length: usize) -> f64 {
        let machine = Machine {
            memory,
            ..Machine::quiet(1.0)
        };
        let mut rng = Noise::seeded();
        let worths = (0..30).map(|_| effective_size(&machine.runs(length, &mut rng)));
        worths.sum::<f64>() / 30.0 / length as f64
    }

    #[test]
    fn of_an_autoregression_it_is_what_theory_says() {
        // (1 - phi) / (1 + phi) of its length.
        for memory in [0.3_f64, 0.6, 0.9] {
            let theory = (1.0 - memory) / (1.0 + memory);
            let found = mean_worth(memory, 2000);
            assert!(
                (found / theory - 1.0).abs() < 0.25,
                "{memory}: {found} of {theory}"
            );
        }
        assert!(mean_worth(0.0, 2000) > 0.9);
    }

    #[test]
    fn a_trend_is_worth_a_few_values() {
        let trend: Vec<f64> = (0..1000).map(f64::from).collect();
        assert!(effective_size(&trend) < 5.0);
        let swinging: Vec<f64> = (0..1000).map(|i| f64::from(i % 2)).collect();
        assert_eq!(effective_size(&swinging), 1000.0);
        assert_eq!(effective_size(&[2.0; 9]), 9.0);
        assert_eq!(effective_size(&[]), 0.0);
        assert_eq!(effective_size(&[1.0]), 1.0);
    }

    proptest! {
        #[test]
        fn between_one_and_all(values in prop::collection::vec(-1e6_f64..1e6, 1..60)) {
            let worth = effective_size(&values);
            prop_assert!((1.0..=values.len() as f64).contains(&worth), "{worth}");
        }
    }
}
