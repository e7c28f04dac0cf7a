//! Abort conditions, looked at while the run goes on.

use crate::evidence::Stopped;
use crate::metric;
use crate::plan::FaultPlan;
use crate::plan::expectation::{Comparison, Expectation, Limit};
use crate::signal::Signal;
use crate::units;

/// The first abort condition that holds now. What is not known yet does not hold.
///
/// `live` gives the present value of a live metric, for one signal or for all, in its base unit;
/// `None` while it is not known.
pub fn abort(
    conditions: &[Expectation],
    live: &impl Fn(&str, Option<Signal>) -> Option<f64>,
) -> Option<Stopped> {
    conditions.iter().find_map(|condition| {
        Some(Stopped::Abort {
            condition: condition.text.clone(),
            observed: observed(condition, live)?.join(", "),
        })
    })
}

/// The faults whose condition holds at `now_ns`, by their index in the plan.
pub fn due(
    faults: &[FaultPlan],
    now_ns: u64,
    live: &impl Fn(&str, Option<Signal>) -> Option<f64>,
) -> Vec<usize> {
    let holds = |fault: &FaultPlan| {
        let condition = fault.when.as_ref()?;
        (fault.start_ns <= now_ns && observed(condition, live).is_some()).then_some(())
    };
    let faults = faults.iter().enumerate();
    faults
        .filter_map(|(index, fault)| holds(fault).map(|()| index))
        .collect()
}

/// What makes the condition hold; `None` where it does not.
fn observed(
    condition: &Expectation,
    live: &impl Fn(&str, Option<Signal>) -> Option<f64>,
) -> Option<Vec<String>> {
    let comparisons = condition.all_of.iter();
    comparisons
        .map(|comparison| holds(comparison, live))
        .collect()
}

fn holds(
    comparison: &Comparison,
    live: &impl Fn(&str, Option<Signal>) -> Option<f64>,
) -> Option<String> {
    let signal = comparison.metric.signal;
    let value = live(&comparison.metric.name, signal)?;
    let limit = match comparison.limit {
        Limit::Absolute { value, .. } => value,
        Limit::ShareOfGenerated { share } => {
            // Of nothing there is no share.
            let generated = live("generated", signal).filter(|generated| *generated > 0.0)?;
            share * generated
        }
    };
    let unit = metric::find(&comparison.metric.name)?.unit;
    comparison
        .op
        .holds(value, limit)
        .then(|| units::metric(&comparison.metric.name, Some(unit), value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Unit;
    use crate::plan::expectation::{MetricRef, Op, Window};
    use crate::plan::fixture::{SECOND_NS, cut};

    #[test]
    fn a_fault_is_due_when_its_condition_holds_at_or_after_its_start() {
        let fuller = Expectation {
            text: "client.queue > 50%".to_owned(),
            line: 1,
            all_of: vec![Comparison {
                metric: MetricRef {
                    signal: None,
                    name: "client.queue".to_owned(),
                },
                op: Op::Greater,
                limit: Limit::Absolute {
                    value: 0.5,
                    unit: Unit::Ratio,
                },
                window: Window::Whole,
            }],
        };
        let mut waiting = cut("waiting", 3, 4);
        waiting.when = Some(fuller);
        let faults = [cut("planned", 1, 2), waiting];
        let due =
            |at_s: u64, queue: Option<f64>| due(&faults, at_s * SECOND_NS, &|_: &str, _| queue);
        assert_eq!(due(3, Some(0.6)), [1]);
        assert_eq!(due(9, Some(0.6)), [1]);
        assert!(due(2, Some(0.6)).is_empty(), "before its start");
        assert!(due(3, Some(0.5)).is_empty(), "not held");
        assert!(due(3, None).is_empty(), "not known");
    }
}
