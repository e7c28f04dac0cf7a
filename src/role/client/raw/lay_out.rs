//! Every request of a producer, before the run.

use crate::clock;
use crate::otlp::{Encoding, Malformed};
use crate::plan::{Protocol, RawPlan};
use crate::raw::layout::Layout;
use crate::raw::layout::logs::LogLayout;
use crate::raw::layout::metrics::MetricLayout;
use crate::raw::layout::traces::SpanLayout;
use crate::raw::template::Template;
use crate::role::control::ClientSetup;
use crate::signal::Signal;

/// The requests that a producer sends in turn: as many as the plan says, and for metrics as many as all
/// their series need.
///
/// # Errors
/// When a request would be too long.
pub fn templates(
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
        encoding: match setup.client.protocol {
            Protocol::HttpJson => Encoding::Json,
            Protocol::Grpc | Protocol::HttpProtobuf => Encoding::Protobuf,
        },
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
