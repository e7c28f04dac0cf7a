//! What a link can do to what passes, and the values that say how.

use serde::{Deserialize, Serialize};

use super::delay::Delay;
use super::{LinkBackend, PacketFault};

/// What a link can do. Each kind of the proxy has one file under `src/link/fault/`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkFault {
    /// Each chunk leaves a drawn time after it arrived, in order.
    Latency(Delay),
    /// A new connection is passed on a drawn time after it came.
    ConnectLatency(Delay),
    /// At most this many bytes per second and direction: for each connection, or shared by all.
    Bandwidth {
        bytes_per_second: u64,
        #[serde(default)]
        shared: bool,
    },
    /// Nothing passes and nothing is said.
    PartitionSilence,
    /// Connections are reset, and new ones as well.
    PartitionReset,
    /// The end of a stream is passed on late.
    SlowClose { delay_ns: u64 },
    /// What comes is thrown away, and the connection is closed `timeout_ns` later.
    Timeout { timeout_ns: u64 },
    /// The connection is reset `timeout_ns` after something came; what comes is thrown away.
    ResetPeer { timeout_ns: u64 },
    /// Bytes pass in pieces of `average ± variation`, `delay_ns` apart.
    Slicer {
        average_bytes: u64,
        variation_bytes: u64,
        delay_ns: u64,
    },
    /// The connection is closed after so many bytes.
    Limit { bytes: u64 },
    /// What the loss of a `share` of packets, 0 to 1, looks like on a stream. It is modelled: what
    /// was lost, and all behind it, comes `retransmit_ns` late, twice as late when lost again, and so on.
    Loss { share: f64, retransmit_ns: u64 },
    /// One bit of one in `every_bytes` bytes, on average, is flipped.
    Corrupt { every_bytes: u64 },
    /// What only a link of packets can do.
    Packets(PacketFault),
    /// All of these, from the same moment to the same moment.
    Together(Vec<LinkFault>),
}

impl LinkFault {
    /// The name under which scenarios and results know it.
    pub const fn kind(&self) -> &'static str {
        match self {
            LinkFault::Latency(_) => "latency",
            LinkFault::ConnectLatency(_) => "connect_latency",
            LinkFault::Bandwidth { .. } => "bandwidth",
            LinkFault::PartitionSilence => "partition.silence",
            LinkFault::PartitionReset => "partition.reset",
            LinkFault::SlowClose { .. } => "slow_close",
            LinkFault::Timeout { .. } => "timeout",
            LinkFault::ResetPeer { .. } => "reset_peer",
            LinkFault::Slicer { .. } => "slicer",
            LinkFault::Limit { .. } => "limit",
            LinkFault::Loss { .. } => "loss.modelled",
            LinkFault::Corrupt { .. } => "corrupt",
            LinkFault::Packets(fault) => fault.kind(),
            LinkFault::Together(_) => "together",
        }
    }

    /// Which links can do this kind. What values a Toxiproxy cannot take, [`super::toxiproxy::toxics`]
    /// says.
    pub const fn backends(&self) -> &'static [LinkBackend] {
        use LinkBackend::{Netns, Proxy, Toxiproxy};
        match self {
            LinkFault::Latency(_) | LinkFault::PartitionSilence => &[Proxy, Netns, Toxiproxy],
            LinkFault::Bandwidth { .. }
            | LinkFault::PartitionReset
            | LinkFault::SlowClose { .. }
            | LinkFault::Timeout { .. }
            | LinkFault::ResetPeer { .. }
            | LinkFault::Limit { .. } => &[Proxy, Toxiproxy],
            LinkFault::ConnectLatency(_)
            | LinkFault::Slicer { .. }
            | LinkFault::Loss { .. }
            | LinkFault::Corrupt { .. }
            | LinkFault::Together(_) => &[Proxy],
            LinkFault::Packets(_) => &[Netns],
        }
    }

    /// The kind of each part.
    pub fn kinds(&self) -> String {
        let kinds: Vec<&str> = self.parts().iter().map(LinkFault::kind).collect();
        kinds.join(" + ")
    }

    /// Its parts: itself, where it is not several at once.
    pub fn parts(&self) -> &[LinkFault] {
        match self {
            LinkFault::Together(parts) => parts,
            _ => std::slice::from_ref(self),
        }
    }
}

/// What a link's fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Toxicity {
    /// Share of them, 0 to 1.
    pub share: f64,
    pub per: Per,
}

impl Default for Toxicity {
    /// Everything.
    fn default() -> Self {
        Self {
            share: 1.0,
            per: Per::Connection,
        }
    }
}

/// What is drawn for, once each.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// A connection, each direction for itself.
    #[default]
    Connection,
    /// A turn of a connection, both directions together. It begins with the first byte up after
    /// bytes have come down: a request and its answer, where they take turns.
    Request,
}
