//! Values of the link's faults as they are written.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};

use super::fault::{FaultFile, LossFile, PartitionFile};
use super::short::{self, short_or_long};
use crate::scenario::units::{ByteRate, Bytes, Share, Time};

/// One of several faults of a link that come and go together: exactly one kind.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PartFile {
    pub partition: Option<PartitionFile>,
    pub latency: Option<LatencyFile>,
    pub connect_latency: Option<LatencyFile>,
    pub bandwidth: Option<BandwidthFile>,
    pub slow_close: Option<Time>,
    pub timeout: Option<Time>,
    pub reset_peer: Option<Time>,
    pub slicer: Option<SlicerFile>,
    pub limit: Option<Bytes>,
    pub loss: Option<LossFile>,
    pub corrupt: Option<CorruptFile>,
}

impl From<PartFile> for FaultFile {
    /// A fault with this kind and nothing else.
    fn from(part: PartFile) -> Self {
        Self {
            partition: part.partition,
            latency: part.latency,
            connect_latency: part.connect_latency,
            bandwidth: part.bandwidth,
            slow_close: part.slow_close,
            timeout: part.timeout,
            reset_peer: part.reset_peer,
            slicer: part.slicer,
            limit: part.limit,
            loss: part.loss,
            corrupt: part.corrupt,
            ..Self::default()
        }
    }
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LatencyFile {
    /// Needed, unless a file has the delays; then added to each of them.
    pub delay: Option<Time>,
    /// How far the delays scatter. Default 0s.
    pub jitter: Option<Time>,
    /// How they scatter. Default uniform.
    pub distribution: Option<DistributionFile>,
    /// Of a pareto tail, above 1: the smaller, the heavier. Default 3.
    pub shape: Option<f64>,
    /// How much each delay resembles the one before, below 100%. Default 0%.
    pub correlation: Option<Share>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DistributionFile {
    /// Evenly within plus or minus the jitter.
    Uniform,
    /// Around the delay, with the jitter as the standard deviation.
    Normal,
    /// Never below the delay, with a heavy tail above it whose mean is the jitter.
    Pareto,
    /// As in a file, relative to the scenario: one delay a line, in milliseconds or with a unit.
    File(String),
}

/// A rate, or one with more to say.
#[derive(Debug, Clone)]
pub struct BandwidthFile {
    pub rate: Option<ByteRate>,
    pub shared: Option<bool>,
}

/// The long form of a bandwidth.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LineFile {
    #[schemars(required)]
    rate: Option<ByteRate>,
    /// Whether all connections share it; otherwise each has it for itself. Default false.
    shared: Option<bool>,
}

impl<'de> Deserialize<'de> for BandwidthFile {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let expecting = "a bandwidth such as `1MB/s`, or `{ rate: 1MB/s, shared: true }`";
        short_or_long(from, expecting, Self::of_rate, Self::of_line)
    }
}

impl BandwidthFile {
    fn of_rate(rate: ByteRate) -> Self {
        Self {
            rate: Some(rate),
            shared: None,
        }
    }

    fn of_line(line: LineFile) -> Self {
        Self {
            rate: line.rate,
            shared: line.shared,
        }
    }
}

impl JsonSchema for BandwidthFile {
    fn schema_name() -> Cow<'static, str> {
        "BandwidthFile".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        short::schema::<ByteRate, LineFile>(generator)
    }
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlicerFile {
    /// Of a piece, on average.
    #[schemars(required)]
    pub size: Option<Bytes>,
    /// Plus or minus so much. Default 0B.
    pub variation: Option<Bytes>,
    /// Between pieces. Default 0s.
    pub delay: Option<Time>,
}

/// A share of packets, or how often a bit of a stream.
#[derive(Debug, Clone, Copy)]
pub enum CorruptFile {
    Share(Share),
    Every(EveryFile),
}

/// Bits of a stream.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EveryFile {
    /// One bit of so many bytes is flipped, on average.
    #[schemars(required)]
    pub every: Option<Bytes>,
}

impl<'de> Deserialize<'de> for CorruptFile {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let expecting = "`{ every: 1MB }` of a stream, or a percentage of packets such as `1%`";
        short_or_long(from, expecting, CorruptFile::Share, CorruptFile::Every)
    }
}

impl JsonSchema for CorruptFile {
    fn schema_name() -> Cow<'static, str> {
        "CorruptFile".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        short::schema::<Share, EveryFile>(generator)
    }
}
