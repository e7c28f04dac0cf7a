//! Lost packets as a stream shows them: what was lost, and all behind it, comes a retransmission
//! time-out later. This is a model: no packet is lost here, and no congestion window shrinks.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Fault;

/// Payload of a full TCP segment on Ethernet, with time stamps.
const SEGMENT_BYTES: usize = 1448;
/// Times that a time-out doubles at most, when retransmissions are lost as well.
const DOUBLINGS_MAX: u32 = 6;

/// The losses of one lane, with its own draws.
#[derive(Debug)]
pub struct Loss {
    /// The chance of each segment to be lost.
    share: f64,
    timeout_ns: u64,
    rng: ChaCha8Rng,
    /// Drawn for the slice that was asked about, kept until it has left.
    stall_ns: Option<u64>,
    lost: u64,
}

impl Loss {
    /// Loses each segment with a chance of `share`, and sends it again after `timeout_ns`, then
    /// after twice that, and so on.
    pub fn new(share: f64, timeout_ns: u64, seed: u64) -> Self {
        Self {
            share,
            timeout_ns,
            rng: ChaCha8Rng::seed_from_u64(seed),
            stall_ns: None,
            lost: 0,
        }
    }

    /// How long a slice of `bytes` is late.
    fn draw_ns(&mut self, bytes: usize) -> u64 {
        let segments = bytes.div_ceil(SEGMENT_BYTES);
        let all_arrive = (1.0 - self.share).powf(segments as f64);
        if self.rng.random::<f64>() < all_arrive {
            return 0;
        }
        let mut stall_ns = self.timeout_ns;
        for doubling in 1..=DOUBLINGS_MAX {
            if self.rng.random::<f64>() >= self.share {
                break;
            }
            stall_ns = stall_ns.saturating_add(self.timeout_ns.saturating_mul(1 << doubling));
        }
        stall_ns
    }
}

impl Fault for Loss {
    fn slice_due_ns(&mut self, ready_ns: u64, bytes: usize, _now_ns: u64) -> u64 {
        let stall_ns = match self.stall_ns {
            Some(stall_ns) => stall_ns,
            None => self.draw_ns(bytes),
        };
        self.stall_ns = Some(stall_ns);
        ready_ns.saturating_add(stall_ns)
    }

    fn slice_left(&mut self, _bytes: usize, _now_ns: u64) {
        if self.stall_ns.take().is_some_and(|stall_ns| stall_ns > 0) {
            self.lost += 1;
        }
    }

    fn acts(&self, _now_ns: u64) -> u64 {
        self.lost
    }

    fn hold_most_ns(&self) -> u64 {
        self.timeout_ns.saturating_mul((2 << DOUBLINGS_MAX) - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// How long each of 20,000 slices is late.
    fn stalls(share: f64, bytes: usize, seed: u64) -> Vec<u64> {
        let mut loss = Loss::new(share, 200 * MS, seed);
        let stall = |_| {
            let stall_ns = loss.slice_due_ns(7, bytes, 0) - 7;
            assert_eq!(stall_ns, loss.slice_due_ns(7, bytes, 0) - 7, "asked again");
            loss.slice_left(bytes, 0);
            stall_ns
        };
        (0..20_000).map(stall).collect()
    }

    #[test]
    fn as_many_slices_are_late_as_lose_a_segment() {
        for (share, bytes, expected) in [(0.1, 100, 0.1), (0.01, 14_480, 0.0956), (0.0, 99, 0.0)] {
            let stalls = stalls(share, bytes, 1);
            let late = stalls.iter().filter(|stall_ns| **stall_ns > 0).count();
            let found = late as f64 / stalls.len() as f64;
            // Over four standard deviations of a binomial.
            assert!((found - expected).abs() < 0.01, "{share} {bytes}: {found}");
        }
    }

    #[test]
    fn a_lost_retransmission_doubles_the_time_out() {
        let stalls = stalls(0.5, 1, 1);
        let of = |times: u64| stalls.iter().filter(|s| **s == times * 200 * MS).count();
        let late = stalls.len() - of(0);
        assert!((of(1) as f64 / late as f64 - 0.5).abs() < 0.03);
        assert!((of(3) as f64 / late as f64 - 0.25).abs() < 0.03);
        assert!((of(7) as f64 / late as f64 - 0.125).abs() < 0.02);
        assert_eq!(stalls.iter().max(), Some(&(127 * 200 * MS)));
        assert_eq!(Loss::new(0.5, 200 * MS, 1).hold_most_ns(), 127 * 200 * MS);
    }

    #[test]
    fn draws_come_from_the_seed() {
        assert_eq!(stalls(0.5, 1, 1), stalls(0.5, 1, 1));
        assert_ne!(stalls(0.5, 1, 1), stalls(0.5, 1, 2));
    }
}
