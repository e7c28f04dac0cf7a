//! How fast a sampled series grows, with an interval that is honest for autocorrelated series.
//!
//! The method is that of Ibragimov and Müller ("t-Statistic Based Correlation and Heterogeneity
//! Robust Inference", Journal of Business & Economic Statistics 28, 2010): cut the series into a
//! few parts, take the least-squares slope of each, and a t-interval over these slopes. It needs
//! no model of the autocorrelation, only parts that are nearly independent of each other, and it
//! holds for parts of unequal noise. It fits memory well: a step that stays is a slope of one part
//! against flat others, a random walk has independent parts, and only what grows in every part is
//! growth for sure. Steps that fall between two parts do not count.
//!
//! A sawtooth whose period fits the parts could be at the same point in all of them. So the series
//! is cut three times, into 4, 5 and 7 parts, and the interval spans the three. By simulation (see
//! the tests) its lower end is above zero in at most 2.5 % of flat series, with white or
//! autocorrelated noise, random walks, one to three steps at random times, sawteeth with a period
//! of at most two fifths of the series, and warm-ups that fade within a quarter of it. A sawtooth
//! that is longer, or a growth that fades later, cannot be told from a leak by this method. Nor can
//! a warm-up of many steps: with eight of them towards the start, 5.2 % of the series seemed to grow.
//! A longer `run.warmup` is the remedy.

/// Into how many parts the series is cut, and the 97.5 % quantile of Student's t for their slopes.
const CUTS: [(usize, f64); 3] = [(4, 3.182_446), (5, 2.776_445), (7, 2.446_912)];
/// A part with fewer samples has no slope worth the name.
const PART_SAMPLES_MIN: u64 = 4;

/// The slope of a series in its unit per second, with its interval of 95 %.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slope {
    pub per_second: f64,
    pub low: f64,
    pub high: f64,
}

/// The slope over stretches of samples `(seconds, value)`, each in order of time. What changes
/// between two stretches does not count. `None` when there are too few samples.
pub fn slope(stretches: &[Vec<(f64, f64)>]) -> Option<Slope> {
    let covered_s: f64 = stretches.iter().map(|stretch| length_s(stretch)).sum();
    if covered_s <= 0.0 {
        return None;
    }
    let mut sum = 0.0;
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for (parts, t) in CUTS {
        let slopes = slopes(stretches, covered_s, parts)?;
        let count = parts as f64;
        let mean = slopes.iter().sum::<f64>() / count;
        let squares: f64 = slopes.iter().map(|slope| (slope - mean).powi(2)).sum();
        let half = t * (squares / (count - 1.0) / count).sqrt();
        sum += mean;
        low = low.min(mean - half);
        high = high.max(mean + half);
    }
    // Each mean lies in its own interval, so their mean lies in what spans them.
    let per_second = sum / CUTS.len() as f64;
    let known = [per_second, low, high].iter().all(|end| end.is_finite());
    known.then_some(Slope {
        per_second,
        low,
        high,
    })
}

fn length_s(stretch: &[(f64, f64)]) -> f64 {
    match (stretch.first(), stretch.last()) {
        (Some(first), Some(last)) => last.0 - first.0,
        _ => 0.0,
    }
}

/// The slope of each of `parts` parts of equal time; `None` where one of them has too few samples.
fn slopes(stretches: &[Vec<(f64, f64)>], covered_s: f64, parts: usize) -> Option<Vec<f64>> {
    let mut fits = vec![Fit::default(); parts];
    let mut before_s = 0.0;
    for stretch in stretches {
        let Some((start_s, _)) = stretch.first() else {
            continue;
        };
        for (at_s, value) in stretch {
            let share = (before_s + at_s - start_s) / covered_s;
            let part = ((share * parts as f64) as usize).min(parts - 1);
            fits[part].add(*at_s, *value);
        }
        before_s += length_s(stretch);
        for fit in &mut fits {
            fit.end_stretch();
        }
    }
    fits.iter().map(Fit::slope).collect()
}

/// Least squares with a level of its own for each stretch, in one pass (Welford's update).
#[derive(Debug, Clone, Default)]
struct Fit {
    samples: u64,
    of_stretch: f64,
    mean_s: f64,
    mean: f64,
    time_squares: f64,
    products: f64,
}

impl Fit {
    fn add(&mut self, at_s: f64, value: f64) {
        self.samples += 1;
        self.of_stretch += 1.0;
        let from_mean_s = at_s - self.mean_s;
        self.mean_s += from_mean_s / self.of_stretch;
        self.mean += (value - self.mean) / self.of_stretch;
        self.time_squares += from_mean_s * (at_s - self.mean_s);
        self.products += from_mean_s * (value - self.mean);
    }

    fn end_stretch(&mut self) {
        self.of_stretch = 0.0;
        self.mean_s = 0.0;
        self.mean = 0.0;
    }

    fn slope(&self) -> Option<f64> {
        let enough = self.samples >= PART_SAMPLES_MIN && self.time_squares > 0.0;
        enough.then(|| self.products / self.time_squares)
    }
}

#[cfg(test)]
mod tests;
