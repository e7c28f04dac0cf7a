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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture::{SECOND_NS, cut, link_fault, plan};
    use crate::plan::{FaultPlan, LinkFault};
    use proptest::prelude::*;

    /// `0..2 warmup` and so on, in seconds.
    fn shown(faults: Vec<FaultPlan>) -> Vec<String> {
        let plan = Plan { faults, ..plan() };
        segments(&plan)
            .iter()
            .map(|segment| {
                let end = match segment.end_ns {
                    u64::MAX => String::new(),
                    end_ns => (end_ns / SECOND_NS).to_string(),
                };
                let names = [segment.during.join("+"), segment.after.join("+")];
                let words = format!(
                    "{} during {} after {}",
                    segment.phase.as_str(),
                    names[0],
                    names[1]
                );
                format!("{}..{end} {}", segment.start_ns / SECOND_NS, words.trim())
                    .replace(" during  ", " ")
                    .trim_end_matches(" after")
                    .to_owned()
            })
            .collect()
    }

    #[test]
    fn a_fault_has_its_window_its_recovery_and_what_comes_after() {
        assert_eq!(
            shown(vec![cut("a", 5, 7), cut("b", 16, 18)]),
            [
                "0..2 warmup",
                "2..5 steady",
                "5..7 fault during a",
                "7..12 recovery after a",
                "12..16 steady after a",
                "16..18 fault during b",
                "18..20 recovery after b",
                "20.. drain",
            ]
        );
    }

    #[test]
    fn faults_may_overlap_begin_with_the_run_and_end_with_the_load() {
        assert_eq!(
            shown(vec![cut("a", 0, 4), cut("b", 3, 20)]),
            [
                "0..2 fault during a",
                "2..3 fault during a",
                "3..4 fault during a+b",
                "4..9 fault during b after a",
                "9..20 fault during b after a",
                "20.. drain",
            ]
        );
    }

    #[test]
    fn weather_of_the_whole_run_opens_no_window() {
        let rain = link_fault("rain", 0, None, LinkFault::SlowClose { delay_ns: 1 });
        assert_eq!(
            shown(vec![rain]),
            ["0..2 warmup", "2..20 steady", "20.. drain"]
        );
        let late = link_fault("late", 9, None, LinkFault::SlowClose { delay_ns: 1 });
        assert_eq!(
            shown(vec![late]),
            [
                "0..2 warmup",
                "2..9 steady",
                "9..20 fault during late",
                "20.. drain"
            ]
        );
    }

    proptest! {
        #[test]
        fn segments_have_no_gap_and_no_overlap(
            faults in prop::collection::vec((0_u64..19, 1_u64..10), 0..5), at_ns: u64,
        ) {
            let faults = faults
                .iter()
                .enumerate()
                .map(|(index, (start, length))| cut(&index.to_string(), *start, (start + length).min(20)))
                .collect();
            let plan = Plan { faults, ..plan() };
            let segments = segments(&plan);
            prop_assert_eq!(segments[0].start_ns, 0);
            prop_assert_eq!(segments[segments.len() - 1].end_ns, u64::MAX);
            prop_assert!(segments.iter().all(|s| s.start_ns < s.end_ns));
            prop_assert!(segments.windows(2).all(|pair| pair[0].end_ns == pair[1].start_ns));
            let found = &segments[segment_at(&segments, at_ns)];
            prop_assert!(found.start_ns <= at_ns && at_ns <= found.end_ns);
            for fault in &plan.faults {
                for segment in &segments {
                    let inside = fault.start_ns <= segment.start_ns && Some(segment.end_ns) <= fault.end_ns;
                    prop_assert_eq!(segment.is_in(&Window::During(fault.name.clone())), inside);
                }
            }
        }
    }
}
