//! The run's timeline cut into segments, and windows as sets of segments.

use serde::{Deserialize, Serialize};

use super::expectation::{Phase, Window};
use super::{FaultPlan, Plan};

/// A stretch of the run in which nothing planned changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    pub start_ns: u64,
    /// Exclusive; the drain's is `u64::MAX`.
    pub end_ns: u64,
    pub phase: Phase,
    /// Storms and faults whose window covers the segment.
    pub during: Vec<String>,
    /// Storms and faults after whose end, and before the next fault's start, the segment lies.
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

/// A fault's or a storm's window.
struct Span<'a> {
    name: &'a str,
    start_ns: u64,
    end_ns: u64,
}

/// Cuts the plan's timeline at every boundary. The segments are in order, without gap or overlap,
/// from 0 to the end of time; the last one is the drain. A fault that waits for a condition has no
/// window in them: see [`segments_with`].
pub fn segments(plan: &Plan) -> Vec<Segment> {
    segments_with(plan, &[])
}

/// The same with the windows of those conditional faults that have begun: their indices in the
/// plan, each with its start.
pub fn segments_with(plan: &Plan, begun: &[(usize, u64)]) -> Vec<Segment> {
    let run = &plan.run;
    let windows: Vec<(&FaultPlan, Span<'_>)> = plan
        .faults
        .iter()
        .enumerate()
        .filter(|(_, fault)| !fault.lasts_all_run())
        .filter_map(|(index, fault)| {
            let began = begun.iter().find(|(begun, _)| *begun == index);
            let start_ns = match &fault.when {
                Some(_) => began?.1,
                None => fault.start_ns,
            };
            let end_ns = fault.end_from(start_ns).unwrap_or(run.duration_ns);
            let name = fault.name.as_str();
            let span = Span {
                name,
                start_ns,
                end_ns,
            };
            Some((fault, span))
        })
        .collect();
    let storms = storms(&windows);
    let faults: Vec<Span<'_>> = windows.into_iter().map(|(_, span)| span).collect();
    let mut cuts = vec![0, run.warmup_ns, run.duration_ns];
    for fault in &faults {
        cuts.extend([
            fault.start_ns.saturating_sub(run.onset_ns),
            fault.start_ns,
            fault.end_ns,
            fault.end_ns.saturating_add(run.recovery_ns),
        ]);
    }
    cuts.retain(|cut| *cut <= run.duration_ns);
    cuts.sort_unstable();
    cuts.dedup();

    let mut segments: Vec<Segment> = cuts
        .windows(2)
        .map(|pair| segment(plan, &faults, &storms, pair[0], pair[1]))
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

/// The segments if every condition held at once: what a scenario's windows can refer to.
pub fn possible_segments(plan: &Plan) -> Vec<Segment> {
    let waiting = plan.faults.iter().enumerate();
    let begun: Vec<(usize, u64)> = waiting
        .filter(|(_, fault)| fault.when.is_some())
        .map(|(index, fault)| (index, fault.start_ns))
        .collect();
    segments_with(plan, &begun)
}

/// Each storm, from the start of its first fault to the end of its last one.
fn storms<'a>(windows: &[(&'a FaultPlan, Span<'a>)]) -> Vec<Span<'a>> {
    let mut storms: Vec<Span<'a>> = Vec::new();
    for (fault, span) in windows {
        let Some(name) = fault.storm.as_deref() else {
            continue;
        };
        match storms.iter_mut().find(|storm| storm.name == name) {
            Some(storm) => {
                storm.start_ns = storm.start_ns.min(span.start_ns);
                storm.end_ns = storm.end_ns.max(span.end_ns);
            }
            None => storms.push(Span { name, ..*span }),
        }
    }
    storms
}

fn segment(
    plan: &Plan,
    faults: &[Span<'_>],
    storms: &[Span<'_>],
    start_ns: u64,
    end_ns: u64,
) -> Segment {
    let inside = |span: &&Span<'_>| span.start_ns <= start_ns && start_ns < span.end_ns;
    let follows = |span: &&Span<'_>| {
        let next_start_ns = faults
            .iter()
            .map(|fault| fault.start_ns)
            .filter(|next| *next >= span.end_ns)
            .min()
            .unwrap_or(u64::MAX);
        span.end_ns <= start_ns && start_ns < next_start_ns
    };
    let recovering = faults.iter().any(|fault| {
        let until_ns = fault.end_ns.saturating_add(plan.run.recovery_ns);
        fault.end_ns <= start_ns && start_ns < until_ns
    });
    let near_a_fault = faults.iter().any(|fault| {
        let from_ns = fault.start_ns.saturating_sub(plan.run.onset_ns);
        from_ns <= start_ns && start_ns < fault.start_ns
    });
    let phase = if faults.iter().any(|fault| inside(&fault)) {
        Phase::Fault
    } else if recovering {
        Phase::Recovery
    } else if start_ns < plan.run.warmup_ns {
        Phase::Warmup
    } else if near_a_fault {
        Phase::Onset
    } else {
        Phase::Steady
    };
    let all = || storms.iter().chain(faults);
    Segment {
        start_ns,
        end_ns,
        phase,
        during: names(all().filter(inside)),
        after: names(all().filter(follows)),
    }
}

/// Each name once: occurrences of a fault share theirs.
fn names<'a>(spans: impl Iterator<Item = &'a Span<'a>>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for span in spans {
        if names.iter().all(|name| name != span.name) {
            names.push(span.name.to_owned());
        }
    }
    names
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
    fn the_steady_phase_ends_before_what_is_due_can_meet_the_fault() {
        let mut plan = plan();
        plan.run.onset_ns = SECOND_NS;
        plan.faults = vec![cut("a", 5, 7)];
        let phases: Vec<(u64, &str)> = segments(&plan)
            .iter()
            .map(|segment| (segment.start_ns / SECOND_NS, segment.phase.as_str()))
            .collect();
        assert_eq!(
            phases,
            [
                (0, "warmup"),
                (2, "steady"),
                (4, "onset"),
                (5, "fault"),
                (7, "recovery"),
                (12, "steady"),
                (20, "drain"),
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
