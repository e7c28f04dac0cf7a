//! What a link can do to what passes, and the values that say how.

use serde::{Deserialize, Serialize};

use super::{LinkBackend, PacketFault};

/// What a link can do to what passes. Each kind that a proxy can do has one file under `src/link/fault/`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkFault {
    /// Each chunk leaves `delay` after it arrived, plus or minus a uniform jitter, in order.
    Latency { delay_ns: u64, jitter_ns: u64 },
    /// At most this many bytes per second, per connection and direction.
    Bandwidth { bytes_per_second: u64 },
    /// Nothing passes and nothing is said.
    PartitionSilence,
    /// Connections are reset, and new ones as well.
    PartitionReset,
    /// The end of a stream is passed on late.
    SlowClose { delay_ns: u64 },
    /// What only a link of packets can do.
    Packets(PacketFault),
}

impl LinkFault {
    /// The name under which scenarios and results know it.
    pub const fn kind(&self) -> &'static str {
        match self {
            LinkFault::Latency { .. } => "latency",
            LinkFault::Bandwidth { .. } => "bandwidth",
            LinkFault::PartitionSilence => "partition.silence",
            LinkFault::PartitionReset => "partition.reset",
            LinkFault::SlowClose { .. } => "slow_close",
            LinkFault::Packets(fault) => fault.kind(),
        }
    }

    /// Which links can do it.
    pub const fn backends(&self) -> &'static [LinkBackend] {
        use LinkBackend::{Netns, Proxy};
        match self {
            LinkFault::Latency { .. } | LinkFault::PartitionSilence => &[Proxy, Netns],
            LinkFault::Bandwidth { .. }
            | LinkFault::PartitionReset
            | LinkFault::SlowClose { .. } => &[Proxy],
            LinkFault::Packets(_) => &[Netns],
        }
    }
}

/// A delay with jitter. `correlation` (0 to below 1) is that of each draw with the one before; the
/// distribution stays what it is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Delay {
    pub delay_ns: u64,
    pub jitter_ns: u64,
    pub distribution: Distribution,
    pub correlation: f64,
}

impl Delay {
    /// The same delay for every packet.
    pub const fn fixed(delay_ns: u64) -> Self {
        Self {
            delay_ns,
            jitter_ns: 0,
            distribution: Distribution::Uniform,
            correlation: 0.0,
        }
    }
}

/// How a delay scatters. No delay is ever below zero.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Distribution {
    /// Anything from `delay - jitter` to `delay + jitter`.
    Uniform,
    /// Around `delay`, with `jitter` as the standard deviation.
    Normal,
    /// Never below `delay`; beyond it a heavy tail: `jitter * (x - 1)`, where `x` is Pareto
    /// distributed with minimum 1 and this `shape` (above 1; 3 is heavy, 1.2 is extreme).
    Pareto { shape: f64 },
}
