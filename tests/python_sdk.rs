//! The official OpenTelemetry Python SDK sends to `squall sink`: a client that nobody here wrote.

use std::path::Path;
use std::process::Command;

use common::python::{python, run};
use common::sink::Sink;

mod common;

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
            let sink = Sink::start(&[]);
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
        }
    }
}
