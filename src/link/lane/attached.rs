//! One fault as it applies to one lane.

use std::sync::Arc;

use crate::link::active::{Active, Hold};
use crate::link::fault::Fault;
use crate::link::tally::Tally;
use crate::plan::Direction;

/// One fault as it applies to this lane.
pub struct Attached {
    pub active: Arc<Active>,
    pub fault: Box<dyn Fault>,
    /// Where the draws of its turns begin, where it strikes some turns only. Then `fault` is nothing
    /// until the first that is struck: its time and its draws begin there.
    pub turns: Option<u64>,
    pub awake: bool,
    /// Whether it strikes the chunk that is next.
    pub strikes: bool,
    /// How long it holds the slice that is next.
    pub held_ns: u64,
    /// Bytes that have left through it, in earlier settings included.
    pub left_bytes: u64,
    pub tally: Tally,
    // Dropped after the tally has been handed over.
    pub _hold: Hold,
}

impl Attached {
    /// The fault begins on this lane.
    pub fn wake(&mut self, connection: u64, direction: Direction, now_ns: u64) {
        let seed = self.active.lane_seed(connection, direction);
        let active = &self.active;
        self.fault = active.toxic().on_lane(seed, now_ns, &active.line);
        self.awake = true;
        if self.left_bytes > 0 {
            self.fault.resume(self.left_bytes, now_ns);
        }
    }

    /// Whether it strikes what belongs to a turn.
    pub fn strikes_turn(&self, turn: u64) -> bool {
        self.turns
            .is_none_or(|seed| self.active.strikes_turn(seed, turn))
    }

    /// A slice of a chunk leaves; `whole` with the chunk's last.
    pub fn slice_left(&mut self, arrived_ns: u64, bytes: usize, whole: bool, now_ns: u64) {
        let swallowed = self.fault.swallows();
        self.fault.slice_left(bytes, now_ns);
        self.left_bytes += bytes as u64;
        if self.held_ns > 0 || swallowed {
            if whole {
                self.tally.held(bytes, self.held_ns);
            } else {
                self.tally.bytes += bytes as u64;
            }
        }
        let least_ns = arrived_ns.saturating_add(self.fault.hold_least_ns());
        if arrived_ns >= self.active.started_ns() && now_ns < least_ns {
            self.tally.leaked_bytes += bytes as u64;
        }
        if whole {
            self.fault.chunk_left();
        }
    }
}
