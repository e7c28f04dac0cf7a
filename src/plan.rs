//! The plan: a scenario with every default, seed and time made explicit. `squall plan` prints it.
//!
//! Times are nanoseconds since the run's start; rates are items per second.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::signal::Signal;

mod answer_fault;
mod bare;
mod client;
mod command;
mod content;
mod delay;
mod dns;
pub mod expectation;
mod fault;
mod file_text;
#[cfg(test)]
pub mod fixture;
pub mod images;
pub mod line;
mod link;
mod link_fault;
mod packet_fault;
mod replay;
mod role;
mod scaled;
pub mod schedule;
pub mod secret;
pub mod selector;
mod target;
pub mod taxonomy;
pub mod template;
pub mod toxiproxy;
pub mod windows;

pub use answer_fault::{AnswerFault, AnswerStatus, GrpcCode, LostBy, ResetReason, TlsFault};
pub use bare::Bare;
pub use client::{
    ClientKind, ClientPlan, Compression, Pacer, Protocol, RawPlan, RetryPlan, Temporality,
};
pub use command::{COMMAND_TEMPLATE_NAMES, COUNTED, CommandPlan, SET_BY_SQUALL, can_be_known};
pub use content::{ContentIgnore, ContentPlan};
pub use delay::{Delay, Delays, Distribution};
pub use dns::{DnsFault, Resolve, SINK_NAME};
pub use fault::{Direction, FaultKind, FaultPlan, Injector, ProcessFault};
pub use file_text::{FileText, ReadFile};
pub use link::{LinkBackend, LinkPlan, PacketLinkPlan};
pub use link_fault::{LinkFault, Per, Toxicity};
pub use packet_fault::{Loss, PacketFault, Queue};
pub use replay::{CaptureFile, CapturedRequest, Holding, OnBrokenLine, Pace, ReplayPlan, Timeline};
pub use role::{LINKS_MAX, Place, RoleName, TARGETS_MAX};
pub use scaled::NotScalable;
pub use target::{
    ContainerNetwork, ContainerTarget, ExternalTarget, ImagePlan, ProcessTarget, ReadyPlan,
    ReadySign, SelfMetricsPlan, StopPlan, TEMPLATE_NAMES, TargetKind, TargetPlan, Transport,
};

use expectation::Expectation;
use secret::Secret;

/// Version of the plan's format; a reader refuses a later one.
pub const PLAN_FORMAT: u32 = 2;

/// All that a run needs to know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub format: u32,
    /// The scenario's name.
    pub scenario: String,
    pub description: String,
    /// Path of the scenario file as the user gave it.
    pub source: String,
    pub seed: u64,
    pub run: RunPlan,
    pub load: LoadPlan,
    pub client: ClientPlan,
    /// One for each pair of neighbours. The client's are first; without a target there is one.
    pub links: Vec<LinkPlan>,
    /// In the order of the scenario.
    pub targets: Vec<TargetPlan>,
    pub sink: SinkPlan,
    pub faults: Vec<FaultPlan>,
    pub expect: Vec<Expectation>,
    pub steady_state: Vec<Expectation>,
    pub abort_if: Vec<Expectation>,
    /// How content is checked; `None`: it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<ContentPlan>,
}

impl Plan {
    /// Everybody who takes part, in the order of the line as far as it has one.
    pub fn roles(&self) -> impl Iterator<Item = RoleName> + '_ {
        // There are no more of them than a number has room for: `LINKS_MAX`, `TARGETS_MAX`.
        let links = (0..self.links.len()).map(|index| RoleName::Link(index as u8));
        let targets = (0..self.targets.len()).map(|index| RoleName::Target(index as u8));
        std::iter::once(RoleName::Client)
            .chain(links)
            .chain(targets)
            .chain(std::iter::once(RoleName::Sink))
    }

    /// The user's name for a role: that of a target or link of the scenario.
    pub fn name_of(&self, role: RoleName) -> &str {
        match role {
            RoleName::Link(index) => self.links.get(usize::from(index)).map(|l| l.name.as_str()),
            RoleName::Target(index) => self
                .targets
                .get(usize::from(index))
                .map(|t| t.name.as_str()),
            RoleName::Client | RoleName::Sink => None,
        }
        .unwrap_or(role.as_str())
    }

    /// The name of a fault's kind, with the user's name for what it strikes: `collector.restart`.
    pub fn kind_of(&self, kind: &FaultKind) -> String {
        let FaultKind::Process { role, fault } = kind else {
            return kind.name();
        };
        format!("{}.{}", self.name_of(*role), fault.kind())
    }

    /// The client's first link.
    pub fn first_link(&self) -> Option<&LinkPlan> {
        self.links.first()
    }

    /// The links out of the client, each with its number.
    pub fn first_links(&self) -> impl Iterator<Item = (u8, &LinkPlan)> {
        let links = (0_u8..).zip(&self.links);
        links.filter(|(_, link)| link.from == Place::Client)
    }

    /// The names under which targets are asked for series of their own.
    pub fn said_names(&self) -> Vec<String> {
        let metrics = self
            .targets
            .iter()
            .filter_map(|target| target.metrics.as_ref());
        let names: BTreeSet<&String> = metrics.flat_map(|metrics| metrics.series.keys()).collect();
        names.into_iter().cloned().collect()
    }

    /// Whether the client is a program of the user's own, seen from outside alone.
    pub const fn is_command(&self) -> bool {
        matches!(self.client.kind, ClientKind::Command)
    }

    /// When each arrival of a producer is due; empty in a closed loop.
    pub fn due_times_ns(&self, signal: Signal, producer: u16) -> Vec<u64> {
        let Some(arrivals) = self.load.arrivals(signal) else {
            return Vec::new();
        };
        let seed = schedule::schedule_seed(self.seed, signal);
        let duration_ns = self.run.duration_ns;
        match &self.client.replay {
            Some(replay) => replay.due_times_ns(signal, arrivals, seed, duration_ns),
            None => schedule::due_times_ns(arrivals, producer, seed, duration_ns),
        }
    }

    /// As [`ClientPlan::is_scheduled`].
    pub fn is_scheduled(&self, signal: Signal) -> bool {
        self.client.is_scheduled(signal)
    }

    /// Whether every item that is not lost comes back to the sink.
    pub fn ends_at_sink(&self) -> bool {
        self.links.iter().any(|link| link.to == Place::Sink)
    }
}

/// The run's timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunPlan {
    /// Left out of the steady phase, from the start.
    pub warmup_ns: u64,
    /// Length of the load, warm-up included.
    pub duration_ns: u64,
    /// How long before each fault the steady phase ends: what is due then may still be under way
    /// when the fault starts.
    #[serde(default)]
    pub onset_ns: u64,
    /// How long after each fault's end the recovery phase lasts.
    pub recovery_ns: u64,
    /// Deadline for the drain, from the end of the load.
    pub drain_ns: u64,
    /// A generator later than this skips the arrival and counts it as missed.
    pub miss_after_ns: u64,
    /// Largest p99 of lateness with which a run can be judged.
    pub lateness_limit_ns: u64,
}

/// What is sent, per signal; a signal that is `None` is not sent at all.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LoadPlan {
    pub traces: Option<SignalLoad<TracePayload>>,
    pub metrics: Option<SignalLoad<MetricPayload>>,
    pub logs: Option<SignalLoad<LogPayload>>,
}

impl LoadPlan {
    /// The arrivals of one signal; `None` when it is not sent.
    pub fn arrivals(&self, signal: Signal) -> Option<&ArrivalPlan> {
        match signal {
            Signal::Traces => self.traces.as_ref().map(|load| &load.arrivals),
            Signal::Metrics => self.metrics.as_ref().map(|load| &load.arrivals),
            Signal::Logs => self.logs.as_ref().map(|load| &load.arrivals),
        }
    }

    /// Signals that are sent, in report order.
    pub fn signals(&self) -> impl Iterator<Item = Signal> + '_ {
        Signal::ALL
            .into_iter()
            .filter(|signal| self.arrivals(*signal).is_some())
    }
}

/// When and what one signal sends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SignalLoad<P> {
    pub arrivals: ArrivalPlan,
    pub payload: P,
}

/// When items are due. For metrics an arrival is one measurement, not one data point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArrivalPlan {
    pub process: ArrivalProcess,
    pub profile: RateProfile,
    /// Items that one arrival makes at once: the spans of a trace, else 1; of a raw client, those of a request.
    pub items_per_arrival: u32,
    /// Threads among which the rate is shared evenly.
    pub producers: u16,
}

/// How arrivals are spread around the rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArrivalProcess {
    /// Evenly spaced.
    Constant,
    /// Exponential gaps, drawn from the seed.
    Poisson,
    /// No schedule: each producer goes on as soon as fewer than `outstanding` items of its are unfinished.
    ClosedLoop { outstanding: u32 },
}

/// Rate of the whole signal over time, in items per second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RateProfile {
    Constant {
        rate: f64,
    },
    /// Linear from `from` to `to` over `over_ns`, then `to`.
    Ramp {
        from: f64,
        to: f64,
        over_ns: u64,
    },
    /// Each for its time; the last goes on.
    Steps {
        steps: Vec<RateStep>,
    },
    /// `base`, but `peak` within `[at_ns, at_ns + for_ns)`.
    Spike {
        base: f64,
        peak: f64,
        at_ns: u64,
        for_ns: u64,
    },
    /// `mean + amplitude * sin(2 pi t / period)`, never below zero.
    Sine {
        mean: f64,
        amplitude: f64,
        period_ns: u64,
    },
    /// Points of a recorded file, held until the next.
    Recorded {
        points: Vec<RatePoint>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RateStep {
    pub rate: f64,
    pub for_ns: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RatePoint {
    pub at_ns: u64,
    pub rate: f64,
}

/// What spans look like. All values come from the seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TracePayload {
    pub span_names: u32,
    pub events_per_span: u32,
    pub links_per_span: u32,
    /// Share of spans that end with an error status, 0 to 1.
    pub errors: f64,
    pub attributes: AttributePlan,
    /// Share of traces that the sampler keeps (parent based, by trace id), 0 to 1.
    pub sample: f64,
}

/// What log records look like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogPayload {
    pub body_bytes: u32,
    pub attributes: AttributePlan,
}

/// What metrics look like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricPayload {
    /// Series per instrument.
    pub series: u32,
    pub instruments: Vec<InstrumentKind>,
    pub attributes: AttributePlan,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InstrumentKind {
    Sum,
    UpDownSum,
    Gauge,
    Histogram,
    ExponentialHistogram,
}

/// Attributes of each item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttributePlan {
    pub count: u32,
    /// Length of a text value in bytes.
    pub value_bytes: u32,
    /// Distinct values of each attribute.
    pub cardinality: u32,
    /// Types that are used in turn.
    pub types: Vec<AttributeType>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttributeType {
    String,
    Int,
    Double,
    Bool,
    StringArray,
}

/// Whether and how the line is encrypted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TlsPlan {
    Off,
    /// Certificates made for this run; with `mutual`, the client shows one too.
    Generated {
        mutual: bool,
    },
    /// Files of the user's, PEM. The client part is for mutual TLS.
    Given {
        ca: String,
        cert: String,
        key: String,
        client: Option<TlsPair>,
    },
    /// An external endpoint shows a certificate of its own, which this authority has signed.
    External {
        ca: String,
        client: Option<TlsPair>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsPair {
    pub cert: String,
    pub key: String,
}

/// squall's own receiver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SinkPlan {
    /// Largest request after decompression.
    pub max_request_bytes: u64,
    /// Whether each request is read with the full decoder as well, and compared.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub strict: bool,
    /// How the last hop is encrypted where a target is between; without one, the client's `tls` says it.
    pub tls: TlsPlan,
    /// Headers without which a request is answered with 401 or UNAUTHENTICATED. Values are secrets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub require: BTreeMap<String, Secret>,
    /// Items per second that a slow sink takes at most, by answering late; `None`: as fast as it can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttle: Option<f64>,
    /// Known misbehaviour, to judge squall by.
    pub plant: Vec<PlantPlan>,
    /// File to which the plants write which items they touched, one `class signal producer/sequence` per line.
    pub oracle: Option<String>,
}

/// One planted misbehaviour of the sink, on one signal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlantPlan {
    pub signal: Signal,
    pub kind: PlantKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlantKind {
    /// Acknowledges `items` items, chosen by the seed, and forgets them. Oracle class `lost_silently`.
    LoseAcknowledged { items: u64 },
    /// Counts every item of the first `requests` requests twice. Oracle class `duplicated`.
    ReceiveTwice { requests: u64 },
    /// Accepts the first `requests` requests and answers that it is unavailable, so that the client
    /// sends them again. Oracle class `duplicated`.
    LoseResponse { requests: u64 },
    /// Rejects the first `items` items of each request by a partial success. Oracle class `refused`.
    Reject { items: u64 },
    /// Answers every request with a permanent error from `at` on. Oracle class `refused`.
    RefuseAll { after_requests: u64 },
    /// Touches nothing and writes down what arrives. Oracle class `received`.
    Note,
}
