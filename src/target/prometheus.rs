//! Picks named series out of a Prometheus or OpenMetrics text.
//!
//! A series is given as a metric's name and the labels that it must have:
//! `otelcol_exporter_send_failed_spans{exporter="otlp"}`. What matches is summed.

use std::collections::BTreeMap;
use winnow::ascii::space0;
use winnow::combinator::{opt, preceded};
use winnow::prelude::*;
use winnow::token::take_while;

pub use crate::plan::selector::Selector;
use crate::plan::selector::{Labels, labels, name};

/// What counters end with in OpenMetrics, and by custom elsewhere.
const TOTAL: &str = "_total";
/// What the parts of histograms and summaries that only grow end with.
const GROWING_PARTS: [&str; 3] = ["_bucket", "_count", "_sum"];

/// What a selector has found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// The sum over all that matches.
    pub value: f64,
    /// Whether it only grows while the program runs.
    pub is_counter: bool,
}

/// The value of each selector, by its key in `wanted`. A series that is not in the text is not in
/// the answer; neither is one whose sum is not a number (`NaN` stands for no value) or not finite.
/// Lines that cannot be understood are passed over.
pub fn select(text: &str, wanted: &BTreeMap<String, Selector>) -> BTreeMap<String, Reading> {
    let mut sums = vec![Sums::default(); wanted.len()];
    let mut counters: Vec<&str> = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(comment) = line.strip_prefix('#') {
            counters.extend(growing(comment));
            continue;
        }
        let mut rest = line;
        let Ok(name) = name(&mut rest) else { continue };
        let mut series = None;
        for (selector, sums) in wanted.values().zip(&mut sums) {
            if base(name) != base(&selector.name) {
                continue;
            }
            // Parsed once, and only for a name that is wanted.
            let (labels, value) = match &series {
                Some(series) => series,
                None => match labels_and_value(&mut rest) {
                    Ok(parsed) => series.insert(parsed),
                    Err(_) => break,
                },
            };
            let matches = selector.labels.iter().all(|(key, value)| {
                // An absent label is an empty one.
                let found = labels.iter().find(|(name, _)| name == key);
                found.map_or("", |(_, found)| found) == value
            });
            if matches && !value.is_nan() {
                sums.add(name, &selector.name, *value);
            }
        }
    }
    wanted
        .iter()
        .zip(sums)
        .filter_map(|((key, selector), sums)| {
            let value = sums.exact.or(sums.tolerant)?;
            let is_counter = selector.name.ends_with(TOTAL)
                || counters
                    .iter()
                    .any(|counter| is_of(&selector.name, counter));
            value
                .is_finite()
                .then(|| (key.clone(), Reading { value, is_counter }))
        })
        .collect()
}

/// The sums of one selector: of the series with its very name, and of those that differ in `_total`.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    exact: Option<f64>,
    tolerant: Option<f64>,
}

impl Sums {
    fn add(&mut self, name: &str, wanted: &str, value: f64) {
        let sum = if name == wanted {
            &mut self.exact
        } else {
            &mut self.tolerant
        };
        *sum = Some(sum.unwrap_or(0.0) + value);
    }
}

fn base(name: &str) -> &str {
    name.strip_suffix(TOTAL).unwrap_or(name)
}

/// The metric of which this comment says that it only grows: ` TYPE x counter`.
fn growing(comment: &str) -> Option<&str> {
    let mut words = comment.split_ascii_whitespace();
    match (words.next()?, words.next()?, words.next()?) {
        ("TYPE", name, "counter" | "histogram" | "summary") => Some(name),
        _ => None,
    }
}

/// Whether a series belongs to a metric that only grows.
fn is_of(series: &str, metric: &str) -> bool {
    base(series) == base(metric)
        || GROWING_PARTS
            .iter()
            .any(|part| series.strip_suffix(part) == Some(metric))
}

fn labels_and_value(input: &mut &str) -> ModalResult<(Labels, f64)> {
    let labels = opt(preceded(space0, labels)).parse_next(input)?;
    let value = preceded(space0, take_while(1.., |c: char| !c.is_whitespace()))
        .parse_to()
        .parse_next(input)?;
    Ok((labels.unwrap_or_default(), value))
}

/// Keeps counters from falling when a program is started again: its own begin at nothing.
#[derive(Debug, Default)]
pub struct Continued {
    /// What was read last, and what the programs before had counted, by series.
    counters: BTreeMap<String, [f64; 2]>,
}

impl Continued {
    /// The values, counters with what was counted before.
    pub fn go_on(&mut self, readings: BTreeMap<String, Reading>) -> BTreeMap<String, f64> {
        readings
            .into_iter()
            .map(|(series, reading)| {
                let mut value = reading.value;
                if reading.is_counter {
                    let [last, before] = self.counters.entry(series.clone()).or_default();
                    if value < *last {
                        *before += *last;
                    }
                    *last = value;
                    value += *before;
                }
                (series, value)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
