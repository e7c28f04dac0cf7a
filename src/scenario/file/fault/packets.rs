//! Faults of packets as they are written.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};

use crate::scenario::file::short::{self, short_or_long};
use crate::scenario::units::{ByteRate, Bytes, Share, Time};

/// `5%`, or exactly one way to lose packets.
#[derive(Debug, Clone)]
pub enum LossFile {
    Share(Share),
    Ways(LossWaysFile),
}

impl<'de> Deserialize<'de> for LossFile {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let expecting = "a percentage such as `5%`, or `share`, `bursts` or `packets`";
        short_or_long(from, expecting, LossFile::Share, LossFile::Ways)
    }
}

impl JsonSchema for LossFile {
    fn schema_name() -> Cow<'static, str> {
        "LossFile".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        short::schema::<Share, LossWaysFile>(generator)
    }
}

/// Exactly one way to lose packets. Only `share` is known to a proxy.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LossWaysFile {
    /// Each packet with the same probability, whatever became of the others.
    pub share: Option<Share>,
    /// Of a share on the proxy: how late a lost segment comes; twice as late when it is lost again.
    /// Default 200ms.
    pub retransmit: Option<Time>,
    /// In bursts (Gilbert–Elliott).
    pub bursts: Option<BurstsFile>,
    /// Exactly these, counted from 1 at the fault's start, in each direction of the fault.
    pub packets: Option<Vec<u64>>,
}

/// Two states, each with a loss of its own. A burst lasts `1 / leave` packets on average.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BurstsFile {
    /// Probability, before each packet, that a burst begins.
    #[schemars(required)]
    pub enter: Option<Share>,
    /// Probability, before each packet of a burst, that it ends.
    #[schemars(required)]
    pub leave: Option<Share>,
    /// Share of packets lost in a burst. Default 100%.
    pub lost_in_burst: Option<Share>,
    /// Share of packets lost between bursts. Default 0%.
    pub lost_between: Option<Share>,
}

/// Some packets are held back, so that those behind overtake them.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReorderFile {
    #[schemars(required)]
    pub share: Option<Share>,
    /// How long they are held back.
    #[schemars(required)]
    pub by: Option<Time>,
}

/// A line that all connections share, with a drop-tail queue before it: `queue` or `queue_packets`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateFile {
    /// Bytes of IP packets, headers included.
    #[schemars(required)]
    pub limit: Option<ByteRate>,
    /// Bytes that the queue holds.
    pub queue: Option<Bytes>,
    /// Packets that the queue holds.
    #[schemars(range(min = 1, max = 1000000))]
    pub queue_packets: Option<u64>,
}

/// The link is up, then down, and again, from the fault's start.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FlapFile {
    #[schemars(required)]
    pub up: Option<Time>,
    #[schemars(required)]
    pub down: Option<Time>,
}
