//! Looking at a session more than once without crying wolf more often: alpha spending.
//!
//! A session of interleaved pairs is looked at a few times, and ends early where the answer is clear. Each
//! look may spend a part of the whole chance of a false alarm: K. K. G. Lan and D. L. DeMets ("Discrete
//! Sequential Boundaries for Clinical Trials", Biometrika 70, 1983) let a function of the share of
//! information seen say how much. Here it is that of K. Kim and D. L. DeMets ("Design and Analysis of
//! Group Sequential Tests Based on the Type I Error Spending Rate Function", Biometrika 74, 1987) with the
//! power 3, close to O'Brien and Fleming's: little early, most of it at the end (C. Jennison and
//! B. W. Turnbull, "Group Sequential Methods with Applications to Clinical Trials", 2000, section 7.2).
//!
//! What a look may spend is the level of its test. The looks' chances are added up as if no two could
//! alarm together (Bonferroni), so no assumption on their joint distribution is needed, and the rank test's
//! exactness is kept at every look. It costs a little power: of 20 pairs, with looks at 12, 16 and 20,
//! the last one tests at 0.49 % rather than 1 %. The intervals at these levels hold at all looks at once
//! (C. Jennison and B. W. Turnbull, "Interim Analyses: the Repeated Confidence Interval Approach",
//! Journal of the Royal Statistical Society B 51, 1989).

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// How many times a session is looked at, at most.
const LOOKS_MAX: usize = 5;
/// Fewer pairs between two looks save no time worth having.
const STEP_MIN: usize = 4;
/// How fast the chance is spent: the share of information to this power.
const POWER: i32 = 3;

/// One look at a session.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// After so many pairs.
    pub pairs: usize,
    /// What its test may spend of the chance of a false alarm, over all gated metrics.
    pub level: f64,
}

/// When to look at a session of at most `pairs_max` pairs, and at which level, so that any of `gated`
/// metrics is falsely called changed in one direction with at most the chance `level`. Looks at which not
/// even pairs that all agree would be rare enough are left out. Empty where that holds for the last one
/// too: so few pairs can prove nothing.
pub fn looks(pairs_max: usize, gated: usize, level: f64) -> Vec<Look> {
    let step = STEP_MIN.max(pairs_max.div_ceil(LOOKS_MAX));
    let mut looks = Vec::new();
    let mut spent = 0.0;
    let before_last = (0..LOOKS_MAX)
        .rev()
        .map(|rest| pairs_max.saturating_sub(rest * step));
    for pairs in before_last.filter(|pairs| *pairs > 0) {
        let may_be_spent = level * (pairs as f64 / pairs_max as f64).powi(POWER);
        let look = Look {
            pairs,
            level: may_be_spent - spent,
        };
        if look.level / gated.max(1) as f64 >= rarest(pairs) {
            spent = may_be_spent;
            looks.push(look);
        }
    }
    looks
}

/// The fewest pairs that can prove a change of one of `gated` metrics in a single look.
pub fn pairs_min(gated: usize, level: f64) -> usize {
    let strictest = level / gated.max(1) as f64;
    (1..64)
        .find(|pairs| rarest(*pairs) <= strictest)
        .unwrap_or(64)
}

/// The chance that all pairs agree on a direction that is given, where there is none.
fn rarest(pairs: usize) -> f64 {
    0.5_f64.powi(i32::try_from(pairs).unwrap_or(i32::MAX))
}

/// Which side of a pair runs first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    A,
    B,
}

/// The order within each of `pairs` pairs, by the toss of a coin for each: the toss is what makes the
/// signed-rank test exact whatever the machine does meanwhile. The first ones do not depend on how many
/// follow.
pub fn order(pairs: usize, seed: u64) -> Vec<First> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let toss = |_| match rng.random::<bool>() {
        true => First::A,
        false => First::B,
    };
    (0..pairs).map(toss).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn looks_of_twenty_pairs() {
        let pairs = |max, gated| -> Vec<usize> {
            looks(max, gated, 0.01)
                .iter()
                .map(|look| look.pairs)
                .collect()
        };
        assert_eq!(pairs(20, 3), [12, 16, 20]);
        assert_eq!(pairs(40, 3), [16, 24, 32, 40]);
        assert_eq!(pairs(9, 3), [9]);
        assert_eq!(pairs(8, 3), [0; 0]);
        assert_eq!((pairs_min(3, 0.01), pairs_min(1, 0.01)), (9, 7));
        let last = looks(20, 3, 0.01)[2].level;
        assert!((last - 0.00488).abs() < 1e-5, "{last}");
    }

    #[test]
    fn the_order_is_a_fair_coins_and_a_longer_session_begins_alike() {
        let long = order(2000, 5);
        assert_eq!(order(50, 5), long[..50]);
        assert_ne!(order(50, 6), long[..50]);
        let first = long.iter().filter(|first| **first == First::A).count();
        assert!((900..1100).contains(&first), "{first}");
    }

    proptest! {
        #[test]
        fn all_is_spent_at_the_end_and_no_more(
            pairs_max in 1_usize..300,
            gated in 1_usize..10,
            level in 1e-4_f64..0.2,
        ) {
            let looks = looks(pairs_max, gated, level);
            let spent: f64 = looks.iter().map(|look| look.level).sum();
            prop_assert!(spent <= level * (1.0 + 1e-12));
            prop_assert!(looks.windows(2).all(|two| two[0].pairs < two[1].pairs));
            prop_assert!(looks.len() <= LOOKS_MAX);
            if let Some(last) = looks.last() {
                prop_assert_eq!(last.pairs, pairs_max);
                prop_assert!((spent / level - 1.0).abs() < 1e-12);
            }
            prop_assert_eq!(looks.is_empty(), pairs_max < pairs_min(gated, level));
        }
    }
}
