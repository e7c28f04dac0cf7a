//! One bit is flipped in so many bytes on average.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Fault;

/// The damage to one lane, with its own draws.
#[derive(Debug)]
pub struct Corrupt {
    every_bytes: u64,
    rng: ChaCha8Rng,
    /// Bytes that pass before the next that is hit.
    spared_bytes: u64,
    flips: u64,
}

impl Corrupt {
    /// Flips one bit of one in `every_bytes` bytes; with 0, none.
    pub fn new(every_bytes: u64, seed: u64) -> Self {
        let mut corrupt = Self {
            every_bytes,
            rng: ChaCha8Rng::seed_from_u64(seed),
            spared_bytes: 0,
            flips: 0,
        };
        corrupt.spared_bytes = corrupt.draw();
        corrupt
    }

    /// Bytes from one hit to the next: even, around the mean.
    fn draw(&mut self) -> u64 {
        match self.every_bytes.checked_sub(1) {
            Some(mean) => self.rng.random_range(0..=mean.saturating_mul(2)),
            None => u64::MAX,
        }
    }
}

impl Fault for Corrupt {
    fn alter(&mut self, part: &mut [u8]) {
        let mut bytes = part.iter_mut();
        loop {
            let left = bytes.len() as u64;
            // It fits: it is less than what is left.
            let hit = usize::try_from(self.spared_bytes).ok();
            match hit.and_then(|hit| bytes.nth(hit)) {
                Some(byte) => {
                    *byte ^= 1 << self.rng.random_range(0..8);
                    self.flips += 1;
                }
                None => {
                    self.spared_bytes = self.spared_bytes.saturating_sub(left);
                    return;
                }
            }
            self.spared_bytes = self.draw();
        }
    }

    fn acts(&self, _now_ns: u64) -> u64 {
        self.flips
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of 200,000 zeros that pass in slices of `slice_bytes`.
    fn damaged(every_bytes: u64, slice_bytes: usize) -> Vec<u8> {
        let mut corrupt = Corrupt::new(every_bytes, 1);
        let mut bytes = vec![0; 200_000];
        for slice in bytes.chunks_mut(slice_bytes) {
            corrupt.alter(slice);
        }
        let hit = bytes.iter().filter(|byte| **byte != 0).count();
        assert_eq!(corrupt.acts(0), hit as u64);
        bytes
    }

    #[test]
    fn one_bit_in_so_many_bytes_is_flipped() {
        for every_bytes in [1, 10, 1_000] {
            let hit = damaged(every_bytes, 1_000);
            let hit: Vec<u8> = hit.into_iter().filter(|byte| *byte != 0).collect();
            assert!(hit.iter().all(|byte| byte.count_ones() == 1));
            let expected = 200_000 / every_bytes as usize;
            assert!(
                hit.len().abs_diff(expected) <= expected / 5,
                "{}",
                hit.len()
            );
        }
        assert!(damaged(0, 1_000).iter().all(|byte| *byte == 0));
    }

    #[test]
    fn where_does_not_depend_on_the_slices() {
        assert_eq!(damaged(100, 1), damaged(100, 20_000));
    }
}
