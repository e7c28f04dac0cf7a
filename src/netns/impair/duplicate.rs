//! Some packets pass twice.

use rand_chacha::ChaCha8Rng;

use super::chance::Chance;
use super::{Impair, Packet, Verdict};

#[derive(Debug)]
pub struct Duplicate(Chance);

impl Duplicate {
    pub const fn new(share: f64, rng: ChaCha8Rng) -> Self {
        Self(Chance::new(share, rng))
    }
}

impl Impair for Duplicate {
    fn judge(&mut self, _packet: Packet) -> Verdict {
        if self.0.draw() {
            Verdict::Twice
        } else {
            Verdict::Pass
        }
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    #[test]
    fn a_share_passes_twice() {
        let mut duplicate = Duplicate::new(0.1, ChaCha8Rng::seed_from_u64(1));
        let packet = Packet { at_ns: 0, bytes: 1 };
        let twice = (0..10_000)
            .filter(|_| duplicate.judge(packet) == Verdict::Twice)
            .count();
        assert!((880..1_120).contains(&twice), "{twice}");
    }
}
