//! Packets vanish: each on its own, in bursts, or exactly those that were listed.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::chance::Chance;
use super::{Impair, Packet, Verdict};

const fn lost(is_lost: bool) -> Verdict {
    if is_lost {
        Verdict::Drop
    } else {
        Verdict::Pass
    }
}

/// Each with the same probability.
#[derive(Debug)]
pub struct Independent(Chance);

impl Independent {
    pub const fn new(share: f64, rng: ChaCha8Rng) -> Self {
        Self(Chance::new(share, rng))
    }
}

impl Impair for Independent {
    fn judge(&mut self, _packet: Packet) -> Verdict {
        lost(self.0.draw())
    }
}

/// Two states with a loss of their own each; index 0 is the good one, 1 the bad.
#[derive(Debug)]
pub struct GilbertElliott {
    leave: [f64; 2],
    loss: [f64; 2],
    state: usize,
    rng: ChaCha8Rng,
}

impl GilbertElliott {
    /// `leave`: the probabilities to leave the good and the bad state before a packet; `loss`: those
    /// to lose a packet in each.
    pub const fn new(leave: [f64; 2], loss: [f64; 2], rng: ChaCha8Rng) -> Self {
        Self {
            leave,
            loss,
            state: 0,
            rng,
        }
    }
}

impl Impair for GilbertElliott {
    fn judge(&mut self, _packet: Packet) -> Verdict {
        if self.rng.random::<f64>() < self.leave[self.state] {
            self.state = 1 - self.state;
        }
        lost(self.rng.random::<f64>() < self.loss[self.state])
    }
}

/// Exactly the listed ones.
#[derive(Debug)]
pub struct Exact {
    packets: Vec<u64>,
    /// Packets seen so far.
    seen: u64,
    /// Index of the next listed one.
    next: usize,
}

impl Exact {
    /// `packets` are rising numbers from 1.
    pub const fn new(packets: Vec<u64>) -> Self {
        Self {
            packets,
            seen: 0,
            next: 0,
        }
    }
}

impl Impair for Exact {
    fn judge(&mut self, _packet: Packet) -> Verdict {
        self.seen += 1;
        let is_listed = self.packets.get(self.next) == Some(&self.seen);
        self.next += usize::from(is_listed);
        lost(is_listed)
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    const PACKETS: usize = 100_000;

    fn fates(loss: &mut impl Impair) -> Vec<bool> {
        let packet = Packet { at_ns: 0, bytes: 1 };
        (0..PACKETS)
            .map(|_| loss.judge(packet) == Verdict::Drop)
            .collect()
    }

    fn share(fates: &[bool]) -> f64 {
        fates.iter().filter(|lost| **lost).count() as f64 / fates.len() as f64
    }

    /// Mean length of the runs of lost packets.
    fn mean_burst(fates: &[bool]) -> f64 {
        let runs: Vec<usize> = fates
            .split(|lost| !lost)
            .map(<[bool]>::len)
            .filter(|len| *len > 0)
            .collect();
        runs.iter().sum::<usize>() as f64 / runs.len() as f64
    }

    #[test]
    fn independent_loss_is_binomial_and_has_no_memory() {
        let fates = fates(&mut Independent::new(0.05, ChaCha8Rng::seed_from_u64(1)));
        let deviation = (0.05 * 0.95 / PACKETS as f64).sqrt();
        assert!((share(&fates) - 0.05).abs() < 4.0 * deviation);
        assert!((mean_burst(&fates) - 1.0 / 0.95).abs() < 0.02);
    }

    #[test]
    fn bursts_are_as_long_as_the_parameters_say() {
        let rng = ChaCha8Rng::seed_from_u64(2);
        let fates = fates(&mut GilbertElliott::new([0.01, 0.2], [0.0, 1.0], rng));
        assert!((mean_burst(&fates) - 5.0).abs() < 0.5);
        assert!((share(&fates) - 0.01 / 0.21).abs() < 0.005);
    }

    #[test]
    fn exactly_the_listed_ones() {
        let listed = [1, 2, 70, 99_999];
        let fates = fates(&mut Exact::new(listed.to_vec()));
        let lost: Vec<u64> = (1..)
            .zip(&fates)
            .filter(|(_, lost)| **lost)
            .map(|(n, _)| n)
            .collect();
        assert_eq!(lost, listed);
    }

    #[test]
    fn the_same_seed_loses_the_same() {
        let run = |seed| fates(&mut Independent::new(0.3, ChaCha8Rng::seed_from_u64(seed)));
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
    }
}
