//! Faults of names: each takes effect, is proven and heals, over gRPC and over HTTP.

use crate::harness::{Finished, run, side_by_side};

fn scenario(client: &str, faults: &str) -> Finished {
    run(&format!(
        "
scenario: names
run: {{ warmup: 500ms, duration: 3500ms, drain: 15s, miss_after: 5s, lateness_limit: 5s }}
client:
  {client}
  retry: {{ max_retries: 40, initial_delay: 50ms, max_delay: 200ms, max_jitter: 50ms }}
  sdk: {{ OTEL_BLRP_SCHEDULE_DELAY: 100ms, OTEL_BLRP_MAX_QUEUE_SIZE: 8192 }}
load:
  logs: {{ rate: 300/s }}
{faults}
expect: [ \"lost <= 10%\" ]"
    ))
}

/// The longest time without a receipt, in seconds.
fn gap_s(finished: &Finished) -> f64 {
    assert_eq!(finished.code, 0, "{}", finished.story());
    finished.metric("delivery.gap")
}

fn assert_struck(protocol: &str, fault: &str, proof: &str) {
    let client = format!("protocol: {protocol}");
    let faults = format!("faults: [ {{ name: lost, at: 1s, for: 1500ms, dns: {fault} }} ]");
    let finished = scenario(&client, &faults);
    assert!(
        gap_s(&finished) > 1.3,
        "{fault} over {protocol}\n{}",
        finished.story()
    );
    let seen = &finished.result["faults"][0];
    assert_eq!(seen["kind"], format!("dns.{fault}"));
    let told = seen["proof"].as_str().unwrap_or_default();
    assert!(told.ends_with(proof), "{seen}");
    assert_eq!(seen["healed"], true, "{seen}");
}

#[test]
fn a_name_that_does_not_exist() {
    side_by_side(2, &["grpc", "http/protobuf"], |protocol| {
        assert_struck(protocol, "nxdomain", "answered that there is no such name");
    });
}

#[test]
fn a_name_server_that_fails_or_is_silent() {
    let cases = [
        ("grpc", "servfail", "answered with a server failure"),
        ("http/protobuf", "silence", "left without an answer"),
    ];
    side_by_side(2, &cases, |(protocol, fault, proof)| {
        assert_struck(protocol, fault, proof);
    });
}

#[test]
fn an_address_where_nobody_listens() {
    side_by_side(2, &["grpc", "http/json"], |protocol| {
        assert_struck(protocol, "dead_address", "answered with a dead address");
    });
}

#[test]
fn without_a_fault_the_name_is_found_in_the_clear_and_encrypted() {
    let cases =
        ["grpc", "http/protobuf"].map(|protocol| ["off", "mutual"].map(|tls| (protocol, tls)));
    side_by_side(2, cases.as_flattened(), |(protocol, tls)| {
        let client = format!("protocol: {protocol}\n  tls: {tls}\n  resolve: dns");
        let finished = scenario(&client, "");
        assert!(gap_s(&finished) < 1.0, "{}", finished.story());
    });
}

/// A connection that is reset is opened again, by name, a moment later: a gap is the fault's doing.
#[test]
fn a_fault_that_nobody_met_has_no_proof() {
    // Nothing is sent while it lasts, so nothing is looked up.
    let text = "protocol: grpc\n  temporality: cumulative";
    let faults = "faults: [ { name: unmet, at: 3490ms, for: 10ms, dns: nxdomain } ]";
    let finished = scenario(text, faults);
    let proof = &finished.result["faults"][0]["proof"];
    let harness_doubts = finished.code == 3;
    assert_eq!(proof.is_null(), harness_doubts, "{}", finished.story());
}
