//! What the targets did of themselves.

use super::facts::Facts;
use crate::evidence::Evidence;
use crate::plan::{Plan, TargetKind, TargetPlan};
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

/// Whether what was acknowledged went into the targets and nothing at all came out: nothing that the
/// sink turned away either.
pub(super) fn keep_all(facts: &Facts<'_>) -> bool {
    let judged = facts.plan.ends_at_sink() && !facts.plan.targets.is_empty();
    let sink = &facts.evidence.sink;
    let turned_away = sink.requests + sink.unauthenticated + sink.failed_handshakes;
    let nothing_came = turned_away == 0 && super::harness::received(facts) == 0;
    judged && nothing_came && acknowledged(facts) > 0
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

/// Counters that did not appear in what their targets told: they stand at zero, and a name that is
/// not written as the target writes it would stand there as well.
pub(super) fn unheard(plan: &Plan, evidence: &Evidence) -> Vec<String> {
    let of_target = |target: &TargetPlan| {
        let name = target.name.clone();
        let told: Vec<_> = evidence
            .series
            .said
            .iter()
            .filter(|s| s.target == name)
            .collect();
        let any = told.iter().any(|sample| !sample.values.is_empty());
        let never = |series: &&String| !told.iter().any(|s| s.values.contains_key(*series));
        let series = target
            .metrics
            .iter()
            .flat_map(|metrics| metrics.series.keys());
        let unheard: Vec<String> = series.filter(|_| any).filter(never).cloned().collect();
        (!unheard.is_empty()).then(|| {
            format!(
                "`{name}` never told its {}; a counter that does not appear stands at 0",
                unheard.join(", ")
            )
        })
    };
    plan.targets.iter().filter_map(of_target).collect()
}

/// Targets that were to be asked what they say of themselves, and did not always answer.
pub(super) fn silent(plan: &Plan, evidence: &Evidence) -> Vec<String> {
    let asked = plan.targets.iter().filter(|t| t.metrics.is_some());
    asked
        .filter_map(|target| {
            let name = &target.name;
            let of_target = evidence.series.said.iter().filter(|s| s.target == *name);
            let scraped = of_target.clone().count();
            let told = of_target.filter(|sample| !sample.values.is_empty()).count();
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
                    units::count(silence.failed + scraped as u64),
                    silence.why
                )),
                (_, None) => None,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::fixture::healthy;
    use super::*;
    use crate::evidence::{SaidSample, Silence};
    use crate::plan::SelfMetricsPlan;
    use crate::plan::fixture::plan_with_target;

    #[test]
    fn a_target_that_does_not_tell_is_told() {
        let mut plan = plan_with_target();
        let mut evidence = healthy(&plan);
        plan.targets[0].metrics = None;
        assert!(silent(&plan, &evidence).is_empty(), "it was not asked");
        plan.targets[0].metrics = Some(SelfMetricsPlan {
            url: "http://127.0.0.1:9/metrics".to_owned(),
            every_ns: 1,
            series: BTreeMap::new(),
            lost: Vec::new(),
        });
        let told = silent(&plan, &evidence).join("");
        assert!(told.contains("none of the series"), "{told}");
        let silence = Silence {
            target: "relay".to_owned(),
            failed: 3,
            why: "connection refused".to_owned(),
        };
        evidence.silences.push(silence);
        assert_eq!(
            silent(&plan, &evidence),
            ["`relay` told nothing of itself: connection refused"]
        );
        evidence.series.said.push(SaidSample {
            target: "relay".to_owned(),
            values: [("queue".to_owned(), 1.0)].into(),
            ..SaidSample::default()
        });
        assert_eq!(
            silent(&plan, &evidence),
            ["`relay` did not say how it is in 3 of 4 scrapes: connection refused"]
        );
        evidence.silences.clear();
        assert!(silent(&plan, &evidence).is_empty());
    }
}
