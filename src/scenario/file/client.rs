//! The client of a scenario.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::header::HeaderValue;
use super::super::sdk_variables::SdkVariables;
use super::super::units::{Share, Time};
use super::{CommandFile, ReplayFile, TlsFile};
use crate::plan::{ClientKind, Compression, Pacer, Protocol, Resolve, Temporality};

/// The process that sends telemetry.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientFile {
    /// Default sdk.
    pub kind: Option<ClientKind>,
    /// `service.name` of its resource. Default squall-client.
    pub service: Option<String>,
    /// Targets that it sends to: batches go round them in turn. Default: the first target.
    pub to: Option<Vec<String>>,
    /// Default grpc.
    pub protocol: Option<Protocol>,
    /// Default none.
    pub compression: Option<Compression>,
    /// Clients in one process, 1 to 16, each an SDK of its own with its own queues and connections; the
    /// producers are shared out among them. Default 1.
    #[schemars(range(min = 1, max = 16))]
    pub instances: Option<u16>,
    /// Threads per signal that create items, 1 to 64. Default: one for each of `instances`.
    #[schemars(range(min = 1, max = 64))]
    pub producers: Option<u16>,
    /// Default cumulative.
    pub temporality: Option<Temporality>,
    /// How long the shutdown may flush. Default: run.drain.
    pub shutdown_timeout: Option<Time>,
    /// OpenTelemetry's own variables, by their own names.
    pub sdk: Option<SdkVariables>,
    /// How a raw client sends.
    pub raw: Option<RawFile>,
    /// The program, where the client is one of your own.
    pub command: Option<CommandFile>,
    /// What a replay sends.
    pub replay: Option<ReplayFile>,
    pub retry: Option<RetryFile>,
    /// Headers of every request. Values are never shown.
    pub headers: Option<BTreeMap<String, HeaderValue>>,
    /// Default off.
    pub tls: Option<TlsFile>,
    /// By `address`, or by a name that is looked up for every connection (`dns`). Default address,
    /// and dns where a fault of names is planned.
    pub resolve: Option<Resolve>,
}

/// How a raw client sends. An arrival of its load is one request.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawFile {
    /// Items of each request, 1 to 100000. Default 512, or the next whole number of traces.
    #[schemars(range(min = 1, max = 100000))]
    pub items_per_request: Option<u32>,
    /// Of gRPC alone, 1 to 256: over HTTP/1.1 each request under way has its own. Default 1.
    #[schemars(range(min = 1, max = 256))]
    pub connections: Option<u16>,
    /// Most requests that are under way at once, over all connections, 1 to 10000; of a closed loop `outstanding`
    /// says it. Default 8 for each connection.
    #[schemars(range(min = 1, max = 10000))]
    pub in_flight: Option<u32>,
    /// Most requests that are due and wait for one of those, 1 to 1000000; in a closed loop none waits. Default 1024.
    #[schemars(range(min = 1, max = 1000000))]
    pub queue: Option<u32>,
    /// Different requests of each producer, 1 to 1024. Default 8.
    #[schemars(range(min = 1, max = 1024))]
    pub templates: Option<u16>,
    /// Share of each text that is random rather than repeated: how well it is compressed. Default: the same values as the SDK's client.
    pub entropy: Option<Share>,
    /// Attributes of the resource beside `service.name`.
    pub resource: Option<BTreeMap<String, String>>,
    /// Longest wait for an answer. Default 10s.
    pub timeout: Option<Time>,
    /// `sleep`, or `spin`: on time, at the cost of a whole core for each producer. Default sleep.
    pub pacer: Option<Pacer>,
}

/// The exporter's retry policy.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryFile {
    /// 0 to 1000. Default 3; of a raw client or a replay 0.
    #[schemars(range(max = 1000))]
    pub max_retries: Option<u32>,
    /// Default 100ms.
    pub initial_delay: Option<Time>,
    /// Default 1600ms.
    pub max_delay: Option<Time>,
    /// Default 100ms.
    pub max_jitter: Option<Time>,
}
