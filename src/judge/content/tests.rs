//! Each flaw fails its own check, and the user's own limits and leave come first.

use crate::evidence::{ContentEvidence, ContentFlaw, Evidence};
use crate::judge::fixture::healthy;
use crate::judge::{Circumstances, judge};
use crate::metric::Unit;
use crate::plan::expectation::{Comparison, Expectation, Limit, MetricRef, Op, Window};
use crate::plan::fixture::plan;
use crate::plan::{ContentIgnore, ContentPlan, Plan};
use crate::record::{CheckGroup, RunResult, Verdict};
use crate::signal::Signal;

fn judged(plan: &Plan, evidence: &Evidence) -> RunResult {
    judge(plan, evidence, Circumstances::default()).0
}

fn looked() -> (Plan, Evidence) {
    let mut plan = plan();
    plan.content = Some(ContentPlan::default());
    let mut evidence = healthy(&plan);
    let mut found = ContentEvidence::default();
    found.signal_mut(Signal::Logs).compared = 2000;
    evidence.content = Some(found);
    (plan, evidence)
}

fn note(evidence: &mut Evidence, flaw: ContentFlaw) {
    let found = evidence.content.as_mut().unwrap().signal_mut(Signal::Logs);
    found.note(flaw, || "0/7: attributes arrived as {}".to_owned());
}

#[test]
fn a_run_that_did_not_look_has_nothing_to_say() {
    let plan = plan();
    let result = judged(&plan, &healthy(&plan));
    assert_eq!(result.verdict, Verdict::Pass, "{}", result.summary);
    assert_eq!(result.content, None);
    assert!(!result.metrics.contains_key("content.altered"));
    assert!(result.checks.iter().all(|c| c.group != CheckGroup::Content));
}

#[test]
fn nothing_wrong_passes() {
    let (plan, evidence) = looked();
    let result = judged(&plan, &evidence);
    assert_eq!(result.verdict, Verdict::Pass, "{}", result.summary);
    assert_eq!(result.content.unwrap().compared[&Signal::Logs], 2000);
    assert_eq!(result.metrics["content.altered"], 0.0);
    assert_eq!(result.metrics["logs.content.altered"], 0.0);
}

#[test]
fn an_altered_item_fails_the_run_and_is_shown() {
    let (plan, mut evidence) = looked();
    note(&mut evidence, ContentFlaw::Altered);
    let result = judged(&plan, &evidence);
    assert_eq!((result.verdict, result.exit_code), (Verdict::Fail, 1));
    assert!(result.summary.contains("such as 0/7"), "{}", result.summary);
    let headline = "It is not so that what arrived is what was sent: ";
    assert!(result.summary.starts_with(headline), "{}", result.summary);
    let findings = &result.content.as_ref().unwrap().findings;
    assert_eq!((findings.len(), findings[0].items), (1, 1));
    let of_content = result
        .checks
        .iter()
        .filter(|c| c.group == CheckGroup::Content);
    let failed: Vec<&str> = of_content
        .filter(|check| check.verdict == Verdict::Fail)
        .map(|check| check.name.as_str())
        .collect();
    assert_eq!(failed, ["what arrived is what was sent"]);
}

#[test]
fn requests_that_are_not_otlp_fail_it_too() {
    let (plan, mut evidence) = looked();
    evidence.sink.malformed = 2;
    evidence.sink.malformed_examples = vec!["Span: field 2 has the wrong wire type".to_owned()];
    let result = judged(&plan, &evidence);
    assert_eq!(result.verdict, Verdict::Fail);
    assert!(
        result.summary.contains("wrong wire type"),
        "{}",
        result.summary
    );
}

#[test]
fn a_limit_of_the_users_own_replaces_the_check() {
    let (mut plan, mut evidence) = looked();
    note(&mut evidence, ContentFlaw::Altered);
    plan.expect.push(Expectation {
        text: "content.altered <= 1".to_owned(),
        line: 1,
        all_of: vec![Comparison {
            metric: MetricRef {
                signal: None,
                name: "content.altered".to_owned(),
            },
            op: Op::LessOrEqual,
            limit: Limit::Absolute {
                value: 1.0,
                unit: Unit::Count,
            },
            window: Window::Whole,
        }],
    });
    let result = judged(&plan, &evidence);
    assert_eq!(result.verdict, Verdict::Pass, "{}", result.summary);
}

#[test]
fn what_is_allowed_is_measured_and_not_judged() {
    let (mut plan, mut evidence) = looked();
    plan.load.metrics = Some(crate::plan::fixture::metrics());
    note(&mut evidence, ContentFlaw::Gaps);
    let fails = |plan: &Plan| {
        let result = judged(plan, &evidence);
        assert_eq!(result.metrics["content.gaps"], 1.0);
        result
            .checks
            .iter()
            .any(|check| check.verdict == Verdict::Fail)
    };
    assert!(fails(&plan));
    plan.content = Some(ContentPlan {
        ignore: [ContentIgnore::Gaps].into(),
    });
    assert!(!fails(&plan));
}

#[test]
fn what_could_not_be_compared_leaves_the_run_undecided() {
    let (plan, mut evidence) = looked();
    let found = evidence.content.as_mut().unwrap();
    found.signal_mut(Signal::Logs).unknown = 3;
    assert_eq!(judged(&plan, &evidence).verdict, Verdict::Inconclusive);
    evidence.content = None;
    let result = judged(&plan, &evidence);
    assert_eq!(result.verdict, Verdict::Inconclusive);
    assert!(
        result.summary.contains("did not tell"),
        "{}",
        result.summary
    );
}
