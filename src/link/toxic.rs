//! Everything that a link can do to a connection: the plan's faults, and those of Toxiproxy's API.

use std::sync::Arc;

use super::fault::shape::Shape;
use super::fault::shared_bandwidth::{Line, SharedBandwidth};
use super::fault::{
    Admission, Fault, bandwidth, corrupt, latency, limit, loss, noop, partition, reset, reset_peer,
    slicer, slow_close, timeout,
};
use crate::plan::LinkFault;

/// One kind with its settings. Each has one file under `src/link/fault/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Toxic {
    /// Nothing.
    Noop,
    /// Each chunk leaves `delay` after it arrived, with a jitter, in order. Of one draw of it so
    /// many millionths are kept in the next.
    Latency {
        delay_ns: u64,
        jitter_ns: u64,
        shape: Shape,
        correlation_ppm: u32,
    },
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
    /// So many of a million segments are lost, as a model shows it to a stream: what was in them
    /// comes after a retransmission time-out, and so does everything behind.
    Loss { share_ppm: u32, timeout_ns: u64 },
    /// One bit of one in `every` bytes is flipped; 0 is none.
    Corrupt { every_bytes: u64 },
}

impl From<LinkFault> for Toxic {
    fn from(fault: LinkFault) -> Self {
        match fault {
            LinkFault::Latency {
                delay_ns,
                jitter_ns,
            } => Toxic::Latency {
                delay_ns,
                jitter_ns,
                shape: Shape::Uniform,
                correlation_ppm: 0,
            },
            LinkFault::Bandwidth { bytes_per_second } => Toxic::Bandwidth {
                bytes_per_second,
                is_shared: false,
            },
            LinkFault::PartitionSilence => Toxic::Silence,
            LinkFault::PartitionReset => Toxic::Reset,
            LinkFault::SlowClose { delay_ns } => Toxic::SlowClose { delay_ns },
            // The role has refused it: a stream has no packets.
            LinkFault::Packets(_) => Toxic::Noop,
        }
    }
}

impl Toxic {
    /// What it does to connections as a whole.
    pub const fn admission(&self) -> Admission {
        match self {
            Toxic::Silence => partition::ADMISSION,
            Toxic::Reset => reset::ADMISSION,
            Toxic::Noop
            | Toxic::Latency { .. }
            | Toxic::Bandwidth { .. }
            | Toxic::SlowClose { .. }
            | Toxic::Timeout { .. }
            | Toxic::ResetPeer { .. }
            | Toxic::Slicer { .. }
            | Toxic::Limit { .. }
            | Toxic::Loss { .. }
            | Toxic::Corrupt { .. } => Admission::Serve,
        }
    }

    /// The value that does it to one lane, from `now_ns` on. `seed` is this lane's own; `line` is
    /// for all lanes that are under this fault.
    pub fn on_lane(&self, seed: u64, now_ns: u64, line: &Line) -> Box<dyn Fault> {
        match *self {
            Toxic::Noop => Box::new(noop::Noop),
            Toxic::Latency {
                delay_ns,
                jitter_ns,
                shape,
                correlation_ppm,
            } => {
                let correlation = f64::from(correlation_ppm) / 1e6;
                let latency =
                    latency::Latency::shaped(delay_ns, jitter_ns, shape, correlation, seed);
                Box::new(latency)
            }
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
            Toxic::Loss {
                share_ppm,
                timeout_ns,
            } => {
                let share = f64::from(share_ppm) / 1e6;
                Box::new(loss::Loss::new(share, timeout_ns, seed))
            }
            Toxic::Corrupt { every_bytes } => Box::new(corrupt::Corrupt::new(every_bytes, seed)),
        }
    }
}
