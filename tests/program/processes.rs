//! Faults of processes and of the machine: what each does, and that without it nothing of it is seen.

use squall::signal::Signal;

use crate::harness::{Finished, both, run, side_by_side, squall};

/// All three signals, short, with room in every queue.
fn scenario(seconds: u32, more: &str) -> Finished {
    run(&format!(
        "
scenario: processes
run: {{ warmup: 500ms, duration: {seconds}s, drain: 15s, miss_after: 2s, lateness_limit: 2s }}
client:
  sdk:
    OTEL_BSP_SCHEDULE_DELAY: 100ms
    OTEL_BLRP_SCHEDULE_DELAY: 100ms
    OTEL_BSP_MAX_QUEUE_SIZE: 16384
    OTEL_BLRP_MAX_QUEUE_SIZE: 16384
    OTEL_METRIC_EXPORT_INTERVAL: 300ms
  retry: {{ max_retries: 20, initial_delay: 100ms, max_delay: 300ms }}
load:
  traces: {{ rate: 600/s, spans_per_trace: 3 }}
  logs: {{ rate: 300/s }}
  metrics: {{ rate: 300/s, series: 4 }}
{more}"
    ))
}

fn assert_proven(finished: &Finished, words: &str) {
    let fault = &finished.result["faults"][0];
    let proof = fault["proof"].as_str().unwrap_or_default();
    assert!(
        proof.contains(words) && fault["healed"] == true,
        "{fault}\n{}",
        finished.story()
    );
    finished.assert_closes();
    for check in finished.result["checks"].as_array().unwrap() {
        if check["name"] == "metric sums add up" {
            assert_eq!(check["verdict"], "pass", "{check}\n{}", finished.story());
        }
    }
}

/// The exit text of a role.
fn exit(finished: &Finished, role: &str) -> String {
    let roles = finished.evidence().roles;
    roles.into_iter().find(|r| r.role == role).unwrap().exit
}

#[test]
fn nothing_that_a_restarted_sink_had_counted_is_lost() {
    let crash = "faults: [ { name: crash, at: 1500ms, for: 1s, restart: sink } ]
expect: [ \"lost_silently == 0\" ]";
    let (with, without) = both(
        || scenario(4, crash),
        || scenario(3, "expect: [ \"lost == 0\" ]"),
    );
    assert_eq!(with.code, 0, "{}", with.story());
    assert_proven(&with, "killed by signal 9");
    assert_eq!(
        exit(&with, "sink"),
        "was killed by signal 9, then exited with 0"
    );
    for signal in ["traces", "logs", "metrics"] {
        let seen = with.count(signal, "delivered") + with.count(signal, "duplicated");
        assert!(seen > 0 && with.count(signal, "lost_silently") == 0);
    }
    // Every receipt has its latency: of both processes, each first copy once.
    let evidence = with.evidence();
    for seen in &evidence.sink.signals {
        let timed: u64 = seen.by_due_bin.iter().map(|bin| bin.count()).sum();
        let received: u64 = evidence
            .producers
            .iter()
            .filter(|producer| producer.signal == seen.signal)
            .map(|producer| producer.received.len())
            .sum();
        assert_eq!(timed, received, "{}", seen.signal);
    }
    // Live counters never fall.
    let requests: Vec<u64> = evidence.series.sink.iter().map(|s| s.requests).collect();
    assert!(requests.is_sorted(), "{requests:?}");
    assert!(with.metric("delivery.gap") > 0.8, "{}", with.story());

    assert_eq!(without.code, 0, "{}", without.story());
    assert!(without.metric("delivery.gap") < 0.8, "{}", without.story());
    assert_eq!(exit(&without, "sink"), "exited with 0");
}

#[test]
fn a_restarted_client_goes_on_with_its_schedule() {
    let text = "faults: [ { name: crash, at: 1500ms, for: 1s, restart: client } ]
expect: [ \"lost == 0\", \"missed == 0\" ]";
    let (with, without) = both(|| scenario(5, text), || scenario(3, ""));
    assert_eq!(with.code, 0, "{}", with.story());
    assert_proven(&with, "took over");
    let evidence = with.evidence();
    let spans = evidence
        .producers
        .iter()
        .find(|producer| producer.signal == Signal::Traces)
        .unwrap();
    let [outage] = spans.outages[..] else {
        panic!("{:?}", spans.outages);
    };
    let back_ns = outage.back_ns.unwrap();
    assert!(back_ns - outage.killed_ns >= 1_000_000_000, "{outage:?}");
    let released_in = |from: u64, to: u64| {
        let released = spans.released_ns.iter();
        released.filter(|at| (from..to).contains(at)).count()
    };
    assert_eq!(released_in(outage.killed_ns, back_ns), 0);
    assert!(released_in(back_ns, u64::MAX) > 200);
    // What came due meanwhile was not offered: about 200 traces a second.
    let offered = with.count("traces", "offered");
    assert!(offered < 5 * 600 - 550, "{offered} spans offered");
    let mut numbers: Vec<u64> = evidence.batches.iter().map(|batch| batch.batch).collect();
    numbers.dedup();
    assert_eq!(numbers.len(), evidence.batches.len());
    let cpu: Vec<u64> = evidence
        .roles
        .iter()
        .find(|role| role.role == "client")
        .unwrap()
        .samples
        .iter()
        .map(|sample| sample.cpu_user_ns)
        .collect();
    assert!(cpu.is_sorted(), "{cpu:?}");

    assert_eq!(without.count("traces", "offered"), 3 * 600);
    assert_eq!(without.count("traces", "unresolved"), 0);
}

#[test]
fn a_crash_loop_of_either_ends_with_the_role_running() {
    side_by_side(2, &["client", "sink"], |role| {
        let with = scenario(
            5,
            &format!(
                "faults: [ {{ name: loop, at: 1s, for: 3s, crash_loop: {{ role: {role}, every: 1s, down: 300ms }} }} ]
expect: [ \"lost_silently == 0\" ]"
            ),
        );
        assert_eq!(with.code, 0, "{role}\n{}", with.story());
        assert_proven(&with, "killed by signal 9");
        let killed = exit(&with, role).matches("signal 9").count();
        assert_eq!(killed, 3, "{}", exit(&with, role));
        assert!(exit(&with, role).ends_with("exited with 0"));
    });
}

#[test]
fn a_sink_with_little_cpu_uses_little() {
    let starved =
        "faults: [ { name: starved, at: 1s, for: 2s, cpu_limit: { role: sink, cores: 0.02 } } ]
expect: [ \"sink.cpu < 0.03 during starved\" ]";
    let (with, without) = both(
        || scenario(4, starved),
        || scenario(3, "expect: [ \"sink.cpu < 0.03 in steady\" ]"),
    );
    assert_eq!(with.code, 0, "{}", with.story());
    assert_proven(&with, "0.02 cores used");
    assert_eq!(without.code, 1, "{}", without.story());
}

#[test]
fn stress_takes_its_share_of_the_machine() {
    let with = scenario(
        4,
        "faults: [ { name: neighbour, at: 1s, for: 2s, stress: { cpu: 50%, memory: 64MiB } } ]
expect: [ \"machine.busy.mean > 10% during neighbour\" ]",
    );
    assert_eq!(with.code, 0, "{}", with.story());
    assert_proven(&with, "cores burnt");
}

#[test]
fn stress_that_takes_too_much_is_refused_before_anything_starts() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("scenario.yaml");
    std::fs::write(
        &file,
        "scenario: greedy
load: { traces: { rate: 1/s } }
faults: [ { name: greedy, at: 1s, for: 1s, stress: { memory: 100000GiB } } ]
",
    )
    .unwrap();
    let output = squall().arg("run").arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(why.contains("greedy") && why.contains("80 %"), "{why}");
}

#[test]
fn a_sink_without_descriptors_takes_no_connection() {
    let requests_early = |finished: &Finished| -> u64 {
        let samples = finished.evidence().series.sink;
        let early = samples.iter().filter(|s| s.at_ns < 1_300_000_000);
        early.map(|sample| sample.requests).max().unwrap()
    };
    let none = "faults: [ { name: none, for: 1500ms, descriptors: { role: sink } } ]
expect: [ \"lost == 0\" ]";
    let with = scenario(4, none);
    assert_eq!(with.code, 0, "{}", with.story());
    assert_proven(&with, "every descriptor below");
    assert_eq!(requests_early(&with), 0);
    assert!(requests_early(&scenario(2, "")) > 0);
}

#[test]
fn a_client_that_takes_more_memory_than_it_may_is_killed_and_accounted_for() {
    let text = |fault: &str| {
        format!(
            "
scenario: memory
run: {{ warmup: 500ms, duration: 6s, drain: 5s, miss_after: 4s, lateness_limit: 4s }}
client:
  sdk:
    OTEL_BSP_MAX_QUEUE_SIZE: 200000
    OTEL_BSP_SCHEDULE_DELAY: 100ms
load:
  traces: {{ rate: 1k/s, attributes: {{ count: 4, value_bytes: 20000, cardinality: 10, types: [string] }} }}
faults:
  - {{ name: cut, at: 1s, for: 5s, partition: silence }}
{fault}"
        )
    };
    let with = run(&text(
        "  - { name: tight, at: 1s, for: 5s, memory_limit: { role: client, bytes: 60MiB } }",
    ));
    let fault = &with.result["faults"][1];
    let proof = fault["proof"].as_str().unwrap_or_default();
    assert!(
        proof.contains("was killed by signal"),
        "{fault}\n{}",
        with.story()
    );
    assert!(with.count("traces", "unresolved") > 0, "{}", with.story());
    with.assert_closes();
    let without = run(&text(""));
    assert_eq!(
        exit(&without, "client"),
        "exited with 0",
        "{}",
        without.story()
    );
}
