//! `squall cost`: planted costs are told, and an honest relay's are small.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{read_result, squall};
use crate::interrupts::send;

/// A short load of log records through a relay with these arguments.
fn scenario(relay: &str, more: &str) -> String {
    format!(
        "
scenario: cost
run: {{ warmup: 500ms, duration: 2500ms, drain: 10s, miss_after: 2s, lateness_limit: 2s }}
client:
  sdk: {{ OTEL_BLRP_SCHEDULE_DELAY: 50ms, OTEL_BLRP_MAX_QUEUE_SIZE: 8192 }}
load: {{ logs: {{ rate: 1k/s }} }}
target: {{ name: relay, relay: {relay} }}
{more}"
    )
}

fn cost(home: &Path, scenario: &str, pairs: u32) -> Command {
    let file = home.join("scenario.yaml");
    std::fs::write(&file, scenario).unwrap();
    let mut command = squall();
    command
        .args([
            "cost",
            "--quiet",
            "--pairs",
            &pairs.to_string(),
            "--results",
        ])
        .arg(home.join("runs"))
        .arg("--costs")
        .arg(home.join("costs"))
        .arg(file);
    command
}

/// `cost.json`.
fn stored(home: &Path) -> Value {
    let folder = crate::harness::only_run(&home.join("costs")).unwrap();
    let text = std::fs::read_to_string(folder.join("cost.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn median(cost: &Value, name: &str) -> f64 {
    let figures = cost["figures"].as_array().unwrap();
    let figure = figures.iter().find(|figure| figure["name"] == name);
    let median = &figure.unwrap()["cost"]["median"];
    median.as_f64().unwrap_or_else(|| panic!("{name}: {cost}"))
}

/// Runs it to its end, and returns its costs and what it printed.
fn of(home: &Path, scenario: &str, pairs: u32) -> (Value, String) {
    let output = cost(home, scenario, pairs).output().unwrap();
    let story = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(output.status.code(), Some(0), "{story}");
    let cost = stored(home);
    assert_eq!(cost["pairs"], pairs, "{story}");
    (cost, story)
}

#[test]
fn planted_costs_of_cpu_and_latency_are_told() {
    let home = tempfile::tempdir().unwrap();
    // The second link is there for the target alone, and what delays it is the target's cost.
    let planted = scenario(
        "[--bug, burn-cpu=0.5]",
        "faults: [ { name: far, at: 0s, link: to-sink, direction: up, latency: { delay: 80ms } } ]
expect: [ target.rss.max < 1MiB ]",
    );
    let (cost, story) = of(home.path(), &planted, 1);
    let added_s = median(&cost, "delivery.latency.p50");
    assert!((0.06..0.5).contains(&added_s), "{added_s}\n{story}");
    let run = |with: bool| {
        let mut runs = cost["runs"].as_array().unwrap().iter();
        let run = runs.find(|run| run["with_targets"] == with).unwrap();
        read_result(&home.path().join("runs").join(run["run"].as_str().unwrap()))
    };
    let with = run(true);
    let received = with["ledger"]["logs"]["received"].as_f64().unwrap();
    let cores =
        median(&cost, "target.cpu.per_item") * received / with["duration_s"].as_f64().unwrap();
    // Its own work, without the bug, takes 0.03 cores. A starved machine gives the bug much less than it asks for.
    assert!((0.1..0.65).contains(&cores), "{cores}\n{story}");
    assert!(with["notes"].to_string().contains("with the targets"));
    // That an expectation of the user's fails is no matter of costs.
    assert_eq!(with["verdict"], "fail", "{story}");
    let without = run(false);
    assert_eq!(without["verdict"], "pass", "{story}");
    let notes = without["notes"].to_string();
    assert!(
        notes.contains("left out: fault far (latency); target.rss.max < 1MiB"),
        "{notes}"
    );
    assert!(without["metrics"].get("target.rss.max").is_none());
}

#[test]
fn an_honest_relay_costs_little() {
    let home = tempfile::tempdir().unwrap();
    let (cost, story) = of(home.path(), &scenario("[]", ""), 2);
    let per_item_s = median(&cost, "target.cpu.per_item");
    assert!(
        per_item_s > 0.0 && per_item_s < 2e-4,
        "{per_item_s}\n{story}"
    );
    let added_s = median(&cost, "delivery.latency.p50");
    // A busy machine adds its own; what is planted is told by the tests of planted costs.
    assert!(added_s.abs() < 0.5, "{added_s}\n{story}");
    assert!(median(&cost, "target.rss.mean") > 1e6);
    assert!(median(&cost, "target.pss.max") > 1e5);
    assert!(median(&cost, "sink.bytes.per_item").abs() < 20.0, "{story}");
    for told in [
        "2 of 2 pairs",
        "delivery latency, p99",
        "No interval: it takes six pairs",
    ] {
        assert!(story.contains(told), "{told}\n{story}");
    }
    let order: Vec<bool> = cost["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| run["with_targets"].as_bool().unwrap())
        .collect();
    assert_eq!(order, [true, false, false, true]);
}

#[test]
fn an_interrupted_one_saves_what_it_has() {
    let home = tempfile::tempdir().unwrap();
    let mut child = cost(home.path(), &scenario("[]", ""), 3)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let runs = home.path().join("runs");
    let deadline = Instant::now() + Duration::from_secs(60);
    let begun = || std::fs::read_dir(&runs).map_or(0, Iterator::count);
    while begun() < 2 {
        assert!(Instant::now() < deadline, "there is no second run");
        std::thread::sleep(Duration::from_millis(50));
    }
    std::thread::sleep(Duration::from_millis(1_500));
    send(child.id(), Signal::INT);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let cost = stored(home.path());
    assert_eq!(
        (&cost["pairs"], &cost["pairs_wanted"]),
        (&0.into(), &3.into())
    );
    assert_eq!(cost["runs"].as_array().unwrap().len(), 2, "{cost}");
    assert!(
        cost["runs"][1]["unsound"]
            .to_string()
            .contains("interrupted"),
        "{cost}"
    );
    assert_eq!(
        cost["figures"][0]["why_not"],
        "no pair of runs can be compared"
    );
}

#[test]
fn without_a_target_there_is_no_cost() {
    let home = tempfile::tempdir().unwrap();
    let text = "scenario: bare\nrun: { warmup: 0s, duration: 1s }\nload: { logs: { rate: 1/s } }\n";
    let output = cost(home.path(), text, 1).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("`bare` has no target"), "{told}");
    assert!(!home.path().join("runs").exists());
}
