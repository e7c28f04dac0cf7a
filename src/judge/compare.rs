//! Two sides of runs, metric by metric: what got worse, what got better, and what nobody can tell.
//!
//! A few metrics gate: those that [`crate::metric::compared::GATED`] names, or the caller. They are tested
//! together, so that many metrics raise no more false alarms than one does. All others are compared alone and
//! only shown.

use std::collections::BTreeMap;

use super::comparable::{Comparable, Identity, comparable};
use crate::metric::compared::{GATED, compared, is_deterministic, plain};
use crate::metric::find_of_signal;
use crate::record::{
    Baseline, COMPARISON_FORMAT, ComparedMetric, ComparedSide, Comparison, Difference,
};
use crate::stats::compare::{Answer, FALSE_ALARMS, Finding, Rule, Threshold, Values, compare};
use crate::stats::median::median;

/// What decides, and how strictly.
#[derive(Debug, Clone)]
pub struct Gate {
    /// The metrics that decide, each with its threshold.
    pub metrics: BTreeMap<String, Threshold>,
    /// The chance of a false alarm in one direction, over all of them.
    pub level: f64,
}

impl Default for Gate {
    fn default() -> Self {
        let metrics = GATED.into_iter().filter_map(|name| {
            let threshold = compared(name, find_of_signal(name)?).threshold;
            Some((name.to_owned(), threshold))
        });
        Self {
            metrics: metrics.collect(),
            level: FALSE_ALARMS,
        }
    }
}

/// A metric that both sides have, with the rule for it and the values of its runs.
struct Question<'a> {
    name: &'a str,
    rule: Rule,
    baseline: Vec<f64>,
    candidate: Vec<f64>,
    paired: bool,
}

/// Compares `candidate` with `baseline`; `paired` says that their runs were made in turns, so that the first
/// of the one belongs to the first of the other.
///
/// # Errors
/// The fields in which they differ, where they are results of different things.
pub fn compare_sides(
    baseline: &Baseline,
    candidate: &Baseline,
    gate: &Gate,
    paired: bool,
) -> Result<Comparison, Vec<Difference>> {
    let machines = match comparable(
        Identity::of_baseline(baseline),
        Identity::of_baseline(candidate),
    ) {
        Comparable::All => Vec::new(),
        Comparable::OnlyDeterministic(machines) => machines,
        Comparable::Nothing(differs) => return Err(differs),
    };
    Ok(of_comparable(baseline, candidate, gate, paired, machines))
}

/// As [`compare_sides`], of sides that are different on purpose: two configurations in one session.
pub fn compare_configurations(
    baseline: &Baseline,
    candidate: &Baseline,
    gate: &Gate,
) -> Comparison {
    of_comparable(baseline, candidate, gate, true, Vec::new())
}

fn of_comparable(
    baseline: &Baseline,
    candidate: &Baseline,
    gate: &Gate,
    paired: bool,
    machines: Vec<Difference>,
) -> Comparison {
    let mut gated = Vec::new();
    let mut shown = Vec::new();
    let mut left_out = Vec::new();
    for (name, ours) in &baseline.metrics {
        let Some(metric) = find_of_signal(name) else {
            continue;
        };
        if !gate.metrics.contains_key(name) && is_told_twice(name, baseline, candidate) {
            continue;
        }
        if !machines.is_empty() && !is_deterministic(name) {
            left_out.push(format!("{name}: measured on another machine"));
            continue;
        }
        let theirs = candidate.metrics.get(name).map_or(&[][..], Vec::as_slice);
        let (ours, theirs) = values(ours, theirs, paired);
        if ours.is_empty() || theirs.is_empty() {
            left_out.push(format!("{name}: a side has not measured it"));
            continue;
        }
        let mut rule = compared(name, metric).rule(metric, 0.0);
        let threshold = gate.metrics.get(name);
        rule.threshold = threshold.copied().unwrap_or(rule.threshold);
        rule.threshold = of_values(rule.threshold, &ours, &theirs);
        let question = Question {
            name,
            rule,
            baseline: ours,
            candidate: theirs,
            paired,
        };
        match threshold {
            Some(_) => gated.push(question),
            None => shown.push(question),
        }
    }
    let gated = answered(gated, gate.level);
    let shown = shown
        .into_iter()
        .flat_map(|question| answered(vec![question], gate.level));
    let mut shown: Vec<ComparedMetric> = shown.collect();
    shown.sort_by(|a, b| importance(a).total_cmp(&importance(b)));
    for name in gate.metrics.keys() {
        if !gated.iter().any(|metric| metric.name == *name)
            && !left_out
                .iter()
                .any(|text| text.starts_with(&format!("{name}:")))
        {
            left_out.push(format!("{name}: no side has measured it"));
        }
    }
    let answer = overall(&gated);
    Comparison {
        format: COMPARISON_FORMAT,
        baseline: side(baseline),
        candidate: side(candidate),
        paired,
        answer,
        summary: summary(answer, &gated),
        gated,
        shown,
        machines,
        left_out,
    }
}

/// Whether a metric of one signal says only what that of all signals does, for there is no other signal.
fn is_told_twice(name: &str, baseline: &Baseline, candidate: &Baseline) -> bool {
    let of_all = plain(name);
    of_all != name
        && [baseline, candidate].iter().all(|side| {
            let all = side.metrics.get(of_all);
            all.is_some() && all == side.metrics.get(name)
        })
}

/// The values of both sides; of pairs, those of which both runs have measured it.
fn values(ours: &[Option<f64>], theirs: &[Option<f64>], paired: bool) -> (Vec<f64>, Vec<f64>) {
    if paired {
        let pairs = ours.iter().zip(theirs);
        return pairs.filter_map(|(one, other)| one.zip(*other)).unzip();
    }
    let known = |values: &[Option<f64>]| values.iter().copied().flatten().collect();
    (known(ours), known(theirs))
}

fn answered(questions: Vec<Question<'_>>, level: f64) -> Vec<ComparedMetric> {
    let asked: Vec<(Rule, Values)> = questions.iter().map(Question::asked).collect();
    let findings = compare(&asked, level);
    let mut metrics: Vec<ComparedMetric> = questions
        .into_iter()
        .zip(findings)
        .map(|(question, finding)| ComparedMetric {
            name: question.name.to_owned(),
            unit: find_of_signal(question.name).map(|metric| metric.unit),
            better: question.rule.better,
            threshold: question.rule.threshold,
            baseline: median(&question.baseline).unwrap_or_default(),
            candidate: median(&question.candidate).unwrap_or_default(),
            why_not: finding
                .as_ref()
                .err()
                .map_or_else(String::new, ToString::to_string),
            finding: finding.ok(),
        })
        .collect();
    metrics.sort_by(|a, b| importance(a).total_cmp(&importance(b)));
    metrics
}

impl Question<'_> {
    fn asked(&self) -> (Rule, Values) {
        let values = if self.paired {
            let pairs = self.baseline.iter().copied();
            Values::Pairs(pairs.zip(self.candidate.iter().copied()).collect())
        } else {
            Values::Groups(self.baseline.clone(), self.candidate.clone())
        };
        (self.rule, values)
    }
}

/// The threshold that these values can have: what may be zero has no share, such as losses, or a CPU that
/// took no time that the kernel saw. It is then that share of the baseline, in the metric's unit.
fn of_values(threshold: Threshold, ours: &[f64], theirs: &[f64]) -> Threshold {
    match threshold {
        Threshold::Relative(share) if ours.iter().chain(theirs).any(|value| *value <= 0.0) => {
            Threshold::Absolute(share * median(ours).unwrap_or_default().abs())
        }
        threshold => threshold,
    }
}

/// Small numbers first: what got worse, what got better, what changed, what is open, the rest; within
/// each, what moved furthest over its threshold.
fn importance(metric: &ComparedMetric) -> f64 {
    let Some(finding) = &metric.finding else {
        return 5.0;
    };
    let size = finding.change.abs() / metric.threshold.size().max(1e-9);
    rank(finding.answer) - size / (1.0 + size) * 0.9
}

fn rank(answer: Answer) -> f64 {
    match answer {
        Answer::Regression => 0.0,
        Answer::Improvement => 1.0,
        Answer::Change => 2.0,
        Answer::TooNoisy => 3.0,
        Answer::NoDifference => 4.0,
    }
}

/// A regression of any outweighs an improvement of another, and an open question outweighs calm.
fn overall(gated: &[ComparedMetric]) -> Answer {
    let findings = gated.iter().map(|metric| metric.finding.as_ref());
    findings
        .map(|finding| finding.map_or(Answer::TooNoisy, |finding| finding.answer))
        .min_by(|a, b| weight(*a).total_cmp(&weight(*b)))
        .unwrap_or(Answer::TooNoisy)
}

fn weight(answer: Answer) -> f64 {
    match answer {
        // An improvement of one does not settle what another did.
        Answer::TooNoisy => 0.5,
        other => rank(other),
    }
}

fn summary(answer: Answer, gated: &[ComparedMetric]) -> String {
    let names = |wanted: Answer| {
        let of = |metric: &&ComparedMetric| {
            metric
                .finding
                .as_ref()
                .is_some_and(|f: &Finding| f.answer == wanted)
        };
        let names: Vec<&str> = gated.iter().filter(of).map(|m| m.name.as_str()).collect();
        names.join(", ")
    };
    match answer {
        Answer::Regression => format!("worse: {}", names(Answer::Regression)),
        Answer::Improvement => format!("better: {}", names(Answer::Improvement)),
        Answer::Change => format!("other: {}", names(Answer::Change)),
        Answer::NoDifference => "no difference seen".to_owned(),
        Answer::TooNoisy if gated.is_empty() => {
            "none of the metrics that decide was measured on both sides".to_owned()
        }
        Answer::TooNoisy => format!(
            "too few runs, or too noisy, to tell: {}",
            names(Answer::TooNoisy)
        ),
    }
}

fn side(baseline: &Baseline) -> ComparedSide {
    ComparedSide {
        name: baseline.name.clone(),
        scenario: baseline.scenario.clone(),
        runs: baseline.runs.iter().map(|run| run.run.clone()).collect(),
    }
}

#[cfg(test)]
mod tests;
