//! The family of what targets say of themselves: `said.NAME.max`, with names from the scenario.

use super::{Better, Metric, Unit, Windows};

/// What all members' names begin with.
const PREFIX: &str = "said.";

/// What is asked of a series over a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistic {
    Max,
    Min,
    Mean,
    Last,
    Increase,
}

impl Statistic {
    pub const ALL: [Statistic; 5] = [
        Statistic::Max,
        Statistic::Min,
        Statistic::Mean,
        Statistic::Last,
        Statistic::Increase,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Statistic::Max => "max",
            Statistic::Min => "min",
            Statistic::Mean => "mean",
            Statistic::Last => "last",
            Statistic::Increase => "increase",
        }
    }
}

/// The member's name, such as `said.queue.max`.
pub fn member(series: &str, statistic: Statistic) -> String {
    format!("{PREFIX}{series}.{}", statistic.as_str())
}

/// A member's series, and its statistic: `said.queue` without one is the value of the moment.
/// `None` for names that are not of the family.
pub fn parse(name: &str) -> Option<(&str, Option<Statistic>)> {
    let rest = name.strip_prefix(PREFIX)?;
    let known = rest.rsplit_once('.').and_then(|(series, last)| {
        let mut all = Statistic::ALL.into_iter();
        Some((series, all.find(|known| known.as_str() == last)?))
    });
    Some(match known {
        Some((series, statistic)) => (series, Some(statistic)),
        None => (rest, None),
    })
}

/// What stands for every member with that statistic.
pub(super) fn find(name: &str) -> Option<&'static Metric> {
    let (_, statistic) = parse(name)?;
    let index = match statistic {
        Some(statistic) => Statistic::ALL
            .iter()
            .position(|known| *known == statistic)?,
        None => Statistic::ALL.len(),
    };
    FAMILY.get(index)
}

const fn row(name: &'static str, live: bool, help: &'static str) -> Metric {
    Metric {
        name,
        unit: Unit::Count,
        better: Better::Neither,
        per_signal: false,
        ledger: false,
        windows: Windows::Any,
        live,
        estimated: false,
        signed: true,
        help,
    }
}

/// One row for each statistic in the order of [`Statistic::ALL`], and one for the present value.
pub const FAMILY: &[Metric] = &[
    row(
        "said.NAME.max",
        false,
        "Largest value that a target told of the series that the scenario calls NAME.",
    ),
    row("said.NAME.min", false, "Smallest value of the series NAME."),
    row(
        "said.NAME.mean",
        false,
        "Mean of the samples of the series NAME.",
    ),
    row(
        "said.NAME.last",
        false,
        "Last value of the series NAME in the window.",
    ),
    row(
        "said.NAME.increase",
        false,
        "By how much the counter NAME grew; where the target began anew, so did its counter.",
    ),
    row(
        "said.NAME",
        true,
        "The value of the series NAME at the moment.",
    ),
];
