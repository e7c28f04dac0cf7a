//! The scenario file as it is written: mirror types that serde reads and from which schemars makes
//! the JSON Schema, so that the two cannot drift.
//!
//! Everything is optional here. What must be there, and what goes with what, `into_plan` says:
//! so a value that is wrong can be cut out and the rest still be read.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::header::HeaderValue;
use super::units::{Bytes, Rate, Share, Time};
use crate::plan::{AttributeType, InstrumentKind, LinkBackend};
use crate::signal::Signal;

mod answer;
mod client;
mod command;
mod fault;
mod link_fault;
mod moment;
mod replay;
mod short;
mod storm;
mod target;
mod validate;

pub use answer::{AnswerFile, CloseAtFile, StatusFile};
pub use client::{ClientFile, RawFile};
pub use command::CommandFile;
pub use fault::{BurstsFile, FaultFile, LossFile, LossWaysFile, PartitionFile, RateFile};
pub use link_fault::{CorruptFile, DistributionFile, LatencyFile};
pub use moment::Moment;
pub use replay::{PaceFile, ReplayFile};
pub use storm::{StormFile, StormUse};
pub use target::{
    ContainerFile, ExternalFile, LongContainerFile, ProcessFile, ReadyFile, SelfMetricsFile,
    SignalFile, StopFile, TargetFile, TemplateFile,
};
pub use validate::ValidateFile;

/// A squall scenario: what is sent, over which link, with which faults, and what must hold.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "squall scenario")]
pub struct ScenarioFile {
    /// Name of the scenario: lower-case letters, digits and hyphens.
    #[schemars(required, regex(pattern = "^[a-z0-9][a-z0-9-]*$"))]
    pub scenario: Option<String>,
    /// What it shows, in a sentence.
    pub description: Option<String>,
    /// Everything random comes from it. Default 1.
    pub seed: Option<u64>,
    pub run: Option<RunFile>,
    pub client: Option<ClientFile>,
    /// What is sent, and how much. Only a program of your own goes without, and a replay may: then it sends
    /// all that was captured.
    pub load: Option<LoadFile>,
    /// The link; with targets, what holds for all links.
    pub link: Option<LinkFile>,
    /// The collector under test, between the client and the sink.
    pub target: Option<TargetFile>,
    /// Several of them, each exporting to the next.
    pub targets: Option<Vec<TargetFile>>,
    /// What holds for single links, by their names: `to-` and the name of what it leads to.
    pub links: Option<BTreeMap<String, LinkFile>>,
    pub sink: Option<SinkFile>,
    /// Weather, in any order.
    pub faults: Option<Vec<FaultFile>>,
    /// Named weather: several faults that belong together.
    pub storms: Option<Vec<StormUse>>,
    /// What must hold for the run to pass: `metric op value [window]`, joined by `and`.
    pub expect: Option<Vec<String>>,
    /// What must hold before the faults and after recovery.
    pub steady_state: Option<Vec<String>>,
    /// What stops the run at once. Only metrics that are live.
    pub abort_if: Option<Vec<String>>,
    /// `content`: compare what arrives with what was sent.
    pub validate: Option<ValidateFile>,
}

/// The run's timeline.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunFile {
    /// Left out of the steady phase. Default 2s.
    pub warmup: Option<Time>,
    /// Length of the load, warm-up included. Default 20s.
    pub duration: Option<Time>,
    /// How long before each fault the steady phase ends. Default: the longest flush interval of the
    /// SDK's batch processors, and 100ms.
    pub onset: Option<Time>,
    /// How long after each fault the recovery phase lasts. Default 5s.
    pub recovery: Option<Time>,
    /// Deadline for what is still under way after the load. Default 15s.
    pub drain: Option<Time>,
    /// An arrival later than this is skipped and counted as missed. Default 100ms.
    pub miss_after: Option<Time>,
    /// Largest p99 of lateness with which a run can be judged. Default 50ms.
    pub lateness_limit: Option<Time>,
}

/// Whether the line is encrypted.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TlsFile {
    /// Plain text.
    Off,
    /// Certificates made for the run.
    Generated,
    /// The same, and the client shows a certificate too.
    Mutual,
    /// Your own PEM files.
    Given(GivenTls),
}

/// PEM files; paths are relative to the scenario.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GivenTls {
    /// The authority that signed the other certificates.
    #[schemars(required)]
    pub ca: Option<String>,
    /// The certificate of what the client speaks to; an external target has its own.
    pub cert: Option<String>,
    /// That certificate's key.
    pub key: Option<String>,
    /// The client's certificate and key, for mutual TLS.
    pub client: Option<GivenPair>,
}

#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GivenPair {
    #[schemars(required)]
    pub cert: Option<String>,
    #[schemars(required)]
    pub key: Option<String>,
}

/// What is sent. A signal that is left out is not sent.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoadFile {
    pub traces: Option<TracesFile>,
    pub metrics: Option<MetricsFile>,
    pub logs: Option<LogsFile>,
}

/// Spans.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TracesFile {
    /// Spans per second.
    pub rate: Option<Rate>,
    /// How arrivals are spread around the rate. Default constant.
    pub arrivals: Option<ArrivalsFile>,
    /// How the rate changes over time. Default: it does not.
    pub shape: Option<ShapeFile>,
    /// Instead of a rate.
    pub closed_loop: Option<ClosedLoopFile>,
    /// Spans of one trace, all made at one arrival, 1 to 10000. Default 1.
    #[schemars(range(min = 1, max = 10000))]
    pub spans_per_trace: Option<u32>,
    /// Distinct span names, 1 to 10000. Default 8.
    #[schemars(range(min = 1, max = 10000))]
    pub span_names: Option<u32>,
    /// 0 to 1000. Default 0.
    #[schemars(range(max = 1000))]
    pub events_per_span: Option<u32>,
    /// 0 to 1000. Default 0.
    #[schemars(range(max = 1000))]
    pub links_per_span: Option<u32>,
    /// Share of spans with an error status. Default 0%.
    pub errors: Option<Share>,
    /// Share of traces that the sampler keeps. Default 100%.
    pub sample: Option<Share>,
    pub attributes: Option<AttributesFile>,
}

/// Log records.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogsFile {
    /// Log records per second.
    pub rate: Option<Rate>,
    /// How arrivals are spread around the rate. Default constant.
    pub arrivals: Option<ArrivalsFile>,
    /// How the rate changes over time. Default: it does not.
    pub shape: Option<ShapeFile>,
    /// Instead of a rate.
    pub closed_loop: Option<ClosedLoopFile>,
    /// Length of the body, 0 to 1000000. Default 64.
    #[schemars(range(max = 1000000))]
    pub body_bytes: Option<u32>,
    pub attributes: Option<AttributesFile>,
}

/// Measurements, which the SDK aggregates to data points; with a raw client, data points.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricsFile {
    /// Measurements per second; with a raw client, data points.
    pub rate: Option<Rate>,
    /// How arrivals are spread around the rate. Default constant.
    pub arrivals: Option<ArrivalsFile>,
    /// How the rate changes over time. Default: it does not.
    pub shape: Option<ShapeFile>,
    /// Instead of a rate, with a raw client.
    pub closed_loop: Option<ClosedLoopFile>,
    /// Series per instrument, 1 to 1900 (the SDK folds more than 2000 into one). Default 10.
    #[schemars(range(min = 1, max = 1900))]
    pub series: Option<u32>,
    /// Default: sum, gauge, histogram.
    pub instruments: Option<Vec<InstrumentKind>>,
    pub attributes: Option<AttributesFile>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ArrivalsFile {
    /// Evenly spaced.
    Constant,
    /// Exponential gaps, drawn from the seed.
    Poisson,
}

/// No schedule: go on as soon as fewer than so many items are unfinished.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClosedLoopFile {
    /// Unfinished items per producer.
    #[schemars(required, range(min = 1))]
    pub outstanding: Option<u32>,
}

/// A rate over time. `ramp`, `steps` and `recorded` need no `rate` beside them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShapeFile {
    /// From one rate to another, then level.
    Ramp(RampFile),
    /// One rate after another; the last goes on.
    Steps(Vec<StepFile>),
    /// `rate`, but `peak` for some time.
    Spike(SpikeFile),
    /// A wave around `rate`.
    Sine(SineFile),
    /// A file of lines `seconds,rate`, relative to the scenario; `#` begins a comment.
    Recorded(String),
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RampFile {
    #[schemars(required)]
    pub from: Option<Rate>,
    #[schemars(required)]
    pub to: Option<Rate>,
    #[schemars(required)]
    pub over: Option<Time>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepFile {
    #[schemars(required)]
    pub rate: Option<Rate>,
    #[serde(rename = "for")]
    #[schemars(required)]
    pub length: Option<Time>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpikeFile {
    #[schemars(required)]
    pub peak: Option<Rate>,
    #[schemars(required)]
    pub at: Option<Time>,
    #[serde(rename = "for")]
    #[schemars(required)]
    pub length: Option<Time>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SineFile {
    #[schemars(required)]
    pub amplitude: Option<Rate>,
    #[schemars(required)]
    pub period: Option<Time>,
}

/// Attributes of each item.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttributesFile {
    /// 0 to 128. Default 4.
    #[schemars(range(max = 128))]
    pub count: Option<u32>,
    /// Length of a text value, 0 to 100000. Default 16.
    #[schemars(range(max = 100000))]
    pub value_bytes: Option<u32>,
    /// Distinct values of each, 1 to 1000000. Default 100.
    #[schemars(range(min = 1, max = 1000000))]
    pub cardinality: Option<u32>,
    /// Types in turn. Default: string.
    pub types: Option<Vec<AttributeType>>,
}

/// The link between client and sink.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkFile {
    /// Default proxy.
    pub via: Option<LinkBackend>,
    /// Bytes held per connection and direction. Default 1MiB. On `via: netns`, which knows no
    /// connections, per direction: default 64MiB.
    pub buffer: Option<Bytes>,
    /// Of `via: netns`: largest packet, 68B to 65535B. Default 1500B.
    pub mtu: Option<Bytes>,
    /// Of `via: netns`: congestion control of both sides, such as `cubic` or `bbr`. Default: the machine's.
    #[schemars(regex(pattern = "^[a-z0-9_-]{1,15}$"))]
    pub congestion: Option<String>,
    /// Of `via: proxy`, without TLS: whether it notes which items enter and leave it. Default false.
    pub tap: Option<bool>,
    /// Which Toxiproxy. Default: the server at 127.0.0.1:8474.
    pub toxiproxy: Option<ToxiproxyFile>,
}

impl LinkFile {
    /// What one link says for itself, over what holds for all.
    pub fn over(own: &Self, all: Option<&Self>) -> Self {
        let (own, all) = (own.clone(), all.cloned().unwrap_or_default());
        Self {
            via: own.via.or(all.via),
            buffer: own.buffer.or(all.buffer),
            mtu: own.mtu.or(all.mtu),
            congestion: own.congestion.or(all.congestion),
            toxiproxy: own.toxiproxy.or(all.toxiproxy),
            tap: own.tap.or(all.tap),
        }
    }
}

/// The Toxiproxy of `via: toxiproxy`: exactly one of these.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToxiproxyFile {
    /// One that runs: address and port of its API.
    pub server: Option<String>,
    /// A container of this image; `default` is Toxiproxy 2.12.0.
    pub image: Option<String>,
    /// This executable.
    pub command: Option<String>,
}

/// squall's own receiver.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SinkFile {
    /// Largest request after decompression. Default 64MiB.
    pub max_request: Option<Bytes>,
    /// Reads each request with the full decoder as well, and counts it as malformed where the two
    /// differ. Default false.
    pub strict: Option<bool>,
    /// How the last target reaches the sink. Without a target `client.tls` says it. Default off.
    pub tls: Option<TlsFile>,
    /// What every request must have; one without it is answered with 401 or UNAUTHENTICATED.
    pub require: Option<RequireFile>,
    /// A slow sink: items per second that it takes at most, by answering late. Default: no limit.
    pub throttle: Option<Rate>,
    /// File to which the plants write what they did.
    pub oracle: Option<String>,
    /// Misbehaviour with a known outcome, to judge squall by.
    pub plant: Option<Vec<PlantFile>>,
}

/// What the sink requires of every request.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequireFile {
    /// Headers, each with the one value that is right. Values are never shown.
    pub headers: Option<BTreeMap<String, HeaderValue>>,
}

/// One planted misbehaviour: a signal and exactly one kind.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlantFile {
    #[schemars(required)]
    pub signal: Option<Signal>,
    /// Acknowledges so many items and forgets them.
    pub lose_acknowledged: Option<ItemsFile>,
    /// Counts every item of the first requests twice.
    pub receive_twice: Option<RequestsFile>,
    /// Accepts the first requests and answers that it is unavailable.
    pub lose_response: Option<RequestsFile>,
    /// Rejects the first items of each request.
    pub reject: Option<ItemsFile>,
    /// Refuses everything after so many requests.
    pub refuse_all: Option<AfterRequestsFile>,
    /// `true`: touches nothing and writes down what arrives.
    pub note: Option<bool>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ItemsFile {
    #[schemars(required, range(min = 1))]
    pub items: Option<u64>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestsFile {
    #[schemars(required, range(min = 1))]
    pub requests: Option<u64>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AfterRequestsFile {
    #[schemars(required)]
    pub after_requests: Option<u64>,
}
