//! `squall capacity`: planted limits are found, and whoever has them is named.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::harness::{only_run, read_result, squall};

/// Log records through a relay with these arguments; a busy machine's lateness is no matter here.
fn scenario(relay: &str, more: &str) -> String {
    format!(
        "
scenario: edge
run: {{ warmup: 500ms, duration: 4s, drain: 10s, miss_after: 2s, lateness_limit: 2s }}
client:
  sdk: {{ OTEL_BLRP_SCHEDULE_DELAY: 50ms, OTEL_BLRP_MAX_QUEUE_SIZE: 65536 }}
load: {{ logs: {{ rate: 2k/s }} }}
target: {{ name: relay, relay: {relay} }}
{more}"
    )
}

fn command(home: &Path, scenario: &str, args: &[&str]) -> Command {
    let file = home.join("scenario.yaml");
    std::fs::write(&file, scenario).unwrap();
    let mut command = squall();
    command
        .args(["capacity", "--trial", "2s", "--results"])
        .arg(home.join("runs"))
        .args(args)
        .arg(file);
    command
}

fn story(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// `capacity.json`.
fn stored(home: &Path) -> Value {
    let folder = only_run(&home.join("runs")).unwrap();
    let text = std::fs::read_to_string(folder.join("capacity.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Between 2,000 and 8,000 a second, as coarsely as finds a limit of 3,200 in few trials.
fn search(scenario: &str, code: i32) -> (Value, String) {
    let home = tempfile::tempdir().unwrap();
    let args = ["--to", "8k/s", "--within", "45%", "--expect", "1600/s"];
    let output = command(home.path(), scenario, &args).output().unwrap();
    let story = story(&output);
    assert_eq!(output.status.code(), Some(code), "{story}");
    let found = stored(home.path());
    let (holds, gives_way) = (&found["holds_per_s"], &found["gives_way_per_s"]);
    assert!(
        (1900.0..3400.0).contains(&holds.as_f64().unwrap()),
        "{story}"
    );
    assert!(
        (3000.0..4900.0).contains(&gives_way.as_f64().unwrap()),
        "{story}"
    );
    assert_eq!(found["ended"], "narrow", "{story}");
    let page = only_run(&home.path().join("runs"))
        .unwrap()
        .join("report.html");
    assert!(
        std::fs::read_to_string(page)
            .unwrap()
            .contains("Throughput and latency")
    );
    (found, story)
}

#[test]
fn a_relay_that_is_too_slow_is_found_and_named() {
    let _alone = crate::alone();
    let (found, story) = search(&scenario("[--throttle=3200]", ""), 0);
    assert_eq!(found["answer"], "limit", "{story}");
    assert_eq!(found["gave_out"]["part"], "target", "{story}");
    assert_eq!(found["gave_out"]["name"], "relay", "{story}");
    assert!(story.contains("acknowledged and not passed on"), "{story}");
    assert!(story.contains("headroom 1."), "{story}");
    assert!(
        story.contains("trial 2: 4,000/s gave way (relay)"),
        "{story}"
    );
}

#[test]
fn a_sink_that_is_too_slow_is_named_and_the_target_is_not_judged() {
    let _alone = crate::alone();
    let slow = scenario("[]", "sink: { throttle: 3200/s }");
    // What is expected is carried, whoever gave out above it.
    let (found, story) = search(&slow, 0);
    assert_eq!(found["answer"], "at_least", "{story}");
    assert_eq!(found["gave_out"]["part"], "sink", "{story}");
    assert!(
        story.contains("nothing is said about the target"),
        "{story}"
    );
}

#[test]
fn an_interrupted_search_saves_what_it_has() {
    let home = tempfile::tempdir().unwrap();
    let mut child = command(home.path(), &scenario("[]", ""), &["--quiet"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let begun = || {
        let runs = std::fs::read_dir(home.path().join("runs")).ok()?;
        let trials = runs.flatten().next()?.path().join("trials");
        Some(std::fs::read_dir(trials).ok()?.count())
    };
    while begun().unwrap_or(0) < 2 {
        assert!(Instant::now() < deadline, "there is no second trial");
        std::thread::sleep(Duration::from_millis(50));
    }
    std::thread::sleep(Duration::from_secs(1));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let found = stored(home.path());
    assert_eq!(found["ended"], "interrupted");
    assert_eq!(found["trials"].as_array().unwrap().len(), 1, "{found}");
    // The run of the interrupted trial was ended in order as well.
    let folder = only_run(&home.path().join("runs")).unwrap();
    for trial in std::fs::read_dir(folder.join("trials")).unwrap() {
        assert_eq!(read_result(&trial.unwrap().path())["scenario"], "edge");
    }
}

#[test]
fn without_a_rate_that_can_be_raised_there_is_no_search() {
    let load = |load: &str| scenario("[]", "").replace("logs: { rate: 2k/s }", load);
    let cases = [
        (
            load("logs: { closed_loop: { outstanding: 9 } }"),
            "a closed loop has no rate",
        ),
        (load("logs: { rate: 0/s }"), "rate"),
        (
            load("logs: { shape: { ramp: { from: 1/s, to: 9/s, over: 2s } } }"),
            "the rate is a ramp",
        ),
        (
            scenario(
                "[]",
                "faults: [ { name: cut, at: 1s, for: 1s, partition: silence } ]",
            ),
            "the fault `cut` comes and goes",
        ),
    ];
    for (text, wanted) in cases {
        let home = tempfile::tempdir().unwrap();
        let output = command(home.path(), &text, &[]).output().unwrap();
        let told = story(&output);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(wanted), "{wanted}: {told}");
        assert!(!home.path().join("runs").exists(), "{told}");
    }
    let home = tempfile::tempdir().unwrap();
    for args in [
        ["--from", "0/s"],
        ["--from", "2M/s"],
        ["--trial", "1s"],
        ["--within", "90%"],
        ["--budget", "1s"],
    ] {
        let output = command(home.path(), &scenario("[]", ""), &args)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?} {}", story(&output));
    }
}
