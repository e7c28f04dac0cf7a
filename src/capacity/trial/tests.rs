//! Made-up runs: which rates are held, and who is named.

use super::*;
use crate::evidence::{MachineSample, SinkSample};
use crate::judge::fixture::healthy;
use crate::judge::{Circumstances, judge, stored_series};
use crate::plan::expectation::Phase;
use crate::plan::fixture::{SECOND_NS, plan, plan_with_target};
use crate::record::Part;

/// A run of 100 log records a second in which all went well.
fn record(plan: Plan) -> Record {
    let evidence = healthy(&plan);
    let (result, histograms) = judge(&plan, &evidence, Circumstances::default());
    Record {
        run: "a".to_owned(),
        series: stored_series(&evidence),
        plan,
        result,
        histograms,
    }
}

fn slower(count: &mut [u64; 3], share: f64) {
    for count in count {
        *count = (*count as f64 * share) as u64;
    }
}

fn sink(record: &mut Record, change: impl Fn(&mut SinkSample)) {
    record.series.live.sink.iter_mut().for_each(change);
}

fn named(trial: &Trial) -> Vec<(Part, &str)> {
    let gave_out = trial.gave_out.iter();
    gave_out.map(|out| (out.part, out.name.as_str())).collect()
}

#[test]
fn a_healthy_run_holds_its_rate() {
    let trial = trial(&record(plan()), 100.0);
    assert_eq!(trial.why, Vec::<String>::new());
    assert!(trial.held && trial.gave_out.is_empty());
    let figure = |name: &str| trial.figures[name];
    assert!((figure("received.rate") - 100.0).abs() < 2.0, "{trial:?}");
    assert!((figure("client.cpu") - 0.02).abs() < 0.001, "{trial:?}");
    assert!(figure("backlog.growth").abs() < 0.005, "{trial:?}");
    assert_eq!(figure("sink.rss"), f64::from(1 << 20));
}

#[test]
fn a_backlog_that_nobody_saw_is_not_held() {
    let mut blind = record(plan());
    blind.series.live.client.clear();
    let told = trial(&blind, 100.0);
    assert!(
        !told.held && told.why[0].contains("too little was seen"),
        "{told:?}"
    );
    assert!(told.gave_out.is_empty(), "{told:?}");
}

#[test]
fn what_a_target_keeps_is_its_own() {
    let mut slow = record(plan_with_target());
    sink(&mut slow, |sample| slower(&mut sample.received, 0.9));
    let told = trial(&slow, 100.0);
    assert!(!told.held);
    assert!(told.why[0].starts_with("the backlog grew by "), "{told:?}");
    assert_eq!(named(&told), [(Part::Target, "relay")]);
    // The same behind a target that cannot get rid of it.
    sink(&mut slow, |sample| sample.worked_ns = sample.at_ns);
    let told = trial(&slow, 100.0);
    assert_eq!(told.gave_out[0].part, Part::Sink, "{told:?}");
}

#[test]
fn the_client_is_named_where_nothing_behind_it_pushes_back() {
    let mut slow = record(plan());
    sink(&mut slow, |sample| slower(&mut sample.received, 0.9));
    for sample in &mut slow.series.live.client {
        slower(&mut sample.acknowledged, 0.9);
    }
    assert_eq!(named(&trial(&slow, 100.0)), [(Part::Client, "client")]);
    sink(&mut slow, |sample| sample.worked_ns = sample.at_ns * 2);
    assert_eq!(named(&trial(&slow, 100.0)), [(Part::Sink, "sink")]);
}

#[test]
fn a_backlog_that_nobody_has_names_nobody() {
    let mut slow = record(plan());
    // Acknowledged, and not received: yet there is no target, and the sink is idle.
    sink(&mut slow, |sample| slower(&mut sample.received, 0.9));
    let told = trial(&slow, 100.0);
    assert!(!told.held && told.gave_out.is_empty(), "{told:?}");
}

/// Other processes take most of the machine; the target waits for it, or does not need it.
#[test]
fn a_target_that_others_keep_from_running_is_not_named() {
    let told = |busy: f64, waiting: u64| {
        let mut slow = record(plan_with_target());
        sink(&mut slow, |sample| slower(&mut sample.received, 0.9));
        let environment = &mut slow.result.environment;
        environment.insert("cores".to_owned(), "2".to_owned());
        let at_ns = slow.plan.run.duration_ns;
        slow.series.live.machine.push(MachineSample {
            at_ns,
            busy,
            ..MachineSample::default()
        });
        let mut target = slow.series.roles[0].clone();
        target.role = "target".to_owned();
        for sample in &mut target.samples {
            sample.cpu_waited_ns = sample.at_ns / 10 * waiting;
        }
        slow.series.roles.push(target);
        trial(&slow, 100.0)
    };
    let starved = told(0.97, 5);
    let expected = [(Part::Machine, "the machine"), (Part::Target, "relay")];
    assert_eq!(named(&starved), expected);
    let evidence = &starved.gave_out[0].evidence[0];
    assert!(
        evidence.starts_with("relay waited for a core in 9"),
        "{evidence}"
    );
    assert!((starved.figures["relay.cpu.waiting"] - 0.5).abs() < 0.01);
    for (busy, waiting) in [(0.97, 0), (0.5, 5)] {
        assert_eq!(named(&told(busy, waiting)), [(Part::Target, "relay")]);
    }
}

#[test]
fn a_batch_that_is_late_is_no_backlog() {
    let mut saw = record(plan());
    // Whole seconds arrive at once.
    sink(&mut saw, |sample| {
        let whole_s = sample.at_ns / SECOND_NS;
        sample.received = [0, 0, (whole_s * 100).min(2000)];
    });
    let told = trial(&saw, 100.0);
    assert!(told.held, "{told:?}");
}

#[test]
fn a_late_load_is_the_clients_and_a_doubt_of_the_harness_squalls() {
    let fails = |name: &str| {
        let mut doubtful = record(plan());
        let checks = &mut doubtful.result.checks;
        let check = checks.iter_mut().find(|check| check.name == name).unwrap();
        check.verdict = Verdict::Inconclusive;
        check.why = "for a reason".to_owned();
        trial(&doubtful, 100.0)
    };
    let late = fails(names::KEPT_SCHEDULE);
    assert_eq!(named(&late), [(Part::Client, "client")]);
    assert_eq!(late.why, ["the generator kept its schedule: for a reason"]);
    let controller = fails("the controller stayed out of the way");
    assert_eq!(named(&controller), [(Part::Squall, "squall")]);
    assert_eq!(named(&fails(names::SINK_NOT_SATURATED))[0].0, Part::Sink);
}

#[test]
fn loss_counts_unless_the_scenario_says_how_much_may_be() {
    let mut lossy = record(plan());
    lossy.result.metrics.insert("lost".to_owned(), 7.0);
    assert_eq!(trial(&lossy, 100.0).why, ["7 items were lost"]);
    let comparison = crate::plan::expectation::Comparison {
        metric: crate::plan::expectation::MetricRef {
            signal: None,
            name: "lost".to_owned(),
        },
        op: crate::plan::expectation::Op::Less,
        limit: crate::plan::expectation::Limit::ShareOfGenerated { share: 0.1 },
        window: crate::plan::expectation::Window::In(Phase::Steady),
    };
    lossy
        .plan
        .expect
        .push(crate::plan::expectation::Expectation {
            text: "lost < 10%".to_owned(),
            line: 1,
            all_of: vec![comparison],
        });
    assert!(trial(&lossy, 100.0).held);
}
