//! What a fault does to the chunks of one lane: pure values that are told the time.
//!
//! One kind, one file. A kind implements only what it changes; everything else passes as it is.
//! A lane first asks every fault when its next chunk may leave ([`Fault::due_ns`]), then how much
//! of it at once ([`Fault::slice_bytes`]) and when that much ([`Fault::slice_due_ns`]).

use crate::plan::LinkFault;

pub mod bandwidth;
pub mod latency;
pub mod partition;
pub mod reset;
pub mod slow_close;

/// How a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// With FIN, after all its data.
    Fin,
    /// With RST, whatever becomes of its data.
    Reset,
}

/// One fault on one lane. All times are nanoseconds of the monotonic clock.
pub trait Fault: Send {
    /// When the next chunk may leave, which could leave at `ready_ns` if this fault were not.
    /// May be asked again about the same chunk, and then answers the same.
    fn due_ns(&mut self, ready_ns: u64) -> u64 {
        ready_ns
    }

    /// How many of a chunk's `bytes` may leave at once: at least 1, at most `bytes`.
    fn slice_bytes(&self, bytes: usize) -> usize {
        bytes
    }

    /// When a slice of `bytes` may leave. May be asked again about the same slice.
    fn slice_due_ns(&mut self, ready_ns: u64, _bytes: usize, _now_ns: u64) -> u64 {
        ready_ns
    }

    /// The slice that was asked about has left.
    fn slice_left(&mut self) {}

    /// The chunk that was asked about has left, all of it.
    fn chunk_left(&mut self) {}

    /// When the end of the stream may be passed on, which without this fault could at `ready_ns`.
    fn end_due_ns(&self, _end: End, ready_ns: u64) -> u64 {
        ready_ns
    }

    /// Whether nothing at all passes.
    fn is_silent(&self) -> bool {
        false
    }

    /// Shortest time for which this fault must hold every chunk: one that left earlier leaked.
    fn hold_least_ns(&self) -> u64 {
        0
    }

    /// Longest time for which this fault alone can hold a chunk; 0 where it holds none.
    fn hold_most_ns(&self) -> u64 {
        0
    }

    /// Bytes that a lane must be able to hold so that this fault leaves throughput alone.
    fn window_bytes(&self) -> usize {
        0
    }
}

/// What becomes of connections, new ones and those that exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Admission {
    /// They are served.
    Serve,
    /// New ones wait; existing ones are left to their lanes.
    Hold,
    /// All are reset.
    Reset,
}

/// What a fault of this kind does to connections.
pub const fn admission(kind: &LinkFault) -> Admission {
    match kind {
        LinkFault::PartitionSilence => partition::ADMISSION,
        LinkFault::PartitionReset => reset::ADMISSION,
        LinkFault::Latency { .. } | LinkFault::Bandwidth { .. } | LinkFault::SlowClose { .. } => {
            Admission::Serve
        }
    }
}

/// The value that does to one lane what `kind` says. `seed` is this lane's own.
pub fn on_lane(kind: &LinkFault, seed: u64) -> Box<dyn Fault> {
    match *kind {
        LinkFault::Latency {
            delay_ns,
            jitter_ns,
        } => Box::new(latency::Latency::new(delay_ns, jitter_ns, seed)),
        LinkFault::Bandwidth { bytes_per_second } => {
            Box::new(bandwidth::Bandwidth::new(bytes_per_second))
        }
        LinkFault::PartitionSilence => Box::new(partition::Silence),
        LinkFault::PartitionReset => Box::new(reset::Reset),
        LinkFault::SlowClose { delay_ns } => Box::new(slow_close::SlowClose::new(delay_ns)),
    }
}
