//! The verdict on made-up runs: each of squall's own checks can fail, and the gravest reason wins.

use super::fixture::{healthy, run};
use super::{Circumstances, judge};
use crate::evidence::{Evidence, Measurements, SeriesSum, Stopped};
use crate::metric::Unit;
use crate::plan::expectation::{Comparison, Expectation, Limit, MetricRef, Op, Window};
use crate::plan::fixture::{SECOND_NS, client_fault, cut, metrics, plan, plan_with_target};
use crate::plan::{FaultKind, Plan, ProcessFault, RoleName};
use crate::record::{CheckGroup, CheckResult, MACHINE, RunResult, Verdict};

fn judged(plan: &Plan, evidence: &Evidence) -> RunResult {
    judge(plan, evidence, Circumstances::default()).0
}

/// `NAME op VALUE`, in the metric's unit, over the whole run.
fn expectation(name: &str, op: Op, value: f64, window: Window) -> Expectation {
    Expectation {
        text: format!("{name} {} {value}", op.as_str()),
        line: 1,
        all_of: vec![Comparison {
            metric: MetricRef {
                signal: None,
                name: name.to_owned(),
            },
            op,
            limit: Limit::Absolute {
                value,
                unit: Unit::Count,
            },
            window,
        }],
    }
}

fn harness(result: &RunResult) -> Vec<&CheckResult> {
    result
        .checks
        .iter()
        .filter(|check| check.group == CheckGroup::Harness)
        .collect()
}

/// Log records and one metric series, with a cut from 8 s to 10 s that delays nothing.
fn full() -> (Plan, Evidence) {
    let mut plan = plan();
    plan.faults.push(cut("cut", 8, 10));
    plan.links[0].tap = true;
    let mut evidence = healthy(&plan);
    plan.load.metrics = Some(metrics());
    let mut points = evidence.producers[0].clone();
    points.signal = crate::signal::Signal::Metrics;
    let mut seen = evidence.sink.signals[0].clone();
    seen.signal = points.signal;
    let batches = evidence.batches.clone().into_iter().map(|mut batch| {
        batch.signal = points.signal;
        batch.batch += 100_000;
        batch
    });
    evidence.batches.extend(batches);
    evidence.producers.push(points);
    evidence.sink.signals.push(seen);
    evidence.measurements.push(Measurements {
        due_ns: vec![SECOND_NS, 2 * SECOND_NS],
        released_ns: vec![SECOND_NS, 2 * SECOND_NS],
    });
    evidence.sums.push(SeriesSum {
        series: "s".to_owned(),
        hash: 1,
        recorded: 2.0,
        received: 2.0,
        lost: 0.0,
    });
    (plan, evidence)
}

type Spoil = fn(&mut Evidence);

/// What makes each check of the harness fail.
const SPOILT: [(&str, Spoil); 19] = [
    ("every role did its work", |e| {
        e.incidents.push("the sink died".to_owned())
    }),
    ("the generator kept its schedule", |e| {
        let producer = &mut e.producers[0];
        for (due, released) in producer
            .due_ns
            .iter()
            .zip(&mut producer.released_ns)
            .take(100)
        {
            *released = due + SECOND_NS;
        }
    }),
    ("the generator kept its schedule", |e| {
        e.measurements[0].released_ns[0] += SECOND_NS
    }),
    ("nothing was missed", |e| {
        // As a generator does that is too late: never released, never made.
        let producer = &mut e.producers[0];
        producer.released_ns[1999] = 0;
        producer.entered.remove(2000);
        producer.received.remove(2000);
        e.sink.signals[0].copies -= 1;
    }),
    ("nothing was missed", |e| {
        e.measurements[0].released_ns[1] = 0
    }),
    ("logs: something was sent", |e| {
        e.producers[0].entered.clear()
    }),
    ("metrics: something was sent", |e| {
        e.producers[1].entered.clear()
    }),
    ("something was received", |e| {
        for producer in &mut e.producers {
            producer.received.clear();
        }
    }),
    ("logs: the ledger closes", |e| {
        _ = e.producers[0].received.remove(5)
    }),
    ("metrics: the ledger closes", |e| {
        e.sink.signals[1].copies += 1
    }),
    ("nothing unexpected was received", |e| {
        e.sink.signals[0].unexpected += 1
    }),
    ("metric sums add up", |e| e.sums[0].received = 1.0),
    ("metric sums add up", |e| e.sums.clear()),
    ("the pipeline drained", |e| e.times.quiescent_ns = None),
    ("the sink was not saturated", |e| {
        for sample in &mut e.roles[2].samples {
            sample.cpu_user_ns = sample.at_ns * 2;
        }
    }),
    ("no link was saturated by its tap", |e| {
        for sample in &mut e.roles[1].samples {
            sample.cpu_user_ns = sample.at_ns;
        }
    }),
    ("the controller stayed out of the way", |e| {
        drop(e.roles.pop())
    }),
    ("cut: the fault took effect", |e| e.faults[0].proof = None),
    ("cut: the fault healed", |e| {
        e.faults[0].healed = Some(false)
    }),
];

#[test]
fn every_check_of_the_harness_can_fail() {
    let (plan, evidence) = full();
    let good = judged(&plan, &evidence);
    assert_eq!(good.verdict, Verdict::Pass, "{}", good.summary);
    for check in harness(&good) {
        assert!(
            SPOILT.iter().any(|(name, _)| *name == check.name),
            "nothing here makes {} fail",
            check.name
        );
    }
    for (name, spoil) in SPOILT {
        let mut evidence = evidence.clone();
        spoil(&mut evidence);
        let result = judged(&plan, &evidence);
        let check = harness(&result)
            .into_iter()
            .find(|check| check.name == name);
        assert_eq!(
            check.map(|c| c.verdict),
            Some(Verdict::Inconclusive),
            "{name}"
        );
        assert_eq!(result.exit_code, 3, "{name}");
    }
}

#[test]
fn a_fault_that_no_request_met_says_so() {
    let why = |evidence: &Evidence| {
        let result = judged(&full().0, evidence);
        let checks = harness(&result);
        let check = checks
            .iter()
            .find(|check| check.name == "cut: the fault took effect");
        check.unwrap().why.clone()
    };
    let (_, mut evidence) = full();
    evidence.faults[0].proof = None;
    assert!(
        !why(&evidence).contains("sent nothing"),
        "{}",
        why(&evidence)
    );
    for batch in &mut evidence.batches {
        batch.attempts.clear();
    }
    assert!(
        why(&evidence).contains("sent nothing"),
        "{}",
        why(&evidence)
    );
}

#[test]
fn a_fault_that_an_early_end_kept_from_beginning_is_said_to_be_that() {
    let (plan, mut evidence) = full();
    evidence.stopped = Some(Stopped::Signal(2));
    evidence.faults[0].started_ns = None;
    evidence.faults[0].proof = None;
    let result = judged(&plan, &evidence);
    let effect = harness(&result)
        .into_iter()
        .find(|check| check.name == "cut: the fault took effect")
        .unwrap();
    assert_eq!(
        (effect.verdict, effect.observed.as_str()),
        (Verdict::Pass, "not reached")
    );
}

#[test]
fn what_was_not_sampled_is_not_judged() {
    let (plan, mut evidence) = full();
    evidence.roles.clear();
    assert_eq!(judged(&plan, &evidence).verdict, Verdict::Inconclusive);
}

#[test]
fn a_fault_is_told_with_the_station_that_it_struck() {
    let mut plan = plan_with_target();
    plan.faults = vec![
        cut("cut", 8, 9),
        cut("far", 10, 11),
        cut("crash", 12, 13),
        cut("load", 14, 15),
    ];
    if let FaultKind::Link { link, .. } = &mut plan.faults[1].kind {
        *link = 1;
    }
    plan.faults[2].kind = FaultKind::Process {
        role: RoleName::Target(0),
        fault: ProcessFault::Restart,
    };
    plan.faults[3].kind = FaultKind::Stress {
        cpu_permille: 500,
        memory_bytes: 0,
    };
    let result = judged(&plan, &healthy(&plan));
    let places: Vec<&str> = result.faults.iter().map(|f| f.place.as_str()).collect();
    let [first, second] = [&plan.links[0].name, &plan.links[1].name];
    assert_eq!(places, [first, second, &plan.targets[0].name, MACHINE]);
}

#[test]
fn a_planned_pause_of_the_client_excuses_its_generator() {
    let mut plan = plan();
    let pause = client_fault("nap", 8, Some(10), ProcessFault::Pause);
    let mut evidence = healthy(&plan);
    let producer = &mut evidence.producers[0];
    for arrival in 800..1000 {
        producer.released_ns[arrival] = 0;
        let sequence = arrival as u64 + 1;
        producer.entered.remove(sequence);
        producer.received.remove(sequence);
    }
    evidence.sink.signals[0].copies -= 200;
    for batch in &mut evidence.batches[80..100] {
        batch.items.clear();
    }
    assert_eq!(judged(&plan, &evidence).verdict, Verdict::Inconclusive);
    plan.faults.push(pause);
    let result = judged(&plan, &evidence);
    assert_eq!(result.verdict, Verdict::Pass, "{}", result.summary);
    assert_eq!(result.metrics["missed"], 200.0);
}

#[test]
fn the_gravest_reason_decides() {
    let mut plan = plan();
    let holds = expectation("generated", Op::Greater, 0.0, Window::Whole);
    let fails = expectation("lost", Op::Greater, 0.0, Window::Whole);
    let unknown = expectation("recovery.time", Op::Less, 5.0, Window::Whole);
    let mut evidence = healthy(&plan);

    plan.expect.push(holds);
    let result = judged(&plan, &evidence);
    assert_eq!((result.verdict, result.exit_code), (Verdict::Pass, 0));
    plan.expect.push(unknown);
    let result = judged(&plan, &evidence);
    assert_eq!(
        (result.verdict, result.exit_code),
        (Verdict::Inconclusive, 3)
    );
    plan.steady_state.push(fails);
    let result = judged(&plan, &evidence);
    assert_eq!((result.verdict, result.exit_code), (Verdict::Fail, 1));
    evidence.incidents.push("the link died".to_owned());
    let result = judged(&plan, &evidence);
    assert_eq!(
        (result.verdict, result.exit_code),
        (Verdict::Inconclusive, 3)
    );
    evidence.stopped = Some(Stopped::Abort {
        condition: "lost > 1".to_owned(),
        observed: "2".to_owned(),
    });
    let result = judged(&plan, &evidence);
    assert_eq!((result.verdict, result.exit_code), (Verdict::Fail, 5));
    for (signal, code) in [(2, 130), (15, 143)] {
        evidence.stopped = Some(Stopped::Signal(signal));
        let result = judged(&plan, &evidence);
        assert_eq!(
            (result.verdict, result.exit_code),
            (Verdict::Inconclusive, code)
        );
    }
}

#[test]
fn a_run_that_was_stopped_before_it_began_is_told_as_one() {
    let mut plan = plan();
    plan.faults.push(cut("cut", 8, 10));
    plan.expect
        .push(expectation("lost", Op::Equal, 0.0, Window::Whole));
    let mut evidence = Evidence::default();
    assert_eq!(judged(&plan, &evidence).exit_code, 3);
    evidence.stopped = Some(Stopped::Signal(2));
    let result = judged(&plan, &evidence);
    assert_eq!(result.exit_code, 130);
    assert!(result.metrics.values().all(|value| value.is_finite()));
    let text = serde_json::to_string(&result).unwrap();
    assert_eq!(serde_json::from_str::<RunResult>(&text).unwrap(), result);
}

#[test]
fn a_whole_run_metric_in_a_window_is_not_measured() {
    let mut plan = plan();
    // `steady_state` looks at the steady phase unless it is told otherwise.
    plan.steady_state.push(expectation(
        "retry.amplification",
        Op::Less,
        9.0,
        Window::Whole,
    ));
    let result = judged(&plan, &healthy(&plan));
    assert_eq!(result.verdict, Verdict::Inconclusive, "{}", result.summary);
}

#[test]
fn nothing_due_in_a_window_is_no_measurement() {
    let mut plan = plan();
    plan.faults.push(cut("cut", 8, 10));
    let during = |name: &str| Window::During(name.to_owned());
    plan.expect
        .push(expectation("lost", Op::Equal, 0.0, during("cut")));
    assert_eq!(judged(&plan, &healthy(&plan)).verdict, Verdict::Pass);
    let losing = run(&plan, |due_ns| (due_ns != 9 * SECOND_NS).then_some(1));
    assert_eq!(judged(&plan, &losing).verdict, Verdict::Fail);
    plan.expect
        .push(expectation("lost", Op::Equal, 0.0, during("no such fault")));
    assert_eq!(
        judged(&plan, &healthy(&plan)).verdict,
        Verdict::Inconclusive
    );
}
