//! What is recorded is read back, and what is broken is named.

use std::io::Cursor;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use proptest::prelude::*;
use prost::Message as _;

use super::*;
use crate::capture::record::{RecordError, Recorder};
use crate::capture::{file_of, fixture};

const SPANS: &str = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"a"}]}]}]}"#;
const LOGS: &str = r#"{"resourceLogs":[]}"#;

fn read(name: &str, bytes: &[u8], settings: Settings) -> Captures<Cursor<Vec<u8>>> {
    Captures::new(Cursor::new(bytes.to_vec()), Path::new(name), settings).unwrap()
}

fn skipping() -> Settings {
    Settings {
        broken: Broken::Skipped,
        ..Settings::default()
    }
}

fn framed(messages: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for message in messages {
        bytes.extend_from_slice(&(message.len() as u32).to_be_bytes());
        bytes.extend_from_slice(message);
    }
    bytes
}

/// In one way of writing it: what JSON went through may have its fields in another order.
fn normal(signal: Signal, body: &[u8]) -> Vec<u8> {
    match signal {
        Signal::Traces => ExportTraceServiceRequest::decode(body)
            .unwrap()
            .encode_to_vec(),
        Signal::Metrics => ExportMetricsServiceRequest::decode(body)
            .unwrap()
            .encode_to_vec(),
        Signal::Logs => ExportLogsServiceRequest::decode(body)
            .unwrap()
            .encode_to_vec(),
    }
}

#[test]
fn the_largest_request_that_a_sink_takes_by_default_is_read_back_from_json() {
    const TAKEN_BYTES: usize = 64 << 20;
    // Short keys and numbers grow most.
    let attribute = r#"{"key":"k","value":{"intValue":"1"}}"#;
    let attributes = [attribute; 1000].join(",");
    let text = format!(
        r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"attributes":[{attributes}]}}]}}]}}]}}"#
    );
    let body = json::to_protobuf(Signal::Logs, text.as_bytes()).unwrap();
    let mut line = Vec::new();
    crate::otlp::json_text::from_protobuf(Signal::Logs, &body, &mut line).unwrap();
    let largest = TAKEN_BYTES.div_ceil(body.len()) * line.len();
    assert!(largest as u64 <= MESSAGE_MAX_BYTES, "{largest}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_is_recorded_is_read_back(requests in proptest::collection::vec(fixture::request(), 1..6)) {
        let home = tempfile::tempdir().unwrap();
        let json = home.path().join("all.jsonl");
        let proto = home.path().join("all.pb");
        let recorders = [
            Recorder::create(&json, Format::Json).unwrap(),
            Recorder::create(&proto, Format::Proto).unwrap(),
        ];
        for (signal, body) in &requests {
            for recorder in &recorders {
                recorder.keep(*signal, body).unwrap();
            }
        }
        for recorder in &recorders {
            prop_assert_eq!(recorder.recorded().requests, requests.len() as u64);
            prop_assert_eq!(recorder.recorded().inexact, 0);
        }

        let mut captures = Captures::open(&json, Settings::default()).unwrap();
        prop_assert_eq!(captures.format(), Format::Json);
        for (index, (signal, body)) in requests.iter().enumerate() {
            let captured = captures.next().unwrap().unwrap();
            prop_assert_eq!(captured.number, index as u64 + 1);
            prop_assert_eq!(captured.signal, *signal);
            prop_assert_eq!(normal(*signal, &captured.body), normal(*signal, body));
        }
        prop_assert!(captures.next().is_none());

        for signal in Signal::ALL {
            let written: Vec<&Vec<u8>> = requests.iter().filter(|r| r.0 == signal).map(|r| &r.1).collect();
            let captures = Captures::open(&file_of(signal, &proto), Settings::default()).unwrap();
            let captured: Vec<Captured> = captures.map(Result::unwrap).collect();
            prop_assert!(captured.iter().all(|one| one.signal == signal));
            let bodies: Vec<&Vec<u8>> = captured.iter().map(|one| &one.body).collect();
            prop_assert_eq!(bodies, written);
        }
    }

    #[test]
    fn a_message_tells_of_its_signal_without_a_name((signal, body) in fixture::request()) {
        let captured: Vec<Captured> = read("capture", &framed(&[&body]), Settings::default())
            .map(Result::unwrap)
            .collect();
        prop_assert_eq!(captured.len(), 1);
        prop_assert_eq!(captured[0].signal, signal);
    }

    #[test]
    fn no_bytes_panic_or_loop(bytes: Vec<u8>) {
        for name in ["a.json", "a.traces.pb"] {
            prop_assert!(read(name, &bytes, skipping()).count() <= bytes.len());
        }
    }
}

#[test]
fn a_broken_line_is_named_by_its_number_or_skipped_and_counted() {
    let text = format!("{SPANS}\n\n{{\"resourceSpans\":7}}\n{LOGS}");
    let mut fatal = read("x.json", text.as_bytes(), Settings::default());
    assert_eq!(fatal.next().unwrap().unwrap().number, 1);
    let error = fatal.next().unwrap().unwrap_err().to_string();
    assert!(error.starts_with("x.json, line 3: JSON: "), "{error}");
    assert!(fatal.next().is_none());

    let mut skips = read("x.json", text.as_bytes(), skipping());
    let found: Vec<(u64, Signal)> = skips
        .by_ref()
        .map(Result::unwrap)
        .map(|one| (one.number, one.signal))
        .collect();
    assert_eq!(found, [(1, Signal::Traces), (4, Signal::Logs)]);
    assert_eq!(skips.skipped().count, 1);
    assert_eq!(skips.skipped().first.as_deref(), Some(error.as_str()));
}

#[test]
fn a_line_is_of_one_signal() {
    let why = |line: &str| {
        let found = read("x.json", line.as_bytes(), Settings::default()).next();
        found.unwrap().unwrap_err().to_string()
    };
    assert!(why("{}").contains("neither resourceSpans nor"));
    assert!(why(r#"{"resourceSpans":[],"resourceLogs":[]}"#).contains("several signals"));
}

#[test]
fn a_line_beyond_the_limit_is_not_held_and_the_next_is_read() {
    let settings = Settings {
        max_bytes: 100,
        ..skipping()
    };
    let text = format!("{}\n{LOGS}\n", "{".repeat(1000));
    let mut captures = read("x.json", text.as_bytes(), settings);
    let found = captures.next().unwrap().unwrap();
    assert_eq!((found.number, found.signal), (2, Signal::Logs));
    assert!(captures.next().is_none());
    let first = captures.skipped().first.clone().unwrap();
    assert!(
        first.contains("line 1: it has more than 100 bytes"),
        "{first}"
    );
}

#[test]
fn a_message_that_breaks_off_is_named() {
    let spans = json::to_protobuf(Signal::Traces, SPANS.as_bytes()).unwrap();
    let whole = framed(&[&spans, &spans]);
    for cut in 1..spans.len() + PREFIX_BYTES {
        let mut captures = read(
            "x.traces.pb",
            &whole[..whole.len() - cut],
            Settings::default(),
        );
        assert_eq!(captures.next().unwrap().unwrap().body, spans);
        let error = captures.next().unwrap().unwrap_err().to_string();
        assert!(
            error.contains("x.traces.pb, message 2: the file ends"),
            "{error}"
        );
        assert!(captures.next().is_none());
    }
}

#[test]
fn a_message_that_is_none_can_be_skipped_and_an_impossible_length_ends_it() {
    let spans = json::to_protobuf(Signal::Traces, SPANS.as_bytes()).unwrap();
    let mut bytes = framed(&[&spans, &[0x0a, 9], &spans]);
    let mut captures = read("x.traces.pb", &bytes, skipping());
    assert_eq!(captures.by_ref().count(), 2);
    assert_eq!(captures.skipped().count, 1);
    bytes.extend_from_slice(&[0xff; 40]);
    let error = read("x.traces.pb", &bytes, Settings::default()).find_map(Result::err);
    assert!(
        error
            .unwrap()
            .to_string()
            .contains("message 2: ExportTraceServiceRequest")
    );
    let mut captures = read("x.traces.pb", &bytes, skipping());
    assert_eq!(captures.by_ref().count(), 2);
    let skipped = captures.skipped();
    assert_eq!(skipped.count, 2, "{skipped:?}");
}

#[test]
fn a_message_that_says_nothing_is_what_the_name_says() {
    let bytes = framed(&[&[]]);
    let found = read("day.metrics.pb", &bytes, Settings::default()).next();
    assert_eq!(found.unwrap().unwrap().signal, Signal::Metrics);
    let error = read("day.pb", &bytes, Settings::default()).next().unwrap();
    assert!(error.unwrap_err().to_string().contains("name the file"));
}

#[test]
fn a_compressed_file_is_told() {
    let input = Cursor::new(vec![0x28, 0xb5, 0x2f, 0xfd, 0]);
    let error = Captures::new(input, Path::new("x.json"), Settings::default());
    assert!(error.unwrap_err().to_string().contains("zstd -d"));
}

#[test]
fn a_recording_is_not_written_over() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("a.json");
    std::fs::write(&path, SPANS).unwrap();
    let error = Recorder::create(&path, Format::Json).unwrap_err();
    assert!(matches!(error, RecordError::NotEmpty { .. }));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), SPANS);
}

/// Fields as the Collector's JSON writer has them: empty ids as empty texts, 64-bit numbers as texts,
/// enums as numbers, a status without a code as an empty object.
#[test]
fn what_the_collectors_file_exporter_writes_is_read() {
    let traces = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"r","value":{"stringValue":"v"}},{"key":"empty","value":{}}]},"scopeSpans":[{"scope":{"name":"lib","version":"1"},"spans":[{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708","parentSpanId":"","flags":1,"name":"op","kind":1,"startTimeUnixNano":"1581452772000000321","endTimeUnixNano":"1581452773000000789","attributes":[{"key":"i","value":{"intValue":"-5"}},{"key":"l","value":{"arrayValue":{"values":[{"boolValue":true}]}}},{"key":"m","value":{"kvlistValue":{"values":[{"key":"b","value":{"bytesValue":"AQID"}}]}}}],"droppedAttributesCount":1,"events":[{"timeUnixNano":"1581452773000000123","name":"e","attributes":[],"droppedAttributesCount":2}],"links":[{"traceId":"","spanId":""}],"status":{}},{"traceId":"","spanId":"","parentSpanId":"","name":"n","status":{"message":"cancelled","code":2}}]}],"schemaUrl":"https://x"}]}"#;
    let metrics = r#"{"resourceMetrics":[{"resource":{},"scopeMetrics":[{"scope":{},"metrics":[{"name":"c","unit":"1","sum":{"dataPoints":[{"attributes":[{"key":"k","value":{"doubleValue":0.5}}],"startTimeUnixNano":"1","timeUnixNano":"2","asInt":"123"}],"aggregationTemporality":2,"isMonotonic":true}},{"name":"h","histogram":{"dataPoints":[{"timeUnixNano":"2","count":"1","sum":15,"bucketCounts":["0","1"],"explicitBounds":[1],"exemplars":[{"timeUnixNano":"2","asDouble":15,"spanId":"","traceId":""}]}],"aggregationTemporality":1}},{"name":"s","summary":{"dataPoints":[{"timeUnixNano":"2","count":"1","sum":15,"quantileValues":[{"quantile":0.01,"value":15}]}]}},{"name":"x","exponentialHistogram":{"dataPoints":[{"timeUnixNano":"2","count":"1","scale":1,"zeroCount":"1","positive":{"offset":-1,"bucketCounts":["1"]},"negative":{}}]}}]}]}]}"#;
    let logs = r#"{"resourceLogs":[{"resource":{},"scopeLogs":[{"scope":{},"logRecords":[{"timeUnixNano":"1581452773000000789","severityNumber":9,"severityText":"Info","body":{"stringValue":"b"},"attributes":[{"key":"app","value":{"stringValue":"server"}}],"droppedAttributesCount":1,"traceId":"08040201000000000000000000000000","spanId":"0102040800000000"}]}]}]}"#;
    let text = format!("{traces}\n{metrics}\n{logs}\n");
    let captured: Vec<Captured> = read("file-exporter", text.as_bytes(), Settings::default())
        .map(Result::unwrap)
        .collect();
    let signals: Vec<Signal> = captured.iter().map(|one| one.signal).collect();
    assert_eq!(signals, Signal::ALL);
    let request = ExportTraceServiceRequest::decode(&*captured[0].body).unwrap();
    let spans = &request.resource_spans[0].scope_spans[0].spans;
    assert_eq!(spans[0].trace_id, (1..=16).collect::<Vec<u8>>());
    assert_eq!(spans[0].start_time_unix_nano, 1_581_452_772_000_000_321);
    assert_eq!(spans[1].status.as_ref().unwrap().code, 2);
    assert!(spans[1].trace_id.is_empty());
}
