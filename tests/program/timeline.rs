//! Repeats, conditions, storms and replays, in real runs.

use std::path::Path;

use serde_json::Value;

use crate::harness::{only_run, read_result, run, squall};

const LOAD: &str = "
client:
  sdk:
    OTEL_BSP_SCHEDULE_DELAY: 100ms
    OTEL_BSP_MAX_QUEUE_SIZE: 4096
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE: 100
load:
  traces: { rate: 400/s }
";

fn head(seconds: u32) -> String {
    format!(
        "scenario: timeline\nseed: 3\nrun: {{ warmup: 1s, duration: {seconds}s, recovery: 1s, drain: 20s, miss_after: 5s, lateness_limit: 5s }}{LOAD}"
    )
}

fn verdict(result: &Value, check: &str) -> String {
    let checks = result["checks"].as_array().unwrap();
    let found = checks.iter().find(|c| c["name"] == check);
    found.map_or_else(
        || format!("no {check}"),
        |c| c["verdict"].as_str().unwrap().to_owned(),
    )
}

#[test]
fn a_replay_follows_the_same_plan_and_says_so() {
    let storm = "storm: squalls
faults:
  - { name: gust, at: { between: [0s, 500ms] }, for: { between: [200ms, 400ms] }, every: { between: [700ms, 900ms] }, times: 2, partition: silence }
  - { name: drag, for: 2s, latency: { delay: 20ms, jitter: 10ms } }
";
    let home = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(home.path().join(name), text).unwrap();
    write("squalls.yaml", storm);
    let expect = "expect: [ lost == 0, delivery.latency.max > 100ms during squalls.gust, export.service.p50 > 10ms during squalls ]\n";
    let storms = "storms: [ { use: ./squalls.yaml, at: 2s } ]\n";
    write("x.yaml", &format!("{}{storms}{expect}", head(6)));
    let run = |runs: &str, what: &Path| {
        let runs = home.path().join(runs);
        let mut command = squall();
        command
            .args(["run", "--quiet", "--results"])
            .arg(&runs)
            .arg(what);
        let output = command.output().unwrap();
        let story = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(0), "{story}");
        (only_run(&runs).unwrap(), story)
    };
    let (first, story) = run("first", &home.path().join("x.yaml"));
    // The storm's file is not asked again.
    std::fs::remove_file(home.path().join("squalls.yaml")).unwrap();
    let (again, _) = run("again", &first);

    let plan = |run: &Path| std::fs::read_to_string(run.join("plan.json")).unwrap();
    assert_eq!(plan(&first), plan(&again));
    let (one, two) = (read_result(&first), read_result(&again));
    assert_eq!(one["replay_of"], Value::Null);
    let name = first.file_name().unwrap().to_str().unwrap();
    assert_eq!(two["replay_of"], name);
    assert!(two["notes"].to_string().contains(name));
    assert_eq!(one["fingerprint"], two["fingerprint"]);

    // Both occurrences are proven and told apart.
    let gusts: Vec<&Value> = one["faults"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|f| f["name"] == "squalls.gust")
        .collect();
    assert_eq!(gusts.len(), 2);
    assert_eq!(
        (&gusts[1]["occurrence"], &gusts[1]["occurrences"]),
        (&2.into(), &2.into())
    );
    assert!(gusts.iter().all(|gust| gust["proof"].is_string()));
    assert_eq!(
        verdict(&one, "squalls.gust (2 of 2): the fault took effect"),
        "pass"
    );
    assert!(story.contains("squalls.gust (1 of 2)"), "{story}");
}

#[test]
fn a_condition_starts_its_fault_and_its_window() {
    // A line too narrow for the load fills the queue; that pauses the sink.
    let faults = |condition: &str| {
        format!(
            "{}faults:
  - {{ name: narrow, at: 2s, for: 2s, direction: up, bandwidth: 10kB/s }}
  - {{ name: freeze, for: 500ms, when: {condition}, pause: sink }}
expect: [ lost == 0, client.queue > 5% during freeze, client.queue < 5% in steady ]
",
            head(7)
        )
    };
    let held = run(&faults("client.queue > 5%"));
    assert_eq!(held.code, 0, "{}", held.story());
    let freeze = &held.result["faults"][1];
    let started_s = freeze["started_s"].as_f64().unwrap();
    assert!(started_s > 2.0, "it started at {started_s} s");
    let lasted_s = freeze["ended_s"].as_f64().unwrap() - started_s;
    assert!((lasted_s - 0.5).abs() < 0.2, "it lasted {lasted_s} s");
    // The windows in force are those of the run, down to the nanosecond.
    let evidence = held.evidence();
    let window = evidence
        .segments
        .iter()
        .find(|s| s.during.iter().any(|name| name == "freeze"));
    let planned_s = window.unwrap().start_ns as f64 / 1e9;
    assert!(
        (started_s - planned_s).abs() < 0.2,
        "{started_s} s, planned at {planned_s} s"
    );
    let counted: u64 = evidence
        .sink
        .signals
        .iter()
        .flat_map(|seen| &seen.by_segment)
        .map(|l| l.count())
        .sum();
    assert_eq!(
        counted,
        held.count("traces", "received"),
        "no receipt fell between two windows"
    );

    let never = run(&faults("client.queue > 99%"));
    assert_eq!(never.code, 3, "{}", never.story());
    assert_eq!(
        verdict(&never.result, "freeze: the condition held"),
        "inconclusive"
    );
    assert_eq!(never.result["faults"][1]["started_s"], Value::Null);
    assert!(never.story().contains("never started"), "{}", never.story());
}
