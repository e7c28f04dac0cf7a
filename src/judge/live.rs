//! Abort conditions, looked at while the run goes on.

use crate::evidence::Stopped;
use crate::metric;
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
        let observed: Option<Vec<String>> = condition
            .all_of
            .iter()
            .map(|comparison| holds(comparison, live))
            .collect();
        observed.map(|observed| Stopped::Abort {
            condition: condition.text.clone(),
            observed: observed.join(", "),
        })
    })
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
