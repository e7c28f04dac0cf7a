//! What `validate: content` found: metrics, checks, and the findings with examples.

use super::facts::Facts;
use super::harness::check;
use super::measure::Measured;
use crate::evidence::{ContentEvidence, ContentFlaw, ContentPart};
use crate::plan::expectation::Expectation;
use crate::record::{CheckGroup, CheckResult, ContentFinding, ContentResult, Verdict};
use crate::signal::Signal;
use crate::units;

/// Each flaw with the metric that counts it and the check that none is there.
const CHECKS: [(ContentFlaw, &str, &str); 6] = [
    (
        ContentFlaw::Altered,
        "content.altered",
        "what arrived is what was sent",
    ),
    (
        ContentFlaw::Orphans,
        "content.orphans",
        "every span has its parent",
    ),
    (
        ContentFlaw::Disordered,
        "content.disordered",
        "times are in order",
    ),
    (
        ContentFlaw::Regressions,
        "content.regressions",
        "cumulative values never go back",
    ),
    (ContentFlaw::Gaps, "content.gaps", "no series has a gap"),
    (
        ContentFlaw::Malformed,
        "sink.malformed",
        "every request is valid OTLP",
    ),
];

/// A metric of this module; `None` for one of another.
pub(super) fn measure(facts: &Facts<'_>, name: &str, signal: Option<Signal>) -> Option<Measured> {
    if !name.starts_with("content.") {
        return None;
    }
    let (flaw, _, _) = CHECKS.iter().find(|(_, metric, _)| *metric == name)?;
    Some(match found(facts) {
        Ok(found) => Ok(count(facts, found, *flaw, signal) as f64),
        Err(why) => Err(why),
    })
}

fn found<'a>(facts: &Facts<'a>) -> Result<&'a ContentEvidence, String> {
    if facts.plan.content.is_none() {
        return Err("this run did not check content (`validate: content`)".to_owned());
    }
    let found = facts.evidence.content.as_ref();
    found.ok_or_else(|| "the sink did not tell what it found".to_owned())
}

fn count(
    facts: &Facts<'_>,
    found: &ContentEvidence,
    flaw: ContentFlaw,
    signal: Option<Signal>,
) -> u64 {
    if flaw == ContentFlaw::Malformed {
        return facts.evidence.sink.malformed;
    }
    let signals = found.signals.iter();
    signals
        .filter(|found| signal.is_none_or(|signal| signal == found.signal))
        .map(|found| found.count(flaw))
        .sum()
}

/// Whether squall could look at all; nothing where it was not to.
pub(super) fn harness(facts: &Facts<'_>) -> Option<CheckResult> {
    facts.plan.content.as_ref()?;
    let name = "all content could be compared";
    let limit = "with what the client handed over";
    Some(match found(facts) {
        Err(why) => check(name, false, "not compared".to_owned(), limit, why),
        Ok(found) => {
            let compared: u64 = found.signals.iter().map(|found| found.compared).sum();
            let unknown: u64 = found.signals.iter().map(|found| found.unknown).sum();
            check(
                name,
                unknown == 0,
                format!("{} items compared", units::count(compared)),
                limit,
                format!(
                    "of {} items that arrived nobody knows what was sent",
                    units::count(unknown)
                ),
            )
        }
    })
}

/// One check for each flaw that is neither allowed nor has a limit of the user's own.
pub(super) fn checks(facts: &Facts<'_>) -> Vec<CheckResult> {
    let Some(plan) = &facts.plan.content else {
        return Vec::new();
    };
    let Ok(found) = found(facts) else {
        return Vec::new();
    };
    let limited = |name: &str| facts.plan.expect.iter().any(|line| limits(line, name));
    CHECKS
        .into_iter()
        .filter(|(flaw, name, _)| !plan.allows(*flaw) && !limited(name) && applies(facts, *flaw))
        .map(|(flaw, _, name)| {
            let items = count(facts, found, flaw, None);
            CheckResult {
                name: name.to_owned(),
                group: CheckGroup::Content,
                verdict: match items {
                    0 => Verdict::Pass,
                    _ => Verdict::Fail,
                },
                observed: format!("{} {}", units::count(items), flaw.as_str()),
                limit: "0".to_owned(),
                why: match items {
                    0 => String::new(),
                    _ => why(facts, found, flaw, items),
                },
            }
        })
        .collect()
}

fn limits(line: &Expectation, name: &str) -> bool {
    line.all_of
        .iter()
        .any(|comparison| comparison.metric.name == name)
}

/// Whether the load has anything that can be wrong in that way.
fn applies(facts: &Facts<'_>, flaw: ContentFlaw) -> bool {
    let load = &facts.plan.load;
    match flaw {
        ContentFlaw::Altered | ContentFlaw::Malformed => true,
        ContentFlaw::Orphans => load.traces.is_some(),
        ContentFlaw::Disordered => load.traces.is_some() || load.metrics.is_some(),
        ContentFlaw::Regressions | ContentFlaw::Gaps => load.metrics.is_some(),
    }
}

fn why(facts: &Facts<'_>, found: &ContentEvidence, flaw: ContentFlaw, items: u64) -> String {
    let examples = findings(facts, found);
    let of_flaw = examples.iter().filter(|finding| finding.flaw == flaw);
    let first = of_flaw.flat_map(|finding| &finding.examples).next();
    let first = first.map_or_else(String::new, |first| format!(", such as {first}"));
    format!("{} {}{first}", units::count(items), what(flaw))
}

const fn what(flaw: ContentFlaw) -> &'static str {
    match flaw {
        ContentFlaw::Altered => "arrived other than they were sent",
        ContentFlaw::Orphans => "arrived without the parent that they name",
        ContentFlaw::Disordered => "have times out of order",
        ContentFlaw::Regressions => "are below the value before them",
        ContentFlaw::Gaps => "are missing between others of their series",
        ContentFlaw::Malformed => "requests were not valid OTLP",
    }
}

/// What was found; `None` for a run that did not look.
pub(super) fn result(facts: &Facts<'_>) -> Option<ContentResult> {
    let found = found(facts).ok()?;
    let signals = found.signals.iter();
    Some(ContentResult {
        compared: signals
            .map(|found| (found.signal, found.compared))
            .collect(),
        findings: findings(facts, found),
    })
}

fn findings(facts: &Facts<'_>, found: &ContentEvidence) -> Vec<ContentFinding> {
    let mut findings = Vec::new();
    let plan = facts.plan.content.as_ref();
    let allowed = |flaw: ContentFlaw| plan.is_some_and(|plan| plan.allows(flaw));
    for found in &found.signals {
        for (flaw, items) in found.flaws.iter().filter(|(flaw, _)| !allowed(**flaw)) {
            let parts = ContentPart::ALL.into_iter().filter_map(|part| {
                let items = found.parts.get(&part)?;
                Some(format!("{} in {}", part.as_str(), units::count(*items)))
            });
            let parts: Vec<String> = parts.collect();
            findings.push(ContentFinding {
                signal: Some(found.signal),
                flaw: *flaw,
                what: match flaw {
                    ContentFlaw::Altered => format!("{}: {}", what(*flaw), parts.join(", ")),
                    _ => what(*flaw).to_owned(),
                },
                items: *items,
                examples: found.examples.get(flaw).cloned().unwrap_or_default(),
            });
        }
    }
    let sink = &facts.evidence.sink;
    if sink.malformed > 0 {
        findings.push(ContentFinding {
            signal: None,
            flaw: ContentFlaw::Malformed,
            what: what(ContentFlaw::Malformed).to_owned(),
            items: sink.malformed,
            examples: sink.malformed_examples.clone(),
        });
    }
    findings
}

#[cfg(test)]
mod tests;
