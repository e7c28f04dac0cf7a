//! Times that are drawn from the seed.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest as _, Sha256};

const MS: u64 = 1_000_000;

/// The draws of one time of one fault.
///
/// The generator is ChaCha8, and its seed the SHA-256 of the plan's seed (eight bytes, little
/// endian), the fault's name and the key (`at`, `for`, `every`), with a zero byte between them. So a
/// draw depends on nothing else: not on the order of entries, and not on other faults.
pub struct Draws(ChaCha8Rng);

impl Draws {
    /// The draws for `key` of the fault called `name`.
    pub fn of(seed: u64, name: &str, key: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(seed.to_le_bytes());
        hash.update([0]);
        hash.update(name);
        hash.update([0]);
        hash.update(key);
        Self(ChaCha8Rng::from_seed(hash.finalize().into()))
    }

    /// The next one, evenly from `least` to `most`, both included; in whole milliseconds where both
    /// are.
    pub fn next(&mut self, (least, most): (u64, u64)) -> u64 {
        if least >= most {
            return least;
        }
        let step = if least.is_multiple_of(MS) && most.is_multiple_of(MS) {
            MS
        } else {
            1
        };
        self.0.random_range(least / step..=most / step) * step
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn seed_name_and_key_decide_and_nothing_else() {
        let first = |seed, name, key| Draws::of(seed, name, key).next((0, 1_000_000_000 * MS));
        assert_eq!(first(1, "cut", "at"), first(1, "cut", "at"));
        let others = [
            first(2, "cut", "at"),
            first(1, "cut2", "at"),
            first(1, "cut", "for"),
            first(1, "cu", "tat"),
        ];
        assert!(others.iter().all(|other| *other != first(1, "cut", "at")));
    }

    #[test]
    fn all_values_come_and_none_twice_as_often() {
        let mut draws = Draws::of(7, "cut", "every");
        let mut counts = [0_u32; 10];
        for _ in 0..10_000 {
            counts[(draws.next((MS, 10 * MS)) / MS - 1) as usize] += 1;
        }
        assert!(
            counts.iter().all(|count| (850..1150).contains(count)),
            "{counts:?}"
        );
    }

    proptest! {
        #[test]
        fn a_draw_is_within_its_bounds(seed: u64, least in 0..1_u64 << 50, more in 0..1_u64 << 50) {
            let drawn = Draws::of(seed, "x", "at").next((least, least + more));
            prop_assert!((least..=least + more).contains(&drawn));
        }
    }
}
