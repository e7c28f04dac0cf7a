//! The grammar. It knows no metric, unit or fault by name.

use std::ops::Range;

use winnow::ascii::{digit1, multispace0, multispace1};
use winnow::combinator::{alt, cut_err, eof, opt, preceded, repeat, separated, terminated};
use winnow::error::{ContextError, ErrMode, StrContext, StrContextValue};
use winnow::prelude::*;
use winnow::stream::LocatingSlice;
use winnow::token::take_while;

use super::Fault;
use crate::plan::expectation::Op;

/// A word and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Word<T> {
    pub value: T,
    pub place: Range<usize>,
}

/// `metric op value [window]`
#[derive(Debug, Clone, PartialEq)]
pub struct Term<'a> {
    pub metric: Word<&'a str>,
    pub op: Word<Op>,
    pub number: Word<f64>,
    /// Empty where there is none.
    pub unit: Word<&'a str>,
    pub window: Option<Window<'a>>,
}

impl Term<'_> {
    /// Where the whole term stands, its window left out.
    pub fn place(&self) -> Range<usize> {
        self.metric.place.start..self.unit.place.end.max(self.number.place.end)
    }
}

/// `in PHASE`, `during FAULT` or `after FAULT`
#[derive(Debug, Clone, PartialEq)]
pub struct Window<'a> {
    pub relation: Relation,
    pub name: Word<&'a str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    In,
    During,
    After,
}

type Input<'a> = LocatingSlice<&'a str>;
type Outcome<T> = Result<T, ErrMode<ContextError>>;

/// All terms of a line.
pub fn parse(text: &str) -> Result<Vec<Term<'_>>, Fault> {
    let mut line = terminated(
        separated(1.., term, and),
        (
            multispace0,
            eof.context(expected(
                "`and`, `in PHASE`, `during FAULT` or `after FAULT`",
            )),
        ),
    );
    let line: Result<Vec<Term<'_>>, _> = line.parse(LocatingSlice::new(text));
    line.map_err(|error| {
        let start = error.offset().min(text.len());
        let rest = &text[start..];
        // Leading white space is not what is wrong.
        let start = start + (rest.len() - rest.trim_start().len());
        let length = text[start..].find(char::is_whitespace);
        let end = length.map_or(text.len(), |length| start + length);
        let wanted: Vec<String> = error
            .inner()
            .context()
            .filter_map(|context| match context {
                StrContext::Expected(value) => Some(value.to_string()),
                _ => None,
            })
            .collect();
        let found = match &text[start..end] {
            "" => "the line ends too early".to_owned(),
            word => format!("`{word}` cannot stand here"),
        };
        Fault {
            place: start..end,
            message: found,
            help: match wanted.first() {
                Some(wanted) => format!("expected {wanted}"),
                None => "an expectation is `metric op value [window]`, joined by `and`".to_owned(),
            },
        }
    })
}

fn expected(what: &'static str) -> StrContext {
    StrContext::Expected(StrContextValue::Description(what))
}

fn and(input: &mut Input<'_>) -> Outcome<()> {
    let next = multispace1.context(expected("another comparison"));
    (multispace1, "and", cut_err(next)).void().parse_next(input)
}

fn term<'a>(input: &mut Input<'a>) -> Outcome<Term<'a>> {
    let metric = preceded(multispace0, word)
        .context(expected("a metric's name: `squall metrics` lists them"))
        .parse_next(input)?;
    let op = preceded(multispace0, cut_err(op))
        .context(expected("one of `<`, `<=`, `>`, `>=`, `==`"))
        .parse_next(input)?;
    let number = preceded(multispace0, cut_err(number))
        .context(expected("a number, zero or more, with its unit"))
        .parse_next(input)?;
    let unit = opt(preceded(opt(" "), unit)).parse_next(input)?;
    let end = number.place.end;
    let unit = unit.unwrap_or(Word {
        value: "",
        place: end..end,
    });
    let window = opt(window).parse_next(input)?;
    Ok(Term {
        metric,
        op,
        number,
        unit,
        window,
    })
}

fn word<'a>(input: &mut Input<'a>) -> Outcome<Word<&'a str>> {
    take_while(1.., |c: char| c.is_alphanumeric() || "._-".contains(c))
        .with_span()
        .map(|(value, place)| Word { value, place })
        .parse_next(input)
}

fn op(input: &mut Input<'_>) -> Outcome<Word<Op>> {
    alt((
        "<=".value(Op::LessOrEqual),
        ">=".value(Op::GreaterOrEqual),
        "==".value(Op::Equal),
        "<".value(Op::Less),
        ">".value(Op::Greater),
    ))
    .with_span()
    .map(|(value, place)| Word { value, place })
    .parse_next(input)
}

fn number(input: &mut Input<'_>) -> Outcome<Word<f64>> {
    (
        digit1,
        repeat::<_, _, (), _, _>(0.., preceded(opt("_"), digit1)),
        opt((".", digit1)),
    )
        .take()
        .with_span()
        .verify_map(|(text, place): (&str, Range<usize>)| {
            let value: f64 = text.replace('_', "").parse().ok()?;
            value.is_finite().then_some(Word { value, place })
        })
        .parse_next(input)
}

/// The unit. A window's keyword is none.
fn unit<'a>(input: &mut Input<'a>) -> Outcome<Word<&'a str>> {
    take_while(1.., |c: char| c.is_alphabetic() || "%/".contains(c))
        .verify(|unit: &str| !matches!(unit, "in" | "during" | "after" | "and"))
        .with_span()
        .map(|(value, place)| Word { value, place })
        .parse_next(input)
}

fn window<'a>(input: &mut Input<'a>) -> Outcome<Window<'a>> {
    let relation = preceded(
        multispace1,
        alt((
            "in".value(Relation::In),
            "during".value(Relation::During),
            "after".value(Relation::After),
        )),
    )
    .parse_next(input)?;
    let name = preceded(multispace1, cut_err(word))
        .context(expected(match relation {
            Relation::In => "a phase",
            Relation::During | Relation::After => "a fault's name",
        }))
        .parse_next(input)?;
    Ok(Window { relation, name })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_is_read_with_its_places() {
        let text = "traces.lost <= 0.1% during cut and delivery.latency.p99 < 250 ms";
        let terms = parse(text).unwrap();
        assert_eq!(terms.len(), 2);
        assert_eq!(terms[0].metric.value, "traces.lost");
        assert_eq!(terms[0].op.value, Op::LessOrEqual);
        assert_eq!(terms[0].number.value, 0.1);
        assert_eq!(terms[0].unit.value, "%");
        let window = terms[0].window.as_ref().unwrap();
        assert_eq!(window.relation, Relation::During);
        assert_eq!(&text[window.name.place.clone()], "cut");
        assert_eq!(terms[1].unit.value, "ms");
        assert_eq!(terms[1].window, None);
        let terms = parse("lost == 0 in steady").unwrap();
        assert_eq!(terms[0].unit.value, "");
        assert!(terms[0].window.is_some());
    }

    #[test]
    fn what_cannot_be_read_is_pointed_at() {
        let fault = |text: &str| {
            let fault = parse(text).unwrap_err();
            (text[fault.place].to_owned(), fault.help)
        };
        let ops = "expected one of `<`, `<=`, `>`, `>=`, `==`".to_owned();
        assert_eq!(fault("lost = 0"), ("=".to_owned(), ops.clone()));
        assert_eq!(fault("lost"), (String::new(), ops));
        let number = "expected a number, zero or more, with its unit".to_owned();
        assert_eq!(fault("lost < -1"), ("-1".to_owned(), number));
        let rest = "expected `and`, `in PHASE`, `during FAULT` or `after FAULT`".to_owned();
        assert_eq!(fault("lost < 1 or more"), ("more".to_owned(), rest));
        assert_eq!(fault("").0, "");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".*") {
            if let Err(fault) = parse(&text) {
                prop_assert!(text.get(fault.place).is_some());
            }
        }
    }
}
