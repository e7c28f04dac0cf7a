//! What squall finds about the official SDK when the sink answers with errors.

use serde_json::Value;

use crate::harness::{Finished, run, side_by_side};

const PROTOCOLS: [&str; 2] = ["grpc", "http/protobuf"];

/// Log records in batches of a tenth of a second, and retries that take a fifth of one.
fn scenario(protocol: &str, more: &str) -> String {
    format!(
        "
scenario: conformance
seed: 7
run: {{ warmup: 500ms, duration: 4s, drain: 10s, miss_after: 2s, lateness_limit: 2s }}
client:
  protocol: {protocol}
  retry: {{ max_retries: 3, initial_delay: 20ms, max_delay: 1s, max_jitter: 20ms }}
  sdk: {{ OTEL_BLRP_SCHEDULE_DELAY: 100ms, OTEL_BLRP_MAX_QUEUE_SIZE: 8192 }}
load:
  logs: {{ rate: 300/s }}
{more}"
    )
}

/// Where a second of load after the fault is enough.
fn shorter(protocol: &str, more: &str) -> String {
    scenario(protocol, more).replace("duration: 4s", "duration: 2500ms")
}

fn outcome<'a>(finished: &'a Finished, name: &str) -> &'a str {
    let checks = finished.result["conformance"]["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == name);
    check
        .and_then(|check| check["outcome"].as_str())
        .unwrap_or_else(|| panic!("no outcome of {name}\n{}", finished.story()))
}

fn waits(finished: &Finished) -> &[Value] {
    finished.result["conformance"]["waits"].as_array().unwrap()
}

#[test]
fn unavailable_answers_are_retried_with_a_back_off_that_grows_and_has_jitter() {
    side_by_side(2, &PROTOCOLS, |protocol| {
        let finished = run(&scenario(
            protocol,
            "sink: { plant: [ { signal: logs, lose_response: { requests: 48 } } ] }
expect: [ \"client.conformance.violations == 0\" ]",
        ));
        assert_eq!(finished.code, 0, "{}", finished.story());
        // Over gRPC the SDK does not tell what it was answered before it tried again.
        if *protocol != "grpc" {
            let name = "retryable answers are retried, others are not";
            assert_eq!(outcome(&finished, name), "kept", "{}", finished.story());
        }
        for name in [
            "the back-off grows",
            "the back-off has jitter",
            "shutdown flushes within its limit",
        ] {
            assert_eq!(
                outcome(&finished, name),
                "kept",
                "{name}\n{}",
                finished.story()
            );
        }
        let counts: Vec<u64> = waits(&finished)
            .iter()
            .map(|waits| waits["count"].as_u64().unwrap())
            .collect();
        assert_eq!(counts, [12, 12, 12], "{}", finished.story());
        assert!(finished.story().contains("Conformance of the client"));
    });
}

#[test]
fn permanent_errors_are_not_retried_and_a_healthy_run_shows_nothing() {
    side_by_side(2, &PROTOCOLS, |protocol| {
        let refused = run(&shorter(
            protocol,
            "sink: { plant: [ { signal: logs, refuse_all: { after_requests: 4 } } ] }
expect: [ \"client.conformance.violations == 0\", \"logs.refused > 0\" ]",
        ));
        assert_eq!(refused.code, 0, "{}", refused.story());
        let name = "retryable answers are retried, others are not";
        assert_eq!(outcome(&refused, name), "kept", "{}", refused.story());
        assert!(waits(&refused).is_empty());
    });
    let healthy = run(&shorter("grpc", "expect: [ \"lost == 0\" ]"));
    assert_eq!(healthy.code, 0, "{}", healthy.story());
    for name in [
        "retryable answers are retried, others are not",
        "the back-off grows",
        "the back-off has jitter",
        "Retry-After and RetryInfo are honoured",
        "no attempt outlives its time-out",
        "no export outlives its time-out",
    ] {
        assert_eq!(outcome(&healthy, name), "not_exercised", "{name}");
    }
}

/// A silent partition for longer than the time-out: what the SDK does then is measured, and an
/// expectation can gate on it.
#[test]
fn time_outs_come_to_the_test_when_nothing_answers() {
    side_by_side(2, &PROTOCOLS, |protocol| {
        let text = scenario(
            protocol,
            "faults: [ { name: mute, at: 1s, for: 2500ms, partition: silence } ]
expect: [ \"generated > 0\" ]",
        )
        .replace("sdk: {", "sdk: { OTEL_EXPORTER_OTLP_TIMEOUT: 1s,");
        let finished = run(&text);
        assert_eq!(finished.code, 0, "{}", finished.story());
        let name = "no attempt outlives its time-out";
        assert_eq!(outcome(&finished, name), "kept", "{}", finished.story());
    });
}

/// The sink's journal of its answers tells what the SDK keeps to itself over gRPC: the codes of the
/// attempts before the last, and the waits that they asked for.
#[test]
fn waits_that_the_sink_asks_for_and_the_codes_of_its_answers_are_seen() {
    let cases = [
        ("grpc", "grpc: RESOURCE_EXHAUSTED", "300ms"),
        ("http/protobuf", "http: 429", "1s"),
    ];
    side_by_side(2, &cases, |(protocol, busy, wait)| {
        let finished = run(&shorter(
            protocol,
            &format!(
                "faults:
  - {{ name: full, at: 1s, for: 500ms, answer: {{ status: {{ {busy}, retry_after: {wait} }} }} }}
expect: [ \"client.conformance.violations == 0\", \"lost == 0\" ]"
            ),
        ));
        assert_eq!(finished.code, 0, "{}", finished.story());
        for name in [
            "retryable answers are retried, others are not",
            "Retry-After and RetryInfo are honoured",
        ] {
            let outcome = outcome(&finished, name);
            assert_eq!(outcome, "kept", "{name}\n{}", finished.story());
        }
        // Every struck request is an attempt whose answer was found.
        let evidence = finished.evidence();
        assert!(!evidence.answers.is_empty());
        for line in &evidence.answers {
            let sent = evidence.batches.iter().any(|batch| {
                batch.attempts.iter().enumerate().any(|(index, attempt)| {
                    let next = batch.attempts.get(index + 1);
                    attempt.sent_ns <= line.at_ns
                        && next.is_some_and(|next| line.at_ns <= next.sent_ns)
                })
            });
            assert!(sent, "{line:?}\n{}", finished.story());
        }
    });
}

#[test]
fn codes_that_are_permanent_are_final_and_those_that_are_not_are_retried() {
    let name = "retryable answers are retried, others are not";
    let observed = |finished: &Finished| {
        let checks = finished.result["conformance"]["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["name"] == name);
        check.unwrap()["observed"].as_str().unwrap().to_owned()
    };
    let cases = [
        ("UNAVAILABLE", "0 permanent ones not"),
        ("INVALID_ARGUMENT", "0 retryable answers retried"),
        // Without RetryInfo it is permanent.
        ("RESOURCE_EXHAUSTED", "0 retryable answers retried"),
    ];
    side_by_side(3, &cases, |(code, words)| {
        let finished = run(&shorter(
            "grpc",
            &format!(
                "faults: [ {{ name: sick, at: 1s, for: 300ms, answer: {{ status: {{ grpc: {code} }} }} }} ]
expect: [ \"client.conformance.violations == 0\" ]"
            ),
        ));
        assert_eq!(finished.code, 0, "{code}\n{}", finished.story());
        assert_eq!(outcome(&finished, name), "kept", "{}", finished.story());
        let observed = observed(&finished);
        assert!(observed.contains(words), "{code}: {observed}");
    });
}
