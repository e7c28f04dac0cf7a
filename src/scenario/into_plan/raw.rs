//! What a raw client needs, and what it cannot do.

use super::super::file::{RawFile, ScenarioFile};
use super::{HOUR, MS, Planner, SECOND};
use crate::plan::{
    ArrivalProcess, AttributePlan, ClientKind, ClientPlan, LoadPlan, Pacer, Protocol, RawPlan,
};
use crate::signal::Signal;

/// Items of a request where nothing is said: the SDK's own batch.
const ITEMS_PER_REQUEST: u32 = 512;
/// What squall's sink takes in one request.
const REQUEST_MAX_BYTES: u64 = 64 << 20;
const TEMPLATES_MAX_BYTES: u64 = 1 << 30;
/// Most requests that one producer's closed loop may have under way.
const CLOSED_LOOP_MAX: u32 = 10_000;
/// Keys that mean something to one kind of client only: the key, whose it is, and what to do instead.
const OF_ONE_KIND: &[(&str, ClientKind, &str)] = &[
    (
        "client.sdk",
        ClientKind::Sdk,
        "a raw client has no SDK: see `client.raw`, or leave `kind: raw` out",
    ),
    (
        "client.instances",
        ClientKind::Sdk,
        "a raw client has `raw.connections` and `producers` instead",
    ),
    (
        "client.to",
        ClientKind::Sdk,
        "a raw client sends to one target",
    ),
    (
        "validate",
        ClientKind::Sdk,
        "what a raw client sends is laid out once; check content with the SDK's client",
    ),
    (
        "load.traces.sample",
        ClientKind::Sdk,
        "a raw client has no sampler",
    ),
    (
        "load.metrics.closed_loop",
        ClientKind::Raw,
        "measurements are never unfinished; give them a `rate`",
    ),
    (
        "client.raw",
        ClientKind::Raw,
        "ask for it with `client: { kind: raw }`",
    ),
];

impl Planner<'_> {
    /// Finds what means nothing to this kind of client.
    pub(super) fn goes_with(&mut self, kind: ClientKind) {
        self.goes_with_replay(kind);
        // What these cannot be told, other tables say.
        if matches!(kind, ClientKind::Command | ClientKind::Replay) {
            return;
        }
        for (path, of, help) in OF_ONE_KIND {
            if *of != kind && self.document.has(path) {
                let message = match of {
                    ClientKind::Sdk => "this is for the SDK's client, and the client is raw",
                    ClientKind::Raw | ClientKind::Replay | ClientKind::Command => {
                        "this is for a raw client, and the client is the SDK's"
                    }
                };
                self.problem(path, message, *help);
            }
        }
    }

    /// How a raw client sends; `None` for another kind.
    pub(super) fn raw(&mut self, file: &ScenarioFile, kind: ClientKind) -> Option<RawPlan> {
        if kind != ClientKind::Raw {
            return None;
        }
        let default = RawFile::default();
        let client = file.client.as_ref();
        let raw = client.and_then(|c| c.raw.as_ref()).unwrap_or(&default);
        let traces = file.load.as_ref().and_then(|load| load.traces.as_ref());
        let spans_per_trace = traces
            .and_then(|traces| traces.spans_per_trace)
            .unwrap_or(1)
            .clamp(1, 10_000);
        let key = "client.raw.items_per_request";
        let whole_traces = ITEMS_PER_REQUEST.next_multiple_of(spans_per_trace);
        let items = self.count(key, raw.items_per_request, whole_traces, 1..=100_000);
        if !items.is_multiple_of(spans_per_trace) {
            let message =
                format!("{items} spans are no whole number of traces of {spans_per_trace}");
            let help = "a request holds whole traces: a multiple of `spans_per_trace`";
            self.problem(key, message, help);
        }
        let connections = self.count("client.raw.connections", raw.connections, 1, 1..=256);
        self.raw_without_effect(file, raw);
        Some(RawPlan {
            items_per_request: items,
            spans_per_trace,
            connections,
            in_flight: self.count(
                "client.raw.in_flight",
                raw.in_flight,
                8 * u32::from(connections),
                1..=10_000,
            ),
            queue: self.count("client.raw.queue", raw.queue, 1024, 1..=1_000_000),
            templates: self.count("client.raw.templates", raw.templates, 8, 1..=1024),
            entropy: raw
                .entropy
                .map(|share| self.share("client.raw.entropy", Some(share), 0.0)),
            resource: raw.resource.clone().unwrap_or_default(),
            timeout_ns: self.time("client.raw.timeout", raw.timeout, 10 * SECOND, MS..=HOUR),
            pacer: raw.pacer.unwrap_or(Pacer::Sleep),
        })
    }

    /// Finds settings that this protocol or this load leaves without any effect.
    fn raw_without_effect(&mut self, file: &ScenarioFile, raw: &RawFile) {
        let protocol = file.client.as_ref().and_then(|client| client.protocol);
        if raw.connections.is_some() && protocol.is_some_and(|p| p != Protocol::Grpc) {
            let message = "over HTTP/1.1 each request under way has a connection of its own";
            let help = "say with `in_flight` how many there may be";
            self.problem("client.raw.connections", message, help);
        }
        let has = |what: String| self.document.has(&what);
        let mut signals = Signal::ALL
            .iter()
            .filter(|s| has(format!("load.{s}")))
            .peekable();
        let is_open = |signal: &Signal| !has(format!("load.{signal}.closed_loop"));
        if signals.peek().is_none() || signals.any(is_open) {
            return;
        }
        for (key, given) in [("in_flight", raw.in_flight), ("queue", raw.queue)] {
            if given.is_some() {
                let message =
                    "a closed loop has neither: `outstanding` says how many items are under way";
                let help = "leave it out; it is for a load that has a `rate`";
                self.problem(&format!("client.raw.{key}"), message, help);
            }
        }
    }

    /// Finds requests that nobody would take, or that memory cannot hold.
    pub(super) fn raw_bounds(&mut self, client: &ClientPlan, load: &LoadPlan) {
        let Some(raw) = &client.raw else { return };
        for signal in load.signals() {
            let Some(arrivals) = load.arrivals(signal) else {
                continue;
            };
            let request_bytes = u64::from(raw.items_per_request) * item_bytes(load, signal);
            if request_bytes > REQUEST_MAX_BYTES {
                let message = format!(
                    "a request of {signal} would have some {} MiB",
                    request_bytes >> 20
                );
                let help =
                    "receivers take 64 MiB at most: ask for fewer items, or for smaller ones";
                self.problem("client.raw.items_per_request", message, help);
            }
            let templates = u64::from(raw.templates) * u64::from(arrivals.producers.max(1));
            let all_bytes = request_bytes.saturating_mul(templates);
            if all_bytes > TEMPLATES_MAX_BYTES {
                let message = format!("{signal} would be laid out in some {} MiB", all_bytes >> 20);
                let help = "1 GiB at most: ask for fewer templates, producers or items";
                self.problem("client.raw.templates", message, help);
            }
            if let ArrivalProcess::ClosedLoop { outstanding } = arrivals.process
                && outstanding / raw.items_per_request.max(1) > CLOSED_LOOP_MAX
            {
                let message =
                    format!("{outstanding} items are more than {CLOSED_LOOP_MAX} requests");
                let key = format!("load.{signal}.closed_loop.outstanding");
                self.problem(&key, message, "ask for fewer");
            }
        }
    }
}

/// What an item takes on the wire at most, its attributes' keys and numbers guessed.
fn item_bytes(load: &LoadPlan, signal: Signal) -> u64 {
    let attributes =
        |plan: &AttributePlan| u64::from(plan.count) * (u64::from(plan.value_bytes) + 24);
    let bytes = match signal {
        Signal::Traces => load.traces.as_ref().map(|load| {
            let payload = &load.payload;
            attributes(&payload.attributes)
                + 40 * u64::from(payload.events_per_span)
                + 40 * u64::from(payload.links_per_span)
        }),
        Signal::Metrics => load
            .metrics
            .as_ref()
            .map(|load| attributes(&load.payload.attributes)),
        Signal::Logs => load
            .logs
            .as_ref()
            .map(|load| u64::from(load.payload.body_bytes) + attributes(&load.payload.attributes)),
    };
    100 + bytes.unwrap_or(0)
}
