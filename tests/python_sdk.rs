//! The official OpenTelemetry Python SDK sends to `squall sink`: a client that nobody here wrote.

use std::path::{Path, PathBuf};
use std::process::Command;

use common::sink::Sink;

mod common;

/// What `tests/python/send.py` sends: spans, data points and log records.
const SENT: [(&str, u64); 3] = [("traces", 300), ("metrics", 6), ("logs", 40)];

/// A Python interpreter that has the SDK, or why there is none.
///
/// `SQUALL_PYTHON` names one; otherwise a virtual environment is made once under `target/`.
fn python() -> Result<PathBuf, String> {
    if let Some(given) = std::env::var_os("SQUALL_PYTHON") {
        return Ok(given.into());
    }
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/requirements.txt");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python-sdk");
    let python = folder.join("bin/python");
    let installed = folder.join("requirements.txt");
    let wanted = std::fs::read(&requirements).map_err(|error| error.to_string())?;
    if std::fs::read(&installed).is_ok_and(|found| found == wanted) {
        return Ok(python);
    }
    run(Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&folder))?;
    run(Command::new(&python)
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--retries=1",
            "--timeout=15",
        ])
        .arg("--requirement")
        .arg(&requirements))?;
    // Written last: an installation that was broken off is made again.
    std::fs::write(&installed, wanted).map_err(|error| error.to_string())?;
    Ok(python)
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?}: {}: {}", output.status, words.trim()))
}

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
