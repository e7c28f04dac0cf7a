//! What the walk tells, and what it refuses.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use proptest::prelude::*;
use prost::Message as _;

use super::*;
use crate::otlp::{Encoding, json, to_protobuf};

const TRACES: &str = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"s"}}]},
  "scopeSpans":[{"scope":{"name":"x"},"spans":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"0000000000000001",
  "name":"n","kind":2,"startTimeUnixNano":"7","endTimeUnixNano":9,"attributes":[{"key":"a","value":{"arrayValue":{"values":[{"intValue":"1"}]}}}],
  "events":[{"timeUnixNano":"8","name":"e"}],"links":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174"}],"status":{"code":2,"message":"m"},"flags":257}]}]}]}"#;
const METRICS: &str = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[
  {"name":"h","histogram":{"aggregationTemporality":1,"dataPoints":[{"timeUnixNano":"5","count":"2","sum":3.5,"bucketCounts":["1","1"],"explicitBounds":[1.0],"min":1,"max":2}]}},
  {"name":"e","exponentialHistogram":{"aggregationTemporality":2,"dataPoints":[{"timeUnixNano":"5","count":"2","sum":3.5,"scale":-1,"zeroCount":"1","positive":{"offset":1,"bucketCounts":["1","300"]}}]}},
  {"name":"s","sum":{"aggregationTemporality":2,"isMonotonic":true,"dataPoints":[{"timeUnixNano":"5","asInt":"4"}]}}]}]}]}"#;

fn told(signal: Signal, bytes: &[u8]) -> Result<Vec<Found<'_>>, Malformed> {
    let mut landmarks = Vec::new();
    walk(signal, bytes, &mut |found| landmarks.push(found))?;
    Ok(landmarks)
}

fn prost_reads(signal: Signal, bytes: &[u8]) -> bool {
    match signal {
        Signal::Traces => ExportTraceServiceRequest::decode(bytes).is_ok(),
        Signal::Metrics => ExportMetricsServiceRequest::decode(bytes).is_ok(),
        Signal::Logs => ExportLogsServiceRequest::decode(bytes).is_ok(),
    }
}

#[test]
fn landmarks_are_told_in_order() {
    let traces = json::to_protobuf(Signal::Traces, TRACES.as_bytes()).unwrap();
    let item = Item {
        span_id: 1,
        time_unix_ns: 7,
    };
    assert!(matches!(
        told(Signal::Traces, &traces).unwrap()[..],
        [Found::Resource(_), Found::Span(found, _)] if found == item
    ));
    let metrics = json::to_protobuf(Signal::Metrics, METRICS.as_bytes()).unwrap();
    assert!(matches!(
        told(Signal::Metrics, &metrics).unwrap()[..],
        [Found::Metric(_), Found::Metric(_), Found::Metric(_)]
    ));
}

#[test]
fn what_is_wrong_is_named() {
    let wrong_type = [0x0a, 2, 0x10, 1];
    let error = told(Signal::Traces, &wrong_type).unwrap_err();
    assert_eq!(
        error.to_string(),
        "ResourceSpans: field 2 has the wrong wire type"
    );
    let not_text = [0x0a, 3, 0x1a, 1, 0xff];
    let error = told(Signal::Logs, &not_text).unwrap_err();
    assert_eq!(error.to_string(), "ResourceLogs: field 3 is not UTF-8");
}

#[test]
fn a_swarm_of_empty_messages_is_refused() {
    let swarm: Vec<u8> = [0x0a, 0].repeat(MESSAGES_MAX + 1);
    assert_eq!(
        told(Signal::Traces, &swarm),
        Err(Malformed::TooManyMessages(MESSAGES_MAX))
    );
}

#[test]
fn a_value_nested_without_end_is_refused() {
    let mut value = vec![];
    for _ in 0..200 {
        for number in [1_u8, 5] {
            let mut outer = vec![number << 3 | 2];
            prost::encoding::encode_varint(value.len() as u64, &mut outer);
            outer.append(&mut value);
            value = outer;
        }
    }
    // As the body (field 5) of a log record within its scope and resource.
    for number in [5_u8, 2, 2, 1] {
        let mut outer = vec![number << 3 | 2];
        prost::encoding::encode_varint(value.len() as u64, &mut outer);
        outer.append(&mut value);
        value = outer;
    }
    assert!(!prost_reads(Signal::Logs, &value));
    let error = told(Signal::Logs, &value).unwrap_err();
    assert!(error.to_string().contains("nested too deeply"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn no_bytes_panic_and_none_pass_that_prost_refuses(bytes: Vec<u8>) {
        for signal in Signal::ALL {
            if told(signal, &bytes).is_ok() {
                prop_assert!(prost_reads(signal, &bytes));
            }
            let _ = to_protobuf(signal, Encoding::Json, &bytes);
        }
    }

    #[test]
    fn a_damaged_request_passes_only_where_prost_reads_it(at: prop::sample::Index, byte: u8, cut: prop::sample::Index) {
        for (signal, text) in [(Signal::Traces, TRACES), (Signal::Metrics, METRICS)] {
            let mut bytes = json::to_protobuf(signal, text.as_bytes()).unwrap();
            prop_assert!(told(signal, &bytes).is_ok());
            let index = at.index(bytes.len());
            bytes[index] = byte;
            if told(signal, &bytes).is_ok() {
                prop_assert!(prost_reads(signal, &bytes));
            }
            bytes.truncate(cut.index(bytes.len()));
            if told(signal, &bytes).is_ok() {
                prop_assert!(prost_reads(signal, &bytes));
            }
        }
    }
}
