//! Each packet leaves a drawn time after it came, and never before one that came earlier.

use rand_chacha::ChaCha8Rng;

use super::{Impair, Packet, Verdict};
use crate::plan::{Delay, Delays};

#[derive(Debug)]
pub struct Delayed {
    delays: Delays,
    last_due_ns: u64,
}

impl Delayed {
    pub const fn new(delay: Delay, rng: ChaCha8Rng) -> Self {
        Self {
            delays: Delays::new(delay, rng),
            last_due_ns: 0,
        }
    }
}

impl Impair for Delayed {
    fn judge(&mut self, packet: Packet) -> Verdict {
        let own_ns = packet.at_ns.saturating_add(self.delays.next_ns());
        self.last_due_ns = own_ns.max(self.last_due_ns);
        Verdict::At {
            due_ns: self.last_due_ns,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;
    use crate::plan::Distribution;

    const MS: u64 = 1_000_000;

    proptest! {
        #[test]
        fn order_is_kept_and_nobody_is_early(
            seed: u64,
            gaps in proptest::collection::vec(0..5 * MS, 1..100),
        ) {
            let delay = Delay {
                delay_ns: 2 * MS,
                jitter_ns: 2 * MS,
                distribution: Distribution::Normal,
                correlation: 0.5,
            };
            let mut delayed = Delayed::new(delay, ChaCha8Rng::seed_from_u64(seed));
            let (mut at_ns, mut last_ns) = (0, 0);
            for gap_ns in gaps {
                at_ns += gap_ns;
                let Verdict::At { due_ns } = delayed.judge(Packet { at_ns, bytes: 1 }) else {
                    return Err(TestCaseError::fail("a delay only delays"));
                };
                prop_assert!(due_ns >= at_ns && due_ns >= last_ns);
                last_ns = due_ns;
            }
        }
    }
}
