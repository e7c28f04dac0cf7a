//! Series made by hand, of one target and of several.

use super::super::fixture::healthy;
use super::*;
use crate::evidence::Evidence;
use crate::plan::expectation::Phase;
use crate::plan::fixture::{SECOND_NS, cut, plan, plan_with_target};

fn told(at_s: u64, target: &str, values: &[(&str, f64)]) -> SaidSample {
    SaidSample {
        at_ns: at_s * SECOND_NS,
        target: target.to_owned(),
        values: values
            .iter()
            .map(|(name, value)| ((*name).to_owned(), *value))
            .collect(),
    }
}

fn evidence(said: Vec<SaidSample>) -> (crate::plan::Plan, Evidence) {
    let mut plan = plan();
    plan.faults.push(cut("cut", 8, 10));
    let mut evidence = healthy(&plan);
    evidence.series.said = said;
    (plan, evidence)
}

#[test]
fn each_statistic_is_that_of_its_window() {
    let queue = |at_s, value| told(at_s, "target", &[("queue", value)]);
    let (plan, evidence) = evidence(vec![
        queue(1, 9.0),
        queue(3, 2.0),
        queue(5, 4.0),
        queue(9, 50.0),
        queue(16, 6.0),
    ]);
    let facts = Facts::of(&plan, &evidence);
    let value = |statistic, window: Window| measure(&facts, "queue", statistic, &window);
    let steady = || Window::In(Phase::Steady);
    assert_eq!(value(Statistic::Max, Window::Whole), Ok(50.0));
    assert_eq!(value(Statistic::Max, steady()), Ok(6.0));
    assert_eq!(value(Statistic::Min, steady()), Ok(2.0));
    assert_eq!(value(Statistic::Mean, steady()), Ok(4.0));
    assert_eq!(
        value(Statistic::Last, Window::During("cut".into())),
        Ok(50.0)
    );
    assert!(value(Statistic::Last, Window::In(Phase::Drain)).is_err());
    assert!(measure(&facts, "qeue", Statistic::Max, &Window::Whole).is_err());
    assert_eq!(all(&facts)["said.queue.max"], 50.0);
}

#[test]
fn a_counter_that_began_anew_goes_on() {
    let dropped = |at_s, value| told(at_s, "target", &[("dropped", value)]);
    let (plan, evidence) = evidence(vec![
        told(1, "target", &[]),
        dropped(3, 5.0),
        dropped(9, 7.0),
        dropped(11, 3.0),
    ]);
    let facts = Facts::of(&plan, &evidence);
    let grown = measure(&facts, "dropped", Statistic::Increase, &Window::Whole);
    assert_eq!(grown, Ok(10.0));
    let during = Window::During("cut".to_owned());
    let grown = measure(&facts, "dropped", Statistic::Increase, &during);
    assert_eq!(grown, Ok(2.0));
}

#[test]
fn of_several_targets_the_worst_counts_and_each_owns_up_for_itself() {
    let (plan, evidence) = evidence(vec![
        told(1, "a", &[("lost", 1.0), ("refused", 0.0)]),
        told(1, "b", &[("lost", 0.0)]),
        told(9, "a", &[("lost", 4.0), ("refused", 2.0)]),
        told(9, "b", &[("lost", 9.0)]),
    ]);
    let facts = Facts::of(&plan, &evidence);
    let last = measure(&facts, "lost", Statistic::Last, &Window::Whole);
    assert_eq!(last, Ok(9.0));
    let names = ["lost", "refused"].map(str::to_owned);
    let said = &evidence.series.said;
    assert_eq!(said_lost(said, "a", &names), Some(5));
    assert_eq!(said_lost(said, "b", &names), Some(9));
    assert_eq!(said_lost(said, "c", &names), None);
    assert_eq!(crate::evidence::said::newest(said, "lost"), Some(9.0));
}

#[test]
fn what_was_lost_and_what_was_said_are_compared() {
    let text = |lost, said| LossFinding::of("the target", lost, said).text;
    assert_eq!(
        text(120, Some(100)),
        "the target lost 120 items and owned up to 100"
    );
    assert_eq!(
        text(120, Some(120)),
        "the target lost 120 items and owned up to all"
    );
    assert_eq!(text(0, Some(0)), "the target lost nothing and says so");
    assert_eq!(
        text(1, Some(0)),
        "the target lost 1 item and owned up to none"
    );
    assert_eq!(
        text(0, Some(7)),
        "the target lost nothing and says that it lost 7 items"
    );
    assert!(!LossFinding::of("x", 0, None).agrees());
    assert!(LossFinding::of("x", 7, Some(7)).agrees());
}

#[test]
fn a_counter_that_is_gone_after_a_restart_began_anew() {
    let dropped = |at_s, value| told(at_s, "relay", &[("dropped", value)]);
    let (plan, evidence) = evidence(vec![
        dropped(1, 0.0),
        dropped(3, 5.0),
        told(5, "relay", &[]),
        dropped(7, 8.0),
    ]);
    let facts = Facts::of(&plan, &evidence);
    let grown = measure(&facts, "dropped", Statistic::Increase, &Window::Whole);
    assert_eq!(grown, Ok(13.0));
    let names = ["dropped".to_owned()];
    assert_eq!(said_lost(&evidence.series.said, "relay", &names), Some(13));
}

#[test]
fn a_counter_that_never_appeared_counted_nothing() {
    let (_, evidence) = evidence(vec![told(1, "relay", &[]), told(9, "relay", &[])]);
    let plan = plan_with_target();
    let facts = Facts::of(&plan, &evidence);
    let value = |series, statistic| measure(&facts, series, statistic, &Window::Whole);
    assert_eq!(value("dropped", Statistic::Increase), Ok(0.0));
    assert!(value("dropped", Statistic::Last).is_err());
    assert!(
        value("droped", Statistic::Increase).is_err(),
        "not asked for"
    );
    let names = ["dropped".to_owned()];
    assert_eq!(said_lost(&evidence.series.said, "relay", &names), Some(0));
}
