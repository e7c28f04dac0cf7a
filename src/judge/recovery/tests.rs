//! Recovery of made-up runs: over one fault, over occurrences, over a storm.

use super::super::facts::Facts;
use super::super::fixture::{healthy, held_between, run};
use super::*;
use crate::evidence::Evidence;
use crate::metric;
use crate::plan::fixture::{client_fault, cut, plan};
use crate::plan::{Plan, ProcessFault};

fn measured(plan: &Plan, evidence: &Evidence, name: &str, window: Window) -> Measured {
    let facts = Facts::of(plan, evidence);
    facts.measure(metric::find(name).unwrap(), None, &window)
}

fn recovery(plan: &Plan, evidence: &Evidence) -> Measured {
    measured(plan, evidence, "recovery.time", Window::Whole)
}

fn with_cut(end_s: u64) -> Plan {
    Plan {
        faults: vec![cut("cut", 8, end_s)],
        ..plan()
    }
}

#[test]
fn recovery_ends_with_the_first_of_three_healthy_seconds() {
    let plan = with_cut(10);
    let at_once = run(&plan, |due| held_between(due, 8, 10));
    assert_eq!(recovery(&plan, &at_once), Ok(0.0));
    let in_two_seconds = run(&plan, |due| held_between(due, 8, 12));
    assert_eq!(recovery(&plan, &in_two_seconds), Ok(2.0));
    // Two healthy seconds and a relapse are no recovery.
    let relapse = run(&plan, |due| match due / SECOND_NS {
        12 => None,
        _ => held_between(due, 8, 10),
    });
    assert_eq!(recovery(&plan, &relapse), Ok(3.0));
    let never = run(&plan, |due| held_between(due, 8, 19));
    assert!(recovery(&plan, &never).is_err());
}

#[test]
fn losing_six_in_a_hundred_is_no_recovery_and_losing_five_is() {
    let plan = with_cut(10);
    let losing = |share: u64| {
        run(&plan, move |due| {
            let lost = due >= 10 * SECOND_NS && (due / 10_000_000) % 100 < share;
            (!lost).then_some(5_000_000)
        })
    };
    assert!(recovery(&plan, &losing(6)).is_err());
    assert_eq!(recovery(&plan, &losing(5)), Ok(0.0));
}

#[test]
fn what_the_sampler_left_out_is_not_waited_for() {
    let plan = with_cut(10);
    let kept = |sequence: u64| sequence.is_multiple_of(10);
    let mut evidence = run(&plan, |due| kept(due / 10_000_000 + 1).then_some(5_000_000));
    let producer = &mut evidence.producers[0];
    producer.sampled_out = (1..=2000).filter(|s| !kept(*s)).collect();
    producer.entered = (1..=2000).filter(|s| kept(*s)).collect();
    assert_eq!(recovery(&plan, &evidence), Ok(0.0));
}

#[test]
fn seconds_in_which_nothing_was_due_prove_nothing() {
    let plan = with_cut(10);
    let mut evidence = healthy(&plan);
    let producer = &mut evidence.producers[0];
    producer.due_ns.truncate(1000);
    producer.released_ns.truncate(1000);
    assert!(recovery(&plan, &evidence).is_err());
}

#[test]
fn kills_and_faults_that_end_with_the_load_have_no_recovery() {
    let mut plan = with_cut(20);
    // It may end a moment before the client says so.
    let mut evidence = healthy(&plan);
    evidence.times.load_ended_ns += 5_000_000;
    assert!(recovery(&plan, &evidence).is_err());
    plan.faults = vec![client_fault("crash", 12, None, ProcessFault::Kill)];
    let mut evidence = healthy(&plan);
    evidence.faults[0].ended_ns = Some(12 * SECOND_NS + 1);
    assert!(recovery(&plan, &evidence).is_err());
    // They do not hide the recovery of another fault.
    plan.faults.push(cut("cut", 4, 6));
    assert_eq!(recovery(&plan, &healthy(&plan)), Ok(0.0));
}

#[test]
fn the_worst_fault_counts_without_a_window() {
    let mut plan = with_cut(10);
    plan.faults.push(cut("first", 3, 4));
    let evidence = run(&plan, |due| held_between(due, 8, 11));
    assert_eq!(recovery(&plan, &evidence), Ok(1.0));
    let first = Window::After("first".to_owned());
    assert_eq!(measured(&plan, &evidence, "recovery.time", first), Ok(0.0));
}

#[test]
fn a_gap_spans_the_fault_and_what_comes_after() {
    let plan = with_cut(10);
    let evidence = run(&plan, |due| held_between(due, 8, 13));
    let gap = |window| measured(&plan, &evidence, "delivery.gap", window).unwrap();
    let near = |seen: f64, truth: f64| assert!((seen - truth).abs() <= 0.2, "{seen}");
    near(gap(Window::Whole), 5.0);
    near(gap(Window::During("cut".to_owned())), 2.0);
    near(gap(Window::After("cut".to_owned())), 3.0);
    near(gap(Window::In(Phase::Steady)), 0.1);
    // After the load nothing can be missing, so there is nothing to measure.
    let drain = Window::In(Phase::Drain);
    assert!(measured(&plan, &evidence, "delivery.gap", drain).is_err());
    let after = || Window::After("cut".to_owned());
    near(
        measured(&plan, &evidence, "delivery.gap.outage", after()).unwrap(),
        2.0,
    );
    near(
        measured(&plan, &evidence, "delivery.gap.backoff", after()).unwrap(),
        3.0,
    );
    near(
        measured(&plan, &evidence, "backlog.drain.time", after()).unwrap(),
        3.0,
    );
}

/// The occurrences of a fault have one name; a storm's faults have its name before theirs.
fn again(name: &str, occurrence: u32, start_s: u64, end_s: u64) -> FaultPlan {
    FaultPlan {
        occurrence,
        ..cut(name, start_s, end_s)
    }
}

fn of_storm(name: &str, start_s: u64, end_s: u64) -> FaultPlan {
    FaultPlan {
        storm: Some("gale".to_owned()),
        ..cut(&format!("gale.{name}"), start_s, end_s)
    }
}

fn after(name: &str) -> Window {
    Window::After(name.to_owned())
}

#[test]
fn after_a_fault_that_repeats_the_worst_of_its_times_counts() {
    for slow in [1, 2] {
        let plan = Plan {
            faults: vec![again("cut", 1, 3, 4), again("cut", 2, 11, 12)],
            ..plan()
        };
        let evidence = run(&plan, |due| match slow {
            1 => held_between(due, 3, 6),
            _ => held_between(due, 11, 14),
        });
        let time = |window| measured(&plan, &evidence, "recovery.time", window);
        assert_eq!(time(after("cut")), Ok(2.0), "the {slow}. was slow");
        let facts = Facts::of(&plan, &evidence);
        let each = evidence.faults.iter();
        let each: Vec<Measured> = each
            .map(|fault| of_occurrence(&facts, "recovery.time", fault))
            .collect();
        let slow_one = slow - 1;
        assert_eq!(each[slow_one], Ok(2.0));
        assert_eq!(each[1 - slow_one], Ok(0.0));
    }
}

#[test]
fn a_time_that_never_recovered_is_not_hidden_by_one_that_did() {
    let plan = Plan {
        faults: vec![again("cut", 1, 3, 4), again("cut", 2, 11, 12)],
        ..plan()
    };
    let evidence = run(&plan, |due| held_between(due, 11, 19));
    assert!(measured(&plan, &evidence, "recovery.time", after("cut")).is_err());
}

#[test]
fn after_a_storm_all_of_it_is_over() {
    let plan = Plan {
        faults: vec![of_storm("first", 4, 6), of_storm("second", 8, 10)],
        ..plan()
    };
    let evidence = run(&plan, |due| held_between(due, 8, 12));
    let of = |name: &str, window| measured(&plan, &evidence, name, window);
    assert_eq!(of("recovery.time", after("gale")), Ok(2.0));
    let near = |seen: Measured, truth: f64| {
        assert!((seen.clone().unwrap() - truth).abs() <= 0.2, "{seen:?}")
    };
    // Nothing came from 8 s on: the storm's last end is at 10 s.
    near(of("delivery.gap.outage", after("gale")), 2.0);
    near(of("delivery.gap.backoff", after("gale")), 2.0);
    near(of("backlog.drain.time", after("gale")), 2.0);
    near(of("delivery.gap", Window::During("gale".to_owned())), 2.0);
    near(of("delivery.gap", after("gale")), 2.0);
}

#[test]
fn a_storm_that_ends_with_the_load_has_no_recovery_and_says_so() {
    let plan = Plan {
        faults: vec![of_storm("first", 4, 6), of_storm("second", 8, 20)],
        ..plan()
    };
    let evidence = healthy(&plan);
    let why = measured(&plan, &evidence, "recovery.time", after("gale")).unwrap_err();
    assert_eq!(why, "gale did not end while there was load");
    let why = measured(&plan, &evidence, "recovery.time", after("calm")).unwrap_err();
    assert_eq!(why, "there was no fault calm");
}
