//! One run at one rate: whether the rate was held.

use std::collections::BTreeMap;

use super::blame::blame;
use super::seen::Steady;
use crate::judge::names;
use crate::metric::Unit;
use crate::plan::{Plan, RoleName};
use crate::record::{CheckGroup, CheckResult, Record, Trial, Verdict};
use crate::units;

/// What it means that a rate is not held, in words.
pub const SATURATION: [&str; 5] = [
    "a check of the scenario's fails: an expectation, the steady state, the content, a target that does not stay up",
    "the backlog grows: what was generated and not received, at its lowest in the last third of the steady phase, is above that of the first third by more than 2 % of what was generated meanwhile, and by more than 50 ms of load",
    "items are lost, where no expectation says how many may be",
    "what is under way at the end of the load does not arrive within the drain",
    "the load itself is late, or squall cannot vouch for the run",
];

/// Metrics that speak of loss: a scenario that limits one of them says what may be lost.
const OF_LOSS: [&str; 8] = [
    "delivered",
    "dropped_by_client",
    "given_up",
    "lost",
    "lost_silently",
    "refused",
    "target.lost",
    "unresolved",
];

/// What a stored run of a plan at `rate_per_s` says about that rate.
pub fn trial(record: &Record, rate_per_s: f64) -> Trial {
    let steady = Steady::of(record);
    let why = why_not(&steady);
    let held = why.is_empty();
    Trial {
        run: record.run.clone(),
        rate_per_s,
        held,
        gave_out: if held { Vec::new() } else { blame(&steady) },
        why,
        figures: figures(&steady),
    }
}

fn why_not(steady: &Steady<'_>) -> Vec<String> {
    let record = steady.record;
    let failed = record
        .result
        .checks
        .iter()
        .filter(|c| c.verdict != Verdict::Pass);
    let mut why: Vec<String> = failed.map(in_words).collect();
    match steady.backlog() {
        Some(growth) if growth.is_real() => {
            let share = units::metric("backlog.growth", Some(Unit::Ratio), growth.share);
            why.push(format!("the backlog grew by {share} of what was generated"));
        }
        Some(_) => {}
        // What nobody saw was not held.
        None => {
            why.push("too little was seen of the steady phase to tell a growing backlog".into())
        }
    }
    let lost = record.result.metrics.get("lost").copied().unwrap_or(0.0);
    if lost > 0.0 && !limits_loss(&record.plan) {
        why.push(format!("{} items were lost", units::number(lost)));
    }
    why
}

fn in_words(check: &CheckResult) -> String {
    match check.group {
        CheckGroup::Harness if check.name == names::DRAINED => check.why.clone(),
        CheckGroup::Harness => format!("{}: {}", check.name, check.why),
        _ if check.why.is_empty() => format!("{}: it was {}", check.name, check.observed),
        _ => format!("{}: {}", check.name, check.why),
    }
}

fn limits_loss(plan: &Plan) -> bool {
    let lines = plan.expect.iter().chain(&plan.steady_state);
    let mut comparisons = lines.flat_map(|line| &line.all_of);
    comparisons.any(|comparison| OF_LOSS.contains(&comparison.metric.name.as_str()))
}

fn figures(steady: &Steady<'_>) -> BTreeMap<String, f64> {
    let record = steady.record;
    let plan = &record.plan;
    let latencies = record.histograms.by_phase.get("steady/delivery.latency");
    let latency = |quantile| Some(latencies?.quantile_ns(quantile)? as f64 / 1e9);
    let known = |name: &str| record.result.metrics.get(name).copied();
    let mut figures: Vec<(String, Option<f64>)> = vec![
        ("delivery.latency.p50".into(), latency(0.5)),
        ("delivery.latency.p90".into(), latency(0.9)),
        ("delivery.latency.p99".into(), latency(0.99)),
        ("received.rate".into(), steady.received_per_s()),
        ("backlog.growth".into(), steady.backlog().map(|g| g.share)),
        ("machine.busy.mean".into(), steady.machine_busy()),
        ("lateness.p99".into(), known("lateness.p99")),
        ("lost".into(), known("lost")),
    ];
    for role in plan.roles() {
        let name = plan.name_of(role);
        figures.push((format!("{name}.cpu"), steady.cores(role.as_str())));
        figures.push((format!("{name}.cpu.waiting"), steady.waiting(role.as_str())));
        let rss = steady.rss_bytes(role.as_str());
        figures.push((format!("{name}.rss"), rss.map(|bytes| bytes as f64)));
        if matches!(role, RoleName::Sink) {
            figures.push((format!("{name}.requests"), steady.in_the_sinks_hands()));
        }
    }
    let measured = figures.into_iter();
    measured
        .filter_map(|(name, value)| Some((name, value.filter(|v| v.is_finite())?)))
        .collect()
}

#[cfg(test)]
mod tests;
