//! What several benches share.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};

/// Spans of [`request`].
pub const SPANS: u64 = 512;

/// A request of [`SPANS`] spans with ten attributes each, as an instrumented service sends them.
pub fn request() -> ExportTraceServiceRequest {
    let attributes: Vec<KeyValue> = (0..10)
        .map(|index| KeyValue {
            key: format!("attribute.{index}"),
            value: Some(AnyValue {
                value: Some(Value::StringValue("a value of twenty b".to_owned())),
            }),
            ..KeyValue::default()
        })
        .collect();
    let spans = (1..=SPANS)
        .map(|sequence| Span {
            trace_id: vec![7; 16],
            span_id: sequence.to_be_bytes().to_vec(),
            name: "GET /checkout/{id}".to_owned(),
            start_time_unix_nano: 1_700_000_000_000_000_000,
            end_time_unix_nano: 1_700_000_000_000_100_000,
            attributes: attributes.clone(),
            ..Span::default()
        })
        .collect();
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            scope_spans: vec![ScopeSpans {
                spans,
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    }
}
