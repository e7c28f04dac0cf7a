//! Losses and copies are placed where they were planted.

use roaring::RoaringTreemap;

use super::*;
use crate::evidence::{Evidence, OutcomeKind, SaidSample, Side, TapEvidence, Tapped};
use crate::judge::fixture::healthy;
use crate::plan::fixture::{cut, metrics, plan, plan_with_target};
use crate::plan::{FaultPlan, Place};

/// What each of the four taps saw of the only producer: the first link's sides, then the second's.
fn tap(evidence: &mut Evidence, seen: [&RoaringTreemap; 4], again: [&[u64]; 4]) {
    let points = [
        (0, Side::Entry),
        (0, Side::Exit),
        (1, Side::Entry),
        (1, Side::Exit),
    ];
    for ((link, side), (seen, again)) in points.into_iter().zip(seen.into_iter().zip(again)) {
        let mut tap = TapEvidence::new(link, side);
        tap.producers.push(Tapped {
            signal: Signal::Logs,
            producer: 0,
            seen: seen.clone(),
            seen_again: again.iter().copied().collect(),
            extra_copies: again.len() as u64,
            strangers: 0,
        });
        evidence.taps.push(tap);
    }
}

fn without(all: &RoaringTreemap, items: std::ops::RangeInclusive<u64>) -> RoaringTreemap {
    let mut left = all.clone();
    left.remove_range(items);
    left
}

fn forget(evidence: &mut Evidence, received: &RoaringTreemap) {
    let producer = &mut evidence.producers[0];
    producer.received.clone_from(received);
    producer.received_by_deadline.clone_from(received);
}

fn placed(placed: &[Placed]) -> Vec<(&str, &str, u64)> {
    let shown = placed.iter();
    shown
        .map(|p| (p.class.as_str(), p.at.as_str(), p.items))
        .collect()
}

#[test]
fn a_loss_is_left_where_it_was_seen_last() {
    let plan = plan_with_target();
    let mut evidence = healthy(&plan);
    let all = evidence.producers[0].entered.clone();
    // One never comes whole to the first link, two stay on it, three in the target, four on the
    // second link, and five are not accepted by the sink.
    let at_entry = without(&all, 1..=1);
    let at_target = without(&at_entry, 2..=3);
    let from_target = without(&at_target, 4..=6);
    let at_sink = without(&from_target, 7..=10);
    let received = without(&at_sink, 11..=15);
    tap(
        &mut evidence,
        [&at_entry, &at_target, &from_target, &at_sink],
        [&[]; 4],
    );
    forget(&mut evidence, &received);
    // The batch of the first ten was given up, the next acknowledged.
    if let Some(outcome) = &mut evidence.batches[0].outcome {
        outcome.result = OutcomeKind::GivenUp;
    }
    let flow = flow(&Facts::of(&plan, &evidence));
    assert_eq!(
        placed(&flow.lost_at),
        [
            ("lost_silently", "sink", 5),
            ("given_up", "to-relay", 3),
            ("given_up", "relay", 3),
            ("given_up", "to-sink", 4),
        ]
    );
    let names: Vec<&str> = flow.stations.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["client", "to-relay", "relay", "to-sink", "sink"]);
    let counts: Vec<(Option<u64>, Option<u64>)> = flow
        .stations
        .iter()
        .map(|station| station.seen[&Signal::Logs])
        .map(|seen| (seen.came, seen.went))
        .collect();
    let total = all.len();
    assert_eq!(
        counts,
        [
            (None, Some(total)),
            (Some(total - 1), Some(total - 3)),
            (Some(total - 3), Some(total - 6)),
            (Some(total - 6), Some(total - 10)),
            (Some(total - 10), Some(total - 15)),
        ]
    );
}

#[test]
fn what_never_set_out_was_left_at_the_client() {
    let plan = plan_with_target();
    let mut evidence = healthy(&plan);
    let all = evidence.producers[0].entered.clone();
    let sent = without(&all, 1..=10);
    evidence.batches.remove(0);
    tap(&mut evidence, [&sent; 4], [&[]; 4]);
    forget(&mut evidence, &sent);
    let flow = flow(&Facts::of(&plan, &evidence));
    assert_eq!(placed(&flow.lost_at), [("dropped_by_client", "client", 10)]);
}

#[test]
fn a_copy_is_of_whoever_sent_it_first() {
    let plan = plan_with_target();
    let mut evidence = healthy(&plan);
    let all = evidence.producers[0].entered.clone();
    // The client sends items of its first batch twice, the target adds two, the sink counts one more.
    let attempt = evidence.batches[0].attempts[0].clone();
    evidence.batches[0].attempts.push(attempt);
    let client: Vec<u64> = (1..=10).collect();
    let target: Vec<u64> = (1..=12).collect();
    tap(
        &mut evidence,
        [&all; 4],
        [&client, &client, &target, &target],
    );
    evidence.producers[0].received_again = (1..=13).collect();
    evidence.producers[0].extra_copies = 13;
    let facts = Facts::of(&plan, &evidence);
    let flow = flow(&facts);
    assert_eq!(
        placed(&flow.duplicated_at),
        [
            ("duplicated", "client", 10),
            ("duplicated", "relay", 2),
            ("duplicated", "sink", 1),
        ]
    );
    assert_eq!(duplicated_in_targets(&facts), Ok(2.0));
}

#[test]
fn a_target_owns_up_to_what_it_acknowledged_and_lost() {
    let plan = plan_with_target();
    let mut evidence = healthy(&plan);
    let all = evidence.producers[0].entered.clone();
    let out = without(&all, 101..=120);
    // Of those that it sent, five more never arrived: it had answered for them as well.
    let received = without(&out, 201..=205);
    tap(&mut evidence, [&all, &all, &out, &out], [&[]; 4]);
    forget(&mut evidence, &received);
    let say = |evidence: &mut Evidence, at_ns: u64, dropped: f64| {
        evidence.series.said.push(SaidSample {
            at_ns,
            target: "relay".to_owned(),
            values: [("dropped".to_owned(), dropped)].into(),
        });
    };
    say(&mut evidence, 1, 0.0);
    say(&mut evidence, 2, 20.0);
    let facts = Facts::of(&plan, &evidence);
    assert_eq!(lost_in_targets(&facts), 25);
    let owned = &flow(&facts).owned_up[0];
    assert_eq!(
        (owned.lost, owned.said, owned.agrees),
        (25, Some(20), false)
    );
    let mut crash = plan.clone();
    crash.faults.push(FaultPlan {
        kind: FaultKind::Process {
            role: RoleName::Target(0),
            fault: ProcessFault::Restart,
        },
        ..cut("crash", 8, 10)
    });
    let mut killed = evidence.clone();
    killed.faults = healthy(&crash).faults;
    let owned = &flow(&Facts::of(&crash, &killed)).owned_up[0];
    assert!(owned.killed && !owned.agrees, "{owned:?}");
    assert!(owned.text.contains("it was killed"), "{owned:?}");
    say(&mut evidence, 3, 25.0);
    assert!(flow(&Facts::of(&plan, &evidence)).owned_up[0].agrees);
}

#[test]
fn without_taps_the_answers_place_what_they_can() {
    let mut plan = plan_with_target();
    for link in &mut plan.links {
        link.tap = false;
    }
    let mut evidence = healthy(&plan);
    let all = evidence.producers[0].entered.clone();
    forget(&mut evidence, &without(&all, 1..=10));
    let flow = flow(&Facts::of(&plan, &evidence));
    assert_eq!(placed(&flow.lost_at), [("lost_silently", "relay", 10)]);
    assert_eq!(flow.blurred.len(), 2);
}

#[test]
fn a_line_without_targets_has_three_stations() {
    let plan = plan();
    let evidence = healthy(&plan);
    let flow = flow(&Facts::of(&plan, &evidence));
    let names: Vec<&str> = flow.stations.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["client", "link", "sink"]);
    assert!(flow.lost_at.is_empty() && flow.duplicated_at.is_empty() && flow.blurred.is_empty());
}

fn duplicate(evidence: &mut Evidence, items: std::ops::RangeInclusive<u64>) {
    let producer = &mut evidence.producers[0];
    producer.received_again = items.collect();
    producer.extra_copies = producer.received_again.len();
}

#[test]
fn where_nobody_looked_behind_a_target_its_copies_are_not_denied() {
    let mut plan = plan_with_target();
    plan.links[1].tap = false;
    let mut evidence = healthy(&plan);
    let all = evidence.producers[0].entered.clone();
    tap(&mut evidence, [&all; 4], [&[]; 4]);
    evidence.taps.truncate(2);
    assert_eq!(duplicated_in_targets(&Facts::of(&plan, &evidence)), Ok(0.0));
    duplicate(&mut evidence, 1..=5);
    let facts = Facts::of(&plan, &evidence);
    let flow = flow(&facts);
    assert_eq!(placed(&flow.duplicated_at), [("duplicated", "relay", 5)]);
    let why = duplicated_in_targets(&facts).unwrap_err();
    assert!(why.contains("5 items") && why.contains("`relay`"), "{why}");
    let told = flow.blurred.join("\n");
    assert!(told.contains("are put down to it"), "{told}");
}

#[test]
fn an_attempt_that_never_came_through_made_no_copy() {
    let plan = plan_with_target();
    let mut evidence = healthy(&plan);
    let all = evidence.producers[0].entered.clone();
    // Sent twice, for the first was reset before anything passed; then the target sends it twice.
    let attempt = evidence.batches[0].attempts[0].clone();
    evidence.batches[0].attempts.push(attempt);
    let target: Vec<u64> = (1..=10).collect();
    tap(&mut evidence, [&all; 4], [&[], &[], &target, &target]);
    duplicate(&mut evidence, 1..=10);
    let facts = Facts::of(&plan, &evidence);
    assert_eq!(
        placed(&flow(&facts).duplicated_at),
        [("duplicated", "relay", 10)]
    );
    assert_eq!(duplicated_in_targets(&facts), Ok(10.0));
}

#[test]
fn what_was_answered_came_to_the_target_also_where_the_tap_could_not_read_it() {
    let plan = plan_with_target();
    let mut evidence = healthy(&plan);
    let all = evidence.producers[0].entered.clone();
    let read = without(&all, 1..=10);
    tap(&mut evidence, [&read; 4], [&[]; 4]);
    forget(&mut evidence, &read);
    let facts = Facts::of(&plan, &evidence);
    assert_eq!(lost_in_targets(&facts), 10);
    assert_eq!(
        placed(&flow(&facts).lost_at),
        [("lost_silently", "relay", 10)]
    );
}

#[test]
fn behind_a_target_that_alters_points_nobody_knows_where_they_were() {
    let mut plan = plan_with_target();
    plan.load.metrics = Some(metrics());
    let mut evidence = healthy(&plan);
    let all = evidence.producers[0].entered.clone();
    let altered = without(&all, 1..=10);
    tap(&mut evidence, [&all, &all, &altered, &altered], [&[]; 4]);
    evidence.producers[0].signal = Signal::Metrics;
    for batch in &mut evidence.batches {
        batch.signal = Signal::Metrics;
    }
    for tap in &mut evidence.taps {
        tap.producers[0].signal = Signal::Metrics;
        tap.producers[0].strangers = if tap.link == 1 { 10 } else { 0 };
    }
    // One of the altered ones is lost; the others arrive and are recognised.
    forget(&mut evidence, &without(&all, 5..=5));
    let flow = flow(&Facts::of(&plan, &evidence));
    let seen: Vec<(Option<u64>, Option<u64>)> = flow.stations[2..4]
        .iter()
        .map(|station| station.seen[&Signal::Metrics])
        .map(|seen| (seen.came, seen.went))
        .collect();
    assert_eq!(seen, [(Some(all.len()), None), (None, None)]);
    assert_eq!(placed(&flow.lost_at), [("lost_silently", "relay", 1)]);
    let told = flow.blurred.join("\n");
    assert!(told.contains("10 data points that left `relay`"), "{told}");
}

#[test]
fn of_targets_behind_each_other_none_is_accused_alone() {
    let mut plan = plan_with_target();
    let mut second = plan.targets[0].clone();
    second.name = "gateway".to_owned();
    plan.targets.push(second);
    let mut between = plan.links[1].clone();
    between.name = "between".to_owned();
    between.to = Place::Target(1);
    plan.links[1].from = Place::Target(1);
    plan.links.push(between);
    let mut evidence = healthy(&plan);
    let all = evidence.producers[0].entered.clone();
    let out = without(&all, 101..=120);
    // What is given up by the first came to the second, which refused it.
    tap(&mut evidence, [&all, &all, &out, &out], [&[]; 4]);
    for side in Side::ALL {
        let mut tap = TapEvidence::new(2, side);
        tap.producers.clone_from(&evidence.taps[0].producers);
        evidence.taps.push(tap);
    }
    forget(&mut evidence, &out);
    let mut say = |at_ns: u64, target: &str, dropped: f64| {
        evidence.series.said.push(SaidSample {
            at_ns,
            target: target.to_owned(),
            values: [("dropped".to_owned(), dropped)].into(),
        });
    };
    for (at_ns, by_first) in [(1, 0.0), (2, 20.0)] {
        say(at_ns, "relay", by_first);
        say(at_ns, "gateway", 0.0);
    }
    let facts = Facts::of(&plan, &evidence);
    assert_eq!(lost_in_targets(&facts), 20);
    let flow = flow(&facts);
    assert_eq!(placed(&flow.lost_at), [("lost_silently", "gateway", 20)]);
    let [owned] = flow.owned_up.as_slice() else {
        panic!("{:?}", flow.owned_up);
    };
    assert_eq!(
        owned.text,
        "relay and gateway lost 20 items and owned up to all"
    );
}

#[test]
fn a_target_of_which_no_time_is_known_has_no_latency() {
    let plan = plan_with_target();
    let mut evidence = healthy(&plan);
    let all = evidence.producers[0].entered.clone();
    tap(&mut evidence, [&all; 4], [&[]; 4]);
    let why = target_latency(&Facts::of(&plan, &evidence), &Window::Whole).unwrap_err();
    assert!(why.contains("`relay`"), "{why}");
}
