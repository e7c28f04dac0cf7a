//! Several metrics judged at once: the level at which each of them is tested, so that the chance of
//! *any* false alarm stays what it is for one.
//!
//! S. Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of
//! Statistics 6, 1979: the smallest of `m` p-values is held against `level / m`; where it passes, the
//! next against `level / (m - 1)`, and so on up to the first that does not. Whatever the metrics have to
//! do with each other, and whichever of them have changed, at most a share `level` of sessions calls a
//! metric changed that has not.

/// How one of the metrics fared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tested {
    /// The level that it was held against. For those after the first that failed, that one's.
    pub level: f64,
    /// Whether it passed, as did all with smaller p-values.
    pub passed: bool,
}

/// What becomes of each p-value, in the order given; `level` is the chance of any false alarm.
pub fn holm(p_values: &[f64], level: f64) -> Vec<Tested> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|one, other| p_values[*one].total_cmp(&p_values[*other]));
    let mut tested = vec![
        Tested {
            level,
            passed: false
        };
        p_values.len()
    ];
    let mut failed = None;
    for (passed_before, index) in order.into_iter().enumerate() {
        let step = level / (p_values.len() - passed_before) as f64;
        let p = p_values[index];
        if failed.is_none() && (p.is_nan() || p > step) {
            failed = Some(step);
        }
        tested[index] = Tested {
            level: failed.unwrap_or(step),
            passed: failed.is_none(),
        };
    }
    tested
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_example_by_hand() {
        let passed = |values: &[f64]| -> Vec<bool> {
            holm(values, 0.05).iter().map(|one| one.passed).collect()
        };
        // Against 0.05/4, /3, /2: the third smallest fails, and so does all behind it.
        assert_eq!(
            passed(&[0.01, 0.04, 0.03, 0.005]),
            [true, false, false, true]
        );
        assert_eq!(passed(&[0.02]), [true]);
        assert_eq!(passed(&[f64::NAN]), [false]);
        assert_eq!(holm(&[0.01, 0.04, 0.03, 0.005], 0.05)[1].level, 0.025);
        assert!(holm(&[], 0.05).is_empty());
    }

    proptest! {
        #[test]
        fn stricter_than_one_test_and_no_stricter_than_equal_parts(
            p_values in prop::collection::vec(0.0_f64..1.0, 1..8),
        ) {
            let level = 0.1;
            let parts = level / p_values.len() as f64;
            for (p, tested) in p_values.iter().zip(holm(&p_values, level)) {
                prop_assert!((parts..=level).contains(&tested.level));
                prop_assert_eq!(tested.passed, *p <= tested.level);
                prop_assert!(tested.passed || *p > parts);
            }
        }
    }
}
