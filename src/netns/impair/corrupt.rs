//! One bit of some packets is flipped. The sums of IP, TCP and UDP notice any single bit.

use rand_chacha::ChaCha8Rng;

use super::chance::Chance;
use super::{Impair, Packet, Verdict};

#[derive(Debug)]
pub struct Corrupt(Chance);

impl Corrupt {
    pub const fn new(share: f64, rng: ChaCha8Rng) -> Self {
        Self(Chance::new(share, rng))
    }
}

impl Impair for Corrupt {
    fn judge(&mut self, packet: Packet) -> Verdict {
        if !self.0.draw() {
            return Verdict::Pass;
        }
        Verdict::Flip {
            bit: self.0.below(packet.bytes * 8),
        }
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    #[test]
    fn a_bit_of_the_packet_and_no_other() {
        let mut corrupt = Corrupt::new(1.0, ChaCha8Rng::seed_from_u64(1));
        let mut bits = [false; 160];
        for _ in 0..10_000 {
            let Verdict::Flip { bit } = corrupt.judge(Packet {
                at_ns: 0,
                bytes: 20,
            }) else {
                panic!("each is broken");
            };
            bits[bit as usize] = true;
        }
        assert!(bits.iter().all(|seen| *seen), "any bit can be the one");
    }
}
