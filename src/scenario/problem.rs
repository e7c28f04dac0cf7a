//! What is wrong with a scenario, where, and how to mend it.

use std::sync::Arc;

use miette::{Diagnostic, NamedSource, SourceSpan};

/// A place in one of the texts that a scenario is made from: its file, then each override.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Which text: 0 is the file, `n` the n-th override.
    pub text: usize,
    /// Bytes from the text's start.
    pub start: usize,
    /// Length in bytes.
    pub len: usize,
}

impl Span {
    /// A part of this place: `len` bytes from `offset` on.
    pub fn part(self, offset: usize, len: usize) -> Self {
        Self {
            start: self.start + offset,
            len,
            ..self
        }
    }
}

/// A problem before it is joined with the text that it points into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub span: Span,
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
}

impl Finding {
    pub fn new(span: Span, message: impl Into<String>) -> Self {
        Self {
            span,
            message: message.into(),
            help: None,
        }
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// One problem of a scenario, ready to be shown. Its source has secrets masked.
#[derive(Debug, Clone, thiserror::Error, Diagnostic)]
#[error("{message}")]
pub struct Problem {
    pub message: String,
    #[help]
    pub help: Option<String>,
    /// `None`: the file could not be read at all.
    #[source_code]
    pub source_text: Option<Arc<NamedSource<String>>>,
    #[label("here")]
    pub span: Option<SourceSpan>,
}

impl Problem {
    /// A problem of the file as a whole, with no place in it.
    pub fn of_file(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: Some(help.into()),
            source_text: None,
            span: None,
        }
    }
}

/// The candidates that look most like `given`, nearest first, at most three.
pub fn nearest<'a>(given: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let given = given.to_lowercase();
    let mut scored: Vec<(f64, &str)> = candidates
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&given, &name.to_lowercase()), name))
        .filter(|(score, _)| *score >= 0.75)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    scored.into_iter().take(3).map(|(_, name)| name).collect()
}

/// `did you mean X?` where something is near, else what is allowed.
pub fn did_you_mean(given: &str, candidates: &[&str]) -> String {
    let near = nearest(given, candidates.iter().copied());
    if near.is_empty() {
        format!("one of {}", quoted(candidates))
    } else {
        format!("did you mean {}?", quoted_or(&near))
    }
}

/// `a`, `b`, `c`
pub fn quoted(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

fn quoted_or(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_the_name_that_was_meant() {
        let names = ["warmup", "duration", "drain"];
        assert_eq!(nearest("warm_up", names)[0], "warmup");
        assert_eq!(did_you_mean("warm", &names), "did you mean `warmup`?");
        assert_eq!(
            did_you_mean("zzz", &names),
            "one of `warmup`, `duration`, `drain`"
        );
    }
}
