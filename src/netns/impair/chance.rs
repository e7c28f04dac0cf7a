//! Draws: yes or no.

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

#[cfg(test)]
mod tests {
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    #[test]
    fn never_and_always() {
        let rng = || ChaCha8Rng::seed_from_u64(3);
        assert!((0..1_000).all(|_| !Chance::new(0.0, rng()).draw()));
        assert!((0..1_000).all(|_| Chance::new(1.0, rng()).draw()));
    }
}
