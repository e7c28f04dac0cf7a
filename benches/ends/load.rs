//! What is sent: requests of 512 items with ten attributes of twenty bytes each.

use squall::otlp::Encoding;
use squall::plan::Plan;
use squall::raw::layout::Layout;
use squall::raw::layout::logs::LogLayout;
use squall::raw::layout::metrics::MetricLayout;
use squall::raw::layout::traces::SpanLayout;
use squall::raw::template::Template;
use squall::scenario;

/// Items of a request.
pub const ITEMS: u32 = 512;
/// Requests under way at once, on one connection.
pub const IN_FLIGHT: u32 = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Traces,
    TracesOverHttp,
    Metrics,
    Logs,
}

impl Kind {
    pub fn plan(self) -> Plan {
        let (protocol, signal, more) = match self {
            Self::Traces => ("grpc", "traces", "spans_per_trace: 8"),
            Self::TracesOverHttp => ("http/protobuf", "traces", "spans_per_trace: 8"),
            Self::Metrics => ("grpc", "metrics", "series: 512\n    instruments: [sum]"),
            Self::Logs => ("grpc", "logs", "body_bytes: 100"),
        };
        let outstanding = ITEMS * IN_FLIGHT;
        let text = format!(
            "scenario: ends
run: {{ warmup: 0s, duration: 60s }}
client:
  kind: raw
  protocol: {protocol}
  raw: {{ items_per_request: {ITEMS} }}
load:
  {signal}:
    closed_loop: {{ outstanding: {outstanding} }}
    attributes: {{ count: 10, value_bytes: 20 }}
    {more}"
        );
        scenario::load_text("ends", &text, &[]).unwrap_or_else(|problems| panic!("{problems:?}"))
    }

    /// The first request of its generator.
    pub fn template(self) -> Template {
        let plan = self.plan();
        let raw = plan.client.raw.as_ref().expect("a raw client");
        let layout = Layout {
            service: plan.client.service.clone(),
            resource: raw.resource.clone(),
            seed: plan.seed,
            items: ITEMS,
            entropy: None,
            encoding: Encoding::Protobuf,
        };
        let template = match self {
            Self::Traces | Self::TracesOverHttp => {
                let load = plan.load.traces.as_ref().expect("traces");
                SpanLayout::new(layout, &load.payload, raw.spans_per_trace).template(0, 0)
            }
            Self::Metrics => {
                let load = plan.load.metrics.as_ref().expect("metrics");
                MetricLayout::new(layout, &load.payload, plan.client.temporality, 1).template(0, 0)
            }
            Self::Logs => {
                let load = plan.load.logs.as_ref().expect("logs");
                LogLayout::new(layout, &load.payload).template(0, 0)
            }
        };
        template.expect("a request that can be laid out")
    }
}
