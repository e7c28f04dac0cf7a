//! What is counted of packets per impairment, as the proof of its effect.

use serde::{Deserialize, Serialize};

use super::impair::{Packet, Verdict};

/// What one impairment did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Packets that reached it.
    pub seen: u64,
    pub seen_bytes: u64,
    pub dropped: u64,
    pub dropped_bytes: u64,
    /// Packets that it made wait in order, and those that it held back.
    pub delayed: u64,
    pub held_back: u64,
    /// How long it made both wait altogether, and the longest.
    pub delayed_ns: u64,
    pub delayed_max_ns: u64,
    pub corrupted: u64,
    pub duplicated: u64,
}

impl Tally {
    /// Counts what became of a packet.
    pub const fn count(&mut self, packet: Packet, verdict: Verdict) {
        self.seen += 1;
        self.seen_bytes += packet.bytes;
        match verdict {
            Verdict::Pass => {}
            Verdict::Drop => {
                self.dropped += 1;
                self.dropped_bytes += packet.bytes;
            }
            Verdict::At { due_ns } => {
                self.delayed += 1;
                self.count_wait(due_ns.saturating_sub(packet.at_ns));
            }
            Verdict::HeldBack { due_ns } => {
                self.held_back += 1;
                self.count_wait(due_ns.saturating_sub(packet.at_ns));
            }
            Verdict::Flip { .. } => self.corrupted += 1,
            Verdict::Twice => self.duplicated += 1,
        }
    }

    const fn count_wait(&mut self, wait_ns: u64) {
        self.delayed_ns += wait_ns;
        if wait_ns > self.delayed_max_ns {
            self.delayed_max_ns = wait_ns;
        }
    }

    /// Both directions of one impairment together.
    pub fn plus(self, other: Self) -> Self {
        Self {
            seen: self.seen + other.seen,
            seen_bytes: self.seen_bytes + other.seen_bytes,
            dropped: self.dropped + other.dropped,
            dropped_bytes: self.dropped_bytes + other.dropped_bytes,
            delayed: self.delayed + other.delayed,
            held_back: self.held_back + other.held_back,
            delayed_ns: self.delayed_ns + other.delayed_ns,
            delayed_max_ns: self.delayed_max_ns.max(other.delayed_max_ns),
            corrupted: self.corrupted + other.corrupted,
            duplicated: self.duplicated + other.duplicated,
        }
    }
}
