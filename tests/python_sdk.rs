//! The official OpenTelemetry Python SDK sends to `squall sink`: a client that nobody here wrote.

use std::path::Path;
use std::process::Command;

use common::blank::assert_same_but_for_ids_and_times;
use common::python::{python, run};
use common::sink::Sink;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use squall::capture::file_of;
use squall::capture::read::{Captured, Captures, Settings};
use squall::signal::Signal;

mod common;
#[allow(dead_code)]
#[path = "program/harness.rs"]
mod harness;

/// What `tests/python/send.py` sends: spans, data points and log records.
const SENT: [(&str, u64); 3] = [("traces", 300), ("metrics", 6), ("logs", 40)];

#[test]
fn the_python_sdk_is_counted_exactly_by_every_protocol() {
    let python = match python() {
        Ok(python) => python,
        Err(reason) => {
            common::require("python", &reason);
            return;
        }
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/send.py");
    for protocol in ["grpc", "http"] {
        for compression in ["none", "gzip"] {
            let home = tempfile::tempdir().unwrap();
            let file = match compression {
                "none" => home.path().join("x.jsonl"),
                _ => home.path().join("x.pb"),
            };
            let sink = Sink::start(&["--record", file.to_str().unwrap()]);
            let address = match protocol {
                "grpc" => &sink.at.grpc,
                _ => &sink.at.http,
            };
            let mut sender = Command::new(&python);
            sender.arg(&script).args([protocol, compression, address]);
            // The surroundings must neither redirect nor switch off the SDK.
            for (name, _) in std::env::vars_os() {
                let text = name.to_string_lossy();
                if text.starts_with("OTEL_") || text.to_lowercase().ends_with("_proxy") {
                    sender.env_remove(&name);
                }
            }
            run(&mut sender).unwrap_or_else(|why| panic!("{why}"));

            let (summary, code) = sink.stop();
            assert_eq!(summary["malformed"], 0, "{summary}");
            assert_eq!(code, 0);
            for (signal, items) in SENT {
                let counts = &summary["signals"][signal];
                assert_eq!(
                    counts["items"], items,
                    "{protocol} {compression}: {summary}"
                );
                assert_eq!(counts["invalid"], 0, "{summary}");
                let services = [format!("python-{protocol}-{compression}")];
                assert_eq!(counts["services"], serde_json::json!(services));
            }
            let recorded = &summary["recorded"];
            assert_eq!(
                (&recorded["failed"], &recorded["inexact"]),
                (&0.into(), &0.into())
            );
            let files = match compression {
                "none" => vec![file],
                _ => Signal::ALL.map(|signal| file_of(signal, &file)).into(),
            };
            let mut spans_and_logs = (0, 0);
            let mut requests = 0;
            for captured in files
                .iter()
                .flat_map(|file| Captures::open(file, Settings::default()).unwrap())
            {
                let captured = captured.unwrap();
                requests += 1;
                let body = &*captured.body;
                match captured.signal {
                    Signal::Traces => {
                        let request = ExportTraceServiceRequest::decode(body).unwrap();
                        let scopes = request.resource_spans.iter().flat_map(|r| &r.scope_spans);
                        spans_and_logs.0 += scopes.map(|s| s.spans.len() as u64).sum::<u64>();
                    }
                    Signal::Logs => {
                        let request = ExportLogsServiceRequest::decode(body).unwrap();
                        let scopes = request.resource_logs.iter().flat_map(|r| &r.scope_logs);
                        spans_and_logs.1 += scopes.map(|s| s.log_records.len() as u64).sum::<u64>();
                    }
                    Signal::Metrics => {}
                }
            }
            assert_eq!(spans_and_logs, (SENT[0].1, SENT[2].1));
            assert_eq!(recorded["requests"], requests);
        }
    }
}

fn captured(file: &Path) -> Vec<Captured> {
    let files = Signal::ALL.map(|signal| file_of(signal, file));
    let captures = files
        .iter()
        .map(|file| Captures::open(file, Settings::default()).unwrap());
    captures.flatten().map(Result::unwrap).collect()
}

/// The SDK's bytes are recorded as they came, replayed, and recorded again.
#[test]
fn a_replay_of_the_python_sdk_is_byte_for_byte_the_same_but_for_identities_and_times() {
    let python = match python() {
        Ok(python) => python,
        Err(reason) => {
            common::require("python", &reason);
            return;
        }
    };
    let home = tempfile::tempdir().unwrap();
    let at = |name: &str| home.path().join(name);
    let record = |name: &str| Sink::start(&["--record", at(name).to_str().unwrap()]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/send.py");
    for protocol in ["grpc", "http"] {
        let (first, again) = (format!("{protocol}.pb"), format!("{protocol}-again.pb"));
        let sink = record(&first);
        let address = match protocol {
            "grpc" => &sink.at.grpc,
            _ => &sink.at.http,
        };
        let mut sender = Command::new(&python);
        sender.arg(&script).args([protocol, "gzip", address]);
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("OTEL_") || text.to_lowercase().ends_with("_proxy") {
                sender.env_remove(&name);
            }
        }
        run(&mut sender).unwrap_or_else(|why| panic!("{why}"));
        sink.stop();

        let sink = record(&again);
        let (way, address) = match protocol {
            "grpc" => ("grpc", &sink.at.grpc),
            _ => ("http/protobuf", &sink.at.http),
        };
        let text = format!(
            "scenario: replay
run: {{ warmup: 100ms, duration: 2s, drain: 5s, miss_after: 2s, lateness_limit: 2s }}
client: {{ kind: replay, protocol: {way}, replay: {{ file: {first}, pace: 10x, repeat: false, in_flight: 1 }} }}
target: {{ external: {{ endpoint: \"{address}\" }} }}
"
        );
        std::fs::write(at("scenario.yaml"), text).unwrap();
        let mut replay = Command::new(env!("CARGO_BIN_EXE_squall"));
        replay.args(["run", "--quiet", "--results"]);
        run(replay.arg(at("runs")).arg(at("scenario.yaml"))).unwrap_or_else(|why| panic!("{why}"));
        let (summary, _) = sink.stop();
        assert_eq!(summary["malformed"], 0, "{summary}");
        for (signal, items) in SENT {
            assert_eq!(summary["signals"][signal]["items"], items, "{summary}");
        }
        assert_same_but_for_ids_and_times(&captured(&at(&first)), &captured(&at(&again)));
    }
}

/// The example in Python as a run's client: all that it made arrives, known by the ids that its SDK gave.
#[test]
fn a_program_with_the_python_sdk_is_accounted_by_its_own_ids() {
    let python = match python() {
        Ok(python) => python,
        Err(reason) => {
            common::require("python", &reason);
            return;
        }
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/command_client.py");
    let finished = harness::run(&format!(
        "
scenario: command-python
run: {{ warmup: 200ms, duration: 20s, drain: 10s }}
client:
  kind: command
  protocol: http/protobuf
  compression: gzip
  service: shop
  headers: {{ x-tenant: \"blue; 1\" }}
  command:
    run: [{python}, {script}, \"600\", \"600\"]
    env: {{ OTEL_BSP_SCHEDULE_DELAY: \"100\", OTEL_METRIC_EXPORT_INTERVAL: \"200\" }}
sink: {{ require: {{ headers: {{ x-tenant: \"blue; 1\" }} }} }}
expect: [ traces.lost == 0, logs.lost == 0, duplicated == 0, orphans == 0, metrics.received > 1 ]
",
        python = python.display(),
        script = script.display(),
    ));
    assert_eq!(finished.code, 0, "{}", finished.story());
    assert_eq!(finished.count("traces", "generated"), 600);
    assert_eq!(finished.count("traces", "received"), 600);
    assert_eq!(finished.count("logs", "received"), 200);
    let points = &finished.result["command"]["signals"]["metrics"];
    assert!(points["never_came"].is_null(), "{points}");
}
