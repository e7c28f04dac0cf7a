//! Names of what targets say of themselves: `said.NAME.max`, and `said.NAME` for the moment.

use super::super::problem::{nearest, quoted};
use super::grammar::Word;
use super::{Fault, Scope, Section};
use crate::metric::said::{Statistic, member, parse};

/// What is wrong with a name of this family; `None` for names of others.
pub fn fault(word: &Word<&str>, scope: &Scope<'_>, section: Section) -> Option<Fault> {
    let (series, statistic) = parse(word.value)?;
    let fault = |message: String, help: String| {
        Some(Fault {
            place: word.place.clone(),
            message,
            help,
        })
    };
    let live = matches!(section, Section::AbortIf | Section::When);
    let is_known = |name: &str| scope.said_names.iter().any(|known| known == name);
    if is_known(series) {
        return match (live, statistic) {
            (true, None) | (false, Some(_)) => None,
            (true, Some(_)) => fault(
                format!("`{}` is not known while the run goes on", word.value),
                format!("write `said.{series}`, its value of the moment"),
            ),
            (false, None) => {
                let all = Statistic::ALL.map(|statistic| member(series, statistic));
                let all: Vec<&str> = all.iter().map(String::as_str).collect();
                fault(
                    format!("`{}` has many values in a run", word.value),
                    format!("write one of {}", quoted(&all)),
                )
            }
        };
    }
    if let Some((known, last)) = series.rsplit_once('.').filter(|(name, _)| is_known(name)) {
        let all = Statistic::ALL.map(Statistic::as_str);
        return fault(
            format!("`{last}` is nothing that is known of `said.{known}`"),
            format!("after the name stands one of {}", quoted(&all)),
        );
    }
    if scope.said_names.is_empty() {
        return fault(
            "no target of this scenario is asked for metrics of its own".to_owned(),
            "name the series that are to be read with `target.metrics.series`".to_owned(),
        );
    }
    let names = scope.said_names.iter().map(String::as_str);
    let near = nearest(series, names.clone());
    let near = if near.is_empty() {
        names.collect()
    } else {
        near
    };
    fault(
        format!("`target.metrics.series` names no series `{series}`"),
        format!("the nearest names are {}", quoted(&near)),
    )
}

#[cfg(test)]
mod tests;
