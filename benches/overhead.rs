//! The harness's own overhead: 20,000 spans a second through the SDK to a healthy sink, as a
//! recorded run of `scenarios/overhead.yaml`. Prints the figures and stores the run like any other.

use std::path::Path;
use std::process::{Command, ExitCode};

use squall::{store, units};

/// Figures that are printed, from `metrics` of the result.
const FIGURES: [&str; 9] = [
    "generated.rate",
    "missed",
    "lateness.p50",
    "lateness.p99",
    "lateness.max",
    "delivery.latency.p50",
    "client.cpu.per_item",
    "sink.cpu.per_item",
    "link.cpu.per_byte",
];

fn main() -> ExitCode {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let runs = home.join(store::RUNS);
    let status = Command::new(env!("CARGO_BIN_EXE_squall"))
        .args(["run", "--quiet", "--results"])
        .arg(&runs)
        .arg(home.join("scenarios/overhead.yaml"))
        .status();
    match status {
        Ok(status) if status.success() => {}
        Ok(status) => {
            eprintln!("overhead: the run did not pass: {status}");
            return ExitCode::FAILURE;
        }
        Err(error) => {
            eprintln!("overhead: squall cannot be run: {error}");
            return ExitCode::FAILURE;
        }
    }
    match store::open("latest", &runs) {
        Ok(record) => {
            println!("\noverhead at 20,000 spans/s, run {}", record.run);
            for name in FIGURES {
                let unit = record.result.units.get(name).copied();
                let value = record.result.metrics.get(name);
                let shown = value.map_or(units::UNKNOWN.to_owned(), |value| {
                    units::metric(name, unit, *value)
                });
                println!("  {name:<24} {shown}");
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("overhead: {error}");
            ExitCode::FAILURE
        }
    }
}
