//! Thinning out: fewer points, the same picture.

/// Most points of a line: about two per pixel of a plot.
const MOST_POINTS: usize = 1000;

/// At most [`MOST_POINTS`] points, rounded to what a plot can show. Where there are more, each
/// stretch keeps its lowest and highest value, so that no peak is lost, or its gap.
pub fn thin(points: &[(f64, Option<f64>)]) -> Vec<(f64, Option<f64>)> {
    let rounded = |point: (f64, Option<f64>)| {
        let y = point.1.filter(|y| y.is_finite()).map(|y| significant(y, 4));
        ((point.0 * 1e4).round() / 1e4, y)
    };
    if points.len() <= MOST_POINTS {
        return points.iter().copied().map(rounded).collect();
    }
    let stretch = points.len().div_ceil(MOST_POINTS / 2);
    let mut kept = Vec::with_capacity(MOST_POINTS);
    for part in points.chunks(stretch) {
        let valued = || part.iter().filter_map(|point| Some((point.0, point.1?)));
        let lowest = valued().min_by(|a, b| a.1.total_cmp(&b.1));
        let highest = valued().max_by(|a, b| a.1.total_cmp(&b.1));
        match (lowest, highest) {
            (Some(low), Some(high)) if low.0 == high.0 => kept.push((low.0, Some(low.1))),
            (Some(low), Some(high)) => {
                let (first, second) = if low.0 < high.0 {
                    (low, high)
                } else {
                    (high, low)
                };
                kept.push((first.0, Some(first.1)));
                kept.push((second.0, Some(second.1)));
            }
            _ => kept.extend(part.first().map(|point| (point.0, None))),
        }
    }
    kept.into_iter().map(rounded).collect()
}

fn significant(value: f64, digits: i32) -> f64 {
    if value == 0.0 {
        return 0.0;
    }
    let magnitude = value.abs().log10().floor() as i32;
    let decimals = digits - 1 - magnitude;
    // Dividing by a power of ten keeps the shortest text; multiplying by 0.001 would not.
    if decimals >= 0 {
        let scale = 10_f64.powi(decimals);
        (value * scale).round() / scale
    } else {
        let scale = 10_f64.powi(-decimals);
        (value / scale).round() * scale
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn peaks_and_gaps_survive() {
        let mut points: Vec<(f64, Option<f64>)> =
            (0..50_000).map(|i| (f64::from(i), Some(1.0))).collect();
        points[33_333].1 = Some(99.0);
        for point in &mut points[10_000..12_000] {
            point.1 = None;
        }
        let thinned = thin(&points);
        assert!(thinned.len() <= MOST_POINTS);
        assert!(thinned.contains(&(33_333.0, Some(99.0))));
        assert!(thinned.iter().any(|point| point.1.is_none()));
    }

    proptest! {
        #[test]
        fn never_too_many_and_in_order(values in prop::collection::vec(prop::option::of(0.0_f64..1e9), 0..5000)) {
            let points: Vec<_> = values.iter().enumerate().map(|(i, y)| (i as f64, *y)).collect();
            let thinned = thin(&points);
            prop_assert!(thinned.len() <= MOST_POINTS);
            prop_assert!(thinned.windows(2).all(|pair| pair[0].0 < pair[1].0));
        }
    }
}
