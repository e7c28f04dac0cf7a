//! How the client kept to OTLP.

use super::Page;
use crate::record::ConformanceOutcome;
use crate::report::conformance::{exercised, mark, not_exercised, waits};
use crate::report::text::wrap;

impl Page<'_> {
    /// What the run gave an occasion for; the rest in one line. Nothing for a run without any.
    pub(super) fn conformance(&self, lines: &mut Vec<String>) {
        let conformance = &self.view.record.result.conformance;
        let told = exercised(conformance);
        if told.is_empty() {
            return;
        }
        self.heading(lines, "Conformance of the client to OTLP");
        for check in told {
            let sign = mark(check.outcome);
            let sign = match check.outcome {
                ConformanceOutcome::Violated => self.paint.bad(sign),
                _ => self.paint.good(sign),
            };
            let text = format!("{}: {}", check.name, check.observed);
            lines.push(format!(
                "  {sign} {}",
                wrap(&text, self.width - 4, "      ")
            ));
            for example in &check.examples {
                lines.push(format!("      {}", wrap(example, self.width - 6, "      ")));
            }
        }
        for wait in &conformance.waits {
            lines.push(format!("    {}", waits(wait)));
        }
        let idle = not_exercised(conformance);
        if !idle.is_empty() {
            let text = format!("– not exercised: {}", idle.join("; "));
            let text = wrap(&text, self.width - 2, "    ");
            lines.push(format!("  {}", self.paint.faint(&text)));
        }
    }
}
