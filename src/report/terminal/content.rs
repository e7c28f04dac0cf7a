//! What was found in the content of what arrived.

use super::Page;
use crate::report::content::compared;
use crate::report::text::wrap;

/// Examples that are shown of each finding; `squall explain` tells the rest.
const EXAMPLES: usize = 3;

impl Page<'_> {
    /// Nothing for a run that did not look.
    pub(super) fn content(&self, lines: &mut Vec<String>) {
        let Some(content) = &self.view.record.result.content else {
            return;
        };
        self.heading(lines, "Content");
        let text = compared(content);
        lines.push(format!("  {}", wrap(&text, self.width - 2, "    ")));
        for finding in &content.findings {
            let text = wrap(&finding.headline(), self.width - 4, "      ");
            lines.push(format!("  {} {text}", self.paint.bad("✗")));
            for example in finding.examples.iter().take(EXAMPLES) {
                lines.push(format!(
                    "      {}",
                    wrap(example, self.width - 6, "        ")
                ));
            }
        }
    }
}
