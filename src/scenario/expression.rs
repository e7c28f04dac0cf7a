//! Expectations as the user writes them: `metric op value [window]`, joined by `and`.
//!
//! `grammar` says what is written, with the place of each word; `meaning` looks the words up.

use super::document::Document;
use super::problem::{Finding, Span};
use crate::plan::Plan;
use crate::plan::expectation::Expectation;

mod grammar;
mod limit;
mod meaning;
mod said;

/// What an expectation's words can refer to.
pub struct Scope<'a> {
    /// The plan without its expectations.
    pub plan: &'a Plan,
    /// Names of all faults and storms, those with problems included.
    pub fault_names: &'a [String],
    /// Names of the series that targets are asked for: see [`crate::metric::said`].
    pub said_names: Vec<String>,
}

impl Scope<'_> {
    /// Whether every fault could be planned, so that what is missing is missing indeed.
    fn is_whole(&self) -> bool {
        let faults = &self.plan.faults;
        let planned = |name: &String| {
            let is_it = |fault: &crate::plan::FaultPlan| {
                fault.name == *name || fault.storm.as_ref() == Some(name)
            };
            faults.iter().any(is_it)
        };
        self.fault_names.iter().all(planned)
    }
}

/// Where a line stands, which decides what it can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    Expect,
    SteadyState,
    AbortIf,
    /// A fault's `when`.
    When,
}

/// Something wrong at a part of the text: offset and length in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Fault {
    place: std::ops::Range<usize>,
    message: String,
    help: String,
}

/// Reads one line; what is wrong goes to `findings`, at its place in the file.
pub fn read(
    text: &str,
    path: &str,
    scope: &Scope<'_>,
    section: Section,
    document: &Document,
    findings: &mut Vec<Finding>,
) -> Option<Expectation> {
    let span = document.span_of(path);
    let faults = match parse(text, scope, section) {
        Ok(all_of) => {
            return Some(Expectation {
                text: text.to_owned(),
                line: document.texts.line(span),
                all_of,
            });
        }
        Err(faults) => faults,
    };
    let written = document.texts.slice(span);
    for fault in faults {
        let place = within(written, text, span, &fault.place);
        findings.push(Finding::new(place, fault.message).help(fault.help));
    }
    None
}

fn parse(
    text: &str,
    scope: &Scope<'_>,
    section: Section,
) -> Result<Vec<crate::plan::expectation::Comparison>, Vec<Fault>> {
    let terms = grammar::parse(text).map_err(|fault| vec![fault])?;
    let mut faults = Vec::new();
    let all_of = terms
        .iter()
        .filter_map(|term| meaning::comparison(term, scope, section, &mut faults))
        .collect();
    if faults.is_empty() {
        Ok(all_of)
    } else {
        Err(faults)
    }
}

/// A part of a scalar's text in the file. Where escapes or line breaks shift it, the whole scalar.
fn within(written: &str, text: &str, span: Span, place: &std::ops::Range<usize>) -> Span {
    let quote = match written.strip_prefix(['"', '\'']) {
        Some(inner) if inner.starts_with(text) => 1,
        _ if written.starts_with(text) => 0,
        _ => return span,
    };
    let len = place.len().max(1).min(span.len);
    span.part((quote + place.start).min(span.len.saturating_sub(1)), len)
}
