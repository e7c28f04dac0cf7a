//! How the client kept to OTLP.

use maud::{Markup, html};

use crate::record::ConformanceOutcome;
use crate::report::conformance::{HELP, mark, waits};
use crate::report::view::View;

/// The section; nothing where nothing was judged.
pub fn section(view: &View) -> Markup {
    let conformance = &view.record.result.conformance;
    if conformance.checks.is_empty() {
        return html! {};
    }
    html! {
        section #conformance {
            h2 { "Conformance of the client" }
            p.help { (HELP) }
            div.scroll {
                table.checks.plain {
                    thead { tr { th { "Outcome" } th { "Rule" } th { "Observed" } th { "Section" } } }
                    tbody {
                        @for check in &conformance.checks {
                            tr.(tone(check.outcome)) {
                                td { span.badge.(tone(check.outcome)) { (mark(check.outcome)) " " (check.outcome.as_str()) } }
                                td { (check.name) }
                                td.why {
                                    (check.observed)
                                    @if !check.examples.is_empty() {
                                        ul { @for example in &check.examples { li { (example) } } }
                                    }
                                }
                                td { (check.section) }
                            }
                        }
                    }
                }
            }
            @if !conformance.waits.is_empty() {
                ul { @for wait in &conformance.waits { li { (waits(wait)) } } }
            }
        }
    }
}

/// The style of the verdict that an outcome is like.
const fn tone(outcome: ConformanceOutcome) -> &'static str {
    match outcome {
        ConformanceOutcome::Kept => "pass",
        ConformanceOutcome::Violated => "fail",
        ConformanceOutcome::NotExercised => "idle",
    }
}
