//! What targets said of themselves, and whether they owned up to what was lost in them.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::Facts;
use super::measure::{Measured, within};
use crate::evidence::SaidSample;
use crate::metric::said::{Statistic, member};
use crate::plan::expectation::Window;
use crate::units;

/// Measures one series over a window. Where several targets tell a series of that name, it is the
/// target where the value is largest; for the minimum, where it is smallest.
pub(super) fn measure(
    facts: &Facts<'_>,
    series: &str,
    statistic: Statistic,
    window: &Window,
) -> Measured {
    let intervals = facts.intervals(window);
    let samples = &facts.evidence.series.said;
    let mut of_target: BTreeMap<&str, Vec<(u64, Option<f64>)>> = BTreeMap::new();
    for sample in samples {
        let value = sample.values.get(series).copied();
        let of_target = of_target.entry(&sample.target).or_default();
        of_target.push((sample.at_ns, value));
    }
    // A counter that has not counted yet need not be there; anything else has no value.
    let may_be_absent = |target: &str| {
        let mut targets = facts.plan.targets.iter().filter(|t| t.name == target);
        let metrics = targets.next().and_then(|target| target.metrics.as_ref());
        let asked = metrics.is_some_and(|metrics| metrics.series.contains_key(series));
        asked && statistic == Statistic::Increase
    };
    of_target.retain(|target, samples| {
        samples.iter().any(|(_, value)| value.is_some()) || may_be_absent(target)
    });
    if of_target.is_empty() {
        return Err(format!("no target ever told its `{series}`"));
    }
    of_target
        .values()
        .filter_map(|samples| over(samples, statistic, &intervals))
        .reduce(|a, b| match statistic {
            Statistic::Min => a.min(b),
            _ => a.max(b),
        })
        .ok_or_else(|| "the window has no samples".to_owned())
}

/// Every series that was told, with every statistic over the run as a whole.
pub(super) fn all(facts: &Facts<'_>) -> BTreeMap<String, f64> {
    let samples = facts.evidence.series.said.iter();
    let names: BTreeSet<&String> = samples.flat_map(|sample| sample.values.keys()).collect();
    let of_series = |name: &&String| {
        let name = (*name).clone();
        Statistic::ALL.into_iter().filter_map(move |statistic| {
            let value = measure(facts, &name, statistic, &Window::Whole).ok()?;
            Some((member(&name, statistic), value))
        })
    };
    names.iter().flat_map(of_series).collect()
}

fn over(
    samples: &[(u64, Option<f64>)],
    statistic: Statistic,
    intervals: &[(u64, u64)],
) -> Option<f64> {
    let inside = samples
        .iter()
        .filter(|(at_ns, _)| within(intervals, *at_ns))
        .filter_map(|(_, value)| *value);
    match statistic {
        Statistic::Max => inside.reduce(f64::max),
        Statistic::Min => inside.reduce(f64::min),
        Statistic::Last => inside.reduce(|_, last| last),
        Statistic::Mean => {
            let (sum, count) =
                inside.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
            (count > 0.0).then(|| sum / count)
        }
        Statistic::Increase => intervals
            .iter()
            .filter_map(|interval| increase(samples, *interval))
            .reduce(|a, b| a + b),
    }
}

/// Growth of a counter from the last sample before the interval, or the first in it. A counter that
/// is not told stands at zero, and so does one that is smaller than it was: it began anew.
fn increase(samples: &[(u64, Option<f64>)], (start_ns, end_ns): (u64, u64)) -> Option<f64> {
    let after = samples.partition_point(|(at_ns, _)| *at_ns <= start_ns);
    let until = samples.partition_point(|(at_ns, _)| *at_ns <= end_ns);
    let told = samples.get(after.saturating_sub(1)..until)?;
    if told.len() < 2 {
        return None;
    }
    let mut grown = 0.0;
    let mut before = told[0].1.unwrap_or(0.0);
    for value in told.iter().skip(1).map(|(_, value)| value.unwrap_or(0.0)) {
        grown += if value >= before {
            value - before
        } else {
            value
        };
        before = value;
    }
    Some(grown)
}

/// What a target says that it lost over the run: the growth of all series in `names` together.
/// `None` for a target that was not scraped twice; a counter that it never told stands at zero.
pub fn said_lost(samples: &[SaidSample], target: &str, names: &[String]) -> Option<u64> {
    let of_target = || samples.iter().filter(|sample| sample.target == target);
    let grown = names.iter().filter_map(|name| {
        let told: Vec<(u64, Option<f64>)> = of_target()
            .map(|sample| (sample.at_ns, sample.values.get(name).copied()))
            .collect();
        increase(&told, (0, u64::MAX))
    });
    let sum = grown.reduce(|a, b| a + b)?;
    Some(sum.round() as u64)
}

/// What was lost in a target, beside what it says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LossFinding {
    /// Items that the ledger says were lost in the target.
    pub lost: u64,
    /// Items that the target says it lost; `None` when it told nothing of it.
    pub said: Option<u64>,
    /// In a sentence.
    pub text: String,
}

impl LossFinding {
    /// Compares the ledger's count of `target` with what the target says.
    pub fn of(target: &str, lost: u64, said: Option<u64>) -> Self {
        let items = |count: u64| match count {
            0 => "nothing".to_owned(),
            1 => "1 item".to_owned(),
            _ => format!("{} items", units::count(count)),
        };
        let what = items(lost);
        let text = match said {
            None => format!("{target} lost {what} and told nothing about losses"),
            Some(said) if said == lost && lost == 0 => {
                format!("{target} lost nothing and says so")
            }
            Some(said) if said == lost => format!("{target} lost {what} and owned up to all"),
            Some(said) if said < lost => format!(
                "{target} lost {what} and owned up to {}",
                if said == 0 {
                    "none".to_owned()
                } else {
                    units::count(said)
                }
            ),
            Some(said) => format!("{target} lost {what} and says that it lost {}", items(said)),
        };
        Self { lost, said, text }
    }

    /// Whether both say the same.
    pub fn agrees(&self) -> bool {
        self.said == Some(self.lost)
    }
}

#[cfg(test)]
mod tests;
