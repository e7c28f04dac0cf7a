//! Every field of an item belongs to exactly one part, and what means nothing changes none.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{ArrayValue, KeyValueList};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint,
    Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint,
    number_data_point,
};
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ScopeSpans, Status};
use prost::Message as _;

use super::*;
use crate::otlp::json;
use crate::signal::Signal;

fn attribute(key: &str, value: any_value::Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        key_strindex: 0,
    }
}

fn attributes() -> Vec<KeyValue> {
    use any_value::Value;
    let text = |text: &str| AnyValue {
        value: Some(Value::StringValue(text.to_owned())),
    };
    vec![
        attribute("s", Value::StringValue("x".to_owned())),
        attribute("i", Value::IntValue(-3)),
        attribute("d", Value::DoubleValue(0.1)),
        attribute("b", Value::BoolValue(true)),
        attribute(
            "a",
            Value::ArrayValue(ArrayValue {
                values: vec![text("p"), text("q")],
            }),
        ),
        attribute(
            "m",
            Value::KvlistValue(KeyValueList {
                values: vec![
                    attribute("k", Value::IntValue(1)),
                    attribute("l", Value::BytesValue(vec![1, 2])),
                ],
            }),
        ),
    ]
}

fn traces() -> Vec<ResourceSpans> {
    let span = Span {
        trace_id: vec![7; 16],
        span_id: 5_u64.to_be_bytes().to_vec(),
        parent_span_id: 4_u64.to_be_bytes().to_vec(),
        name: "n".to_owned(),
        kind: 2,
        start_time_unix_nano: 10,
        end_time_unix_nano: 20,
        attributes: attributes(),
        events: vec![Event {
            time_unix_nano: 11,
            name: "e".to_owned(),
            attributes: attributes(),
            dropped_attributes_count: 0,
        }],
        links: vec![Link {
            trace_id: vec![8; 16],
            span_id: vec![9; 8],
            attributes: attributes(),
            ..Link::default()
        }],
        status: Some(Status {
            code: 2,
            message: "m".to_owned(),
        }),
        flags: 257,
        ..Span::default()
    };
    vec![ResourceSpans {
        resource: Some(Resource {
            attributes: attributes(),
            ..Resource::default()
        }),
        scope_spans: vec![ScopeSpans {
            scope: Some(InstrumentationScope {
                name: "scope".to_owned(),
                version: "1".to_owned(),
                ..InstrumentationScope::default()
            }),
            spans: vec![span],
            schema_url: String::new(),
        }],
        schema_url: "https://example.com/schema".to_owned(),
    }]
}

/// The parts of the only span that a change makes differ.
fn changed(change: impl FnOnce(&mut ResourceSpans)) -> Vec<ContentPart> {
    let before = traces();
    let mut after = traces();
    change(&mut after[0]);
    let parts = |traces: &[ResourceSpans]| of_traces(traces).next().unwrap().parts;
    let (before, after) = (parts(&before), parts(&after));
    assert!(before.iter().chain(&after).all(|part| *part != 0));
    let all = ContentPart::ALL.into_iter();
    all.filter(|part| before[part.index()] != after[part.index()])
        .collect()
}

fn span(traces: &mut ResourceSpans) -> &mut Span {
    &mut traces.scope_spans[0].spans[0]
}

#[test]
fn each_field_belongs_to_one_part() {
    type Change = fn(&mut ResourceSpans);
    let cases: [(ContentPart, &[Change]); 6] = [
        (
            ContentPart::Resource,
            &[
                |t| t.schema_url.clear(),
                |t| t.resource = None,
                |t| drop(t.resource.as_mut().unwrap().attributes.pop()),
            ],
        ),
        (
            ContentPart::Scope,
            &[
                |t| t.scope_spans[0].schema_url = "s".to_owned(),
                |t| t.scope_spans[0].scope = None,
                |t| t.scope_spans[0].scope.as_mut().unwrap().version.clear(),
                |t| {
                    let scope = t.scope_spans[0].scope.as_mut().unwrap();
                    scope.attributes = attributes();
                },
            ],
        ),
        (
            ContentPart::Attributes,
            &[
                |t| drop(span(t).attributes.pop()),
                |t| span(t).attributes[0].key.push('x'),
                |t| span(t).attributes[1].value = None,
                |t| {
                    let again = span(t).attributes[0].clone();
                    span(t).attributes.push(again);
                },
            ],
        ),
        (
            ContentPart::Parent,
            &[
                |t| span(t).parent_span_id.clear(),
                |t| span(t).trace_id[0] = 1,
            ],
        ),
        (
            ContentPart::Times,
            &[
                |t| span(t).start_time_unix_nano += 1,
                |t| span(t).end_time_unix_nano += 1,
            ],
        ),
        (
            ContentPart::Payload,
            &[
                |t| span(t).name.push('x'),
                |t| span(t).kind = 3,
                |t| span(t).flags = 1,
                |t| span(t).trace_state.push('x'),
                |t| span(t).dropped_links_count = 1,
                |t| span(t).status = None,
                |t| span(t).events.clear(),
                |t| span(t).events[0].time_unix_nano += 1,
                |t| span(t).events[0].attributes.truncate(1),
                |t| span(t).links.clear(),
                |t| span(t).links[0].span_id[0] = 1,
            ],
        ),
    ];
    for (part, changes) in cases {
        for (index, change) in changes.iter().enumerate() {
            assert_eq!(changed(change), [part], "{part:?} {index}");
        }
    }
}

#[test]
fn what_means_nothing_changes_nothing() {
    assert!(changed(|_| {}).is_empty());
    assert!(changed(|t| span(t).attributes.reverse()).is_empty());
    let reversed = |t: &mut ResourceSpans| {
        t.resource.as_mut().unwrap().attributes.reverse();
        span(t).events[0].attributes.reverse();
        if let Some(any_value::Value::KvlistValue(map)) = span(t).attributes[5]
            .value
            .as_mut()
            .and_then(|value| value.value.as_mut())
        {
            map.values.reverse();
        }
    };
    assert!(changed(reversed).is_empty());
    // The order of a list is what it says.
    let list = |t: &mut ResourceSpans| {
        if let Some(any_value::Value::ArrayValue(list)) = span(t).attributes[4]
            .value
            .as_mut()
            .and_then(|value| value.value.as_mut())
        {
            list.values.reverse();
        }
    };
    assert_eq!(changed(list), [ContentPart::Attributes]);
}

#[test]
fn json_says_the_same() {
    let request = ExportTraceServiceRequest {
        resource_spans: traces(),
    };
    let text = serde_json::to_vec(&request).unwrap();
    let bytes = json::to_protobuf(Signal::Traces, &text).unwrap();
    let read = ExportTraceServiceRequest::decode(bytes.as_slice()).unwrap();
    let parts = |traces: &[ResourceSpans]| of_traces(traces).next().unwrap().parts;
    assert_eq!(parts(&request.resource_spans), parts(&read.resource_spans));
}

#[test]
fn times_of_a_span_and_its_events_are_looked_at() {
    let ordered = |change: fn(&mut Span)| {
        let mut traces = traces();
        change(span(&mut traces[0]));
        of_traces(&traces).next().unwrap().ordered
    };
    assert!(ordered(|_| {}));
    assert!(ordered(|span| span.end_time_unix_nano = 10));
    assert!(!ordered(|span| span.end_time_unix_nano = 9));
    assert!(!ordered(|span| {
        let event = |time| Event {
            time_unix_nano: time,
            ..Event::default()
        };
        span.events = vec![event(12), event(11)];
    }));
}

#[test]
fn what_arrived_is_told_in_words() {
    let traces = traces();
    let item = of_traces(&traces).next().unwrap();
    assert_eq!(
        item.shown(ContentPart::Parent),
        format!("parent 0000000000000004 in trace {}", "07".repeat(16))
    );
    assert_eq!(item.shown(ContentPart::Times), "10 and 20");
    assert_eq!(item.shown(ContentPart::Scope), "scope 1 {}");
    let attributes = item.shown(ContentPart::Attributes);
    assert!(
        attributes.starts_with(r#"{s="x", i=-3, d=0.1, b=true"#),
        "{attributes}"
    );
    assert!(item.shown(ContentPart::Payload).chars().count() <= SHOWN_MAX + 1);
}

fn metrics(data: Data) -> Vec<ResourceMetrics> {
    vec![ResourceMetrics {
        scope_metrics: vec![ScopeMetrics {
            metrics: vec![Metric {
                name: "m".to_owned(),
                data: Some(data),
                ..Metric::default()
            }],
            ..ScopeMetrics::default()
        }],
        ..ResourceMetrics::default()
    }]
}

fn number(value: f64) -> NumberDataPoint {
    NumberDataPoint {
        start_time_unix_nano: 1,
        time_unix_nano: 2,
        value: Some(number_data_point::Value::AsDouble(value)),
        ..NumberDataPoint::default()
    }
}

#[test]
fn every_kind_of_point_is_compared_and_only_some_can_only_rise() {
    let sum = |value: f64, temporality: i32, monotonic: bool| {
        Data::Sum(Sum {
            data_points: vec![number(value)],
            aggregation_temporality: temporality,
            is_monotonic: monotonic,
        })
    };
    let gauge = |value: f64| {
        Data::Gauge(Gauge {
            data_points: vec![number(value)],
        })
    };
    let histogram = |count: u64| {
        Data::Histogram(Histogram {
            data_points: vec![HistogramDataPoint {
                count,
                sum: Some(-1.0),
                ..HistogramDataPoint::default()
            }],
            aggregation_temporality: 2,
        })
    };
    let exponential = |counts: Option<Vec<u64>>| {
        Data::ExponentialHistogram(ExponentialHistogram {
            data_points: vec![ExponentialHistogramDataPoint {
                count: 3,
                positive: counts.map(|bucket_counts| Buckets {
                    offset: 1,
                    bucket_counts,
                }),
                ..ExponentialHistogramDataPoint::default()
            }],
            aggregation_temporality: 2,
        })
    };
    let summary = |sum: f64| {
        Data::Summary(Summary {
            data_points: vec![SummaryDataPoint {
                sum,
                ..SummaryDataPoint::default()
            }],
        })
    };
    let read = |data: Data| {
        let metrics = metrics(data);
        let items = of_metrics(&metrics);
        assert_eq!(items.len(), 1);
        (items[0].parts, items[0].risen)
    };
    let cases = [
        (sum(1.0, 2, true), sum(2.0, 2, true), Some(1.0)),
        (sum(1.0, 2, true), sum(1.0, 2, false), Some(1.0)),
        (sum(1.0, 2, false), gauge(1.0), None),
        (sum(1.0, 1, true), sum(1.0, 2, true), None),
        (gauge(1.0), gauge(-1.0), None),
        (histogram(4), histogram(5), Some(4.0)),
        (
            exponential(Some(vec![3])),
            exponential(Some(vec![2, 1])),
            Some(3.0),
        ),
        (summary(1.0), summary(2.0), None),
    ];
    for (one, other, risen) in cases {
        let text = format!("{one:?} and {other:?}");
        let (one, other) = (read(one), read(other));
        assert_ne!(one.0[5], other.0[5], "{text}");
        assert_eq!(one.0[..5], other.0[..5], "{text}");
        assert_eq!(one.1, risen, "{text}");
    }
    // No buckets and empty ones are the same.
    assert_eq!(read(exponential(None)), read(exponential(Some(Vec::new()))));
}
