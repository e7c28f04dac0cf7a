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
        Signal::Traces => ExportTraceServiceRequest::decode(body).unwrap().encode_to_vec(),
        Signal::Metrics => ExportMetricsServiceRequest::decode(body).unwrap().encode_to_vec(),
        Signal::Logs => ExportLogsServiceRequest::decode(body).unwrap().encode_to_vec(),
    }
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
    assert!(first.contains("line 1: it has more than 100 bytes"), "{first}");
}

#[test]
fn a_message_that_breaks_off_is_named() {
    let spans = json::to_protobuf(Signal::Traces, SPANS.as_bytes()).unwrap();
    let whole = framed(&[&spans, &spans]);
    for cut in 1..spans.len() + PREFIX_BYTES {
        let mut captures = read("x.traces.pb", &whole[..whole.len() - cut], Settings::default());
        assert_eq!(captures.next().unwrap().unwrap().body, spans);
        let error = captures.next().unwrap().unwrap_err().to_string();
        assert!(error.contains("x.traces.pb, message 2: the file ends"), "{error}");
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
    assert!(error.unwrap().to_string().contains("message 2: ResourceSpans"));
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
