//! From all trials to the answer.

use std::collections::BTreeMap;

use super::search::Search;
use super::trial::SATURATION;
use crate::plan::Plan;
use crate::record::{
    CAPACITY_FORMAT, CapacityAnswer, CapacityEnd, CapacityResult, CapacitySettings, GaveOut,
    Headroom, Part, Trial,
};
use crate::units;

/// How the search was made and came to its end.
#[derive(Debug, Clone)]
pub struct Ending {
    /// UTC, RFC 3339.
    pub started: String,
    pub settings: CapacitySettings,
    pub ended: CapacityEnd,
    pub notes: Vec<String>,
    pub environment: BTreeMap<String, String>,
}

/// What the trials of a search say about the line of `plan`.
pub fn conclude(
    plan: &Plan,
    search: &Search,
    trials: Vec<Trial>,
    ending: Ending,
) -> CapacityResult {
    let (holds, gives_way) = (search.holds(), search.gives_way());
    let gave_out = gives_way.and_then(|rate| gave_out_at(&trials, rate));
    let answer = answer(plan, holds, gives_way, gave_out.as_ref());
    let headroom = ending.settings.expect_per_s.zip(holds);
    let headroom = headroom.map(|(expected_per_s, holds)| Headroom {
        expected_per_s,
        factor: holds / expected_per_s,
    });
    let mut result = CapacityResult {
        format: CAPACITY_FORMAT,
        scenario: plan.scenario.clone(),
        started: ending.started,
        targets: plan.targets.iter().map(|t| t.name.clone()).collect(),
        settings: ending.settings,
        saturation: SATURATION.map(str::to_owned).to_vec(),
        holds_per_s: holds,
        gives_way_per_s: gives_way,
        answer,
        gave_out,
        headroom,
        ended: ending.ended,
        summary: String::new(),
        trials,
        notes: ending.notes,
        environment: ending.environment,
    };
    result.summary = summary(&result);
    result
}

/// What most of the trials say that did not hold the rate at the edge; `None` where they do not agree.
fn gave_out_at(trials: &[Trial], rate_per_s: f64) -> Option<GaveOut> {
    let at_edge = trials
        .iter()
        .filter(|t| t.rate_per_s == rate_per_s && !t.held);
    let at_edge: Vec<&Trial> = at_edge.collect();
    let firsts = at_edge.iter().filter_map(|trial| trial.gave_out.first());
    let mut votes: BTreeMap<(Part, &str), Vec<&GaveOut>> = BTreeMap::new();
    for first in firsts {
        votes
            .entry((first.part, &first.name))
            .or_default()
            .push(first);
    }
    let mut most = votes
        .into_values()
        .filter(|votes| 2 * votes.len() > at_edge.len());
    most.next().and_then(|votes| votes.last().copied().cloned())
}

fn answer(
    plan: &Plan,
    holds: Option<f64>,
    gives_way: Option<f64>,
    gave_out: Option<&GaveOut>,
) -> CapacityAnswer {
    // Without a target it is the client that is measured.
    let measured = if plan.targets.is_empty() {
        Part::Client
    } else {
        Part::Target
    };
    match (holds, gives_way, gave_out) {
        (None, None, _) => CapacityAnswer::Unknown,
        (None, Some(_), _) => CapacityAnswer::Nothing,
        (Some(_), Some(_), Some(gave_out)) if gave_out.part == measured => CapacityAnswer::Limit,
        (Some(_), _, _) => CapacityAnswer::AtLeast,
    }
}

fn summary(result: &CapacityResult) -> String {
    let rate = |per_s: f64| format!("{}/s", units::number(per_s));
    let who = match &result.gave_out {
        None => "what gave out cannot be told".to_owned(),
        Some(out) if result.targets.is_empty() || out.part == Part::Target => {
            format!("{} gave out", out.name)
        }
        Some(out) => format!(
            "{} gave out first, so nothing is said about the target",
            out.name
        ),
    };
    let why = result
        .gave_out
        .as_ref()
        .and_then(|out| out.evidence.first());
    let why = why.map_or_else(String::new, |why| format!(": {why}"));
    let text = match (result.answer, result.holds_per_s, result.gives_way_per_s) {
        (CapacityAnswer::Limit, Some(holds), Some(gives_way)) => format!(
            "It carries {}, and not {}: {who}{why}",
            rate(holds),
            rate(gives_way)
        ),
        (_, Some(holds), Some(gives_way)) => format!(
            "It carries at least {}; at {} {who}{why}",
            rate(holds),
            rate(gives_way)
        ),
        (_, Some(holds), None) => format!("It carries at least {}: nothing gave out", rate(holds)),
        (_, None, Some(gives_way)) => {
            format!("It does not even carry {}: {who}{why}", rate(gives_way))
        }
        (_, None, None) => "No trial was made that tells anything".to_owned(),
    };
    let cut_short = match result.ended {
        CapacityEnd::Budget => " The time ran out before the search was as fine as asked for.",
        CapacityEnd::Interrupted => " The search was interrupted.",
        CapacityEnd::Failed => " A trial could not be made, and ended the search.",
        CapacityEnd::Narrow | CapacityEnd::Top | CapacityEnd::Bottom => "",
    };
    format!("{text}.{cut_short}")
}

#[cfg(test)]
mod tests;
