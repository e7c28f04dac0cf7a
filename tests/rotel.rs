//! Rotel's collector between our links: a collector that nobody here wrote.
//!
//! What it loses is its own affair, and `docs/targets.md` tells it. Asserted is what must be so whatever
//! it does: that the books close, that every loss has a place, and what its words on the wire promise.
#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use common::python::python;
use harness::{Finished, run, side_by_side, squall};
use serde_json::Value;
use squall::signal::Signal;

mod common;
#[allow(dead_code)]
#[path = "program/harness.rs"]
mod harness;

/// The program out of the Python package, or the reason why the test is skipped.
fn rotel() -> Option<PathBuf> {
    let found = python().and_then(|python| {
        let output = Command::new(python)
            .args(["-c", "import rotel; print(rotel.__path__[0])"])
            .output()
            .map_err(|error| error.to_string())?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
            false => Err("the Python package rotel is not installed".to_owned()),
        }
    });
    match found {
        Ok(folder) => Some(PathBuf::from(folder).join("rotel-agent")),
        Err(reason) => {
            common::require("python", &reason);
            None
        }
    }
}

/// How it is spoken to, and how it speaks.
#[derive(Clone, Copy, PartialEq)]
enum Wire {
    Grpc,
    Http,
}

impl Wire {
    const BOTH: [Wire; 2] = [Wire::Grpc, Wire::Http];
}

/// A run with it in the middle. `args` are its own, `more` stands at the scenario's top level.
fn through(rotel: &std::path::Path, wire: Wire, args: &str, more: &str) -> Finished {
    let (protocol, exports) = match wire {
        Wire::Grpc => ("grpc", "grpc"),
        Wire::Http => ("http/protobuf", "http"),
    };
    let load = match more.contains("load:") {
        true => "",
        false => {
            "
load:
  traces: { rate: 300/s, spans_per_trace: 2 }
  metrics: { rate: 200/s, series: 5, instruments: [sum, gauge, histogram] }
  logs: { rate: 200/s }"
        }
    };
    run(&format!(
        "
scenario: rotel
seed: 7
run: {{ warmup: 500ms, duration: 5s, drain: 10s, miss_after: 3s, lateness_limit: 3s }}
client:
  protocol: {protocol}
  sdk:
    OTEL_BSP_SCHEDULE_DELAY: 100ms
    OTEL_BLRP_SCHEDULE_DELAY: 100ms
    OTEL_METRIC_EXPORT_INTERVAL: 200ms
    OTEL_BSP_MAX_QUEUE_SIZE: 8192
    OTEL_BLRP_MAX_QUEUE_SIZE: 8192{load}
target:
  name: rotel
  exports: {exports}
  process:
    command: {command}
    args: [start, '--otlp-grpc-endpoint={{{{ listen.grpc }}}}', '--otlp-http-endpoint={{{{ listen.http }}}}',
           --exporter=otlp, '--otlp-exporter-endpoint={{{{ export.url }}}}', --otlp-exporter-protocol={exports},
           '--pid-file={{{{ folder }}}}/rotel.pid', '--log-file={{{{ folder }}}}/rotel.log', {args}]
{more}",
        command = rotel.display(),
    ))
}

/// Sums over all signals of one class of the ledger.
fn total(finished: &Finished, class: &str) -> u64 {
    let ledgers = finished.result["ledger"].as_object().unwrap();
    ledgers.keys().map(|s| finished.count(s, class)).sum()
}

/// What `list` of the flow says: signal, class, place, items.
fn placed(finished: &Finished, list: &str) -> Vec<(String, String, String, u64)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let placed = finished.result["flow"][list].as_array().unwrap().iter();
    placed
        .map(|p| {
            let items = p["items"].as_u64().unwrap();
            (text(&p["signal"]), text(&p["class"]), text(&p["at"]), items)
        })
        .collect()
}

/// The books close, and the flow gives each loss and each second copy one place.
fn assert_adds_up(finished: &Finished) {
    finished.assert_closes();
    let losses = placed(finished, "lost_at");
    let copies = placed(finished, "duplicated_at");
    for signal in Signal::ALL.map(|signal| signal.as_str()) {
        if finished.result["ledger"].get(signal).is_none() {
            continue;
        }
        for class in ["lost_silently", "given_up", "refused", "dropped_by_client"] {
            let there = losses.iter().filter(|p| p.0 == signal && p.1 == class);
            let there: u64 = there.map(|p| p.3).sum();
            let lost = finished.count(signal, class);
            assert_eq!(there, lost, "{signal} {class}\n{}", finished.story());
        }
        let copied = copies.iter().filter(|p| p.0 == signal).map(|p| p.3);
        let duplicated = finished.count(signal, "duplicated");
        assert_eq!(copied.sum::<u64>(), duplicated, "{}", finished.story());
    }
    assert_eq!(total(finished, "unexpected"), 0, "{}", finished.story());
}

/// Where items of a class were left.
fn places(finished: &Finished, class: &str) -> BTreeSet<String> {
    let placed = placed(finished, "lost_at").into_iter();
    placed.filter(|p| p.1 == class).map(|p| p.2).collect()
}

/// Items of all classes of loss that were left there.
fn left_at(finished: &Finished, station: &str) -> u64 {
    let placed = placed(finished, "lost_at").into_iter();
    placed.filter(|p| p.2 == station).map(|p| p.3).sum()
}

/// A number of what was seen at a station, over all signals.
fn seen(finished: &Finished, station: &str, what: &str) -> u64 {
    let stations = finished.result["flow"]["stations"].as_array().unwrap();
    let station = stations.iter().find(|s| s["name"] == station).unwrap();
    let seen = station["seen"].as_object().unwrap().values();
    seen.map(|seen| seen[what].as_u64().unwrap()).sum()
}

/// Delivered once each, and nothing else.
fn assert_all_arrived(finished: &Finished) {
    assert_adds_up(finished);
    let generated = total(finished, "generated");
    assert!(generated > 0, "{}", finished.story());
    for class in ["delivered", "received"] {
        assert_eq!(total(finished, class), generated, "{}", finished.story());
    }
    assert_eq!(finished.code, 0, "{}", finished.story());
}

fn places_of(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn without_a_fault_all_that_it_acknowledges_arrives_once_and_unchanged() {
    let Some(rotel) = rotel() else { return };
    // Its exports overtake each other, so that points of a series may arrive in another order.
    let validate = "validate: { content: { ignore: [disordered] } }";
    side_by_side(2, &Wire::BOTH, |wire| {
        let finished = through(&rotel, *wire, "--batch-timeout=200ms", validate);
        assert_all_arrived(&finished);
        let content = &finished.result["content"];
        let compared = content["compared"].as_object().unwrap().values();
        let compared: u64 = compared.map(|n| n.as_u64().unwrap()).sum();
        assert_eq!(compared, total(&finished, "generated"));
        assert_eq!(content["findings"].as_array().map(Vec::len), Some(0));
        for what in ["came", "went"] {
            assert_eq!(seen(&finished, "rotel", what), compared, "{what}");
        }
    });
}

#[test]
fn killed_it_loses_what_it_had_acknowledged_and_not_yet_exported() {
    let Some(rotel) = rotel() else { return };
    let crash = "faults: [ { name: crash, at: 3s, for: 500ms, restart: rotel } ]";
    side_by_side(2, &Wire::BOTH, |wire| {
        // The first batch is not due before the kill, unless the machine is so busy that it comes seconds
        // late: then once more.
        let attempts = (0..3).map(|_| through(&rotel, *wire, "--batch-timeout=8s", crash));
        let in_time =
            |run: &Finished| total(run, "lost_silently") > 0 && total(run, "delivered") > 0;
        let mut attempts = attempts.inspect(assert_adds_up);
        let finished = attempts.find(in_time).expect("three late kills");
        assert_eq!(
            places(&finished, "lost_silently"),
            places_of(&["rotel"]),
            "{}",
            finished.story()
        );
        let came = seen(&finished, "rotel", "came");
        let went = seen(&finished, "rotel", "went");
        assert_eq!(came - went, left_at(&finished, "rotel"));
    });
}

#[test]
fn stopped_under_load_what_its_shutdown_leaves_behind_is_counted() {
    let Some(rotel) = rotel() else { return };
    let stop = "faults: [ { name: stop, at: 3s, for: 1s, stop: rotel } ]";
    side_by_side(2, &Wire::BOTH, |wire| {
        let finished = through(&rotel, *wire, "--batch-timeout=8s", stop);
        assert_adds_up(&finished);
        // Whatever it left behind, it was left there.
        let left = places(&finished, "lost_silently");
        assert!(left.is_subset(&places_of(&["rotel"])), "{left:?}");
        // No batch was due before the signal: what it sent came of its shutdown, or of what it took
        // in afterwards.
        let sent = seen(&finished, "rotel", "went");
        assert!(sent > 0, "{}", finished.story());
        assert_eq!(
            seen(&finished, "rotel", "came") - sent,
            left_at(&finished, "rotel"),
            "{}",
            finished.story()
        );
    });
}

#[test]
fn a_sink_that_is_away_costs_what_its_retries_do_not_save() {
    let Some(rotel) = rotel() else { return };
    let patient = "--otlp-exporter-retry-initial-backoff=200ms, --otlp-exporter-retry-max-backoff=1s, \
                   --otlp-exporter-retry-max-elapsed-time=60s";
    let hasty =
        "--otlp-exporter-retry-initial-backoff=200ms, --otlp-exporter-retry-max-elapsed-time=500ms";
    let answer = |status: &str| {
        format!("faults: [ {{ name: out, at: 1s, for: 3s, answer: {{ status: {status} }} }} ]")
    };
    let away = "faults: [ { name: out, at: 1s, for: 3s, link: to-sink, partition: reset } ]";
    let cases = [
        (Wire::Grpc, patient, answer("{ grpc: UNAVAILABLE }"), true),
        (Wire::Http, patient, answer("{ http: 503 }"), true),
        (Wire::Grpc, hasty, answer("{ grpc: UNAVAILABLE }"), false),
        (Wire::Grpc, patient, away.to_owned(), false),
        (Wire::Http, patient, away.to_owned(), false),
    ];
    side_by_side(2, &cases, |(wire, args, fault, all_saved)| {
        let args = format!("--batch-timeout=200ms, {args}");
        let finished = through(&rotel, *wire, &args, fault);
        assert_adds_up(&finished);
        // The client never noticed: all that is missing is behind the answer of the target.
        assert_eq!(
            total(&finished, "lost_silently") + total(&finished, "delivered"),
            total(&finished, "generated") - total(&finished, "duplicated"),
            "{fault}\n{}",
            finished.story()
        );
        let left = places(&finished, "lost_silently");
        // A sink that answered badly had them last.
        let behind = places_of(&["rotel", "to-sink", "sink"]);
        assert!(left.is_subset(&behind), "{left:?}\n{}", finished.story());
        if *all_saved {
            assert_eq!(
                total(&finished, "lost_silently"),
                0,
                "{fault}\n{}",
                finished.story()
            );
            assert!(
                seen(&finished, "rotel", "went_again") > 0,
                "{}",
                finished.story()
            );
        }
    });
}

#[test]
fn one_request_in_flight_is_answered_one_after_the_other() {
    let Some(rotel) = rotel() else { return };
    let load = "load: { traces: { closed_loop: { outstanding: 1 }, spans_per_trace: 1 } }";
    let finished = through(&rotel, Wire::Grpc, "--batch-timeout=200ms", load);
    assert_adds_up(&finished);
    assert_eq!(total(&finished, "delivered"), total(&finished, "generated"));
}

#[test]
fn the_shipped_scenarios_run_with_it() {
    let Some(rotel) = rotel() else { return };
    let folder = rotel.parent().unwrap().to_path_buf();
    let known = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::env::split_paths(&known).chain([folder])).unwrap();
    let shorter = [
        "run.warmup=1s",
        "run.duration=4s",
        "run.miss_after=3s",
        "run.lateness_limit=3s",
        "load.traces.rate=200/s",
    ];
    side_by_side(2, &["target-rotel", "target-rotel-http"], |name| {
        let home = tempfile::tempdir().unwrap();
        let mut command = squall();
        command
            .args(["run", "--quiet", "--results"])
            .arg(home.path());
        for value in shorter {
            command.args(["--set", value]);
        }
        let output = command
            .arg(format!("scenarios/{name}.yaml"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("PATH", &path)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{name}: {output:?}");
    });
}

/// Somebody without it is told what to do.
#[test]
fn without_the_program_a_run_does_not_start_and_says_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    let output = squall()
        .args(["run", "--quiet", "--results"])
        .arg(home.path())
        .args(["--set", "target.process.command=no-such-collector"])
        .arg("scenarios/target-rotel.yaml")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{words}");
    assert!(
        words.contains("`no-such-collector` is not in PATH"),
        "{words}"
    );
    assert!(words.contains("install it"), "{words}");
}
