//! Which series of a Prometheus endpoint are meant: `send_failed{exporter="otlp"}`.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use winnow::ascii::{multispace0, space0};
use winnow::combinator::{
    alt, delimited, eof, opt, preceded, repeat, separated, separated_pair, terminated,
};
use winnow::prelude::*;
use winnow::token::{take, take_while};

/// Names and values.
pub type Labels = Vec<(String, String)>;

/// Which series of a metric are meant: those that have these labels, whatever others they have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selector {
    /// With or without `_total`.
    pub name: String,
    pub labels: BTreeMap<String, String>,
}

/// A text is not a selector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a metric's name, such as `queue_size` or `send_failed{{exporter=\"otlp\"}}`")]
pub struct SelectorError {
    /// The byte at which it stops being one.
    pub at: usize,
}

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut rest = text;
        let parsed = delimited(
            multispace0,
            (name, opt(preceded(space0, labels))),
            (multispace0, eof),
        )
        .parse_next(&mut rest);
        match parsed {
            Ok((name, labels)) => Ok(Self {
                name: name.to_owned(),
                labels: labels.unwrap_or_default().into_iter().collect(),
            }),
            Err(_) => Err(SelectorError {
                at: text.len() - rest.len(),
            }),
        }
    }
}

/// A metric's or a label's name.
///
/// # Errors
/// When there is none.
pub fn name<'t>(input: &mut &'t str) -> ModalResult<&'t str> {
    take_while(1.., |c: char| {
        c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '.')
    })
    .parse_next(input)
}

/// Labels in braces.
///
/// # Errors
/// When there are none.
pub fn labels(input: &mut &str) -> ModalResult<Labels> {
    let pair = separated_pair(
        preceded(space0, name).map(str::to_owned),
        (space0, '=', space0),
        terminated(quoted, space0),
    );
    delimited(
        '{',
        separated(0.., pair, ','),
        (space0, opt((',', space0)), '}'),
    )
    .parse_next(input)
}

fn quoted(input: &mut &str) -> ModalResult<String> {
    let escaped = preceded('\\', take(1_usize)).map(|c: &str| if c == "n" { "\n" } else { c });
    let plain = take_while(1.., |c: char| c != '"' && c != '\\');
    let text = repeat(0.., alt((plain, escaped))).fold(String::new, |mut text, part: &str| {
        text.push_str(part);
        text
    });
    delimited('"', text, '"').parse_next(input)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_series_is_told() {
        for text in ["", "a{b", "a{b=c}", "{b=\"c\"}", "a b"] {
            assert!(text.parse::<Selector>().is_err(), "{text}");
        }
        let good: Selector = "a.b_total{ x = \"y\", }".parse().unwrap();
        assert_eq!(
            (good.name.as_str(), good.labels["x"].as_str()),
            ("a.b_total", "y")
        );
    }
}
