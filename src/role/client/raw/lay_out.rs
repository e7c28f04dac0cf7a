//! Every request of a client, before the run.

use std::time::Duration;

use super::lane::{Requests, Round};
use crate::capture::replay::{ReplayError, read_again};
use crate::clock;
use crate::otlp::{Encoding, Malformed};
use crate::plan::{Protocol, RawPlan};
use crate::raw::body::Laid;
use crate::raw::layout::Layout;
use crate::raw::layout::captured::{self, captured};
use crate::raw::layout::logs::LogLayout;
use crate::raw::layout::metrics::MetricLayout;
use crate::raw::layout::traces::SpanLayout;
use crate::raw::template::Template;
use crate::role::control::ClientSetup;
use crate::signal::Signal;

/// What bounds the sending.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub connections: u16,
    pub in_flight: u32,
    pub queue: u32,
    pub timeout: Duration,
}

impl Limits {
    /// Those of a raw client or a replay; `None` for another one.
    pub fn of(setup: &ClientSetup) -> Option<Self> {
        let (raw, replay) = (&setup.client.raw, &setup.client.replay);
        let raw = raw.as_ref().map(|plan| Self {
            connections: plan.connections,
            in_flight: plan.in_flight,
            queue: plan.queue,
            timeout: Duration::from_nanos(plan.timeout_ns),
        });
        let replay = replay.as_ref().map(|plan| Self {
            connections: plan.connections,
            in_flight: plan.in_flight,
            queue: plan.queue,
            timeout: Duration::from_nanos(plan.timeout_ns),
        });
        raw.or(replay)
    }
}

/// Why requests cannot be laid out.
#[derive(Debug, thiserror::Error)]
pub enum LayOutError {
    #[error(transparent)]
    Request(#[from] Malformed),
    #[error(transparent)]
    Capture(#[from] ReplayError),
}

/// Where requests come from.
pub enum Stock<'a> {
    Raw(&'a ClientSetup, &'a RawPlan),
    /// What was captured of each signal, by [`Signal::index`].
    Captured([Vec<captured::Request>; 3], Encoding),
}

impl<'a> Stock<'a> {
    /// # Errors
    /// When a capture cannot be read.
    pub fn new(setup: &'a ClientSetup) -> Result<Self, LayOutError> {
        let mut requests = [const { Vec::new() }; 3];
        if let Some(raw) = &setup.client.raw {
            return Ok(Stock::Raw(setup, raw));
        }
        if let Some(replay) = &setup.client.replay {
            read_again(&replay.files, replay.on_broken_line, |request| {
                if setup.load.arrivals(request.signal).is_some() {
                    requests[request.signal.index()].push(captured::Request {
                        body: request.body,
                        at_unix_ns: request.at_unix_ns,
                    });
                }
            })?;
        }
        Ok(Stock::Captured(requests, encoding(setup)))
    }

    /// The requests of a producer.
    ///
    /// # Errors
    /// When one cannot be laid out.
    pub fn requests(&mut self, signal: Signal, producer: u16) -> Result<Requests, LayOutError> {
        Ok(match self {
            Stock::Raw(setup, plan) => Requests::Even {
                templates: templates(setup, plan, signal, producer)?
                    .into_iter()
                    .map(Laid::new)
                    .collect(),
                items: u64::from(plan.items_per_request),
            },
            Stock::Captured(requests, encoding) => {
                let requests = std::mem::take(&mut requests[signal.index()]);
                let templates = captured(requests, signal, *encoding)?.into_iter();
                Requests::Captured(Round::new(templates.map(Laid::once).collect()))
            }
        })
    }
}

const fn encoding(setup: &ClientSetup) -> Encoding {
    match setup.client.protocol {
        Protocol::HttpJson => Encoding::Json,
        Protocol::Grpc | Protocol::HttpProtobuf => Encoding::Protobuf,
    }
}

/// The requests that a raw client's producer sends in turn: as many as the plan says, and for metrics as
/// many as all their series need.
fn templates(
    setup: &ClientSetup,
    plan: &RawPlan,
    signal: Signal,
    producer: u16,
) -> Result<Vec<Template>, Malformed> {
    let layout = Layout {
        service: setup.client.service.clone(),
        resource: plan.resource.clone(),
        seed: setup.seed,
        items: plan.items_per_request,
        entropy: plan.entropy,
        encoding: encoding(setup),
    };
    let templates = u32::from(plan.templates.max(1));
    let (traces, metrics, logs) = (&setup.load.traces, &setup.load.metrics, &setup.load.logs);
    match (signal, traces, metrics, logs) {
        (Signal::Traces, Some(load), _, _) => {
            let layout = SpanLayout::new(layout, &load.payload, plan.spans_per_trace);
            (0..templates)
                .map(|variant| layout.template(producer, variant))
                .collect()
        }
        (Signal::Metrics, _, Some(load), _) => {
            let temporality = setup.client.temporality;
            let layout = MetricLayout::new(layout, &load.payload, temporality, clock::unix_ns());
            (0..layout.variants())
                .map(|variant| layout.template(producer, variant))
                .collect()
        }
        (Signal::Logs, _, _, Some(load)) => {
            let layout = LogLayout::new(layout, &load.payload);
            (0..templates)
                .map(|variant| layout.template(producer, variant))
                .collect()
        }
        _ => Ok(Vec::new()),
    }
}
