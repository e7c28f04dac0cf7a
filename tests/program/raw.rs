//! Raw clients: the ledger closes for all signals and ways of sending, under faults, flat out, and what
//! cannot be said of one is an error.

use crate::harness::{Finished, both, run, side_by_side, squall};

const RUN: &str = "
scenario: raw
run: { warmup: 200ms, duration: 2s, drain: 8s, miss_after: 2s, lateness_limit: 2s }
";

const LOAD: &str = "
load:
  traces: { rate: 4k/s, spans_per_trace: 4, events_per_span: 1, links_per_span: 1 }
  logs: { rate: 3k/s, arrivals: poisson }
  metrics: { rate: 2k/s, series: 30, instruments: [sum, gauge, histogram, exponential_histogram] }
";

fn all_arrived(finished: &Finished) {
    assert_eq!(finished.code, 0, "{}", finished.story());
    finished.assert_closes();
    for signal in ["traces", "logs", "metrics"] {
        let delivered = finished.count(signal, "delivered");
        assert!(delivered >= 1000, "{signal}: {delivered}");
        assert_eq!(delivered, finished.count(signal, "generated"), "{signal}");
        assert_eq!(finished.count(signal, "unexpected"), 0, "{signal}");
    }
}

#[test]
fn every_signal_arrives_by_every_way() {
    let ways = [
        ("grpc", "connections: 2"),
        ("grpc, compression: zstd, tls: generated", "connections: 2"),
        (
            "http/protobuf, compression: gzip, tls: mutual",
            "in_flight: 16",
        ),
        ("http/json", "in_flight: 16"),
    ];
    side_by_side(2, &ways, |(way, many)| {
        let finished = run(&format!(
            "{RUN}client: {{ kind: raw, producers: 2, raw: {{ items_per_request: 64, {many} }}, protocol: {way} }}
{LOAD}expect: [ \"lost == 0\", \"duplicated == 0\" ]"
        ));
        all_arrived(&finished);
    });
}

/// Responses are lost and answers refuse: what is sent again arrives twice, and is told apart.
#[test]
fn retries_are_an_option_and_duplicates_are_counted() {
    let faults = "faults:
  - { name: lost, at: 500ms, for: 400ms, answer: { lose_response: unavailable } }
expect: [ \"lost == 0\", \"duplicated > 0\" ]
";
    let client = |retries: u32| {
        format!(
            "client: {{ kind: raw, raw: {{ items_per_request: 64 }}, retry: {{ max_retries: {retries}, initial_delay: 100ms, max_delay: 300ms }} }}\n"
        )
    };
    let (again, once) = both(
        || run(&format!("{RUN}{}{LOAD}{faults}", client(20))),
        || run(&format!("{RUN}{}{LOAD}{faults}", client(0))),
    );
    assert_eq!(again.code, 0, "{}", again.story());
    again.assert_closes();
    for signal in ["traces", "logs", "metrics"] {
        assert!(again.count(signal, "duplicated") > 0, "{}", again.story());
    }
    // Nothing is sent again: each arrives once, though the client never heard of it.
    once.assert_closes();
    assert_eq!(once.code, 1, "{}", once.story());
    assert_eq!(once.count("traces", "duplicated"), 0);
    assert!(once.count("traces", "recovered") > 0, "{}", once.story());
}

#[test]
fn what_does_not_fit_into_the_queue_is_dropped_and_said() {
    let finished = run(&format!(
        "{RUN}client: {{ kind: raw, raw: {{ items_per_request: 64, in_flight: 1, queue: 2 }} }}
{LOAD}faults: [ {{ name: still, at: 500ms, for: 1s, partition: silence }} ]
expect: [ \"dropped_by_client > 0\", \"lost_silently == 0\" ]"
    ));
    assert_eq!(finished.code, 0, "{}", finished.story());
    finished.assert_closes();
}

#[test]
fn a_closed_loop_and_one_that_is_killed_keep_their_ledgers() {
    let closed = run(&format!(
        "{RUN}client: {{ kind: raw, raw: {{ items_per_request: 64 }} }}
load:
  traces: {{ closed_loop: {{ outstanding: 256 }} }}
  metrics: {{ closed_loop: {{ outstanding: 128 }}, series: 40 }}
expect: [ \"lost == 0\", \"duplicated == 0\" ]"
    ));
    assert_eq!(closed.code, 0, "{}", closed.story());
    closed.assert_closes();
    assert!(closed.count("metrics", "delivered") > 1000);
    let killed = run(&format!(
        "{RUN}client: {{ kind: raw, raw: {{ items_per_request: 64 }} }}
{LOAD}faults: [ {{ name: gone, at: 700ms, for: 400ms, restart: client }} ]
expect: [ \"lost_silently == 0\", \"duplicated == 0\" ]"
    ));
    assert_eq!(killed.code, 0, "{}", killed.story());
    killed.assert_closes();
}

#[test]
fn a_target_in_the_middle_is_seen_by_the_taps() {
    let finished = run(&format!(
        "{RUN}client: {{ kind: raw, raw: {{ items_per_request: 64 }} }}
target: {{ name: relay, relay: [\"--bug\", \"lose=100\"] }}
{LOAD}expect: [ \"target.lost > 0\" ]"
    ));
    assert_eq!(finished.code, 0, "{}", finished.story());
    finished.assert_closes();
    for signal in ["traces", "logs", "metrics"] {
        let lost = finished.count(signal, "lost_silently");
        assert!(lost > 0, "{signal}: {}", finished.story());
        let at = finished.result["flow"]["lost_at"].as_array().unwrap();
        let placed = at
            .iter()
            .filter(|one| one["signal"] == signal && one["at"] == "relay")
            .map(|one| one["items"].as_u64().unwrap());
        assert_eq!(placed.sum::<u64>(), lost, "{signal}: {}", finished.story());
    }
}

/// What `check` says to a scenario.
fn said_of(text: &str) -> (Option<i32>, String) {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("scenario.yaml");
    std::fs::write(&file, text).unwrap();
    let output = squall().arg("check").arg(&file).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    (output.status.code(), said)
}

#[test]
fn what_cannot_be_said_of_a_raw_client_is_an_error() {
    let cases = [
        (
            "client: { kind: raw, sdk: { OTEL_BSP_MAX_QUEUE_SIZE: 10 } }",
            "a raw client has no SDK",
        ),
        (
            "client: { raw: { connections: 2 } }",
            "ask for it with `client: { kind: raw }`",
        ),
        (
            "client: { kind: raw, raw: { items_per_request: 0 } }",
            "items_per_request",
        ),
        (
            "client: { kind: raw, raw: { items_per_request: 10 } }",
            "no whole number of traces of 4",
        ),
        ("client: { kind: raw }\nvalidate: content", "is raw"),
        (
            "client: { kind: raw, protocol: http/json, raw: { connections: 2 } }",
            "say with `in_flight` how many there may be",
        ),
        (
            "client: { kind: raw, raw: { items_per_request: 100000, templates: 1024 } }",
            "would be laid out in some",
        ),
    ];
    for (text, words) in cases {
        let load = "load: { traces: { rate: 1k/s, spans_per_trace: 4 } }";
        let (code, said) = said_of(&format!("scenario: raw\n{text}\n{load}\n"));
        assert_eq!(code, Some(2), "{text}: {said}");
        assert!(said.contains(words), "{text}: {said}");
    }
    let closed = |raw: &str, load: &str| {
        said_of(&format!(
            "scenario: raw\nclient: {{ kind: raw, raw: {{ {raw} }} }}\nload: {{ {load} }}\n"
        ))
    };
    let loop_of_logs = "logs: { closed_loop: { outstanding: 512 } }";
    for raw in ["queue: 9", "in_flight: 9"] {
        let (code, said) = closed(raw, loop_of_logs);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("a closed loop has neither"), "{said}");
        // Beside a load with a rate they mean something.
        let (code, said) = closed(raw, &format!("{loop_of_logs}, traces: {{ rate: 1k/s }}"));
        assert_eq!(code, Some(0), "{said}");
    }
}
