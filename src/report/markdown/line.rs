//! The line, where there is a target on it, and where items were left.

use std::fmt::Write as _;

use super::{code, plain};
use crate::report::line::Line;

/// The section; nothing for a run without a target.
pub(super) fn section(out: &mut String, line: Option<&Line>) -> std::fmt::Result {
    let Some(line) = line.filter(|line| line.has_targets()) else {
        return Ok(());
    };
    writeln!(out, "\n## Line\n")?;
    for way in line.ways() {
        writeln!(out, "- {}", code(&way))?;
    }
    for told in line.stops.iter().filter_map(|stop| stop.told()) {
        writeln!(out, "- {}", plain(&told))?;
    }
    for finding in line.flow.owned_up.iter().filter(|f| !f.agrees) {
        let mark = if finding.killed { "" } else { "✗ " };
        writeln!(out, "- {mark}{}", plain(&finding.text))?;
    }
    for note in &line.flow.blurred {
        writeln!(out, "- {}", plain(note))?;
    }
    Ok(())
}
