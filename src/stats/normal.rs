//! The normal distribution: how much lies below a value, and below which value so much lies.
//!
//! Near the middle by the series 26.2.11, in the tails by the continued fraction 26.2.14, both of
//! M. Abramowitz and I. A. Stegun, "Handbook of Mathematical Functions", 1964. To about 14 digits of
//! what is asked for, the far tails included.

/// From here on the continued fraction is the faster of the two, and loses nothing.
const TAIL: f64 = 3.0;
/// Enough of either for full precision on its side of [`TAIL`].
const TERMS: u32 = 60;

/// The chance that a standard normal value is at most `z`.
pub fn below(z: f64) -> f64 {
    if z < -TAIL {
        tail(-z)
    } else if z > TAIL {
        1.0 - tail(z)
    } else {
        0.5 + density(z) * series(z)
    }
}

/// The chance that a standard normal value is above `z`: exact far out, where `1 - below` is not.
pub fn above(z: f64) -> f64 {
    below(-z)
}

/// The value that a standard normal value exceeds with probability `chance`, between 0 and 1.
pub fn exceeded_by(chance: f64) -> f64 {
    // Nothing that an f64 can say lies further out than 39 deviations. Halving comes near enough for
    // Newton's steps, each of which doubles the digits.
    let (mut low, mut high) = (-39.0_f64, 39.0_f64);
    for _ in 0..12 {
        let middle = f64::midpoint(low, high);
        if above(middle) > chance {
            low = middle;
        } else {
            high = middle;
        }
    }
    let near = f64::midpoint(low, high);
    (0..4).fold(near, |z, _| z + (above(z) - chance) / density(z))
}

fn density(z: f64) -> f64 {
    (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

/// z + z^3/3 + z^5/(3*5) + ...
fn series(z: f64) -> f64 {
    let mut term = z;
    let mut sum = z;
    for k in 1..TERMS {
        term *= z * z / f64::from(2 * k + 1);
        sum += term;
    }
    sum
}

/// What lies above a `z` in the tail: density over z + 1/(z + 2/(z + 3/(z + ...))).
fn tail(z: f64) -> f64 {
    let fraction = (1..=TERMS)
        .rev()
        .fold(z, |below, k| z + f64::from(k) / below);
    density(z) / fraction
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_of_the_tables() {
        for (z, chance) in [
            (0.0, 0.5),
            (1.0, 0.158_655_253_931_457_05),
            (1.959_963_984_540_054, 0.025),
            (2.999_999, 1.349_902_463_485_155e-3),
            (3.000_001, 1.349_893_599_788_332e-3),
            (6.0, 9.865_876_450_376_98e-10),
            (10.0, 7.619_853_024_160_527e-24),
        ] {
            assert!((above(z) / chance - 1.0).abs() < 1e-9, "{z}: {}", above(z));
        }
        assert!((exceeded_by(0.01) - 2.326_347_874_040_841).abs() < 1e-12);
        assert!((exceeded_by(0.995) + 2.575_829_303_548_901).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn one_is_the_other_turned_around(chance in 1e-12_f64..0.999) {
            prop_assert!((above(exceeded_by(chance)) / chance - 1.0).abs() < 1e-9);
        }

        #[test]
        fn what_is_not_below_is_above(z in -8.0_f64..8.0) {
            prop_assert!((below(z) + above(z) - 1.0).abs() < 1e-14);
        }
    }
}
