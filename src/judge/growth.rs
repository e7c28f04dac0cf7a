//! Growth of a role's memory: the slope of its resident memory, with its interval.
//!
//! Without a window it is the steady phase: not the warm-up, in which caches and allocators fill;
//! not the faults, in which queues fill as they should; not the recovery from them. What memory did
//! between two steady stretches does not count either, for an allocator may keep what a fault made
//! it take. A plateau, whatever its height, is no growth: see [`crate::stats::slope`].

use super::facts::Facts;
use crate::plan::expectation::{Phase, Window};
use crate::stats::slope::{Slope, slope};

/// What all slopes of memory end with.
const SLOPE: &str = ".rss.slope";

/// The slope that a metric such as `sink.rss.slope` names, in bytes per second; `None` for other
/// names. `target` is the target whose memory grows fastest.
pub(super) fn of_metric(
    facts: &Facts<'_>,
    name: &str,
    window: &Window,
) -> Option<Result<Slope, String>> {
    let role = name.strip_suffix(SLOPE)?;
    let steady = Window::In(Phase::Steady);
    let window = if *window == Window::Whole {
        &steady
    } else {
        window
    };
    let intervals = facts.intervals(window);
    let mut sampled = false;
    let mut steepest: Option<Slope> = None;
    let mut unknown = None;
    for evidence in &facts.evidence.roles {
        if !is_of(role, &evidence.role) {
            continue;
        }
        sampled = true;
        let stretch = |(start_ns, end_ns): &(u64, u64)| {
            evidence
                .samples
                .iter()
                .filter(|s| (*start_ns..*end_ns).contains(&s.at_ns) && s.rss_bytes > 0)
                .map(|s| (s.at_ns as f64 / 1e9, s.rss_bytes as f64))
                .collect::<Vec<_>>()
        };
        let stretches: Vec<_> = intervals.iter().map(stretch).collect();
        match (slope(&stretches), steepest) {
            (None, _) => unknown = Some(&evidence.role),
            (Some(found), None) => steepest = Some(found),
            // Each end of the interval is that of the one of which least is known.
            (Some(found), Some(known)) => {
                steepest = Some(Slope {
                    per_second: known.per_second.max(found.per_second),
                    low: known.low.max(found.low),
                    high: known.high.max(found.high),
                });
            }
        }
    }
    if let (Some(unknown), Some(_)) = (unknown, steepest) {
        return Some(Err(format!(
            "there are too few samples of the {unknown} to see growth"
        )));
    }
    Some(
        steepest.ok_or_else(|| match (sampled, intervals.is_empty()) {
            (false, _) => format!("the {role} was not sampled"),
            (true, true) => "the run has no such part".to_owned(),
            (true, false) => "there are too few samples to see growth".to_owned(),
        }),
    )
}

/// Whether `found` is that role, or one of several: `target2` is a `target`.
fn is_of(role: &str, found: &str) -> bool {
    found
        .strip_prefix(role)
        .is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests;
