//! Abort conditions, looked at while the run goes on.

use super::format;
use crate::evidence::Stopped;
use crate::metric;
use crate::plan::expectation::{Comparison, Expectation, Limit};
use crate::signal::Signal;

/// Gives the present value of a live metric, for one signal or for all, in its base unit; `None`
/// while it is not known.
pub trait LiveValue: Fn(&str, Option<Signal>) -> Option<f64> {}
impl<F: Fn(&str, Option<Signal>) -> Option<f64>> LiveValue for F {}

/// The first abort condition that holds now. What is not known yet does not hold.
pub fn abort(conditions: &[Expectation], live: &impl LiveValue) -> Option<Stopped> {
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

fn holds(comparison: &Comparison, live: &impl LiveValue) -> Option<String> {
    let signal = comparison.metric.signal;
    let value = live(&comparison.metric.name, signal)?;
    let limit = match comparison.limit {
        Limit::Absolute { value, .. } => value,
        Limit::ShareOfGenerated { share } => share * live("generated", signal)?,
    };
    let unit = metric::find(&comparison.metric.name)?.unit;
    comparison
        .op
        .holds(value, limit)
        .then(|| format::value(value, unit))
}
