//! From what two sides measured to an answer that can be believed.
//!
//! A change is told as a regression or an improvement when it is sure *and* large: the test of its
//! direction passes at the level that Holm's procedure gives it among all gated metrics
//! ([`super::holm`]), and its estimate is over the metric's threshold. Each direction has its own chance of
//! a false alarm, [`FALSE_ALARMS`], over all gated metrics and all looks ([`super::sequential`]). Changes
//! that can be told in percent are compared as logarithms of ratios, in which twice as much and half as
//! much are equally far.
//!
//! Without such a change there are two answers. "No difference seen" is given where a change of the
//! size of the threshold would have been seen in nine sessions of ten, or is outside of the interval; "too
//! noisy to tell" otherwise. Either comes with the minimum detectable effect.
//!
//! A deterministic metric, such as allocations per item, is not tested: its noise is far below its
//! threshold by nature, so a single pair is enough, and where pairs disagree it says so.
//!
//! By simulation (see the tests): with a noise of 3 % in each run and three gated metrics, 20 pairs find
//! 90 % of changes of twice a threshold of 2.5 % or more. Smaller thresholds need less noise or more pairs;
//! the printed effect says how many.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::holm::holm;
use super::shift::{Interval, Shift, ordered};
use crate::metric::Better;

#[cfg(test)]
mod tests;

/// The chance of a false alarm in one direction: in a session, over all gated metrics and looks.
pub const FALSE_ALARMS: f64 = 0.01;

/// A change that is too small to matter, and how changes of this metric are told.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Threshold {
    /// A share of the first side's value: 0.1 is 10 %. All values must be above zero.
    Relative(f64),
    /// In the metric's unit: for what can be zero or below.
    Absolute(f64),
}

impl Threshold {
    /// The number alone.
    pub fn size(self) -> f64 {
        match self {
            Self::Relative(size) | Self::Absolute(size) => size,
        }
    }
}

/// Whether the same program gives the same value every time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Repeatable {
    /// Times, CPU, memory: each run differs.
    Noisy,
    /// Allocations, bytes, system calls per item: comparable between machines.
    Deterministic,
}

/// How a metric is compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    pub better: Better,
    pub repeatable: Repeatable,
    pub threshold: Threshold,
    /// The largest change that a comparison of the same with the same has shown, in the threshold's
    /// unit; 0 where none was made. What is not above it is no regression, whatever the threshold.
    pub noise_floor: f64,
}

/// One value for each run.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// `(first, second)` of interleaved pairs: see [`super::sequential::order`].
    Pairs(Vec<(f64, f64)>),
    /// Runs of two groups that were not interleaved.
    Groups(Vec<f64>, Vec<f64>),
}

/// What becomes of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Worse for sure, by more than the threshold.
    Regression,
    /// Better for sure, by more than the threshold.
    Improvement,
    /// Another value for sure, of a metric of which neither more nor less is better.
    Change,
    /// A change of the threshold's size would have been seen.
    NoDifference,
    /// It would not.
    TooNoisy,
}

/// An answer and what it rests on. Changes are of the second side against the first, in the
/// threshold's unit: a share (0.1 is 10 % more) or the metric's unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    pub answer: Answer,
    /// The estimate.
    pub change: f64,
    /// The ends of its interval, each at the level that its side was tested at; none where it is open.
    pub low: Option<f64>,
    pub high: Option<f64>,
    /// The chance of seeing as much where nothing is above, and where nothing is below; not corrected.
    /// None of a deterministic metric.
    pub p_above: Option<f64>,
    pub p_below: Option<f64>,
    /// The smallest worsening that would have been seen with a probability of 90 %; none where no
    /// size would have been.
    pub detectable: Option<f64>,
    /// Nothing is left to find out: more pairs would not change the answer for one that matters.
    pub settled: bool,
}

/// Why nothing can be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Unfit {
    #[error("there is nothing to compare: a side has no values")]
    Empty,
    #[error("a value is not a number")]
    NotFinite,
    #[error("a change in percent needs values above zero: give an absolute threshold instead")]
    NotPositive,
}

/// Compares all `gated` metrics at once; `level` is the chance of a false alarm in one direction,
/// [`FALSE_ALARMS`] or what a look may spend of it. A metric that is only shown is compared alone.
pub fn compare(gated: &[(Rule, Values)], level: f64) -> Vec<Result<Finding, Unfit>> {
    let asked: Vec<Result<Asked, Unfit>> = gated
        .iter()
        .map(|(rule, values)| Asked::new(*rule, values))
        .collect();
    let noisy: Vec<usize> = (0..asked.len())
        .filter(|index| matches!(&asked[*index], Ok(one) if one.tested()))
        .collect();
    let shift = |index: &usize| asked[*index].as_ref().ok().map(|one| &one.shift);
    let above: Vec<f64> = noisy.iter().filter_map(shift).map(Shift::p_above).collect();
    let below: Vec<f64> = noisy.iter().filter_map(shift).map(Shift::p_below).collect();
    let mut levels = vec![(level, level); asked.len()];
    let tested = holm(&above, level).into_iter().zip(holm(&below, level));
    for (index, (above, below)) in noisy.into_iter().zip(tested) {
        levels[index] = (above.level, below.level);
    }
    let findings = asked.into_iter().zip(levels);
    findings
        .map(|(asked, (above, below))| asked.map(|asked| asked.answered(above, below)))
        .collect()
}

/// Whether a session can end before its budget does: something got worse, or nothing is open.
pub fn is_settled<'a>(mut findings: impl Iterator<Item = &'a Finding> + Clone) -> bool {
    let is_worse = |one: &Finding| one.answer == Answer::Regression;
    findings.clone().any(is_worse) || findings.all(|one| one.settled)
}

/// A metric whose question can be answered.
struct Asked {
    rule: Rule,
    /// Of logarithms where the threshold is relative.
    shift: Shift,
    /// The least and the greatest difference that was measured.
    seen: Interval,
}

impl Asked {
    fn new(rule: Rule, values: &Values) -> Result<Self, Unfit> {
        let told = |value: f64| match rule.threshold {
            _ if !value.is_finite() => Err(Unfit::NotFinite),
            Threshold::Absolute(_) => Ok(value),
            Threshold::Relative(_) if value > 0.0 => Ok(value.ln()),
            Threshold::Relative(_) => Err(Unfit::NotPositive),
        };
        let both_zero = |one: f64, other: f64| one == 0.0 && other == 0.0;
        let all = |values: &[f64]| -> Result<Vec<f64>, Unfit> {
            values.iter().map(|value| told(*value)).collect()
        };
        let (shift, differences) = match values {
            Values::Pairs(pairs) => {
                let difference = |(first, second): &(f64, f64)| match both_zero(*first, *second) {
                    true => Ok(0.0),
                    false => Ok(told(*second)? - told(*first)?),
                };
                let differences: Vec<f64> =
                    pairs.iter().map(difference).collect::<Result<_, Unfit>>()?;
                (
                    Shift::of_pairs(&differences),
                    ordered(differences.into_iter()),
                )
            }
            Values::Groups(first, second) => {
                let (first, second) = (all(first)?, all(second)?);
                let differences = second
                    .iter()
                    .flat_map(|one| first.iter().map(move |other| one - other));
                (Shift::of_groups(&first, &second), ordered(differences))
            }
        };
        let (Some(shift), Some(low), Some(high)) = (shift, differences.first(), differences.last())
        else {
            return Err(Unfit::Empty);
        };
        let seen = Interval {
            low: *low,
            high: *high,
        };
        Ok(Self { rule, shift, seen })
    }

    fn tested(&self) -> bool {
        self.rule.repeatable == Repeatable::Noisy
    }

    /// A difference as it is told.
    fn told(&self, difference: f64) -> f64 {
        match self.rule.threshold {
            Threshold::Relative(_) => difference.exp_m1(),
            Threshold::Absolute(_) => difference,
        }
    }

    /// The answer of tests at the levels `above` and `below`.
    fn answered(self, above: f64, below: f64) -> Finding {
        let worse_is_less = self.rule.better == Better::Higher;
        let (interval, detectable) = match self.tested() {
            true => {
                let interval = Interval {
                    low: self.shift.interval(above).low,
                    high: self.shift.interval(below).high,
                };
                let level = if worse_is_less { below } else { above };
                (interval, self.shift.detectable(level))
            }
            false => (self.seen, Some(self.seen.half())),
        };
        let detectable = detectable.map(|size| match worse_is_less {
            true => -self.told(-size),
            false => self.told(size),
        });
        let change = self.told(self.shift.estimate());
        let limit = self.rule.threshold.size().max(self.rule.noise_floor);
        let (low, high) = (self.told(interval.low), self.told(interval.high));
        let answer = if low > 0.0 && change > limit {
            self.rule.of_more()
        } else if high < 0.0 && change < -limit {
            self.rule.of_less()
        } else if detectable.is_some_and(|size| size <= limit) || (low > -limit && high < limit) {
            Answer::NoDifference
        } else {
            Answer::TooNoisy
        };
        let no_worse = match self.rule.better {
            Better::Lower => high < limit,
            Better::Higher => low > -limit,
            Better::Neither => high < limit && low > -limit,
        };
        let changed = !matches!(answer, Answer::NoDifference | Answer::TooNoisy);
        let p_value = |p: f64| self.tested().then_some(p);
        // An open end is minus 100 % once it is a share.
        let end = |told: f64, difference: f64| difference.is_finite().then_some(told);
        Finding {
            answer,
            change,
            low: end(low, interval.low),
            high: end(high, interval.high),
            p_above: p_value(self.shift.p_above()),
            p_below: p_value(self.shift.p_below()),
            detectable,
            settled: changed || no_worse,
        }
    }
}

impl Rule {
    fn of_more(&self) -> Answer {
        match self.better {
            Better::Lower => Answer::Regression,
            Better::Higher => Answer::Improvement,
            Better::Neither => Answer::Change,
        }
    }

    fn of_less(&self) -> Answer {
        match self.better {
            Better::Lower => Answer::Improvement,
            Better::Higher => Answer::Regression,
            Better::Neither => Answer::Change,
        }
    }
}
