//! What happens when: the starts and ends of faults, in order. Pure; it is told the time.

use crate::plan::Plan;

/// One thing to do; the number is the fault's index in the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Start(usize),
    End(usize),
}

impl Step {
    pub const fn fault(self) -> usize {
        match self {
            Step::Start(fault) | Step::End(fault) => fault,
        }
    }
}

/// The steps that are still to come.
#[derive(Debug, Default)]
pub struct Timeline {
    /// Latest first, so that the next one is the last.
    steps: Vec<(u64, Step)>,
}

impl Timeline {
    /// Every start and end of the plan's faults, but for those that wait for a condition. At equal times ends come before starts, so that
    /// one fault can follow another of its kind without an overlap.
    pub fn of(plan: &Plan) -> Self {
        let mut steps = Vec::new();
        for (index, fault) in plan.faults.iter().enumerate() {
            if fault.when.is_some() {
                continue;
            }
            steps.push((fault.start_ns, Step::Start(index)));
            if let Some(end_ns) = fault.end_ns {
                steps.push((end_ns, Step::End(index)));
            }
        }
        let mut timeline = Self { steps };
        timeline.sort();
        timeline
    }

    /// Adds a fault whose condition has held.
    pub fn add(&mut self, fault: usize, start_ns: u64, end_ns: Option<u64>) {
        self.steps.push((start_ns, Step::Start(fault)));
        self.steps
            .extend(end_ns.map(|end_ns| (end_ns, Step::End(fault))));
        self.sort();
    }

    fn sort(&mut self) {
        self.steps
            .sort_by_key(|(at_ns, step)| (*at_ns, matches!(step, Step::Start(_))));
        self.steps.reverse();
    }

    /// When the next step is due.
    pub fn next_at_ns(&self) -> Option<u64> {
        self.steps.last().map(|(at_ns, _)| *at_ns)
    }

    /// Takes out every step that is due at `now_ns`, in order.
    pub fn due(&mut self, now_ns: u64) -> Vec<Step> {
        let mut due = Vec::new();
        while self.next_at_ns().is_some_and(|at_ns| at_ns <= now_ns) {
            due.extend(self.steps.pop().map(|(_, step)| step));
        }
        due
    }

    /// Forgets everything that is still to come.
    pub fn clear(&mut self) {
        self.steps.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::ProcessFault;
    use crate::plan::fixture::{SECOND_NS, client_fault, cut, plan};

    #[test]
    fn steps_come_in_order_and_ends_before_starts() {
        let plan = Plan {
            faults: vec![
                cut("second", 5, 7),
                cut("first", 3, 5),
                client_fault("kill", 6, None, ProcessFault::Kill),
            ],
            ..plan()
        };
        let mut timeline = Timeline::of(&plan);
        assert_eq!(timeline.next_at_ns(), Some(3 * SECOND_NS));
        assert_eq!(timeline.due(SECOND_NS), []);
        assert_eq!(
            timeline.due(5 * SECOND_NS),
            [Step::Start(1), Step::End(1), Step::Start(0)]
        );
        assert_eq!(
            timeline.due(100 * SECOND_NS),
            [Step::Start(2), Step::End(0)]
        );
        assert_eq!(timeline.next_at_ns(), None);
        let mut timeline = Timeline::of(&plan);
        timeline.clear();
        assert_eq!(timeline.due(u64::MAX), []);
    }
}
