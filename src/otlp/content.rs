//! What an item says, as one hash for each part of it: the same at the client, from the messages that
//! its exporter sends, and at the sink, from those that arrive.
//!
//! The order of attributes means nothing in OTLP, so it changes no hash.

use std::fmt::{self, Write as _};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};

use crate::evidence::ContentPart;
use crate::mapped::content::PARTS;

mod points;

pub use points::of_metrics;

/// Characters of what arrived that an example shows.
const SHOWN_MAX: usize = 240;

/// The hashes of an item's parts, by [`ContentPart::index`]. None is 0.
pub type Parts = [u64; PARTS];

/// One item of a message, and what it says.
#[derive(Debug, Clone, Copy)]
pub struct Item<'a> {
    pub parts: Parts,
    /// The item's own span id; 0 where there is none.
    pub span_id: u64,
    /// Of a span: its parent's id; 0 where there is none.
    pub parent: u64,
    /// Whether its own times are in order.
    pub ordered: bool,
    /// Of a data point of a cumulative series that only rises: how far it has risen.
    pub risen: Option<f64>,
    /// Of a data point: hash of its metric's name and its time, which altered attributes leave alone.
    pub place: (u64, u64),
    resource: Option<&'a Resource>,
    scope: Option<&'a InstrumentationScope>,
    attributes: &'a [KeyValue],
    times: [u64; 2],
    trace_id: &'a [u8],
    payload: &'a dyn fmt::Debug,
}

/// The spans of a message, in order.
pub fn of_traces(traces: &[ResourceSpans]) -> impl Iterator<Item = Item<'_>> {
    traces.iter().flat_map(|of_resource| {
        let resource = of_resource.resource.as_ref();
        let resource_part = resource_hash(resource, &of_resource.schema_url);
        of_resource.scope_spans.iter().flat_map(move |of_scope| {
            let scope = of_scope.scope.as_ref();
            let scope_part = scope_hash(scope, &of_scope.schema_url);
            of_scope.spans.iter().map(move |span| {
                let times = [span.start_time_unix_nano, span.end_time_unix_nano];
                Item {
                    parts: [
                        resource_part,
                        scope_part,
                        attributes_hash(&span.attributes),
                        hash(|h| (&span.trace_id, &span.parent_span_id).hash(h)),
                        hash(|h| times.hash(h)),
                        span_payload(span),
                    ],
                    span_id: id(&span.span_id),
                    parent: id(&span.parent_span_id),
                    ordered: times[0] <= times[1]
                        && span.events.is_sorted_by_key(|event| event.time_unix_nano),
                    risen: None,
                    place: (0, 0),
                    resource,
                    scope,
                    attributes: &span.attributes,
                    times,
                    trace_id: &span.trace_id,
                    payload: span,
                }
            })
        })
    })
}

/// The log records of a message, in order.
pub fn of_logs(logs: &[ResourceLogs]) -> impl Iterator<Item = Item<'_>> {
    logs.iter().flat_map(|of_resource| {
        let resource = of_resource.resource.as_ref();
        let resource_part = resource_hash(resource, &of_resource.schema_url);
        of_resource.scope_logs.iter().flat_map(move |of_scope| {
            let scope = of_scope.scope.as_ref();
            let scope_part = scope_hash(scope, &of_scope.schema_url);
            of_scope.log_records.iter().map(move |record| {
                let times = [record.time_unix_nano, record.observed_time_unix_nano];
                Item {
                    parts: [
                        resource_part,
                        scope_part,
                        attributes_hash(&record.attributes),
                        hash(|h| record.trace_id.hash(h)),
                        hash(|h| times.hash(h)),
                        record_payload(record),
                    ],
                    span_id: id(&record.span_id),
                    parent: 0,
                    // The two times of a record come from two clocks.
                    ordered: true,
                    risen: None,
                    place: (0, 0),
                    resource,
                    scope,
                    attributes: &record.attributes,
                    times,
                    trace_id: &record.trace_id,
                    payload: record,
                }
            })
        })
    })
}

impl Item<'_> {
    /// One part as it stands in the message, in words.
    pub fn shown(&self, part: ContentPart) -> String {
        let mut text = match part {
            ContentPart::Resource => {
                attributes_shown(self.resource.map_or(&[], |resource| &resource.attributes))
            }
            ContentPart::Scope => self.scope.map_or_else(
                || "none".to_owned(),
                |scope| {
                    let attributes = attributes_shown(&scope.attributes);
                    format!("{} {} {attributes}", scope.name, scope.version)
                },
            ),
            ContentPart::Attributes => attributes_shown(self.attributes),
            ContentPart::Parent => {
                let mut trace_id = String::new();
                for byte in self.trace_id {
                    // Writing to a text cannot fail.
                    let _ = write!(trace_id, "{byte:02x}");
                }
                match self.parent {
                    0 => format!("no parent in trace {trace_id}"),
                    parent => format!("parent {parent:016x} in trace {trace_id}"),
                }
            }
            ContentPart::Times => format!("{} and {}", self.times[0], self.times[1]),
            ContentPart::Payload => format!("{:?}", self.payload),
        };
        if let Some((end, _)) = text.char_indices().nth(SHOWN_MAX) {
            text.truncate(end);
            text.push('…');
        }
        text
    }
}

fn hash(of: impl FnOnce(&mut DefaultHasher)) -> u64 {
    // Both ends are the same executable, so both have the same function, and it has no key.
    let mut hasher = DefaultHasher::new();
    of(&mut hasher);
    hasher.finish().max(1)
}

fn id(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, u64::from_be_bytes)
}

fn resource_hash(resource: Option<&Resource>, schema_url: &str) -> u64 {
    hash(|h| {
        let resource = resource.map(|resource| {
            let attributes = attributes_hash(&resource.attributes);
            (attributes, resource.dropped_attributes_count)
        });
        // One that is missing says as little as one that is empty.
        let nothing = (attributes_hash(&[]), 0);
        (resource.unwrap_or(nothing), schema_url).hash(h);
    })
}

fn scope_hash(scope: Option<&InstrumentationScope>, schema_url: &str) -> u64 {
    hash(|h| {
        let scope = scope.map(|scope| {
            let attributes = attributes_hash(&scope.attributes);
            let name = (scope.name.as_str(), scope.version.as_str());
            (name, attributes, scope.dropped_attributes_count)
        });
        let nothing = (("", ""), attributes_hash(&[]), 0);
        (scope.unwrap_or(nothing), schema_url).hash(h);
    })
}

/// A sum, so that order does not matter.
fn attributes_hash(attributes: &[KeyValue]) -> u64 {
    let each = attributes.iter().map(|attribute| {
        hash(|h| {
            attribute.key.hash(h);
            value_hash(attribute.value.as_ref(), h);
        })
    });
    hash(|h| each.fold(0, u64::wrapping_add).hash(h))
}

/// How deep values are is bounded by whoever decoded them.
fn value_hash(value: Option<&AnyValue>, h: &mut DefaultHasher) {
    use any_value::Value;
    let Some(value) = value.and_then(|value| value.value.as_ref()) else {
        return 0_u8.hash(h);
    };
    match value {
        Value::StringValue(text) => (1_u8, text).hash(h),
        Value::BoolValue(truth) => (2_u8, truth).hash(h),
        Value::IntValue(number) => (3_u8, number).hash(h),
        Value::DoubleValue(number) => (4_u8, number.to_bits()).hash(h),
        Value::ArrayValue(list) => {
            (5_u8, list.values.len()).hash(h);
            list.values
                .iter()
                .for_each(|value| value_hash(Some(value), h));
        }
        Value::KvlistValue(map) => (6_u8, attributes_hash(&map.values)).hash(h),
        Value::BytesValue(bytes) => (7_u8, bytes).hash(h),
        Value::StringValueStrindex(index) => (8_u8, index).hash(h),
    }
}

fn span_payload(span: &Span) -> u64 {
    hash(|h| {
        (&span.name, span.kind, span.flags, &span.trace_state).hash(h);
        let dropped = [
            span.dropped_attributes_count,
            span.dropped_events_count,
            span.dropped_links_count,
        ];
        dropped.hash(h);
        let status = span.status.as_ref();
        status
            .map_or((0, ""), |status| (status.code, status.message.as_str()))
            .hash(h);
        span.events.len().hash(h);
        for event in &span.events {
            (event.time_unix_nano, &event.name).hash(h);
            let attributes = attributes_hash(&event.attributes);
            (attributes, event.dropped_attributes_count).hash(h);
        }
        span.links.len().hash(h);
        for link in &span.links {
            (&link.trace_id, &link.span_id, &link.trace_state, link.flags).hash(h);
            let attributes = attributes_hash(&link.attributes);
            (attributes, link.dropped_attributes_count).hash(h);
        }
    })
}

fn record_payload(record: &LogRecord) -> u64 {
    hash(|h| {
        (record.severity_number, &record.severity_text).hash(h);
        (&record.event_name, record.flags).hash(h);
        record.dropped_attributes_count.hash(h);
        value_hash(record.body.as_ref(), h);
    })
}

fn attributes_shown(attributes: &[KeyValue]) -> String {
    let pairs = attributes.iter().map(|attribute| {
        let value = attribute.value.as_ref();
        let value = value.and_then(|value| value.value.as_ref());
        let value = value.map_or_else(|| "nothing".to_owned(), value_shown);
        format!("{}={value}", attribute.key)
    });
    let pairs: Vec<String> = pairs.collect();
    format!("{{{}}}", pairs.join(", "))
}

fn value_shown(value: &any_value::Value) -> String {
    use any_value::Value;
    match value {
        Value::StringValue(text) => format!("{text:?}"),
        Value::BoolValue(truth) => truth.to_string(),
        Value::IntValue(number) => number.to_string(),
        Value::DoubleValue(number) => number.to_string(),
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests;
