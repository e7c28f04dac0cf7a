//! Faults of the sink's answers strike the items that the sink says, and the ledger names exactly those.

use squall::ledger::Class;
use squall::signal::Signal;

use crate::harness::run;
use crate::planted::{assert_clean, assert_exactly, scenario};

#[test]
fn lost_responses_make_duplicates_and_permanent_errors_refusals() {
    let finished = run(&scenario(
        "sink: { oracle: ORACLE }
faults:
  - { name: forgetful, at: 700ms, for: 1500ms, answer: { lose_response: unavailable }, share: 30%, signal: traces }
  - { name: strict, at: 700ms, for: 1500ms, answer: { status: { grpc: INVALID_ARGUMENT } }, share: 40%, signal: logs }
expect: [ \"lost_silently == 0\", \"traces.lost == 0\" ]",
    ));
    assert_eq!(finished.code, 0, "{}", finished.story());
    assert_exactly(
        &finished,
        Signal::Traces,
        Class::Duplicated,
        "lose_response",
    );
    assert_exactly(&finished, Signal::Logs, Class::Refused, "status");
    // What nobody struck is what it is without any fault.
    let spared = |signal: &str, class: &str| {
        finished.count(signal, "generated") - finished.count(signal, class)
    };
    assert_eq!(
        finished.count("traces", "delivered"),
        spared("traces", "duplicated")
    );
    assert_eq!(
        finished.count("logs", "delivered"),
        spared("logs", "refused")
    );

    let refused = finished.count("logs", "refused");
    let proof = finished.result["faults"][1]["proof"].as_str().unwrap();
    let items = format!("with {refused} items answered grpc INVALID_ARGUMENT");
    assert!(proof.contains(&items), "{proof}");
    for fault in finished.result["faults"].as_array().unwrap() {
        assert_eq!(fault["backend"], "sink", "{fault}");
        assert_eq!(fault["healed"], true, "{fault}");
    }
}

#[test]
fn what_a_fault_rejects_by_partial_success_is_refused() {
    let text = scenario(
        "sink: { oracle: ORACLE }
faults: [ { name: picky, at: 1s, for: 1s, answer: { partial_success: { reject: 3 } }, signal: logs } ]
expect: [ \"lost_silently == 0\" ]",
    );
    let finished = run(&text.replace("client:", "client:\n  protocol: http/json"));
    assert_eq!(finished.code, 0, "{}", finished.story());
    assert_exactly(&finished, Signal::Logs, Class::Refused, "partial_success");
    assert_clean(&finished, "traces");
}

#[test]
fn an_expired_certificate_is_refused_until_it_is_sound_again() {
    let text = scenario(
        "faults: [ { name: old, at: 1s, for: 1s, tls_fault: expired } ]
expect: [ \"lost_silently == 0\", \"duplicated == 0\" ]",
    );
    let finished = run(&text.replace(
        "client:",
        "client:\n  tls: generated\n  retry: { max_retries: 20, max_delay: 200ms }",
    ));
    assert_eq!(finished.code, 0, "{}", finished.story());
    let fault = &finished.result["faults"][0];
    let proof = fault["proof"].as_str().unwrap();
    assert!(proof.contains("refused by the sender"), "{proof}");
    assert_eq!(fault["healed"], true, "{fault}");
    finished.assert_closes();
}

#[test]
fn a_fault_that_no_request_met_makes_the_run_inconclusive() {
    // Of the few dozen requests of this run none is drawn.
    let finished = run(&scenario(
        "faults: [ { name: idle, at: 1s, for: 1s, answer: malformed_body, share: 0.0001% } ]
expect: [ \"lost == 0\" ]",
    ));
    assert_eq!(finished.code, 3, "{}", finished.story());
    assert!(finished.result["faults"][0]["proof"].is_null());
    assert_clean(&finished, "traces");
}
