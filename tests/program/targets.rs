//! Targets in real runs: squall's own relay with each of its planted bugs, and without; programs that
//! behave badly; faults on targets and on several links.
//!
//! All of them are judged by the same checks, which a user could have written.

use std::collections::BTreeSet;

use squall::ledger::Class;
use squall::signal::Signal;

use crate::harness::Finished;

mod bad_programs;
mod bugs;
mod faults;
mod honest;
mod waste;

/// What every run of the relay is judged by.
const EXPECT: &str = "
expect:
  - lost == 0
  - duplicated == 0
  - unexpected == 0
  - delivery.latency.p99 < 4s
  - target.cpu < 0.2
  - said.queue.max <= 60
";

/// A short load of all signals through a relay that is started with `relay`.
fn scenario(relay: &str, more: &str) -> String {
    format!(
        "
scenario: target
seed: 7
run: {{ warmup: 500ms, duration: 3s, drain: 4s, miss_after: 2s, lateness_limit: 2s }}
validate: content
client:
  sdk:
    OTEL_BSP_SCHEDULE_DELAY: 100ms
    OTEL_BLRP_SCHEDULE_DELAY: 100ms
    OTEL_METRIC_EXPORT_INTERVAL: 150ms
    OTEL_BSP_MAX_QUEUE_SIZE: 8192
    OTEL_BLRP_MAX_QUEUE_SIZE: 8192
  retry: {{ max_retries: 20, initial_delay: 100ms, max_delay: 300ms }}
load:
  traces: {{ rate: 300/s, spans_per_trace: 3 }}
  logs: {{ rate: 200/s }}
  metrics: {{ rate: 100/s, series: 4 }}
target:
  name: relay
  relay: [--oracle, ORACLE, {relay}]
  ready: {{ grpc_health: \"{{{{ metrics }}}}\" }}
  metrics:
    every: 200ms
    series:
      queue: relay_queue_size
      refused: relay_refused_items
      dropped: relay_dropped_items
      send_failed: relay_send_failed_items
    lost: [dropped, send_failed]
{more}
{EXPECT}"
    )
}

/// Names of the checks that did not hold.
fn not_held(finished: &Finished) -> BTreeSet<&str> {
    let checks = finished.result["checks"].as_array().unwrap();
    checks
        .iter()
        .filter(|check| check["verdict"] != "pass")
        .map(|check| check["name"].as_str().unwrap())
        .collect()
}

/// All of `named` failed, and of the others none but those that may.
fn assert_named(finished: &Finished, named: &[&str], may: &[&str]) {
    let failed = not_held(finished);
    let all: BTreeSet<&str> = named.iter().chain(may).copied().collect();
    let missed: Vec<_> = named
        .iter()
        .filter(|name| !failed.contains(*name))
        .collect();
    let false_alarms: Vec<_> = failed.difference(&all).collect();
    assert!(
        missed.is_empty() && false_alarms.is_empty(),
        "not found: {missed:?}, false alarms: {false_alarms:?}\n{}",
        finished.story()
    );
    assert_eq!(finished.code, 1, "{}", finished.story());
    finished.assert_closes();
}

/// The items of a class are those that the relay's oracle has under the same name, one by one where
/// they have identities; data points are counted. Some must be.
fn assert_exact(finished: &Finished, class: Class) -> u64 {
    let mut all = 0;
    for signal in Signal::ALL {
        let expected = finished.oracle(class.as_str(), signal.as_str());
        let counted = finished.count(signal.as_str(), class.as_str());
        assert_eq!(
            counted,
            expected.len() as u64,
            "{signal}\n{}",
            finished.story()
        );
        if signal != Signal::Metrics {
            assert_eq!(finished.class(signal, class), expected, "{signal}");
        }
        all += counted;
    }
    assert!(all > 0, "the bug did nothing\n{}", finished.story());
    all
}

/// Items of a class that the flow places at a station; `list` is `lost_at` or `duplicated_at`.
fn placed(finished: &Finished, list: &str, class: Class, at: &str) -> u64 {
    let placed = finished.result["flow"][list].as_array().unwrap();
    placed
        .iter()
        .filter(|one| one["class"] == class.as_str() && one["at"] == at)
        .map(|one| one["items"].as_u64().unwrap())
        .sum()
}

/// What the target says of its losses, and whether that is right.
fn owned_up(finished: &Finished) -> (u64, Option<u64>, bool) {
    let told = &finished.result["flow"]["owned_up"][0];
    let agrees = told["agrees"].as_bool().unwrap();
    (
        told["lost"].as_u64().unwrap(),
        told["said"].as_u64(),
        agrees,
    )
}

fn all_delivered(finished: &Finished) {
    for signal in ["traces", "logs", "metrics"] {
        let generated = finished.count(signal, "generated");
        assert!(generated > 0);
        let delivered = finished.count(signal, "delivered");
        assert_eq!(delivered, generated, "{signal}\n{}", finished.story());
    }
}
