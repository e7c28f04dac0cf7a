//! The search as one self-contained page.

use maud::{Markup, html};

use super::{HEADINGS, headroom, rate, rows};
use crate::record::{CapacityAnswer, CapacityResult};
use crate::report::html::{page as shell, plot_groups};
use crate::report::plot::Plots;
use crate::units;

/// The whole page. Trials are linked to the reports of their runs.
pub fn page(result: &CapacityResult) -> String {
    let plots = Plots::of_capacity(result);
    let title = format!("capacity of {}", result.scenario);
    let main = html! {
        (banner(result))
        section #curves {
            h2 { "What happens at each rate" }
            (plot_groups(&plots))
        }
        (trials(result))
        (definition(result))
    };
    let footer = "squall · rates are items per second of all signals together";
    shell(&title, &bar(result), &main, footer, &plots)
}

fn bar(result: &CapacityResult) -> Markup {
    html! {
        header.bar {
            span.brand { "squall" }
            span.run { "capacity of " (result.scenario) }
            nav {
                a href="#curves" { "Curves" }
                a href="#trials" { "Trials" }
                a href="#definition" { "Definition" }
            }
            button #theme type="button" title="Switch between dark and light" { "◐" }
        }
    }
}

fn banner(result: &CapacityResult) -> Markup {
    let (class, word) = match result.answer {
        CapacityAnswer::Limit => ("pass", "limit"),
        CapacityAnswer::AtLeast => ("inconclusive", "at least"),
        CapacityAnswer::Nothing => ("fail", "nothing held"),
        CapacityAnswer::Unknown => ("inconclusive", "unknown"),
    };
    let settings = &result.settings;
    html! {
        section.banner.(class) {
            div.verdict {
                h1 { @if let Some(holds) = result.holds_per_s { (rate(holds)) } @else { (word) } }
            }
            div.story {
                p.summary { (result.summary) }
                @if let Some(gave_out) = &result.gave_out {
                    ul.reasons {
                        @for evidence in &gave_out.evidence {
                            li { code { (gave_out.name) } span { (evidence) } }
                        }
                    }
                }
                @if let Some(headroom) = headroom(result) { p.facts { b { (headroom) } } }
                p.facts {
                    (result.started) " · " (word) " · " (result.trials.len()) " trials of "
                    (units::seconds(settings.trial_s)) " · from " (rate(settings.from_per_s))
                    " · within " (units::number(settings.within * 100.0)) " %"
                }
                @for note in &result.notes { p.note { (note) } }
            }
        }
    }
}

fn trials(result: &CapacityResult) -> Markup {
    html! {
        section #trials {
            h2 { "Trials" }
            p.help { "In the order in which they were made. Backlog: share of the load that piled up. CPU in cores." }
            div.scroll {
                table {
                    thead { tr {
                        @for heading in HEADINGS { th { (heading) } }
                        th { "why not, and what gave out" }
                    } }
                    tbody {
                        @for (trial, row) in result.trials.iter().zip(rows(result)) {
                            tr {
                                @for (column, cell) in row.iter().enumerate() {
                                    td { @if column == 0 {
                                        a href=(format!("trials/{}/report.html", trial.run)) { (cell) }
                                    } @else { (cell) } }
                                }
                                td {
                                    (trial.why.join("; "))
                                    @for gave_out in &trial.gave_out {
                                        " " b { (gave_out.name) } ": " (gave_out.evidence.join("; ")) "."
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn definition(result: &CapacityResult) -> Markup {
    html! {
        section #definition {
            h2 { "When a rate is not held" }
            p.help { "One of these is enough." }
            ul { @for line in &result.saturation { li { (line) } } }
            p.help {
                "What gave out is looked for from the far end of the line: whoever is too slow has the items before it, and all behind it is idle. Where there is no evidence, nobody is named."
            }
        }
    }
}
