//! Requests of every shape, for tests.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram,
    HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary,
    SummaryDataPoint, exemplar, exponential_histogram_data_point::Buckets, metric::Data,
    number_data_point, summary_data_point::ValueAtQuantile,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;

use crate::signal::Signal;

/// Texts that occur in values, and nowhere else.
pub fn secret() -> impl Strategy<Value = String> {
    "[A-Z]{8,40}"
}

fn value() -> impl Strategy<Value = AnyValue> {
    let number = -1e9..1e9_f64;
    let leaf = prop_oneof![
        4 => secret().prop_map(Value::StringValue),
        1 => any::<bool>().prop_map(Value::BoolValue),
        1 => any::<i64>().prop_map(Value::IntValue),
        1 => number.prop_map(Value::DoubleValue),
        1 => secret().prop_map(|text| Value::BytesValue(text.into_bytes())),
    ]
    .prop_map(|value| AnyValue { value: Some(value) });
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(|values| Value::ArrayValue(ArrayValue { values })),
            vec(inner, 0..3).prop_map(|values| {
                let values = values.into_iter().map(|value| key_value("inner", value));
                Value::KvlistValue(KeyValueList {
                    values: values.collect(),
                })
            }),
        ]
        .prop_map(|value| AnyValue { value: Some(value) })
    })
}

fn key_value(key: &str, value: AnyValue) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(value),
        ..KeyValue::default()
    }
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    vec(value(), 0..3).prop_map(|values| {
        let named = values.into_iter().enumerate();
        named
            .map(|(index, value)| key_value(&format!("key.{index}"), value))
            .collect()
    })
}

fn resource() -> impl Strategy<Value = Option<Resource>> {
    proptest::option::of(attributes().prop_map(|attributes| Resource {
        attributes,
        ..Resource::default()
    }))
}

fn scope() -> impl Strategy<Value = Option<InstrumentationScope>> {
    let scope = (attributes(), 0..3_u32);
    proptest::option::of(
        scope.prop_map(|(attributes, dropped)| InstrumentationScope {
            name: "library".to_owned(),
            version: "1.0".to_owned(),
            attributes,
            dropped_attributes_count: dropped,
        }),
    )
}

fn span() -> impl Strategy<Value = Span> {
    let ids = (vec(any::<u8>(), 16), vec(any::<u8>(), 8), any::<u64>());
    let texts = (secret(), secret());
    let parts = (attributes(), attributes(), attributes());
    (ids, texts, parts).prop_map(
        |((trace_id, span_id, at), (state, message), (a, b, c))| Span {
            trace_id: trace_id.clone(),
            span_id: span_id.clone(),
            trace_state: format!("vendor={state}"),
            parent_span_id: span_id.clone(),
            flags: 257,
            name: "operation".to_owned(),
            kind: 2,
            start_time_unix_nano: at,
            end_time_unix_nano: at.wrapping_add(5),
            attributes: a,
            dropped_attributes_count: 1,
            events: vec![Event {
                time_unix_nano: at,
                name: "event".to_owned(),
                attributes: b,
                dropped_attributes_count: 0,
            }],
            dropped_events_count: 2,
            links: vec![Link {
                trace_id,
                span_id,
                trace_state: format!("vendor={state}"),
                attributes: c,
                dropped_attributes_count: 0,
                flags: 1,
            }],
            dropped_links_count: 3,
            status: Some(Status { message, code: 2 }),
        },
    )
}

fn log() -> impl Strategy<Value = LogRecord> {
    (any::<u64>(), value(), attributes()).prop_map(|(at, body, attributes)| LogRecord {
        time_unix_nano: at,
        observed_time_unix_nano: at,
        severity_number: 9,
        severity_text: "info".to_owned(),
        body: Some(body),
        attributes,
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        event_name: "event".to_owned(),
        ..LogRecord::default()
    })
}

fn exemplar() -> impl Strategy<Value = Exemplar> {
    (attributes(), any::<i64>()).prop_map(|(filtered_attributes, value)| Exemplar {
        filtered_attributes,
        time_unix_nano: 4,
        span_id: vec![1; 8],
        trace_id: vec![2; 16],
        value: Some(exemplar::Value::AsInt(value)),
    })
}

fn metric() -> impl Strategy<Value = Metric> {
    let parts = (attributes(), attributes(), exemplar());
    (0..5_u8, any::<u64>(), -1e6..1e6_f64, parts).prop_map(
        |(kind, count, number, (metadata, attributes, exemplar))| {
            let point = || NumberDataPoint {
                attributes: attributes.clone(),
                start_time_unix_nano: 1,
                time_unix_nano: 2,
                exemplars: vec![exemplar.clone()],
                flags: 0,
                value: Some(number_data_point::Value::AsDouble(number)),
            };
            let data = match kind {
                0 => Data::Gauge(Gauge {
                    data_points: vec![point()],
                }),
                1 => Data::Sum(Sum {
                    data_points: vec![point()],
                    aggregation_temporality: 2,
                    is_monotonic: true,
                }),
                2 => Data::Histogram(Histogram {
                    data_points: vec![HistogramDataPoint {
                        attributes,
                        time_unix_nano: 2,
                        count,
                        sum: Some(number),
                        bucket_counts: vec![count, 0],
                        explicit_bounds: vec![number],
                        exemplars: vec![exemplar],
                        min: Some(number),
                        ..HistogramDataPoint::default()
                    }],
                    aggregation_temporality: 1,
                }),
                3 => Data::ExponentialHistogram(ExponentialHistogram {
                    data_points: vec![ExponentialHistogramDataPoint {
                        attributes,
                        time_unix_nano: 2,
                        count,
                        sum: Some(number),
                        scale: -1,
                        zero_count: 1,
                        positive: Some(Buckets {
                            offset: -3,
                            bucket_counts: vec![count, 300],
                        }),
                        exemplars: vec![exemplar],
                        ..ExponentialHistogramDataPoint::default()
                    }],
                    aggregation_temporality: 2,
                }),
                _ => Data::Summary(Summary {
                    data_points: vec![SummaryDataPoint {
                        attributes,
                        time_unix_nano: 2,
                        count,
                        sum: number,
                        quantile_values: vec![ValueAtQuantile {
                            quantile: 0.5,
                            value: number,
                        }],
                        ..SummaryDataPoint::default()
                    }],
                }),
            };
            Metric {
                name: "metric".to_owned(),
                description: "what it is".to_owned(),
                unit: "1".to_owned(),
                metadata,
                data: Some(data),
            }
        },
    )
}

fn traces() -> impl Strategy<Value = Vec<u8>> {
    (resource(), scope(), vec(span(), 1..3)).prop_map(|(resource, scope, spans)| {
        ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans {
                resource,
                scope_spans: vec![ScopeSpans {
                    scope,
                    spans,
                    schema_url: "https://schema".to_owned(),
                }],
                schema_url: String::new(),
            }],
        }
        .encode_to_vec()
    })
}

fn metrics() -> impl Strategy<Value = Vec<u8>> {
    (resource(), scope(), vec(metric(), 1..3)).prop_map(|(resource, scope, metrics)| {
        ExportMetricsServiceRequest {
            resource_metrics: vec![ResourceMetrics {
                resource,
                scope_metrics: vec![ScopeMetrics {
                    scope,
                    metrics,
                    schema_url: String::new(),
                }],
                schema_url: String::new(),
            }],
        }
        .encode_to_vec()
    })
}

fn logs() -> impl Strategy<Value = Vec<u8>> {
    (resource(), scope(), vec(log(), 1..3)).prop_map(|(resource, scope, log_records)| {
        ExportLogsServiceRequest {
            resource_logs: vec![ResourceLogs {
                resource,
                scope_logs: vec![ScopeLogs {
                    scope,
                    log_records,
                    schema_url: String::new(),
                }],
                schema_url: String::new(),
            }],
        }
        .encode_to_vec()
    })
}

/// A request of any signal, as protobuf.
pub fn request() -> impl Strategy<Value = (Signal, Vec<u8>)> {
    prop_oneof![
        traces().prop_map(|body| (Signal::Traces, body)),
        metrics().prop_map(|body| (Signal::Metrics, body)),
        logs().prop_map(|body| (Signal::Logs, body)),
    ]
}
