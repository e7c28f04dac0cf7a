//! Faults on targets, each once; several links with a fault of their own; a chain.

use squall::ledger::Class;

use super::placed;
use crate::harness::{Finished, run, side_by_side};

/// A relay by its long form, with what the short one cannot say.
fn scenario(process: &str, args: &str, more: &str) -> String {
    format!(
        "
scenario: target-faults
run: {{ warmup: 500ms, duration: 4s, drain: 5s, miss_after: 2s, lateness_limit: 2s }}
client:
  sdk:
    OTEL_BSP_SCHEDULE_DELAY: 100ms
    OTEL_BLRP_SCHEDULE_DELAY: 100ms
    OTEL_METRIC_EXPORT_INTERVAL: 300ms
    OTEL_BSP_MAX_QUEUE_SIZE: 8192
    OTEL_BLRP_MAX_QUEUE_SIZE: 8192
  retry: {{ max_retries: 30, initial_delay: 100ms, max_delay: 300ms }}
load:
  traces: {{ rate: 300/s, spans_per_trace: 3 }}
  logs: {{ rate: 200/s }}
  metrics: {{ rate: 100/s, series: 4 }}
target:
  name: relay
  process:
    command: \"{{{{ squall }}}}\"
    args: [relay, --grpc, \"{{{{ listen.grpc }}}}\", --http, \"{{{{ listen.http }}}}\", --status, \"{{{{ status }}}}\",
           --export, \"{{{{ export.url }}}}\", {args}]
    {process}
{more}"
    )
}

/// Every fault took effect, was proven with these words, and healed.
fn assert_proven(finished: &Finished, words: &[&str]) {
    let faults = finished.result["faults"].as_array().unwrap();
    assert_eq!(faults.len(), words.len(), "{}", finished.story());
    for (fault, words) in faults.iter().zip(words) {
        let proof = fault["proof"].as_str().unwrap_or_default();
        assert!(proof.contains(words), "{fault}\n{}", finished.story());
        assert!(fault["healed"] != false, "{fault}\n{}", finished.story());
    }
    finished.assert_closes();
}

#[test]
fn each_fault_of_a_target_is_proven_and_heals() {
    // What is lost with a killed process is no matter here, only that the ledger has it as lost in the relay.
    let cases = [
        ("kill: relay", false, "killed by signal 9"),
        ("for: 500ms, stop: relay", false, "took over"),
        ("for: 1s, pause: relay", true, "stopped"),
        ("for: 500ms, restart: relay", false, "took over"),
        (
            "for: 2s, crash_loop: { role: relay, every: 900ms, down: 200ms }",
            false,
            "took over",
        ),
        (
            "for: 1s, cpu_limit: { role: relay, cores: 0.05 }",
            true,
            "cores",
        ),
        ("for: 1s, descriptors: { role: relay }", true, "descriptor"),
    ];
    side_by_side(4, &cases, |(fault, saves_all, proof)| {
        let more =
            format!("faults: [ {{ name: f, at: 1s, {fault} }} ]\nexpect: [ \"duplicated == 0\" ]");
        let finished = run(&scenario("", "--throttle, '900'", &more));
        assert_eq!(finished.code, 0, "{fault}\n{}", finished.story());
        assert_proven(&finished, &[proof]);
        if fault.contains("stop:") {
            // What it held it has sent on; the client may have given up what it could not hand over.
            assert_eq!(
                finished.metric("lost_silently"),
                0.0,
                "{}",
                finished.story()
            );
        }
        let lost_silently = finished.metric("lost_silently") as u64;
        if *saves_all {
            assert_eq!(
                finished.metric("lost"),
                0.0,
                "{fault}\n{}",
                finished.story()
            );
        }
        let there = placed(&finished, "lost_at", Class::LostSilently, "relay");
        assert_eq!(there, lost_silently, "{fault}\n{}", finished.story());
    });
}

#[test]
fn a_target_that_takes_more_memory_than_it_may_is_killed_by_that() {
    let more =
        "faults: [ { name: tight, at: 1s, for: 2s, memory_limit: { role: relay, bytes: 60MiB } } ]";
    let finished = run(&scenario("", "--bug, leak=60000000", more));
    assert_proven(&finished, &["killed"]);
}

#[test]
fn a_full_disk_of_a_target_pushes_back_and_loses_nothing() {
    let more =
        "faults: [ { name: full, at: 1s, for: 1s, disk_full: relay } ]\nexpect: [ \"lost == 0\" ]";
    let finished = run(&scenario(
        "disk: 4MiB",
        "--spool, \"{{ data }}\", --throttle, '900'",
        more,
    ));
    assert_eq!(finished.code, 0, "{}", finished.story());
    assert_proven(&finished, &["written until no more fitted"]);
    assert!(finished.metric("retry.amplification") > 1.0);
}

#[test]
fn two_links_and_a_target_can_suffer_at_once() {
    let more = "faults:
  - { name: slow, link: to-relay, at: 1s, for: 2s, latency: { delay: 150ms } }
  - { name: cut, link: to-sink, at: 1500ms, for: 800ms, partition: silence }
  - { name: freeze, at: 1700ms, for: 400ms, pause: relay }
expect: [ \"lost == 0\", \"duplicated == 0\" ]";
    let finished = run(&scenario("", "", more));
    assert_eq!(finished.code, 0, "{}", finished.story());
    assert_proven(&finished, &["", "", ""]);
    for fault in finished.result["faults"].as_array().unwrap() {
        assert_eq!(fault["healed"], true, "{fault}");
        assert!(!fault["proof"].as_str().unwrap().is_empty(), "{fault}");
    }
    // Where they struck is shown.
    let markdown = std::fs::read_to_string(finished.folder.join("report.md")).unwrap();
    for words in ["slow", "cut", "freeze"] {
        assert!(markdown.contains(words), "{words}\n{markdown}");
    }
}

#[test]
fn in_a_chain_what_a_killed_relay_held_is_placed_in_it() {
    let text = scenario("", "", "");
    let before = text.split("target:\n").next().unwrap();
    let finished = run(&format!(
        "{before}
targets:
  - {{ name: agent, relay: [] }}
  - {{ name: gateway, relay: [--throttle, '450'] }}
faults: [ {{ name: crash, at: 2s, for: 300ms, restart: gateway }} ]
expect: [ \"lost_silently > 0\", \"duplicated == 0\" ]"
    ));
    assert_eq!(finished.code, 0, "{}", finished.story());
    assert_proven(&finished, &["took over"]);
    let lost = finished.metric("lost_silently") as u64;
    assert_eq!(
        placed(&finished, "lost_at", Class::LostSilently, "gateway"),
        lost,
        "{}",
        finished.story()
    );
    assert_eq!(
        placed(&finished, "lost_at", Class::LostSilently, "agent"),
        0
    );
    assert_eq!(finished.metric("lost") as u64, lost);
}
