//! Draws: yes or no, and correlated normal ones.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Yes with a fixed probability.
#[derive(Debug)]
pub struct Chance {
    share: f64,
    rng: ChaCha8Rng,
}

impl Chance {
    /// Yes with probability `share`, 0 to 1.
    pub const fn new(share: f64, rng: ChaCha8Rng) -> Self {
        Self { share, rng }
    }

    pub fn draw(&mut self) -> bool {
        self.rng.random::<f64>() < self.share
    }

    /// Any number below `end`; 0 when there is none.
    pub fn below(&mut self, end: u64) -> u64 {
        self.rng.random_range(0..end.max(1))
    }
}

/// Standard normal draws, each correlated with the one before.
#[derive(Debug)]
pub struct Correlated {
    correlation: f64,
    last: Option<f64>,
    rng: ChaCha8Rng,
}

impl Correlated {
    /// `correlation` is 0 to below 1.
    pub const fn new(correlation: f64, rng: ChaCha8Rng) -> Self {
        Self {
            correlation,
            last: None,
            rng,
        }
    }

    /// The next draw. Correlated or not, all together are standard normal.
    pub fn draw(&mut self) -> f64 {
        let fresh = normal(&mut self.rng);
        let rho = self.correlation;
        let drawn = match self.last {
            Some(last) => rho * last + (1.0 - rho * rho).sqrt() * fresh,
            None => fresh,
        };
        self.last = Some(drawn);
        drawn
    }
}

/// A standard normal draw, by Box and Muller.
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    // 1 - [0, 1) is never zero, whose logarithm there is none of.
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()
}

/// The share of a standard normal distribution below `z`, within 1e-7 (Abramowitz and Stegun 26.2.17).
pub fn normal_share_below(z: f64) -> f64 {
    const COEFFICIENTS: [f64; 5] = [
        0.319_381_530,
        -0.356_563_782,
        1.781_477_937,
        -1.821_255_978,
        1.330_274_429,
    ];
    let t = 1.0 / (1.0 + 0.231_641_9 * z.abs());
    let polynomial = COEFFICIENTS.iter().rev().fold(0.0, |sum, c| (sum + c) * t);
    let density = (-z * z / 2.0).exp() / std::f64::consts::TAU.sqrt();
    let above = density * polynomial;
    if z >= 0.0 { 1.0 - above } else { above }
}

#[cfg(test)]
mod tests {
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    #[test]
    fn known_shares() {
        for (z, share) in [
            (0.0, 0.5),
            (1.0, 0.841_344_7),
            (-1.96, 0.024_997_9),
            (8.0, 1.0),
        ] {
            assert!((normal_share_below(z) - share).abs() < 2e-7, "{z}");
        }
    }

    #[test]
    fn correlated_draws_have_the_correlation_and_keep_the_distribution() {
        for rho in [0.0, 0.8] {
            let mut draws = Correlated::new(rho, ChaCha8Rng::seed_from_u64(1));
            let all: Vec<f64> = (0..100_000).map(|_| draws.draw()).collect();
            let n = all.len() as f64;
            let variance = all.iter().map(|z| z * z).sum::<f64>() / n;
            let lagged = all.windows(2).map(|pair| pair[0] * pair[1]).sum::<f64>() / n;
            assert!((variance - 1.0).abs() < 0.05, "{variance}");
            assert!((lagged / variance - rho).abs() < 0.02, "{lagged} for {rho}");
        }
    }

    #[test]
    fn never_and_always() {
        let rng = || ChaCha8Rng::seed_from_u64(3);
        assert!((0..1_000).all(|_| !Chance::new(0.0, rng()).draw()));
        assert!((0..1_000).all(|_| Chance::new(1.0, rng()).draw()));
    }
}
