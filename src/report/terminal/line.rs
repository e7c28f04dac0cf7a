//! The line, where there is a target on it, and where items were left.

use super::Page;
use crate::report::text::wrap;

impl Page<'_> {
    /// Nothing for a run without a target: its ledger says it all.
    pub(super) fn line(&self, lines: &mut Vec<String>) {
        let line = self.view.line.as_ref();
        let Some(line) = line.filter(|line| line.has_targets()) else {
            return;
        };
        self.heading(lines, "Line");
        for way in line.ways() {
            lines.push(format!("  {}", wrap(&way, self.width - 2, "    ")));
        }
        for stop in &line.stops {
            let Some(told) = stop.told() else { continue };
            let text = wrap(&told, self.width - 4, "      ");
            let sign = match stop.left.is_empty() {
                true => self.paint.unsure("+"),
                false => self.paint.bad("−"),
            };
            lines.push(format!("  {sign} {text}"));
        }
        for finding in line.flow.owned_up.iter().filter(|f| !f.agrees) {
            let text = wrap(&finding.text, self.width - 4, "      ");
            let mark = match finding.killed {
                true => self.paint.faint("–"),
                false => self.paint.bad("✗"),
            };
            lines.push(format!("  {mark} {text}"));
        }
        for note in &line.flow.blurred {
            let text = wrap(note, self.width - 4, "      ");
            lines.push(format!("  {}", self.paint.faint(&format!("– {text}"))));
        }
    }
}
