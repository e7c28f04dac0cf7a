//! The machine's monotonic clock, as offsets from a run's start that every role shares.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Nanoseconds of `CLOCK_MONOTONIC`: the same clock in every process of this machine.
pub fn monotonic_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// Nanoseconds of wall-clock time since the Unix epoch; 0 before it.
pub fn unix_ns() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_nanos() as u64)
}

/// A run's start on both clocks. All times of a run are offsets from it, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunClock {
    pub start_monotonic_ns: u64,
    pub start_unix_ns: u64,
}

impl RunClock {
    /// A run that starts after `delay`.
    pub fn starting_in(delay: Duration) -> Self {
        let delay_ns = delay.as_nanos() as u64;
        Self {
            start_monotonic_ns: monotonic_ns() + delay_ns,
            start_unix_ns: unix_ns() + delay_ns,
        }
    }

    /// Nanoseconds since the start; 0 before it.
    pub fn now_ns(&self) -> u64 {
        monotonic_ns().saturating_sub(self.start_monotonic_ns)
    }

    /// How long until the offset `at_ns`; zero when it has passed.
    pub fn until(&self, at_ns: u64) -> Duration {
        let target_ns = self.start_monotonic_ns.saturating_add(at_ns);
        Duration::from_nanos(target_ns.saturating_sub(monotonic_ns()))
    }

    /// The wall-clock timestamp that items due at `offset_ns` carry on the wire.
    pub const fn to_unix_ns(&self, offset_ns: u64) -> u64 {
        self.start_unix_ns + offset_ns
    }

    /// The offset of a wall-clock timestamp made by [`Self::to_unix_ns`]; negative before the start.
    pub const fn from_unix_ns(&self, unix_ns: u64) -> i64 {
        unix_ns as i64 - self.start_unix_ns as i64
    }
}
