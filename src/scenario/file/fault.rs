//! Faults as they are written.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::plan::{Direction, RoleName};
use crate::scenario::units::{ByteRate, Bytes, Share, Time};

mod packets;

pub use packets::{BurstsFile, FlapFile, LossFile, LossWaysFile, RateFile, ReorderFile};

/// One fault: when, where, and exactly one kind.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FaultFile {
    /// By which expectations know it.
    #[schemars(required, regex(pattern = "^[a-z0-9][a-z0-9_-]*$"))]
    pub name: Option<String>,
    /// Start, from the run's start. Default 0s.
    pub at: Option<Time>,
    /// Length. Left out: until the end of the run.
    #[serde(rename = "for")]
    pub length: Option<Time>,
    /// Of a link fault; `up` is towards the sink. Default both.
    pub direction: Option<Direction>,
    /// Nothing passes (`silence`), or connections are reset (`reset`).
    pub partition: Option<PartitionFile>,
    /// Every chunk of bytes arrives later.
    pub latency: Option<LatencyFile>,
    /// At most so many bytes per second, per connection and direction.
    pub bandwidth: Option<ByteRate>,
    /// The end of a stream is passed on late.
    pub slow_close: Option<Time>,
    /// Packets vanish. Only on `via: netns`, as all that follows up to `flap`.
    pub loss: Option<LossFile>,
    /// Some packets are held back.
    pub reorder: Option<ReorderFile>,
    /// A share of packets passes twice.
    pub duplicate: Option<Share>,
    /// One bit of a share of packets is flipped; the receiver's checksums make a loss of it.
    pub corrupt: Option<Share>,
    /// A line that all connections share, with a queue before it.
    pub rate: Option<RateFile>,
    /// Packets of more bytes (IP header included) vanish without a word.
    pub mtu: Option<Bytes>,
    /// The link goes up and down.
    pub flap: Option<FlapFile>,
    /// SIGKILL. Only the client.
    pub kill: Option<RoleName>,
    /// SIGSTOP until the fault ends.
    pub pause: Option<RoleName>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PartitionFile {
    Silence,
    Reset,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LatencyFile {
    #[schemars(required)]
    pub delay: Option<Time>,
    /// Plus or minus so much. Default 0s.
    pub jitter: Option<Time>,
}
