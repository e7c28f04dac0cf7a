//! What the targets did of themselves.

use super::facts::Facts;
use crate::plan::{Plan, TargetKind};
use crate::record::{CheckGroup, CheckResult, Verdict};
use crate::units;

/// A target that ends without having been told to fails the run: that is its own doing, and not the
/// harness's.
pub(super) fn checks(facts: &Facts<'_>) -> Vec<CheckResult> {
    let targets = facts.plan.targets.iter();
    targets
        .filter(|target| !matches!(target.kind, TargetKind::External(_)))
        .map(|target| {
            let exits: Vec<String> = facts
                .evidence
                .target_exits
                .iter()
                .filter(|exit| exit.target == target.name && !exit.of_limit)
                .map(|exit| {
                    format!(
                        "{} at {}",
                        exit.exit,
                        units::seconds(exit.at_ns as f64 / 1e9)
                    )
                })
                .collect();
            let stayed = exits.is_empty();
            CheckResult {
                name: format!("{} stayed up", target.name),
                group: CheckGroup::Target,
                verdict: if stayed { Verdict::Pass } else { Verdict::Fail },
                observed: match stayed {
                    true => "it did".to_owned(),
                    false => format!("it {}", exits.join(", then ")),
                },
                limit: "no end that no fault brings about".to_owned(),
                why: match stayed {
                    true => String::new(),
                    false => format!(
                        "it ended of itself; its last words are in {}",
                        log(&target.name)
                    ),
                },
            }
        })
        .chain(sends_on(facts))
        .collect()
}

/// Whether what was acknowledged went into the targets and nothing at all came out.
pub(super) fn keep_all(facts: &Facts<'_>) -> bool {
    let judged = facts.plan.ends_at_sink() && !facts.plan.targets.is_empty();
    judged && super::harness::received(facts) == 0 && acknowledged(facts) > 0
}

/// Of what did not arrive.
fn acknowledged(facts: &Facts<'_>) -> u64 {
    let signals = facts.ledger.signals().into_iter();
    signals
        .map(|signal| facts.ledger.totals(signal).lost_silently)
        .sum()
}

/// A target that answers for everything and sends nothing on fails the run, and is called by its name.
fn sends_on(facts: &Facts<'_>) -> Option<CheckResult> {
    let [first, others @ ..] = facts.plan.targets.as_slice() else {
        return None;
    };
    if !facts.plan.ends_at_sink() {
        return None;
    }
    let keep_all = keep_all(facts);
    Some(CheckResult {
        name: match others {
            [] => format!("{} sends on what it takes", first.name),
            _ => "the targets send on what they take".to_owned(),
        },
        group: CheckGroup::Target,
        verdict: if keep_all {
            Verdict::Fail
        } else {
            Verdict::Pass
        },
        observed: format!(
            "{} items arrived",
            units::count(super::harness::received(facts))
        ),
        limit: "some of what was acknowledged".to_owned(),
        why: match keep_all {
            true => format!(
                "{} items were acknowledged, and not one of them reached the sink",
                units::count(acknowledged(facts))
            ),
            false => String::new(),
        },
    })
}

/// In the run's folder.
fn log(target: &str) -> String {
    format!("logs/{target}-output.log")
}

/// What cannot be seen of the line.
pub(super) fn note(plan: &Plan) -> Option<String> {
    let mut external = plan.targets.iter().filter(|target| target.to.is_none());
    let target = external.next().filter(|_| !plan.ends_at_sink())?;
    Some(format!(
        "`{}` exports to somewhere else: what it acknowledged is not judged further, and stands as unresolved",
        target.name
    ))
}
