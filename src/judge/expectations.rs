//! The user's checks: expectations, steady state, abort conditions.

use super::facts::Facts;
use super::{growth, said};
use crate::evidence::{Evidence, Stopped};
use crate::metric::{self, Unit};
use crate::plan::expectation::{Comparison, Expectation, Limit, Phase, Window};
use crate::record::{CheckGroup, CheckResult, Verdict};
use crate::stats::slope::Slope;
use crate::units;

/// Every line of `expect`.
pub(super) fn expectations(facts: &Facts<'_>) -> Vec<CheckResult> {
    facts
        .plan
        .expect
        .iter()
        .map(|expectation| check(facts, expectation, CheckGroup::Expectation, None))
        .collect()
}

/// Every line of `steady_state`, over the steady phase where the line names no window itself.
pub(super) fn steady_state(facts: &Facts<'_>) -> Vec<CheckResult> {
    let steady = Window::In(Phase::Steady);
    facts
        .plan
        .steady_state
        .iter()
        .map(|expectation| check(facts, expectation, CheckGroup::SteadyState, Some(&steady)))
        .collect()
}

/// The abort condition that stopped the run, if one did.
pub(super) fn aborted(evidence: &Evidence) -> Option<CheckResult> {
    match &evidence.stopped {
        Some(Stopped::Abort {
            condition,
            observed,
        }) => Some(CheckResult {
            name: condition.clone(),
            group: CheckGroup::Abort,
            verdict: Verdict::Fail,
            observed: observed.clone(),
            limit: condition.clone(),
            why: "the abort condition held and the run was stopped".to_owned(),
        }),
        _ => None,
    }
}

fn check(
    facts: &Facts<'_>,
    expectation: &Expectation,
    group: CheckGroup,
    default_window: Option<&Window>,
) -> CheckResult {
    let mut verdict = Verdict::Pass;
    let mut observed = Vec::new();
    let mut limits = Vec::new();
    let mut why = Vec::new();
    for comparison in &expectation.all_of {
        let window = match (&comparison.window, default_window) {
            (Window::Whole, Some(window)) => window,
            (window, _) => window,
        };
        let outcome = compare(facts, comparison, window);
        verdict = worse(verdict, outcome.verdict);
        observed.push(outcome.observed);
        limits.push(outcome.limit);
        why.extend(outcome.why);
    }
    CheckResult {
        name: expectation.text.clone(),
        group,
        verdict,
        observed: observed.join(", "),
        limit: limits.join(", "),
        why: why.join("; "),
    }
}

/// A comparison that fails decides; one that cannot be measured leaves the rest undecided.
fn worse(a: Verdict, b: Verdict) -> Verdict {
    match (a, b) {
        (Verdict::Fail, _) | (_, Verdict::Fail) => Verdict::Fail,
        (Verdict::Inconclusive, _) | (_, Verdict::Inconclusive) => Verdict::Inconclusive,
        _ => Verdict::Pass,
    }
}

struct Compared {
    verdict: Verdict,
    observed: String,
    limit: String,
    why: Option<String>,
}

fn compare(facts: &Facts<'_>, comparison: &Comparison, window: &Window) -> Compared {
    let undecided = |why: String, limit: String| Compared {
        verdict: Verdict::Inconclusive,
        observed: "not measured".to_owned(),
        limit,
        why: Some(why),
    };
    let Some(metric) = metric::find(&comparison.metric.name) else {
        let why = format!("there is no metric {}", comparison.metric);
        return undecided(why, String::new());
    };
    let signal = comparison.metric.signal;
    let op = comparison.op.as_str();
    let name = metric.name;
    let shown = |value: f64| units::metric(name, Some(metric.unit), value);
    let (limit, limit_text) = match comparison.limit {
        Limit::Absolute { value, unit } => (
            value,
            format!("{op} {}", units::metric(name, Some(unit), value)),
        ),
        Limit::ShareOfGenerated { share } => {
            let text = format!(
                "{op} {} of generated",
                units::metric("share", Some(Unit::Ratio), share)
            );
            match facts.ledger_count("generated", signal, window) {
                Ok(generated) if generated > 0.0 => (share * generated, text),
                Ok(_) => return undecided("nothing was generated".to_owned(), text),
                Err(why) => return undecided(why, text),
            }
        }
    };
    if metric.estimated {
        return match growth::of_metric(facts, name, window) {
            Some(Ok(slope)) => with_interval(comparison, slope, limit, limit_text),
            Some(Err(why)) => undecided(format!("{}: {why}", comparison.metric), limit_text),
            None => undecided(format!("{name} has no interval"), limit_text),
        };
    }
    let measured = match metric::said::parse(&comparison.metric.name) {
        Some((series, Some(statistic))) => said::measure(facts, series, statistic, window),
        _ => facts.measure(metric, signal, window),
    };
    match measured {
        Ok(value) if comparison.op.holds(value, limit) => Compared {
            verdict: Verdict::Pass,
            observed: shown(value),
            limit: limit_text,
            why: None,
        },
        Ok(value) => {
            // Values that read alike are told in full: `250 ms` was not below `250 ms`.
            let observed = if shown(value) == shown(limit) && value != limit {
                format!("{value}")
            } else {
                shown(value)
            };
            Compared {
                verdict: Verdict::Fail,
                why: Some(format!(
                    "{} was {observed}, not {limit_text}",
                    comparison.metric
                )),
                observed,
                limit: limit_text,
            }
        }
        Err(why) => undecided(format!("{}: {why}", comparison.metric), limit_text),
    }
}

/// An estimate holds when all of its interval does, and fails when none of it does.
fn with_interval(
    comparison: &Comparison,
    slope: Slope,
    limit: f64,
    limit_text: String,
) -> Compared {
    let name = &comparison.metric.name;
    let shown = |value: f64| units::metric(name, Some(Unit::BytesPerSecond), value);
    let observed = format!(
        "{} ({} to {})",
        shown(slope.per_second),
        shown(slope.low),
        shown(slope.high)
    );
    let ends = [slope.low, slope.high].map(|end| comparison.op.holds(end, limit));
    let (verdict, why) = match ends {
        [true, true] => (Verdict::Pass, None),
        [false, false] => (
            Verdict::Fail,
            Some(format!("{name} was {observed}, not {limit_text}")),
        ),
        _ => (
            Verdict::Inconclusive,
            Some(format!(
                "{name}: too noisy or too short to tell: between {} and {}",
                shown(slope.low),
                shown(slope.high)
            )),
        ),
    };
    Compared {
        verdict,
        observed,
        limit: limit_text,
        why,
    }
}
