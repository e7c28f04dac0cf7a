//! What a fault does to the chunks of one lane: pure values that are told the time.
//!
//! One kind, one file. A kind implements only what it changes; everything else passes as it is.
//! A lane first asks every fault when its next chunk may leave ([`Fault::due_ns`]), then how much
//! of it at once ([`Fault::slice_bytes`]) and when that much ([`Fault::slice_due_ns`]).

pub mod bandwidth;
pub mod connect_latency;
pub mod corrupt;
pub mod latency;
pub mod limit;
pub mod loss;
pub mod noop;
pub mod partition;
pub mod reset;
pub mod reset_peer;
pub mod shared_bandwidth;
pub mod slicer;
pub mod slow_close;
pub mod timeout;

/// How a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// With FIN, after all its data.
    Fin,
    /// With RST, whatever becomes of its data.
    Reset,
}

/// How a fault ends the whole connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// With FIN both ways, once what was let go has been written.
    AfterData,
    /// With FIN both ways, at once.
    Close,
    /// With RST both ways.
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
    fn slice_bytes(&mut self, bytes: usize) -> usize {
        bytes
    }

    /// When a slice of `bytes` may leave. May be asked again about the same slice.
    fn slice_due_ns(&mut self, ready_ns: u64, _bytes: usize, _now_ns: u64) -> u64 {
        ready_ns
    }

    /// Whether each slice must be written on its own.
    fn separates(&self) -> bool {
        false
    }

    /// Whether the slice that leaves next is thrown away.
    fn swallows(&self) -> bool {
        false
    }

    /// Changes the slice that is about to leave, or a part of it: the parts come in order.
    fn alter(&mut self, _part: &mut [u8]) {}

    /// The slice that was asked about has left, `bytes` of it.
    fn slice_left(&mut self, _bytes: usize, _now_ns: u64) {}

    /// The chunk that was asked about has left, all of it.
    fn chunk_left(&mut self) {}

    /// How a stream that ended with `end` is ended here.
    fn end_as(&self, end: End) -> End {
        end
    }

    /// When the end of the stream may be passed on, which without this fault could at `ready_ns`.
    fn end_due_ns(&self, _end: End, ready_ns: u64) -> u64 {
        ready_ns
    }

    /// How and when this fault ends the connection, as far as it knows by now.
    fn cut(&self) -> Option<(Cut, u64)> {
        None
    }

    /// How the connection ends when this fault is removed.
    fn cut_on_removal(&self) -> Option<Cut> {
        None
    }

    /// What it has done by now, in its own unit: bits flipped, pieces cut, slices lost, a connection
    /// ended. 0 where holding bytes is all it does.
    fn acts(&self, _now_ns: u64) -> u64 {
        0
    }

    /// It takes the place of a fault through which `left_bytes` have left: new settings of the same.
    fn resume(&mut self, _left_bytes: u64, _now_ns: u64) {}

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
    /// New ones wait until this time; existing ones are served.
    Wait { until_ns: u64 },
    /// New ones wait; existing ones are left to their lanes.
    Hold,
    /// All are reset.
    Reset,
}
