//! Made-up sides: what is found, what is refused, and what is only shown.

use super::*;
use crate::record::{BASELINE_FORMAT, BaselineRun};

const CPU: &str = "client.cpu.per_item";
const P99: &str = "delivery.latency.p99";
const WIRE: &str = "wire.bytes.per_item";

/// Twelve runs whose values wander by 2 % around their level.
fn side(name: &str, cpu: f64, wire: f64) -> Baseline {
    let runs = 12;
    let wander = |level: f64, salt: usize| -> Vec<Option<f64>> {
        (0..runs)
            .map(|run| Some(level * (1.0 + 0.01 * ((run * salt) % 5) as f64 - 0.02)))
            .collect()
    };
    Baseline {
        format: BASELINE_FORMAT,
        name: name.to_owned(),
        scenario: "quick".to_owned(),
        saved: String::new(),
        fingerprint: BTreeMap::from([("plan".to_owned(), "a".to_owned())]),
        machine: BTreeMap::from([("cores".to_owned(), "2".to_owned())]),
        runs: (0..runs)
            .map(|run| BaselineRun {
                run: format!("{name}-{run}"),
                started: String::new(),
                commit: None,
            })
            .collect(),
        metrics: BTreeMap::from([
            (CPU.to_owned(), wander(cpu, 3)),
            (P99.to_owned(), wander(0.05, 7)),
            ("lost".to_owned(), vec![Some(0.0); runs]),
            (WIRE.to_owned(), vec![Some(wire); runs]),
        ]),
    }
}

fn answers(comparison: &Comparison) -> Vec<(&str, Answer)> {
    let metrics = comparison.gated.iter().chain(&comparison.shown);
    metrics
        .map(|m| (m.name.as_str(), m.finding.as_ref().unwrap().answer))
        .collect()
}

#[test]
fn the_same_is_no_difference() {
    let (a, b) = (side("a", 5e-6, 100.0), side("b", 5e-6, 100.0));
    for paired in [true, false] {
        let comparison = compare_sides(&a, &b, &Gate::default(), paired).unwrap();
        assert_eq!(comparison.answer, Answer::NoDifference, "{comparison:#?}");
        assert!(
            answers(&comparison)
                .iter()
                .all(|(_, a)| *a == Answer::NoDifference)
        );
        assert_eq!(comparison.summary, "no difference seen");
    }
}

#[test]
fn what_got_worse_comes_first_and_is_named() {
    let (a, b) = (side("a", 5e-6, 100.0), side("b", 6e-6, 103.0));
    for paired in [true, false] {
        let comparison = compare_sides(&a, &b, &Gate::default(), paired).unwrap();
        assert_eq!(comparison.answer, Answer::Regression);
        assert_eq!(comparison.summary, format!("worse: {CPU}"));
        assert_eq!(answers(&comparison)[0], (CPU, Answer::Regression));
        // Bytes do not gate here, but are told.
        assert!(answers(&comparison).contains(&(WIRE, Answer::Regression)));
        let change = comparison.gated[0].finding.as_ref().unwrap().change;
        assert!((change - 0.2).abs() < 0.02, "{change}");
    }
}

#[test]
fn a_single_run_a_side_cannot_tell_what_is_noisy_but_can_tell_what_is_not() {
    let one = |name, cpu, wire| {
        let mut side = side(name, cpu, wire);
        side.runs.truncate(1);
        side.metrics
            .values_mut()
            .for_each(|values| values.truncate(1));
        side
    };
    let gate = Gate {
        metrics: BTreeMap::from([(WIRE.to_owned(), Threshold::Relative(0.01))]),
        ..Gate::default()
    };
    let (a, b) = (one("a", 5e-6, 100.0), one("b", 6e-6, 103.0));
    let comparison = compare_sides(&a, &b, &gate, false).unwrap();
    assert_eq!(comparison.answer, Answer::Regression);
    let comparison = compare_sides(&a, &b, &Gate::default(), false).unwrap();
    assert_eq!(comparison.answer, Answer::TooNoisy);
}

#[test]
fn another_machine_leaves_the_deterministic_and_another_plan_is_refused() {
    let (a, mut b) = (side("a", 5e-6, 100.0), side("b", 9e-6, 100.0));
    b.machine.insert("cores".to_owned(), "4".to_owned());
    let gate = Gate {
        metrics: BTreeMap::from([
            (CPU.to_owned(), Threshold::Relative(0.05)),
            (WIRE.to_owned(), Threshold::Relative(0.01)),
        ]),
        ..Gate::default()
    };
    let comparison = compare_sides(&a, &b, &gate, false).unwrap();
    assert_eq!(answers(&comparison), [(WIRE, Answer::NoDifference)]);
    assert!(comparison.left_out.iter().any(|text| text.starts_with(CPU)));
    assert_eq!(comparison.machines[0].field, "cores");
    b.fingerprint.insert("plan".to_owned(), "b".to_owned());
    let refused = compare_sides(&a, &b, &gate, false).unwrap_err();
    assert_eq!(Difference::in_words(&refused), "plan is `a` and `b`");
    // Unless they are different on purpose.
    assert!(!compare_configurations(&a, &b, &gate).gated.is_empty());
}

#[test]
fn a_metric_that_only_one_side_has_is_left_out_by_name() {
    let (a, mut b) = (side("a", 5e-6, 100.0), side("b", 5e-6, 100.0));
    b.metrics.remove(P99);
    let comparison = compare_sides(&a, &b, &Gate::default(), false).unwrap();
    assert!(
        comparison
            .left_out
            .contains(&format!("{P99}: a side has not measured it"))
    );
}

#[test]
fn losses_where_there_were_none_are_told() {
    let (a, mut b) = (side("a", 5e-6, 100.0), side("b", 5e-6, 100.0));
    b.metrics.insert("lost".to_owned(), vec![Some(7.0); 12]);
    let comparison = compare_sides(&a, &b, &Gate::default(), false).unwrap();
    assert!(answers(&comparison).contains(&("lost", Answer::Regression)));
}

#[test]
fn the_only_signal_is_not_told_twice() {
    let (mut a, mut b) = (side("a", 5e-6, 100.0), side("b", 5e-6, 100.0));
    for side in [&mut a, &mut b] {
        let p99 = side.metrics[P99].clone();
        side.metrics.insert(format!("traces.{P99}"), p99);
        side.metrics
            .insert("logs.lost".to_owned(), vec![Some(1.0); 12]);
    }
    let comparison = compare_sides(&a, &b, &Gate::default(), false).unwrap();
    let names: Vec<&str> = answers(&comparison)
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert!(!names.contains(&"traces.delivery.latency.p99"), "{names:?}");
    assert!(names.contains(&"logs.lost"), "{names:?}");
}

#[test]
fn what_may_be_zero_is_told_in_its_unit_and_not_as_a_share() {
    let (mut a, mut b) = (side("a", 5e-6, 100.0), side("b", 5e-6, 100.0));
    let name = "link.cpu.per_byte";
    a.metrics.insert(name.to_owned(), vec![Some(0.0); 12]);
    b.metrics.insert(name.to_owned(), vec![Some(2e-9); 12]);
    let comparison = compare_sides(&a, &b, &Gate::default(), false).unwrap();
    let found = comparison.shown.iter().find(|m| m.name == name).unwrap();
    assert_eq!(found.threshold, Threshold::Absolute(0.0));
    assert_eq!(found.finding.as_ref().unwrap().change, 2e-9);
}
