//! Noise like that of real runs, and how to judge what a simulation counts.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// The variable that names the simulations' seed.
const SEED: &str = "SQUALL_STATS_SEED";
/// A count may fall so rarely on the wrong side of its bound by chance.
const RARE: f64 = 1e-4;

/// A generator of noise.
pub struct Noise;

impl Noise {
    /// With the seed of the day where CI names one, with a fixed one elsewhere.
    pub fn seeded() -> ChaCha8Rng {
        let given = std::env::var(SEED).ok().and_then(|seed| seed.parse().ok());
        let seed: u64 = given.unwrap_or(7);
        println!("{SEED}={seed}");
        ChaCha8Rng::seed_from_u64(seed)
    }
}

/// Evenly from 0 to 1.
pub fn unit(rng: &mut ChaCha8Rng) -> f64 {
    rng.random::<f64>()
}

/// Standard normal, by Box and Muller.
pub fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let radius = (-2.0 * (1.0 - unit(rng)).ln()).sqrt();
    radius * (2.0 * std::f64::consts::PI * unit(rng)).cos()
}

/// Heavy tails: Student's t with 5 degrees of freedom, scaled to a deviation of 1.
fn heavy(rng: &mut ChaCha8Rng) -> f64 {
    let squares: f64 = (0..5).map(|_| normal(rng).powi(2)).sum();
    normal(rng) * (3.0 / squares).sqrt()
}

/// Runs one after the other on one machine: logarithms of what was measured.
#[derive(Clone, Copy)]
pub struct Machine {
    /// Standard deviation of a run, without disturbances.
    pub noise: f64,
    /// Whether its tails are heavy.
    pub heavy: bool,
    /// Correlation of a run's noise with that of the run before.
    pub memory: f64,
    /// Share of runs that something else on the machine slowed by 10 to 40 %.
    pub disturbed: f64,
    /// Growth over all runs.
    pub drift: f64,
}

impl Machine {
    /// Heavy tails, and each run like the one before.
    pub const fn shared(noise: f64) -> Self {
        Self {
            heavy: true,
            memory: 0.6,
            ..Self::quiet(noise)
        }
    }

    /// The same, and one run in twenty is disturbed.
    pub const fn disturbed(noise: f64) -> Self {
        Self {
            disturbed: 0.05,
            ..Self::shared(noise)
        }
    }

    /// Independent normal noise.
    pub const fn quiet(noise: f64) -> Self {
        Self {
            noise,
            heavy: false,
            memory: 0.0,
            disturbed: 0.0,
            drift: 0.0,
        }
    }

    pub fn runs(&self, count: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
        let fresh = self.noise * (1.0 - self.memory * self.memory).sqrt();
        let draw = if self.heavy { heavy } else { normal };
        let mut level = self.noise * draw(rng);
        (0..count)
            .map(|at| {
                level = self.memory * level + fresh * draw(rng);
                let disturbed = unit(rng) < self.disturbed;
                let slowed = if disturbed {
                    0.1 + 0.3 * unit(rng)
                } else {
                    0.0
                };
                let drifted = self.drift * at as f64 / count as f64;
                level + slowed + drifted.ln_1p()
            })
            .collect()
    }
}

/// The most of `trials` that a share of at most `share` brings about; rarely more.
pub fn at_most(share: f64, trials: usize) -> usize {
    let mut more = 1.0;
    let mut log_chance = trials as f64 * (-share).ln_1p();
    for count in 0..trials {
        more -= log_chance.exp();
        if more < RARE {
            return count;
        }
        log_chance += ((trials - count) as f64 / (count + 1) as f64 * share / (1.0 - share)).ln();
    }
    trials
}

/// The fewest of `trials` that a share of at least `share` brings about; rarely fewer.
pub fn at_least(share: f64, trials: usize) -> usize {
    trials - at_most(1.0 - share, trials)
}
