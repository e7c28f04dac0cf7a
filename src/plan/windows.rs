//! The run's timeline cut into segments, and windows as sets of segments.

use serde::{Deserialize, Serialize};

use super::Plan;
use super::expectation::{Phase, Window};

/// A stretch of the run in which nothing planned changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    pub start_ns: u64,
    /// Exclusive; the drain's is `u64::MAX`.
    pub end_ns: u64,
    pub phase: Phase,
    /// Faults whose window covers the segment.
    pub during: Vec<String>,
    /// Faults after whose end, and before the next fault's start, the segment lies.
    pub after: Vec<String>,
}

impl Segment {
    /// Whether this segment belongs to `window`.
    pub fn is_in(&self, window: &Window) -> bool {
        match window {
            Window::Whole => true,
            Window::In(phase) => self.phase == *phase,
            Window::During(name) => self.during.contains(name),
            Window::After(name) => self.after.contains(name),
        }
    }
}

/// Cuts the plan's timeline at every boundary. The segments are in order, without gap or overlap,
/// from 0 to the end of time; the last one is the drain.
pub fn segments(plan: &Plan) -> Vec<Segment> {
    let run = &plan.run;
    let faults: Vec<(&str, u64, u64)> = plan
        .faults
        .iter()
        .filter(|fault| !fault.lasts_all_run())
        .map(|fault| {
            let end = fault.end_ns.unwrap_or(run.duration_ns);
            (fault.name.as_str(), fault.start_ns, end)
        })
        .collect();
    let mut cuts = vec![0, run.warmup_ns, run.duration_ns];
    for (_, start, end) in &faults {
        cuts.extend([*start, *end, end.saturating_add(run.recovery_ns)]);
    }
    cuts.retain(|cut| *cut <= run.duration_ns);
    cuts.sort_unstable();
    cuts.dedup();

    let mut segments: Vec<Segment> = cuts
        .windows(2)
        .map(|pair| segment(plan, &faults, pair[0], pair[1]))
        .collect();
    segments.push(Segment {
        start_ns: run.duration_ns,
        end_ns: u64::MAX,
        phase: Phase::Drain,
        during: Vec::new(),
        after: Vec::new(),
    });
    segments
}

fn segment(plan: &Plan, faults: &[(&str, u64, u64)], start_ns: u64, end_ns: u64) -> Segment {
    let inside = |at: &(&str, u64, u64)| at.1 <= start_ns && start_ns < at.2;
    let during: Vec<String> = faults
        .iter()
        .filter(|fault| inside(fault))
        .map(|fault| fault.0.to_owned())
        .collect();
    let after: Vec<String> = faults
        .iter()
        .filter(|(_, _, end)| {
            let next_start = faults
                .iter()
                .map(|(_, start, _)| *start)
                .filter(|start| start >= end)
                .min()
                .unwrap_or(u64::MAX);
            *end <= start_ns && start_ns < next_start
        })
        .map(|fault| fault.0.to_owned())
        .collect();
    let recovering = faults
        .iter()
        .any(|(_, _, end)| *end <= start_ns && start_ns < end.saturating_add(plan.run.recovery_ns));
    let phase = if !during.is_empty() {
        Phase::Fault
    } else if recovering {
        Phase::Recovery
    } else if start_ns < plan.run.warmup_ns {
        Phase::Warmup
    } else {
        Phase::Steady
    };
    Segment {
        start_ns,
        end_ns,
        phase,
        during,
        after,
    }
}

/// The index of the segment in which `at_ns` lies. `segments` is what [`segments`] made.
pub fn segment_at(segments: &[Segment], at_ns: u64) -> usize {
    segments
        .partition_point(|segment| segment.end_ns <= at_ns)
        .min(segments.len().saturating_sub(1))
}
