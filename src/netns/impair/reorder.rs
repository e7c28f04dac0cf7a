//! Some packets are held back, so that those behind overtake them.

use rand_chacha::ChaCha8Rng;

use super::chance::Chance;
use super::{Impair, Packet, Verdict};

#[derive(Debug)]
pub struct Reorder {
    chance: Chance,
    by_ns: u64,
}

impl Reorder {
    pub const fn new(share: f64, by_ns: u64, rng: ChaCha8Rng) -> Self {
        Self {
            chance: Chance::new(share, rng),
            by_ns,
        }
    }
}

impl Impair for Reorder {
    fn judge(&mut self, packet: Packet) -> Verdict {
        if !self.chance.draw() {
            return Verdict::Pass;
        }
        Verdict::HeldBack {
            due_ns: packet.at_ns.saturating_add(self.by_ns),
        }
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    #[test]
    fn a_share_is_held_back() {
        let mut reorder = Reorder::new(0.25, 5, ChaCha8Rng::seed_from_u64(1));
        let held = (0..10_000)
            .filter(|_| {
                let verdict = reorder.judge(Packet { at_ns: 7, bytes: 1 });
                assert!(matches!(
                    verdict,
                    Verdict::Pass | Verdict::HeldBack { due_ns: 12 }
                ));
                verdict != Verdict::Pass
            })
            .count();
        assert!((2_300..2_700).contains(&held), "{held}");
    }
}
