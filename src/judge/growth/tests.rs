//! A planted leak, and memory that only looks like one, over a run of twenty seconds.

use super::super::expectations::expectations;
use super::super::facts::Facts;
use super::super::fixture::healthy;
use crate::evidence::Evidence;
use crate::metric::Unit;
use crate::plan::Plan;
use crate::plan::expectation::{Comparison, Expectation, Limit, MetricRef, Op, Window};
use crate::plan::fixture::{SECOND_NS, cut, plan};
use crate::record::{CheckResult, Verdict};

const MIB: f64 = 1_048_576.0;

/// The scenario of thirty minutes, with a load of twenty seconds: ninety times as fast, and a leak of
/// 45 MiB a minute for one of a half.
fn run_of(expect: &str, op: Op, mib_per_minute: f64) -> Plan {
    let mut plan = plan();
    plan.expect.push(Expectation {
        text: expect.to_owned(),
        line: 1,
        all_of: vec![Comparison {
            metric: MetricRef {
                signal: None,
                name: expect.to_owned(),
            },
            op,
            limit: Limit::Absolute {
                value: mib_per_minute * MIB / 60.0,
                unit: Unit::BytesPerSecond,
            },
            window: Window::Whole,
        }],
    });
    plan
}

/// A healthy run with the memory of one role as `rss_mib` has it at a second.
fn with_memory(plan: &Plan, role: &str, rss_mib: impl Fn(f64) -> f64) -> Evidence {
    let mut evidence = healthy(plan);
    evidence.roles[0].role = role.to_owned();
    for sample in &mut evidence.roles[0].samples {
        sample.rss_bytes = (rss_mib(sample.at_ns as f64 / 1e9) * MIB) as u64;
    }
    evidence
}

fn judged(plan: &Plan, evidence: &Evidence) -> CheckResult {
    let facts = Facts::of(plan, evidence);
    expectations(&facts).remove(0)
}

/// A wobble of a tenth of a MiB that repeats itself never quite.
fn wobble(at_s: f64) -> f64 {
    0.05 * ((at_s * 7.3).sin() + (at_s * 2.1).sin())
}

#[test]
fn a_leak_is_found_and_what_does_not_leak_is_not() {
    let plan = run_of("target.rss.slope", Op::Less, 20.0);
    let leak = |at_s: f64| 30.0 + 45.0 * at_s / 60.0 + wobble(at_s);
    let leaking = judged(&plan, &with_memory(&plan, "target2", leak));
    assert_eq!(leaking.verdict, Verdict::Fail, "{leaking:?}");
    assert!(leaking.why.contains("not < 21.0 MB/min"), "{leaking:?}");
    assert!(leaking.observed.contains(" to "), "{leaking:?}");
    let sound = judged(&plan, &with_memory(&plan, "target2", |s| 30.0 + wobble(s)));
    assert_eq!(sound.verdict, Verdict::Pass, "{sound:?}");
}

#[test]
fn warm_ups_and_faults_do_not_count() {
    let mut plan = run_of("sink.rss.slope", Op::Less, 1.0);
    plan.faults.push(cut("cut", 8, 10));
    // Fills in the warm-up, takes more in the fault and keeps it.
    let grows = |at_s: f64| {
        let warm_up = 50.0 * (at_s / 2.0).min(1.0);
        let fault = 40.0 * ((at_s - 8.0) / 2.0).clamp(0.0, 1.0);
        warm_up + fault + 1.0
    };
    let mut evidence = with_memory(&plan, "sink", grows);
    evidence.roles.truncate(1);
    let check = judged(&plan, &evidence);
    assert_eq!(check.verdict, Verdict::Pass, "{check:?}");
}

#[test]
fn what_cannot_be_told_is_not_judged() {
    let plan = run_of("client.rss.slope", Op::Less, 20.0);
    let step = |at_s: f64| if at_s < 11.0 { 30.0 } else { 36.0 };
    let check = judged(&plan, &with_memory(&plan, "client", step));
    assert_eq!(check.verdict, Verdict::Inconclusive, "{check:?}");
    assert!(check.why.contains("too noisy or too short to tell"));
    let mut short = with_memory(&plan, "client", |_| 30.0);
    short.roles[0].samples.retain(|s| s.at_ns < 3 * SECOND_NS);
    let check = judged(&plan, &short);
    assert_eq!(check.verdict, Verdict::Inconclusive, "{check:?}");
    assert!(check.why.contains("too few samples"), "{check:?}");
    short.roles.clear();
    assert!(judged(&plan, &short).why.contains("was not sampled"));
}

#[test]
fn growth_can_be_asked_for() {
    let plan = run_of("client.rss.slope", Op::Greater, 20.0);
    let evidence = with_memory(&plan, "client", |s| 30.0 + 45.0 * s / 60.0 + wobble(s));
    assert_eq!(judged(&plan, &evidence).verdict, Verdict::Pass);
}

#[test]
fn of_several_targets_none_may_be_in_doubt() {
    let plan = run_of("target.rss.slope", Op::Less, 20.0);
    let mut evidence = with_memory(&plan, "target", |s| 30.0 + wobble(s));
    // Less steep as far as anybody can tell, and nobody can.
    let step = |at_s: f64| if at_s < 11.0 { 30.0 } else { 36.0 };
    let other = with_memory(&plan, "target2", step).roles.remove(0);
    evidence.roles.push(other);
    let check = judged(&plan, &evidence);
    assert_eq!(check.verdict, Verdict::Inconclusive, "{check:?}");
    // One of which there is next to nothing is not left aside.
    let samples = &mut evidence.roles.last_mut().unwrap().samples;
    samples.retain(|s| s.at_ns < 3 * SECOND_NS);
    let check = judged(&plan, &evidence);
    assert_eq!(check.verdict, Verdict::Inconclusive, "{check:?}");
    assert!(check.why.contains("of the target2"), "{check:?}");
}
