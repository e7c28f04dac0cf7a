//! A new connection is passed on late: the kernel has accepted it, but nobody dials the upstream yet.
//!
//! A TCP proxy cannot delay the handshake itself, which the kernel answers. What a client sees is a
//! first answer that comes so much later; connections that exist are left alone.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::plan::{Delay, Delays};

/// How long the connection of this seed waits, in nanoseconds: one draw.
pub fn wait_ns(delay: &Delay, seed: u64) -> u64 {
    // One draw of a connection resembles no other.
    let mut delays = Delays::new(delay.clone(), ChaCha8Rng::seed_from_u64(seed));
    delays.next_ns()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_connection_has_a_draw_of_its_own_that_stays() {
        let delay = Delay::uniform(1_000, 500);
        let drawn = |seed| wait_ns(&delay, seed);
        assert!((0..100).all(|seed| (500..=1_500).contains(&drawn(seed))));
        assert_eq!(drawn(1), drawn(1));
        assert_ne!(drawn(1), drawn(2));
    }
}
