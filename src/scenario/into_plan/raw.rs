//! What a raw client needs, and what it cannot do.

use super::super::file::{RawFile, ScenarioFile};
use super::{HOUR, MS, Planner, SECOND};
use crate::plan::{ClientKind, Pacer, RawPlan};

/// Items of a request where nothing is said: the SDK's own batch.
const ITEMS_PER_REQUEST: u32 = 512;
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
        for (path, of, help) in OF_ONE_KIND {
            if *of != kind && self.document.has(path) {
                let message = match of {
                    ClientKind::Sdk => "this is for the SDK's client, and the client is raw",
                    ClientKind::Raw => "this is for a raw client, and the client is the SDK's",
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
}
