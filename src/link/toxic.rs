//! Everything that a link can do to a connection: the plan's faults, and those of Toxiproxy's API.

use std::sync::Arc;

use super::fault::shared_bandwidth::{Line, SharedBandwidth};
use super::fault::{
    Admission, Fault, bandwidth, connect_latency, corrupt, latency, limit, loss, noop, partition,
    reset, reset_peer, slicer, slow_close, timeout,
};
use crate::plan::{Delay, LinkFault};

/// One kind with its settings. Each has one file under `src/link/fault/`.
#[derive(Debug, Clone, PartialEq)]
pub enum Toxic {
    /// Nothing.
    Noop,
    /// Each chunk leaves a drawn time after it arrived, in order.
    Latency(Delay),
    /// A new connection is dialled a drawn time after it was accepted.
    ConnectLatency(Delay),
    /// At most this many bytes per second, per direction; each connection for itself, or all of them
    /// together.
    Bandwidth {
        bytes_per_second: u64,
        is_shared: bool,
    },
    /// Nothing passes and nothing is said, and new connections wait.
    Silence,
    /// Connections are reset, and new ones as well.
    Reset,
    /// The end of a stream is passed on late.
    SlowClose { delay_ns: u64 },
    /// What comes is thrown away; the connection is closed `timeout` later, or when the toxic is
    /// removed. `None` never closes by itself.
    Timeout { timeout_ns: Option<u64> },
    /// The connection is reset `timeout` after something came.
    ResetPeer { timeout_ns: u64 },
    /// Chunks are cut into pieces of `average ± variation`, with a delay between them.
    Slicer {
        average_bytes: u64,
        variation_bytes: u64,
        delay_ns: u64,
    },
    /// The connection is closed after so many bytes.
    Limit { bytes: u64 },
    /// This share of segments is lost, as a model shows it to a stream: what was in them comes after
    /// a retransmission time-out, and so does everything behind.
    Loss { share: f64, timeout_ns: u64 },
    /// One bit of one in `every` bytes is flipped; 0 is none.
    Corrupt { every_bytes: u64 },
}

impl Toxic {
    /// What a fault of one part is on the proxy; `None` where that cannot be done to bytes.
    pub fn of(fault: &LinkFault) -> Option<Self> {
        Some(match *fault {
            LinkFault::Latency(ref delay) => Toxic::Latency(delay.clone()),
            LinkFault::ConnectLatency(ref delay) => Toxic::ConnectLatency(delay.clone()),
            LinkFault::Bandwidth {
                bytes_per_second,
                shared,
            } => Toxic::Bandwidth {
                bytes_per_second,
                is_shared: shared,
            },
            LinkFault::PartitionSilence => Toxic::Silence,
            LinkFault::PartitionReset => Toxic::Reset,
            LinkFault::SlowClose { delay_ns } => Toxic::SlowClose { delay_ns },
            LinkFault::Timeout { timeout_ns } => Toxic::Timeout {
                timeout_ns: Some(timeout_ns),
            },
            LinkFault::ResetPeer { timeout_ns } => Toxic::ResetPeer { timeout_ns },
            LinkFault::Slicer {
                average_bytes,
                variation_bytes,
                delay_ns,
            } => Toxic::Slicer {
                average_bytes,
                variation_bytes,
                delay_ns,
            },
            LinkFault::Limit { bytes } => Toxic::Limit { bytes },
            LinkFault::Loss {
                share,
                retransmit_ns,
            } => Toxic::Loss {
                share,
                timeout_ns: retransmit_ns,
            },
            LinkFault::Corrupt { every_bytes } => Toxic::Corrupt { every_bytes },
            LinkFault::Packets(_) | LinkFault::Together(_) => return None,
        })
    }

    /// What it does to connections as a whole, existing ones included.
    pub const fn admission(&self) -> Admission {
        match self {
            Toxic::Silence => partition::ADMISSION,
            Toxic::Reset => reset::ADMISSION,
            _ => Admission::Serve,
        }
    }

    /// How long a new connection of this seed waits before it is dialled, in nanoseconds.
    pub fn wait_ns(&self, seed: u64) -> u64 {
        match self {
            Toxic::ConnectLatency(delay) => connect_latency::wait_ns(delay, seed),
            _ => 0,
        }
    }

    /// The value that does it to one lane, from `now_ns` on. `seed` is this lane's own; `line` is
    /// for all lanes that are under this fault.
    pub fn on_lane(&self, seed: u64, now_ns: u64, line: &Line) -> Box<dyn Fault> {
        match *self {
            // A connection that has lanes has been dialled.
            Toxic::Noop | Toxic::ConnectLatency(_) => Box::new(noop::Noop),
            Toxic::Latency(ref delay) => Box::new(latency::Latency::new(delay.clone(), seed)),
            Toxic::Bandwidth {
                bytes_per_second,
                is_shared: false,
            } => Box::new(bandwidth::Bandwidth::new(bytes_per_second)),
            Toxic::Bandwidth {
                bytes_per_second,
                is_shared: true,
            } => {
                let line = Arc::clone(line);
                Box::new(SharedBandwidth::new(bytes_per_second, line))
            }
            Toxic::Silence => Box::new(partition::Silence),
            Toxic::Reset => Box::new(reset::Reset),
            Toxic::SlowClose { delay_ns } => Box::new(slow_close::SlowClose::new(delay_ns)),
            Toxic::Timeout { timeout_ns } => Box::new(timeout::Timeout::new(timeout_ns, now_ns)),
            Toxic::ResetPeer { timeout_ns } => Box::new(reset_peer::ResetPeer::new(timeout_ns)),
            Toxic::Slicer {
                average_bytes,
                variation_bytes,
                delay_ns,
            } => Box::new(slicer::Slicer::new(
                average_bytes,
                variation_bytes,
                delay_ns,
                seed,
            )),
            Toxic::Limit { bytes } => Box::new(limit::Limit::new(bytes)),
            Toxic::Loss { share, timeout_ns } => Box::new(loss::Loss::new(share, timeout_ns, seed)),
            Toxic::Corrupt { every_bytes } => Box::new(corrupt::Corrupt::new(every_bytes, seed)),
        }
    }
}
