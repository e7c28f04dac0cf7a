//! What only a link of packets can do, and the values that say how.

use serde::{Deserialize, Serialize};

/// What can happen to packets. Each kind has one file under `src/netns/impair/`. Shares are
/// probabilities from 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PacketFault {
    /// Packets vanish.
    Loss(Loss),
    /// A `share` of packets is held back by `by_ns`, so that those behind overtake them.
    Reorder { share: f64, by_ns: u64 },
    /// A `share` of packets passes twice.
    Duplicate { share: f64 },
    /// One bit of a `share` of packets is flipped. The receiver's checksums make a loss of it.
    Corrupt { share: f64 },
    /// A line of so many bytes per second, IP headers included, which all connections share, with a
    /// drop-tail queue before it.
    Rate { bytes_per_second: u64, queue: Queue },
    /// Packets of more bytes, IP header included, vanish without a word: a path-MTU black hole.
    Mtu { bytes: u32 },
    /// The link is up for `up_ns`, down for `down_ns`, and again.
    Flap { up_ns: u64, down_ns: u64 },
}

impl PacketFault {
    /// The name under which results know it.
    pub const fn kind(&self) -> &'static str {
        match self {
            PacketFault::Loss(Loss::Independent { .. }) => "loss",
            PacketFault::Loss(Loss::GilbertElliott { .. }) => "loss.bursts",
            PacketFault::Loss(Loss::Exact { .. }) => "loss.packets",
            PacketFault::Reorder { .. } => "reorder",
            PacketFault::Duplicate { .. } => "duplicate",
            PacketFault::Corrupt { .. } => "corrupt",
            PacketFault::Rate { .. } => "rate",
            PacketFault::Mtu { .. } => "mtu",
            PacketFault::Flap { .. } => "flap",
        }
    }
}

/// Which packets vanish.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// Each with the same probability, whatever became of the others.
    Independent { share: f64 },
    /// Two states. Before each packet the good state turns bad with probability `enter`, the bad one
    /// good with `leave`; a packet is lost with the probability of the state it finds. Mean length
    /// of a bad spell: `1 / leave` packets.
    GilbertElliott {
        enter: f64,
        leave: f64,
        loss_bad: f64,
        loss_good: f64,
    },
    /// Exactly these, counted from 1 at the impairment's start, in each direction.
    Exact { packets: Vec<u64> },
}

/// How much a line's queue holds, the packet on the line included. What comes beyond is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Queue {
    Packets(u64),
    Bytes(u64),
}
