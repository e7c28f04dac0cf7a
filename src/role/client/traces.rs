//! Spans through the SDK: one arrival is one whole trace.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::Context;
use opentelemetry::trace::{
    Event, Link, Span as _, SpanBuilder, SpanContext, SpanId, Status, TraceContextExt as _,
    TraceFlags, TraceId, TraceState, Tracer as _, TracerProvider as _,
};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};

use super::set_up::evidence_error;
use crate::ids::Identity;
use crate::load::payload::traces::{SpanLook, SpanTable};
use crate::mapped::{Bitmap, names};
use crate::sdk::{SdkError, identity};
use crate::signal::Signal;

/// Makes the traces of one producer.
pub struct SpanSource {
    tracer: SdkTracer,
    table: Arc<SpanTable>,
    sampled_out: Bitmap,
    producer: u16,
    spans: u64,
}

impl SpanSource {
    pub fn new(
        provider: &SdkTracerProvider,
        table: Arc<SpanTable>,
        producer: u16,
        spans: u32,
        evidence: &Path,
    ) -> Result<Self, SdkError> {
        let path = evidence.join(names::sampled_out(Signal::Traces, producer));
        Ok(Self {
            tracer: provider.tracer("squall"),
            table,
            sampled_out: Bitmap::open(&path).map_err(|error| evidence_error(&path, error))?,
            producer,
            spans: u64::from(spans.max(1)),
        })
    }

    /// The part that belongs to the producer's thread.
    pub fn maker(&self) -> SpanMaker<'_> {
        SpanMaker {
            source: self,
            trace: Vec::new(),
        }
    }

    fn span_id(&self, sequence: u64) -> u64 {
        Identity {
            producer: self.producer,
            sequence,
        }
        .to_span_id()
    }

    fn builder(&self, look: &mut SpanLook, arrival: u64, start: SystemTime) -> SpanBuilder {
        let mut builder = SpanBuilder::from_name(look.name)
            .with_kind(look.kind.clone())
            .with_start_time(start)
            .with_attributes(std::mem::take(&mut look.attributes));
        let events = self.table.event_names();
        if !events.is_empty() {
            let event = |name: &&'static str| Event::new(*name, start, Vec::new(), 0);
            builder = builder.with_events(events.iter().map(event).collect());
        }
        let links: Vec<Link> = self
            .table
            .linked_arrivals(arrival)
            .map(|linked| {
                let root = SpanContext::new(
                    TraceId::from(self.table.trace_id(self.producer, linked)),
                    SpanId::from(self.span_id(linked * self.spans + 1)),
                    TraceFlags::SAMPLED,
                    false,
                    TraceState::NONE,
                );
                Link::with_context(root)
            })
            .collect();
        if !links.is_empty() {
            builder = builder.with_links(links);
        }
        builder
    }
}

/// One open span of the trace at hand.
struct OpenSpan {
    context: Context,
    duration_ns: u64,
}

/// Starts and ends whole traces.
pub struct SpanMaker<'a> {
    source: &'a SpanSource,
    /// Reused for each trace.
    trace: Vec<OpenSpan>,
}

impl SpanMaker<'_> {
    /// Creates all spans of an arrival and ends them, children before their parents: in descending
    /// order of their sequences. Tells whether the sampler kept any.
    pub fn release(&mut self, arrival: u64, due_unix_ns: u64) -> bool {
        let source = self.source;
        let trace_id = source.table.trace_id(source.producer, arrival);
        let parents = source.table.parents(source.producer, arrival);
        let start = UNIX_EPOCH + Duration::from_nanos(due_unix_ns);
        let first = arrival * source.spans + 1;
        let no_parent = Context::new();
        let mut kept = false;
        for index in 0..source.spans {
            let sequence = first + index;
            let mut look = source.table.look(source.producer, sequence, index == 0);
            let builder = source.builder(&mut look, arrival, start);
            identity::set_next(trace_id, source.span_id(sequence));
            let parent = match index.checked_sub(1) {
                Some(child) => &self.trace[parents[child as usize]].context,
                None => &no_parent,
            };
            let mut span = source.tracer.build_with_context(builder, parent);
            if look.error {
                span.set_status(Status::error("planned"));
            }
            let context = no_parent.with_span(span);
            if context.span().span_context().is_sampled() {
                kept = true;
            } else {
                source.sampled_out.mark(sequence);
            }
            self.trace.push(OpenSpan {
                context,
                duration_ns: look.duration_ns,
            });
        }
        for span in self.trace.drain(..).rev() {
            let end = start + Duration::from_nanos(span.duration_ns);
            span.context.span().end_with_timestamp(end);
        }
        kept
    }
}
