//! The packet link: two network namespaces, joined by a relay of ours.
//!
//! ```text
//! client side  eth0 === client  middle  sink === eth0  sink side
//!                          \__ relay __/
//! ```
//!
//! Two veth pairs end in a namespace in the middle. One thread per direction reads IPv4 packets from
//! a packet socket there (`relay`), asks its impairments (`lane`, [`impair`]) and sends what
//! passes, so that loss, delay and order are those of packets and meet a real TCP. It needs no
//! device node, no kernel emulation and, where user namespaces are allowed, no root.
//!
//! Nothing has a name outside: no file below `/run`, no lock. Descriptors of this process hold the
//! namespaces, and the kernel removes them with it, however it dies. Neighbours are fixed and
//! offloads are off, so that nothing but the sides' own IPv4 packets is on the link, each of them
//! as long as on a wire.

use serde::{Deserialize, Serialize};

mod error;
pub mod impair;
pub mod impairment;
mod tally;

#[cfg(target_os = "linux")]
mod advice;
#[cfg(target_os = "linux")]
mod birth;
#[cfg(target_os = "linux")]
mod door;
#[cfg(target_os = "linux")]
mod held;
#[cfg(target_os = "linux")]
mod kernel;
#[cfg(target_os = "linux")]
mod lane;
#[cfg(target_os = "linux")]
mod netlink;
#[cfg(target_os = "linux")]
mod packet_link;
#[cfg(target_os = "linux")]
mod relay;
#[cfg(target_os = "linux")]
mod sys;

#[cfg(not(target_os = "linux"))]
mod absent;

pub use crate::evidence::{Congestion, LaneCounts, Rights};
pub use error::NetnsError;
pub use tally::Tally;

#[cfg(not(target_os = "linux"))]
pub use absent::{Door, PacketLink};
#[cfg(target_os = "linux")]
pub use door::Door;
#[cfg(target_os = "linux")]
pub use packet_link::{PacketLink, Sample};

/// A side of the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    Client,
    Sink,
}

/// How a link is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setup {
    /// Everything random is drawn from it.
    pub seed: u64,
    /// MTU of both sides' interfaces, 68 to 65535; 1500 unless told.
    pub mtu_bytes: u32,
    /// Congestion control of both sides; the machine's own unless told.
    pub congestion: Option<String>,
    /// Bytes that wait in each direction at most; 64 MiB unless told. What comes beyond is lost and
    /// counted as `overflowed`.
    pub held_max_bytes: usize,
}

impl Setup {
    /// The usual link, with draws from `seed`.
    pub const fn new(seed: u64) -> Self {
        Self {
            seed,
            mtu_bytes: 1500,
            congestion: None,
            held_max_bytes: 64 << 20,
        }
    }
}
