//! Impairments at work: pure values that are told when a packet comes and say what becomes of it.
//!
//! None knows a clock, a socket or a thread. Each draws from a generator of its own, so the same
//! seed and the same packets get the same verdicts.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::impairment::Impairment;
use crate::plan::Loss;

mod chance;
mod corrupt;
mod delay;
mod duplicate;
mod flap;
mod loss;
mod mtu;
mod partition;
mod rate;
mod reorder;

/// One packet as an impairment meets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet {
    /// When it comes, in nanoseconds of the monotonic clock: after what earlier impairments held.
    pub at_ns: u64,
    /// Length without the Ethernet header.
    pub bytes: u64,
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It passes unchanged.
    Pass,
    /// It is gone.
    Drop,
    /// It passes at this time, and nothing behind it passes before.
    At { due_ns: u64 },
    /// It passes at this time; those behind it may overtake it.
    HeldBack { due_ns: u64 },
    /// This bit, counted from behind the Ethernet header, is flipped.
    Flip { bit: u64 },
    /// It passes, and so does a copy.
    Twice,
}

/// An impairment of one direction.
pub trait Impair: Send + std::fmt::Debug {
    /// What becomes of this packet. Called once for each that reaches it, in order.
    fn judge(&mut self, packet: Packet) -> Verdict;
}

/// Where on its way a packet meets an impairment: what never gets on the line first, the line's own
/// rate behind what adds packets, then the way's length. Corruption is last, so that each corrupted
/// packet, and each copy, really reaches the receiver's checksums.
pub const fn stage(impairment: &Impairment) -> u8 {
    match impairment {
        Impairment::Partition => 0,
        Impairment::Flap { .. } => 1,
        Impairment::Mtu { .. } => 2,
        Impairment::Loss(_) => 3,
        Impairment::Duplicate { .. } => 4,
        Impairment::Rate { .. } => 5,
        Impairment::Delay(_) => 6,
        Impairment::Reorder { .. } => 7,
        Impairment::Corrupt { .. } => 8,
    }
}

/// The impairment at work from `start_ns` on, with the draws of `seed`.
pub fn begin(impairment: &Impairment, seed: u64, start_ns: u64) -> Box<dyn Impair> {
    let rng = ChaCha8Rng::seed_from_u64(seed);
    match impairment {
        Impairment::Delay(delay) => Box::new(delay::Delayed::new(delay.clone(), rng)),
        Impairment::Loss(Loss::Independent { share }) => {
            Box::new(loss::Independent::new(*share, rng))
        }
        Impairment::Loss(Loss::GilbertElliott {
            enter,
            leave,
            loss_bad,
            loss_good,
        }) => Box::new(loss::GilbertElliott::new(
            [*enter, *leave],
            [*loss_good, *loss_bad],
            rng,
        )),
        Impairment::Loss(Loss::Exact { packets }) => Box::new(loss::Exact::new(packets.clone())),
        Impairment::Reorder { share, by_ns } => {
            Box::new(reorder::Reorder::new(*share, *by_ns, rng))
        }
        Impairment::Duplicate { share } => Box::new(duplicate::Duplicate::new(*share, rng)),
        Impairment::Corrupt { share } => Box::new(corrupt::Corrupt::new(*share, rng)),
        Impairment::Rate {
            bytes_per_second,
            queue,
        } => Box::new(rate::Line::new(*bytes_per_second, *queue)),
        Impairment::Mtu { bytes } => Box::new(mtu::BlackHole::new(*bytes)),
        Impairment::Partition => Box::new(partition::Partition),
        Impairment::Flap { up_ns, down_ns } => {
            Box::new(flap::Flap::new(*up_ns, *down_ns, start_ns))
        }
    }
}
