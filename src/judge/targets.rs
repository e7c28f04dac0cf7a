//! What the targets did of themselves.

use super::facts::Facts;
use crate::evidence::Evidence;
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
        .collect()
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

/// Targets that were to be asked what they say of themselves, and did not always answer.
pub(super) fn silent(plan: &Plan, evidence: &Evidence) -> Vec<String> {
    let asked = plan.targets.iter().filter(|t| t.metrics.is_some());
    asked
        .filter_map(|target| {
            let name = &target.name;
            let told = &evidence.series.said;
            let told = told.iter().filter(|sample| sample.target == *name).count();
            let mut silences = evidence.silences.iter();
            match (told, silences.find(|silence| silence.target == *name)) {
                (0, Some(silence)) => Some(format!(
                    "`{name}` told nothing of itself: {}",
                    silence.why
                )),
                (0, None) => Some(format!(
                    "`{name}` told nothing of itself: its metrics have none of the series that the scenario names"
                )),
                (_, Some(silence)) => Some(format!(
                    "`{name}` did not say how it is in {} of {} scrapes: {}",
                    units::count(silence.failed),
                    units::count(silence.failed + told as u64),
                    silence.why
                )),
                (_, None) => None,
            }
        })
        .collect()
}
