//! One client that spreads what it sends over two targets.

use std::path::Path;

use serde_json::Value;

use crate::harness::{Finished, run, side_by_side, squall};

/// A short load of all signals.
const LOAD: &str = "
scenario: fan
run: { warmup: 500ms, duration: 2500ms, drain: 6s, miss_after: 2s, lateness_limit: 2s }
client:
  SENDS
  sdk:
    OTEL_BSP_SCHEDULE_DELAY: 100ms
    OTEL_BLRP_SCHEDULE_DELAY: 100ms
    OTEL_METRIC_EXPORT_INTERVAL: 150ms
    OTEL_BSP_MAX_QUEUE_SIZE: 8192
    OTEL_BLRP_MAX_QUEUE_SIZE: 8192
  retry: { max_retries: 30, initial_delay: 100ms, max_delay: 300ms }
load:
  traces: { rate: 300/s, spans_per_trace: 3 }
  logs: { rate: 200/s }
  metrics: { rate: 100/s, series: 4 }
";

fn scenario(sends: &str, more: &str) -> String {
    format!("{}{more}", LOAD.replace("SENDS", sends))
}

fn station<'a>(finished: &'a Finished, name: &str) -> &'a Value {
    let stations = finished.result["flow"]["stations"].as_array().unwrap();
    let mut stations = stations.iter();
    stations
        .find(|station| station["name"] == name)
        .unwrap_or_else(|| panic!("no station {name}\n{}", finished.story()))
}

/// Items of a signal that came to a station.
fn came(finished: &Finished, name: &str, signal: &str) -> u64 {
    let seen = &station(finished, name)["seen"][signal];
    seen["came"]
        .as_u64()
        .unwrap_or_else(|| panic!("{name}: {seen}\n{}", finished.story()))
}

/// Items that did not arrive, by where they were left.
fn lost_at(finished: &Finished) -> Vec<(String, u64)> {
    let placed = finished.result["flow"]["lost_at"].as_array().unwrap();
    placed
        .iter()
        .map(|one| {
            (
                one["at"].as_str().unwrap().to_owned(),
                one["items"].as_u64().unwrap(),
            )
        })
        .collect()
}

const TWO: &str = "
targets:
  - { name: a, relay: [] }
  - { name: b, relay: [RELAY] }
";

#[test]
fn what_goes_by_two_ways_arrives_once() {
    side_by_side(2, &["grpc", "http/protobuf"], |protocol| {
        let finished = run(&scenario(
            &format!("to: [b, a]\n  protocol: {protocol}"),
            &format!(
                "{}expect: [ \"lost == 0\", \"duplicated == 0\", \"unexpected == 0\" ]\nvalidate: content",
                TWO.replace("RELAY", "")
            ),
        ));
        assert_eq!(finished.code, 0, "{}", finished.story());
        finished.assert_closes();
        for signal in ["traces", "logs", "metrics"] {
            let delivered = finished.count(signal, "delivered");
            assert_eq!(delivered, finished.count(signal, "generated"), "{signal}");
            let (a, b) = (came(&finished, "a", signal), came(&finished, "b", signal));
            assert_eq!(a + b, delivered, "{signal}\n{}", finished.story());
            assert!(
                a > delivered / 4 && b > delivered / 4,
                "{signal}: {a} and {b}"
            );
        }
        // The first link is the first that `to` names.
        assert_eq!(
            station(&finished, "client")["to"],
            serde_json::json!(["to-b", "to-a"])
        );
        assert_eq!(
            station(&finished, "b")["to"],
            serde_json::json!(["b-to-sink"])
        );
        let html = std::fs::read_to_string(finished.folder.join("report.html")).unwrap();
        for name in ["to-a", "to-b", "a-to-sink", "b-to-sink"] {
            assert!(html.contains(name), "{name} is not in the picture");
        }
    });
}

#[test]
fn what_one_of_two_loses_is_placed_in_its_branch() {
    // It holds what it has taken, so that something dies with it; for good, so that some never comes in.
    let cases = [
        ("at: 1200ms, for: 400ms, restart: b", "max_retries: 30"),
        ("at: 1500ms, kill: b", "max_retries: 5"),
    ];
    side_by_side(2, &cases, |(fault, retries)| {
        let text = scenario(
            "to: [a, b]",
            &format!(
                "{}faults: [ {{ name: crash, {fault} }} ]\nexpect: [ \"lost > 0\", \"duplicated == 0\" ]",
                TWO.replace("RELAY", "--throttle, '150'")
            ),
        );
        let finished = run(&text.replace("max_retries: 30", retries));
        assert_eq!(finished.code, 0, "{fault}\n{}", finished.story());
        finished.assert_closes();
        let lost = lost_at(&finished);
        let at_b: u64 = lost
            .iter()
            .filter(|(at, _)| ["to-b", "b", "b-to-sink"].contains(&at.as_str()))
            .map(|(_, items)| items)
            .sum();
        assert!(
            lost.iter().any(|(at, _)| at == "b"),
            "{lost:?}\n{}",
            finished.story()
        );
        let silently = finished.metric("lost_silently") as u64;
        assert!(silently > 0 && at_b >= silently, "{lost:?}");
        if fault.contains("restart") {
            assert_eq!(finished.metric("lost") as u64, at_b, "{lost:?}");
        }
        assert!(!lost.iter().any(|(at, _)| at.contains('a')), "{lost:?}");
        for signal in ["traces", "logs"] {
            assert!(came(&finished, "a", signal) > 0 && came(&finished, "b", signal) > 0);
        }
    });
}

#[test]
fn two_ways_can_be_encrypted() {
    let finished = run(&scenario(
        "to: [a, b]\n  tls: mutual",
        &format!(
            "{}expect: [ \"lost == 0\", \"duplicated == 0\" ]",
            TWO.replace("RELAY", "")
        ),
    ));
    assert_eq!(finished.code, 0, "{}", finished.story());
    finished.assert_closes();
    for name in ["a-to-sink", "b-to-sink"] {
        assert!(came(&finished, name, "traces") > 0);
    }
}

/// What `check` says.
fn said(file: &Path, text: &str) -> String {
    std::fs::write(file, text).unwrap();
    let output = squall().arg("check").arg(file).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn what_cannot_be_is_said_where_it_stands() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("scenario.yaml");
    let two = TWO.replace("RELAY", "");
    let external = "
targets:
  - { name: a, relay: [] }
  - { name: b, external: { endpoint: \"127.0.0.1:4317\" } }
";
    let cases = [
        ("to: [a, c]", two.clone(), "there is no target `c`"),
        ("to: [a, b, a]", two.clone(), "`a` is named a second time"),
        ("to: []", two.clone(), "it names no target"),
        (
            "to: [a]",
            two.replace("name: a,", "name: a, to: sink,"),
            "nothing is sent to `b`",
        ),
        ("to: [a]", String::new(), "there are no targets to send to"),
        (
            "to: [a, b]",
            external.to_owned(),
            "`b` is external, and cannot be one of several",
        ),
        (
            "to: [a, b]\n  resolve: dns",
            two.clone(),
            "names lead to one target only",
        ),
        (
            "to: [a, b]",
            format!("{two}links: {{ to-a: {{ via: netns }} }}"),
            "a client that sends to several targets has no link of packets",
        ),
        (
            "to: [a, b]\n  tls: generated",
            two.replace("name: a,", "name: a, to: b,"),
            "gets the exports of another target too",
        ),
    ];
    let few = "instances: 3\n  producers: 2";
    let cases = cases.into_iter().chain([
        ("instances: 3", two.clone(), "metrics come from one client"),
        (
            few,
            two.clone(),
            "2 producer(s) are too few for 3 instances",
        ),
        ("instances: 17", two.clone(), "17 is out of range"),
    ]);
    for (sends, targets, words) in cases {
        let told = said(&file, &scenario(sends, &targets));
        assert!(told.contains(words), "{sends}: {told}");
        assert!(told.contains("scenario.yaml:"), "{told}");
    }
}

#[test]
fn several_clients_send_to_one_target() {
    let text = scenario(
        "instances: 3",
        "targets: [ { name: a, relay: [] } ]
expect: [ \"lost == 0\", \"duplicated == 0\", \"unexpected == 0\" ]
validate: content",
    );
    let finished = run(&text.replace("  metrics: { rate: 100/s, series: 4 }\n", ""));
    assert_eq!(finished.code, 0, "{}", finished.story());
    finished.assert_closes();
    let evidence = finished.evidence();
    // One producer per instance and signal, and a connection for each.
    assert_eq!(evidence.producers.len(), 6);
    let samples = evidence.series.link.iter();
    let connections = samples.map(|sample| sample.connections_total).max();
    assert_eq!(connections, Some(6), "{}", finished.story());
    for producer in &evidence.producers {
        assert!(!producer.received.is_empty());
        assert_eq!(producer.received, producer.entered);
    }
    // Each batch is of one instance.
    for batch in &evidence.batches {
        let of = |range: &squall::evidence::ItemRange| range.producer;
        assert!(
            batch
                .items
                .iter()
                .all(|range| of(range) == of(&batch.items[0]))
        );
    }
}
