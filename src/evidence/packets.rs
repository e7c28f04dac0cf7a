//! What a packet link tells of itself: how it was made, and what it did to every packet.

use serde::{Deserialize, Serialize};

use crate::stats::histogram::Latencies;

/// A packet link at the end of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PacketEvidence {
    pub rights: Rights,
    /// MTU of both sides' interfaces.
    pub mtu_bytes: u32,
    pub congestion: Congestion,
    /// Towards the sink.
    pub up: LaneCounts,
    /// Towards the client.
    pub down: LaneCounts,
    /// Packets that a side's kernel threw away as broken.
    pub rejected_by_client: u64,
    pub rejected_by_sink: u64,
}

/// Whose rights a packet link needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rights {
    /// Root's: namespaces are made directly.
    Root,
    /// Anybody's: namespaces are made in a user namespace.
    Anybody,
}

impl Rights {
    /// The words in which results tell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Rights::Root => "root's rights",
            Rights::Anybody => "a user namespace",
        }
    }
}

/// Congestion control in force on each side: what sockets get that do not choose their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Congestion {
    pub client: String,
    pub sink: String,
    /// Whether it was asked for, or only found.
    pub pinned: bool,
}

/// What one direction did. Bytes are those of IP, without the Ethernet header.
///
/// `received + copies == sent + dropped + overflowed + unsent + held` at any time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LaneCounts {
    pub received: u64,
    pub received_bytes: u64,
    /// Copies that duplication added.
    pub copies: u64,
    pub sent: u64,
    pub sent_bytes: u64,
    /// Dropped by an impairment, on purpose.
    pub dropped: u64,
    /// Waiting now.
    pub held: u64,
    #[serde(default)]
    pub held_bytes: u64,
    /// Dropped because more waited than the link may hold: the relay's failure.
    pub overflowed: u64,
    /// Refused by the kernel on the way out: the relay's failure.
    pub unsent: u64,
    /// Lost by the kernel because the relay did not read in time; never `received`.
    pub missed: u64,
    /// Time from when a packet was due to when it was sent.
    pub lateness: Latencies,
    /// Processor time that the relay's thread has used.
    pub cpu_ns: u64,
}

impl LaneCounts {
    /// Whether the relay lost nothing on its own account.
    pub const fn is_faithful(&self) -> bool {
        self.overflowed == 0 && self.unsent == 0 && self.missed == 0
    }

    /// Whether every packet is accounted for.
    pub const fn closes(&self) -> bool {
        self.received + self.copies
            == self.sent + self.dropped + self.overflowed + self.unsent + self.held
    }
}
