//! The client's part of the plan.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::secret::Secret;
use super::{CommandPlan, ReplayPlan, Resolve, TlsPlan};
use crate::signal::Signal;

/// The process that produces telemetry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClientPlan {
    pub kind: ClientKind,
    pub protocol: Protocol,
    pub compression: Compression,
    /// Resource's `service.name`.
    pub service: String,
    /// OpenTelemetry's own variables, set in the client's environment as the SDK reads them
    /// (durations in milliseconds). Every one that the SDK reads is here, defaults included.
    pub sdk: BTreeMap<String, String>,
    pub retry: RetryPlan,
    /// How long the client's shutdown may take to flush.
    pub shutdown_timeout_ns: u64,
    /// Headers of every request. Values are secrets.
    pub headers: BTreeMap<String, Secret>,
    pub tls: TlsPlan,
    #[serde(default)]
    pub resolve: Resolve,
    pub temporality: Temporality,
    /// Clients in one process, each an SDK of its own. Producer p belongs to that of number p modulo this.
    #[serde(default = "one_client", skip_serializing_if = "is_one_client")]
    pub instances: u16,
    /// Of a raw client, and of no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<RawPlan>,
    /// Of a program of the user's own, and of no other client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandPlan>,
    /// Of a replay, and of no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<ReplayPlan>,
}

const fn one_client() -> u16 {
    1
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde hands over a reference
const fn is_one_client(instances: &u16) -> bool {
    *instances == 1
}

impl ClientPlan {
    /// Whether the items of that signal follow the schedule one by one, and so have their own marks. An
    /// SDK makes data points of measurements when it collects them.
    pub fn is_scheduled(&self, signal: Signal) -> bool {
        signal != Signal::Metrics || matches!(self.kind, ClientKind::Raw | ClientKind::Replay)
    }

    /// Items that the client's queues of that signal hold, over all instances; `None` where it has none.
    pub fn queue_size(&self, signal: Signal) -> Option<u64> {
        if let Some(raw) = &self.raw {
            return Some(u64::from(raw.queue) * u64::from(raw.items_per_request));
        }
        if let Some(replay) = &self.replay {
            let holds = replay.holds.get(&signal)?;
            return Some(u64::from(replay.queue) * u64::from(holds.most_items));
        }
        let variable = match signal {
            Signal::Traces => "OTEL_BSP_MAX_QUEUE_SIZE",
            Signal::Logs => "OTEL_BLRP_MAX_QUEUE_SIZE",
            Signal::Metrics => return None,
        };
        let size = self.sdk.get(variable)?.parse().ok();
        let size: Option<u64> = size.filter(|size| *size > 0);
        size.map(|size| size.saturating_mul(u64::from(self.instances.max(1))))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientKind {
    /// The official OpenTelemetry Rust SDK and OTLP exporter.
    Sdk,
    /// Requests laid out as bytes before the run: far more load than an SDK gives. An arrival is one request.
    Raw,
    /// A program of your own, in any language, that sends OTLP by itself: see `client.command`.
    Command,
    /// Captured requests, with identities and times of this run.
    Replay,
}

/// How a raw client sends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RawPlan {
    /// Items of each request.
    pub items_per_request: u32,
    /// Spans of one trace; a request holds whole traces.
    pub spans_per_trace: u32,
    pub connections: u16,
    /// Most requests that are under way at once, over all connections. A closed loop says itself how many.
    pub in_flight: u32,
    /// Most requests that are due and wait until one of those is answered; what is due beyond is dropped.
    pub queue: u32,
    /// Different requests of each producer, which are sent in turn.
    pub templates: u16,
    /// Share of each text that is random rather than repeated, 0 to 1: how well it is compressed.
    /// `None`: texts are the SDK client's, out of a table.
    pub entropy: Option<f64>,
    /// Attributes of the resource beside `service.name`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub resource: BTreeMap<String, String>,
    /// Longest wait for an answer.
    pub timeout_ns: u64,
    pub pacer: Pacer,
}

/// How a producer waits until an arrival is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pacer {
    /// It sleeps.
    Sleep,
    /// It sleeps, and spins for the last 100 us: on time, at the cost of a whole core.
    Spin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Protocol {
    #[serde(rename = "grpc")]
    Grpc,
    #[serde(rename = "http/protobuf")]
    HttpProtobuf,
    #[serde(rename = "http/json")]
    HttpJson,
}

impl Protocol {
    /// The name that `OTEL_EXPORTER_OTLP_PROTOCOL` knows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Protocol::Grpc => "grpc",
            Protocol::HttpProtobuf => "http/protobuf",
            Protocol::HttpJson => "http/json",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    None,
    Gzip,
    Zstd,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Temporality {
    Cumulative,
    Delta,
    LowMemory,
}

/// The exporter's retry policy, as `opentelemetry_otlp::RetryPolicy` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryPlan {
    pub max_retries: u32,
    pub initial_delay_ns: u64,
    pub max_delay_ns: u64,
    pub max_jitter_ns: u64,
}
