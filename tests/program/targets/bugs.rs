//! Planted bugs that touch items: each is found, exactly and in the relay, and nothing else is.

use squall::ledger::Class;

use super::{all_delivered, assert_exact, assert_named, owned_up, placed, scenario};
use crate::harness::{Finished, run};

const GAPS: &str = "no series has a gap";
const ORPHANS: &str = "every span has its parent";
const ORDER: &str = "times are in order";
const ALTERED: &str = "what arrived is what was sent";

/// Lost in the relay without a word of it, as its oracle has it.
fn assert_lost_in_relay(finished: &Finished) {
    let lost = assert_exact(finished, Class::LostSilently);
    let there = placed(finished, "lost_at", Class::LostSilently, "relay");
    assert_eq!(there, lost, "{}", finished.story());
    // It hides its loss, so that it and the ledger disagree.
    assert_eq!(owned_up(finished), (lost, Some(0), false));
    assert_eq!(finished.metric("duplicated"), 0.0);
}

#[test]
fn items_that_the_relay_forgets() {
    let finished = run(&scenario("--bug, lose=50", ""));
    assert_named(&finished, &["lost == 0"], &[GAPS, ORPHANS]);
    assert_lost_in_relay(&finished);
}

#[test]
fn what_waits_in_the_relay_when_it_is_asked_to_end() {
    let slow = "--throttle, '450', --bug, lose-on-term";
    let finished = run(&scenario(
        slow,
        "faults: [ { name: deploy, at: 1500ms, for: 300ms, stop: relay } ]",
    ));
    assert_named(&finished, &["lost == 0"], &[GAPS, ORPHANS]);
    let lost = assert_exact(&finished, Class::LostSilently);
    let there = placed(&finished, "lost_at", Class::LostSilently, "relay");
    assert_eq!(there, lost, "{}", finished.story());
}

#[test]
fn what_waits_in_the_relay_when_it_ends_with_the_load() {
    // What the client still holds by then is its own to lose.
    let finished = run(&scenario(
        "--throttle, '450', --bug, lose-on-term",
        "faults: [ { name: end, at: 2900ms, stop: relay } ]",
    )
    .replace("max_retries: 20", "max_retries: 1"));
    assert_named(&finished, &["lost == 0"], &[GAPS, ORPHANS]);
    let lost = assert_exact(&finished, Class::LostSilently);
    let there = placed(&finished, "lost_at", Class::LostSilently, "relay");
    assert_eq!(there, lost, "{}", finished.story());
}

#[test]
fn what_the_relay_sends_twice_after_an_answer_that_it_may_retry() {
    let finished = run(&scenario(
        "--bug, duplicate-on-retry",
        "faults: [ { name: busy, at: 1s, for: 500ms, answer: { status: { grpc: UNAVAILABLE } } } ]",
    ));
    assert_named(&finished, &["duplicated == 0"], &[]);
    let copied = assert_exact(&finished, Class::Duplicated);
    let there = placed(&finished, "duplicated_at", Class::Duplicated, "relay");
    assert_eq!(there, copied, "{}", finished.story());
    assert_eq!(finished.metric("lost"), 0.0);
}

#[test]
fn what_the_relay_sends_twice_after_a_cut() {
    let finished = run(&scenario(
        "--bug, duplicate-on-retry",
        "faults: [ { name: cut, link: to-sink, at: 1s, for: 500ms, partition: reset } ]",
    ));
    assert_named(&finished, &["duplicated == 0"], &[]);
    let copied = assert_exact(&finished, Class::Duplicated);
    let there = placed(&finished, "duplicated_at", Class::Duplicated, "relay");
    assert_eq!(there, copied, "{}", finished.story());
}

#[test]
fn what_the_relay_answers_for_without_room() {
    let finished = run(&scenario(
        "--queue, '2', --throttle, '350', --bug, accept-when-full",
        "",
    ));
    assert_named(&finished, &["lost == 0"], &[GAPS, ORPHANS]);
    assert_lost_in_relay(&finished);
    assert_eq!(finished.metric("said.refused.max"), 0.0);
}

#[test]
fn points_that_the_relay_lets_overtake_each_other() {
    // OTLP orders no spans and no log records: of them nothing is wrong.
    let finished = run(&scenario(
        "--throttle, '450', --workers, '1', --bug, reorder",
        "",
    ));
    assert_named(&finished, &[ORDER], &["delivery.latency.p99 < 4s"]);
    let expected = finished.oracle("disordered", "metrics").len() as f64;
    assert!(expected > 0.0, "{}", finished.story());
    assert_eq!(
        finished.metric("content.disordered"),
        expected,
        "{}",
        finished.story()
    );
    all_delivered(&finished);
}

#[test]
fn attributes_that_the_relay_changes() {
    let finished = run(&scenario("--bug, corrupt-attribute=40", ""));
    assert_named(&finished, &[ALTERED], &[]);
    assert_altered(&finished, "corrupted");
}

#[test]
fn parents_that_the_relay_strips() {
    let finished = run(&scenario("--bug, strip-parents=7", ""));
    assert_named(&finished, &[ALTERED], &[]);
    assert_altered(&finished, "orphaned");
}

/// As many items of each signal arrived changed as the oracle has of that class.
fn assert_altered(finished: &Finished, class: &str) {
    let mut all = 0;
    for signal in ["traces", "logs", "metrics"] {
        let expected = finished.oracle(class, signal).len();
        let found = finished.metric(&format!("{signal}.content.altered"));
        assert_eq!(found, expected as f64, "{signal}\n{}", finished.story());
        all += expected;
    }
    assert!(all > 0, "the bug did nothing\n{}", finished.story());
    all_delivered(finished);
}

#[test]
fn a_relay_that_takes_everything_and_forwards_nothing() {
    // Its health probe is what it was started by, and it is green.
    let finished = run(&scenario("--bug, zombie", "").replace("<= 60", "<= 600"));
    let named = ["lost == 0", "relay sends on what it takes"];
    assert_named(&finished, &named, &["delivery.latency.p99 < 4s"]);
    let lost = assert_exact(&finished, Class::LostSilently);
    assert_eq!(
        placed(&finished, "lost_at", Class::LostSilently, "relay"),
        lost
    );
    assert_eq!(lost as f64, finished.metric("generated"));
}
