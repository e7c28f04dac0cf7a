//! The page's tables: checks, faults, metric sums, every metric.

use maud::{Markup, html};

use crate::report::view::{View, mark};

/// Every check, by group.
pub fn checks(view: &View) -> Markup {
    html! {
        section #checks {
            h2 { "Every check" }
            @for (title, checks) in &view.groups {
                h3 { (title) }
                div.scroll {
                    table.checks {
                        thead { tr { th { "Verdict" } th { "Check" } th { "Observed" } th { "Limit" } th { "Why" } } }
                        tbody {
                            @for check in checks {
                                tr.(check.verdict.as_str()) {
                                    td { span.badge.(check.verdict.as_str()) { (mark(check.verdict)) " " (check.verdict.as_str()) } }
                                    td { code { (check.name) } }
                                    td { (check.observed) }
                                    td { (check.limit) }
                                    td.why { (check.why) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Every fault with its proof and what it did.
pub fn faults(view: &View) -> Markup {
    html! {
        section #faults {
            h2 { "Faults" }
            @if view.faults.is_empty() { p.help { "No fault was planned." } }
            div.flows {
                @for fault in &view.faults {
                    div.card {
                        h3 { (fault.label) span.unit { (fault.what) } }
                        dl {
                            dt { "When" } dd { (fault.when) }
                            dt { "Proof" } dd.missing[fault.fault.proof.is_none()] { (fault.proof) }
                            dt { "Afterwards" } dd.missing[fault.fault.healed == Some(false)] { (fault.healed) }
                            @for (name, value) in &fault.metrics {
                                dt { code { (name) } } dd { (value) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The second equation of metrics.
pub fn sums(view: &View) -> Markup {
    let Some(words) = &view.sums else {
        return html! {};
    };
    html! {
        section #sums {
            h2 { "Metric sums" }
            p { (words) }
            @if !view.record.result.sums.examples.is_empty() {
                ul { @for example in &view.record.result.sums.examples { li { (example) } } }
            }
        }
    }
}

/// Every metric that was measured.
pub fn metrics(view: &View) -> Markup {
    html! {
        section #metrics {
            details {
                summary { "Every metric (" (view.record.result.metrics.len()) ")" }
                div.columns {
                    table {
                        tbody {
                            @for name in view.record.result.metrics.keys() {
                                tr { th scope="row" { code { (name) } } td.number { (view.metric(name)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}
