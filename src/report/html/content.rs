//! What was found in the content of what arrived.

use maud::{Markup, html};

use crate::report::content::{HELP, compared};
use crate::report::view::View;

/// The section; nothing where nothing was looked for.
pub fn section(view: &View) -> Markup {
    let Some(content) = &view.record.result.content else {
        return html! {};
    };
    html! {
        section #content {
            h2 { "Content" }
            p.help { (HELP) }
            p { (compared(content)) }
            ul {
                @for finding in &content.findings {
                    li {
                        (finding.headline())
                        ul { @for example in &finding.examples { li { (example) } } }
                    }
                }
            }
        }
    }
}
