//! Where two parts of a stretch differ most, by their energy distance.
//!
//! For parts of `n` and `m` values the distance is twice the mean of all distances across, less the mean
//! distance of two different values within each; weighted with `n m / (n + m)` (Matteson and James, as
//! above, equations 5 to 7; G. J. Székely and M. L. Rizzo, "Energy Statistics: A Class of Statistics Based
//! on Distances", Journal of Statistical Planning and Inference 143, 2013). The second part may end before
//! the stretch does, so that a change back does not hide the change. All splits and ends are tried, in
//! time that grows with the square of the length and in memory that grows with it: sums are carried on.

/// A way to split a stretch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Split {
    /// Index of the second part's first value.
    pub at: usize,
    /// How much the parts differ: the larger, the more.
    pub gain: f64,
}

/// The split with the largest gain, of parts of at least `part_min` values; the earliest of equals. `None`
/// of fewer than two parts' values.
pub fn best_split(values: &[f64], part_min: usize) -> Option<Split> {
    let part_min = part_min.max(1);
    let count = values.len();
    // Of each value, the distances to all before it; later only to those before the split.
    let to_all_before: Vec<f64> = (0..count)
        .map(|at| {
            values[..at]
                .iter()
                .map(|other| (values[at] - other).abs())
                .sum()
        })
        .collect();
    let mut to_first = vec![0.0; count];
    let mut within_first = 0.0;
    let mut best: Option<Split> = None;
    for at in 1..(count + 1).saturating_sub(part_min) {
        // The value before the split joins the first part.
        let joined = values[at - 1];
        within_first += to_all_before[at - 1];
        let mut across = 0.0;
        let mut within_second = 0.0;
        for end in at..count {
            to_first[end] += (values[end] - joined).abs();
            across += to_first[end];
            within_second += to_all_before[end] - to_first[end];
            let second = end + 1 - at;
            if at < part_min || second < part_min {
                continue;
            }
            let gain = gain(across, (within_first, at), (within_second, second));
            if best.is_none_or(|best| gain > best.gain) {
                best = Some(Split { at, gain });
            }
        }
    }
    best
}

/// The weighted energy distance, out of sums of distances; of a part, each two values counted once.
fn gain(across: f64, first: (f64, usize), second: (f64, usize)) -> f64 {
    let (n, m) = (first.1 as f64, second.1 as f64);
    // A part of one value has no distances within.
    let within = |sum: f64, count: f64| sum / (count - 1.0).max(1.0);
    2.0 / (n + m) * (across - m * within(first.0, n) - n * within(second.0, m))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// By its definition: each mean on its own.
    fn plainly(values: &[f64], part_min: usize) -> f64 {
        let mean = |sum: f64, count: usize| if count == 0 { 0.0 } else { sum / count as f64 };
        let within = |part: &[f64]| {
            let pairs = (0..part.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
            let sum: f64 = pairs.map(|(i, j)| (part[i] - part[j]).abs()).sum();
            mean(sum, part.len() * (part.len() - 1) / 2)
        };
        let mut best = f64::NEG_INFINITY;
        for at in part_min..values.len() {
            for end in at + part_min..=values.len() {
                let (first, second) = (&values[..at], &values[at..end]);
                let pairs = first
                    .iter()
                    .flat_map(|x| second.iter().map(move |y| (x - y).abs()));
                let across = mean(pairs.sum(), first.len() * second.len());
                let (n, m) = (first.len() as f64, second.len() as f64);
                let gain = n * m / (n + m) * (2.0 * across - within(first) - within(second));
                best = best.max(gain);
            }
        }
        best
    }

    #[test]
    fn a_step_is_split_at_its_first_value_and_a_change_back_does_not_hide_it() {
        let step = [1.0, 1.0, 1.0, 2.0, 2.0, 2.0];
        assert_eq!(best_split(&step, 1), Some(Split { at: 3, gain: 3.0 }));
        let back = [1.0, 1.0, 1.0, 1.0, 5.0, 5.0, 5.0, 1.0, 1.0, 1.0, 1.0];
        let at = best_split(&back, 2).unwrap().at;
        assert!(at == 4 || at == 7, "{at}");
        assert_eq!(best_split(&[1.0, 2.0, 3.0], 2), None);
        assert_eq!(best_split(&[], 1), None);
    }

    proptest! {
        #[test]
        fn sums_that_are_carried_on_are_the_sums(
            values in prop::collection::vec(-5.0_f64..5.0, 2..24),
            part_min in 1_usize..4,
        ) {
            match best_split(&values, part_min) {
                Some(split) => {
                    let plainly = plainly(&values, part_min);
                    prop_assert!((split.gain - plainly).abs() < 1e-9, "{} {plainly}", split.gain);
                }
                None => prop_assert!(values.len() < 2 * part_min),
            }
        }
    }
}
