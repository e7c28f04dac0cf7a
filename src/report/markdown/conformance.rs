//! How the client kept to OTLP.

use std::fmt::Write as _;

use super::plain;
use crate::record::Conformance;
use crate::report::conformance::{HELP, mark, waits};

/// The section; nothing where nothing was judged.
pub(super) fn section(out: &mut String, conformance: &Conformance) -> std::fmt::Result {
    if conformance.checks.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\n## Conformance of the client\n\n{}\n\n| | rule | outcome | observed | section |\n|---|---|---|---|---|",
        plain(HELP)
    )?;
    for check in &conformance.checks {
        let mut observed = vec![check.observed.clone()];
        observed.extend(check.examples.iter().cloned());
        writeln!(
            out,
            "| {} | {} | {} | {} | {} |",
            mark(check.outcome),
            plain(&check.name),
            check.outcome.as_str(),
            plain(&observed.join("; ")),
            plain(&check.section)
        )?;
    }
    if !conformance.waits.is_empty() {
        writeln!(out)?;
    }
    for wait in &conformance.waits {
        writeln!(out, "- {}", waits(wait))?;
    }
    Ok(())
}
