//! Faults of names: each takes effect, is proven and heals, over gRPC and over HTTP.

use crate::harness::{Finished, run};

fn scenario(client: &str, faults: &str) -> Finished {
    run(&format!(
        "
scenario: names
run: {{ warmup: 500ms, duration: 5s, drain: 15s, miss_after: 5s, lateness_limit: 5s }}
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
    for protocol in ["grpc", "http/protobuf"] {
        assert_struck(protocol, "nxdomain", "answered that there is no such name");
    }
}

#[test]
fn a_name_server_that_fails_or_is_silent() {
    assert_struck("grpc", "servfail", "answered with a server failure");
    assert_struck("http/protobuf", "silence", "left without an answer");
}

#[test]
fn an_address_where_nobody_listens() {
    for protocol in ["grpc", "http/json"] {
        assert_struck(protocol, "dead_address", "answered with a dead address");
    }
}

#[test]
fn without_a_fault_the_name_is_found_in_the_clear_and_encrypted() {
    for protocol in ["grpc", "http/protobuf"] {
        for tls in ["off", "mutual"] {
            let client = format!("{{ protocol: {protocol}, tls: {tls}, resolve: dns }}");
            let text = client.trim_matches(['{', '}']).trim().replace(", ", "\n  ");
            let finished = scenario(&text, "");
            assert!(gap_s(&finished) < 1.0, "{}", finished.story());
        }
    }
}

/// A connection that is reset is opened again, by name, a moment later: a gap is the fault's doing.
#[test]
fn a_fault_that_nobody_met_has_no_proof() {
    // Nothing is sent while it lasts, so nothing is looked up.
    let text = "protocol: grpc\n  temporality: cumulative";
    let faults = "faults: [ { name: unmet, at: 4990ms, for: 10ms, dns: nxdomain } ]";
    let finished = scenario(text, faults);
    let proof = &finished.result["faults"][0]["proof"];
    let harness_doubts = finished.code == 3;
    assert_eq!(proof.is_null(), harness_doubts, "{}", finished.story());
}
