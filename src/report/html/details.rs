//! What one opens to look closer: causes with examples, the plan, the environment.

use std::collections::BTreeMap;

use maud::{Markup, html};

use crate::record::{Cause, Record};
use crate::report::own_program::no_causes;
use crate::report::view::View;
use crate::units;

/// Groups of lost or duplicated items by cause, each with the stories of a few.
pub fn causes(view: &View) -> Markup {
    let causes = &view.record.result.causes;
    html! {
        section #causes {
            h2 { "Causes" }
            @if causes.is_empty() {
                p.help { (no_causes(view.record)) }
            }
            @for cause in causes { (one_cause(cause)) }
        }
    }
}

fn one_cause(cause: &Cause) -> Markup {
    html! {
        details.cause {
            summary {
                span class={"dot " (cause.class)} {}
                b { (units::count(cause.items)) " " (cause.signal.items()) }
                " " (cause.class.replace('_', " ")) ": " (cause.text)
            }
            @for story in &cause.examples {
                div.story {
                    code { (story.identity) }
                    span.facts {
                        @if let Some(due_s) = story.due_s { " due at " (units::moment(due_s)) }
                        @if let Some(batch) = story.batch { ", batch " (batch) }
                    }
                    ol { @for event in &story.events { li { (event) } } }
                }
            }
            @if cause.examples.is_empty() { p.help { "No example was kept." } }
        }
    }
}

/// The plan as JSON, and what it ran on.
pub fn plan_and_environment(record: &Record) -> Markup {
    // A plan is plain data that was read from JSON.
    let plan = serde_json::to_string_pretty(&record.plan).unwrap_or_default();
    html! {
        section #plan {
            h2 { "Plan and environment" }
            details { summary { "The plan: every default, seed and time" } pre { (plan) } }
            details { summary { "The environment" } (pairs(&record.result.environment)) }
            details { summary { "The fingerprint: what must match for two results to be compared" } (pairs(&record.result.fingerprint)) }
        }
    }
}

fn pairs(map: &BTreeMap<String, String>) -> Markup {
    html! {
        table {
            tbody { @for (name, value) in map { tr { th scope="row" { (name) } td { code { (value) } } } } }
        }
    }
}
