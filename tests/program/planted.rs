//! The ledger is right: planted faults write what they touched into a file of their own, and the
//! ledger must name exactly those items.

use squall::ledger::Class;
use squall::signal::Signal;

use crate::harness::{Finished, run, side_by_side};

/// A short load of spans and log records, with room in every queue.
pub fn scenario(more: &str) -> String {
    format!(
        "
scenario: planted
seed: 7
run: {{ warmup: 500ms, duration: 2500ms, drain: 10s, miss_after: 2s, lateness_limit: 2s }}
client:
  sdk:
    OTEL_BSP_SCHEDULE_DELAY: 100ms
    OTEL_BLRP_SCHEDULE_DELAY: 100ms
    OTEL_BSP_MAX_QUEUE_SIZE: 8192
    OTEL_BLRP_MAX_QUEUE_SIZE: 8192
load:
  traces: {{ rate: 600/s, spans_per_trace: 3 }}
  logs: {{ rate: 300/s }}
{more}"
    )
}

pub fn assert_exactly(finished: &Finished, signal: Signal, class: Class, oracle_class: &str) {
    let expected = finished.oracle(oracle_class, signal.as_str());
    let found = finished.class(signal, class);
    assert!(
        !expected.is_empty(),
        "the plant did nothing\n{}",
        finished.story()
    );
    assert_eq!(found, expected, "{}", finished.story());
    assert_eq!(
        finished.count(signal.as_str(), class.as_str()),
        expected.len() as u64
    );
    finished.assert_closes();
}

pub fn assert_clean(finished: &Finished, signal: &str) {
    let generated = finished.count(signal, "generated");
    assert!(generated > 0);
    assert_eq!(
        finished.count(signal, "delivered"),
        generated,
        "{}",
        finished.story()
    );
}

#[test]
fn without_a_plant_everything_is_delivered() {
    let finished = run(&scenario("expect: [ \"lost == 0\" ]"));
    assert_eq!(finished.code, 0, "{}", finished.story());
    assert_clean(&finished, "traces");
    assert_clean(&finished, "logs");
}

#[test]
fn items_forgotten_after_the_acknowledgement_are_lost_silently() {
    let finished = run(&scenario(
        "sink: { oracle: ORACLE, plant: [ { signal: traces, lose_acknowledged: { items: 137 } } ] }
expect: [ \"lost == 0\" ]",
    ));
    assert_eq!(finished.code, 1, "{}", finished.story());
    assert_eq!(finished.count("traces", "lost_silently"), 137);
    assert_exactly(
        &finished,
        Signal::Traces,
        Class::LostSilently,
        "lost_silently",
    );
    assert_clean(&finished, "logs");
}

#[test]
fn batches_received_twice_are_duplicated() {
    let finished = run(&scenario(
        "sink: { oracle: ORACLE, plant: [ { signal: logs, receive_twice: { requests: 3 } } ] }
expect: [ \"duplicated == 0\" ]",
    ));
    assert_eq!(finished.code, 1, "{}", finished.story());
    assert_exactly(&finished, Signal::Logs, Class::Duplicated, "duplicated");
    let extra = finished.count("logs", "extra_copies");
    assert_eq!(extra, finished.count("logs", "duplicated"));
    assert_clean(&finished, "traces");
}

#[test]
fn a_response_lost_after_acceptance_makes_duplicates() {
    let finished = run(&scenario(
        "sink: { oracle: ORACLE, plant: [ { signal: traces, lose_response: { requests: 2 } } ] }
expect: [ \"lost == 0\" ]",
    ));
    assert_eq!(finished.code, 0, "{}", finished.story());
    assert_exactly(&finished, Signal::Traces, Class::Duplicated, "duplicated");
    assert!(finished.metric("traces.retry.amplification") > 1.0);
    assert_clean(&finished, "logs");
}

#[test]
fn what_a_partial_success_rejects_is_refused() {
    side_by_side(3, &["grpc", "http/protobuf", "http/json"], |protocol| {
        let text = scenario(
            "sink: { oracle: ORACLE, plant: [ { signal: logs, reject: { items: 10 } } ] }
expect: [ \"lost_silently == 0\" ]",
        )
        .replace("client:", &format!("client:\n  protocol: {protocol}"));
        let finished = run(&text);
        assert_eq!(finished.code, 0, "{protocol}\n{}", finished.story());
        assert_exactly(&finished, Signal::Logs, Class::Refused, "refused");
        assert_clean(&finished, "traces");
    });
}

#[test]
fn permanent_errors_are_refusals() {
    let finished = run(&scenario(
        "sink: { oracle: ORACLE, plant: [ { signal: logs, refuse_all: { after_requests: 4 } } ] }
expect: [ \"logs.refused > 0\" ]",
    ));
    assert_eq!(finished.code, 0, "{}", finished.story());
    assert_exactly(&finished, Signal::Logs, Class::Refused, "refused");
    assert_clean(&finished, "traces");
}

#[test]
fn spans_that_find_the_queue_full_are_dropped_by_the_client() {
    let text = scenario(
        "sink: { oracle: ORACLE, plant: [ { signal: traces, note: true } ] }
expect: [ \"traces.dropped_by_client > 0\" ]",
    )
    .replace(
        "OTEL_BSP_MAX_QUEUE_SIZE: 8192",
        "OTEL_BSP_MAX_QUEUE_SIZE: 512",
    )
    .replace(
        "{ rate: 600/s, spans_per_trace: 3 }",
        "{ rate: 2500/s, spans_per_trace: 5000 }",
    );
    let finished = run(&text);
    assert_eq!(finished.code, 0, "{}", finished.story());
    // The sink's own list of what it got is the oracle: nothing else in this run loses anything.
    let arrived = finished.oracle("received", "traces");
    assert_eq!(finished.class(Signal::Traces, Class::Delivered), arrived);
    let generated = finished.count("traces", "generated");
    assert_eq!(
        finished.count("traces", "dropped_by_client"),
        generated - arrived.len() as u64
    );
    assert!(arrived.len() as u64 >= 512, "{}", finished.story());
    finished.assert_closes();
}

#[test]
fn what_a_killed_client_held_is_unresolved_and_the_run_is_still_reported() {
    let finished = run(&scenario(
        "sink: { oracle: ORACLE, plant: [ { signal: traces, note: true }, { signal: logs, note: true } ] }
faults: [ { name: crash, at: 1500ms, kill: client } ]
expect: [ \"lost_silently == 0\" ]",
    )
    // Only what the timer has flushed has left the client when it dies.
    .replace("OTEL_BSP_SCHEDULE_DELAY: 100ms", "OTEL_BSP_SCHEDULE_DELAY: 700ms"));
    assert_eq!(finished.code, 0, "{}", finished.story());
    for signal in [Signal::Traces, Signal::Logs] {
        let arrived = finished.oracle("received", signal.as_str());
        assert_eq!(finished.class(signal, Class::Delivered), arrived);
        let generated = finished.count(signal.as_str(), "generated");
        assert_eq!(
            finished.count(signal.as_str(), "unresolved"),
            generated - arrived.len() as u64,
            "{}",
            finished.story()
        );
    }
    assert!(finished.count("traces", "unresolved") > 0);
    assert!(finished.folder.join("report.html").exists());
    finished.assert_closes();
}
