//! What was found in the content of what arrived.

use std::fmt::Write as _;

use super::plain;
use crate::record::ContentResult;
use crate::report::content::compared;

/// The section; nothing where nothing was looked for.
pub(super) fn section(out: &mut String, content: Option<&ContentResult>) -> std::fmt::Result {
    let Some(content) = content else {
        return Ok(());
    };
    writeln!(out, "\n## Content\n\n{}", plain(&compared(content)))?;
    if !content.findings.is_empty() {
        writeln!(out)?;
    }
    for finding in &content.findings {
        writeln!(out, "- {}", plain(&finding.headline()))?;
        for example in &finding.examples {
            writeln!(out, "  - {}", plain(example))?;
        }
    }
    Ok(())
}
