//! Requests of spans.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, SpanFlags, Status};
use opentelemetry_proto::transform::common::tonic::Attributes;
use prost::Message;

use super::binding::Meaning;
use super::sample::{self, DUE_UNIX_NS};
use super::{Layout, lay};
use crate::load::payload::traces::SpanTable;
use crate::otlp::Malformed;
use crate::plan::TracePayload;
use crate::raw::template::Template;
use crate::signal::Signal;

/// Flags of a sampled span, or of a link to one, whose parent is not remote.
const FLAGS: u32 = 1 | SpanFlags::ContextHasIsRemoteMask as u32;

/// Makes requests of whole traces.
#[derive(Debug)]
pub struct SpanLayout {
    layout: Layout,
    table: SpanTable,
    spans_per_trace: u32,
}

impl SpanLayout {
    /// Traces of `spans_per_trace` spans. The last one of a request is shorter if they do not fill it.
    pub fn new(layout: Layout, payload: &TracePayload, spans_per_trace: u32) -> Self {
        let spans_per_trace = spans_per_trace.clamp(1, layout.items());
        Self {
            table: SpanTable::new(payload, layout.seed, spans_per_trace),
            layout,
            spans_per_trace,
        }
    }

    /// The spans that the SDK client would make of its arrivals number `variant * n` to
    /// `variant * n + n - 1`, where `n` is the number of traces in a request; traces come one after the
    /// other, each from its root. Spans link to the roots of the traces before their own in the request, and
    /// those of the first to their own root, as they do in a client's first arrival.
    ///
    /// # Errors
    /// When the request would be too long.
    pub fn template(&self, producer: u16, variant: u32) -> Result<Template, Malformed> {
        let mut entropy = self.layout.entropy(producer, variant);
        let spans = (0..self.layout.items())
            .map(|item| {
                let mut span = self.span(producer, variant, item);
                if let Some(entropy) = &mut entropy {
                    entropy.stir(&mut span.attributes);
                }
                span
            })
            .collect();
        let request = ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans {
                resource: self.layout.resource(),
                scope_spans: vec![ScopeSpans {
                    scope: Layout::scope(),
                    spans,
                    ..ScopeSpans::default()
                }],
                ..ResourceSpans::default()
            }],
        };
        let bytes = request.encode_to_vec();
        lay(Signal::Traces, self.layout.encoding, bytes, Meaning::Sample)
    }

    fn span(&self, producer: u16, variant: u32, item: u32) -> Span {
        let items = self.layout.items();
        let traces = u64::from(items.div_ceil(self.spans_per_trace));
        let (trace, index) = (item / self.spans_per_trace, item % self.spans_per_trace);
        let root = trace * self.spans_per_trace;
        let sequence = u64::from(variant) * u64::from(items) + u64::from(item) + 1;
        let look = self.table.look(producer, sequence, index == 0);
        let arrival = u64::from(variant) * traces + u64::from(trace);
        let parent = index.checked_sub(1).map(|child| {
            let parents = self.table.parents(producer, arrival);
            root + parents[child as usize] as u32
        });
        let event = |name: &&'static str| Event {
            time_unix_nano: DUE_UNIX_NS,
            name: (*name).to_owned(),
            ..Event::default()
        };
        let link = |linked: u64| {
            // At most this trace's own number.
            let root = linked as u32 * self.spans_per_trace;
            Link {
                trace_id: trace_id(root),
                span_id: span_id(root),
                flags: FLAGS,
                ..Link::default()
            }
        };
        let (code, message) = match look.error {
            true => (StatusCode::Error, "planned"),
            false => (StatusCode::Unset, ""),
        };
        Span {
            trace_id: trace_id(root),
            span_id: span_id(item),
            parent_span_id: parent.map(span_id).unwrap_or_default(),
            flags: FLAGS,
            name: look.name.to_owned(),
            kind: SpanKind::from(look.kind) as i32,
            start_time_unix_nano: DUE_UNIX_NS,
            end_time_unix_nano: DUE_UNIX_NS + look.duration_ns,
            attributes: Attributes::from(look.attributes).0,
            events: self.table.event_names().iter().map(event).collect(),
            links: self
                .table
                .linked_arrivals(u64::from(trace))
                .map(link)
                .collect(),
            status: Some(Status {
                message: message.to_owned(),
                code: code as i32,
            }),
            ..Span::default()
        }
    }
}

pub(super) fn trace_id(root: u32) -> Vec<u8> {
    u128::from(sample::id(root)).to_be_bytes().to_vec()
}

pub(super) fn span_id(item: u32) -> Vec<u8> {
    sample::id(item).to_be_bytes().to_vec()
}
