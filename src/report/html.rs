//! The report as one self-contained page: works offline, in dark and light, and without a script
//! except for the plots.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::record::{Record, Verdict};

use super::plot::Plots;
use super::view::{View, mark};
use crate::units;

mod conformance;
mod content;
mod details;
mod flow;
mod ledger;
mod line;
mod own_program;
mod tables;

const STYLE: &str = include_str!("report.css");
const SCRIPT: &str = include_str!("plot.js");

/// The whole page.
pub fn render(record: &Record) -> String {
    let view = View::new(record);
    let plots = Plots::new(record);
    let result = &record.result;
    let title = format!("{}: {}", result.scenario, result.verdict.as_str());
    let main = html! {
        (banner(&view))
        (figures(&view))
        @if result.command.is_some() { (own_program::section(&view)) } @else { (ledger::section(&view)) }
        (line::section(&view))
        (plot_section(&plots))
        (tables::checks(&view))
        (tables::faults(&view))
        (conformance::section(&view))
        (content::section(&view))
        (details::causes(&view))
        (tables::sums(&view))
        (tables::metrics(&view))
        (details::plan_and_environment(record))
    };
    let footer = "squall · times are seconds since the run's start, on one monotonic clock";
    page(&title, &bar(record), &main, footer, &plots)
}

/// A page of its own, with what its plots need.
pub(super) fn page(
    title: &str,
    bar: &Markup,
    main: &Markup,
    footer: &str,
    plots: &Plots,
) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · squall" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (bar)
                main { (main) }
                footer { (footer) }
                script type="application/json" id="plots" { (PreEscaped(script_safe(plots))) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
    .into_string()
}

/// JSON that cannot end the script element in which it stands.
fn script_safe(plots: &Plots) -> String {
    // Plain strings, numbers and lists: nothing in them that JSON lacks.
    let json = serde_json::to_string(plots).unwrap_or_else(|_| "null".to_owned());
    // Outside of strings JSON has no `<`.
    json.replace('<', "\\u003c")
}

fn bar(record: &Record) -> Markup {
    html! {
        header.bar {
            span.brand { "squall" }
            span.run title="Name of the run's folder" { (record.run) }
            nav {
                a href="#ledger" { "Ledger" }
                @if !record.result.flow.stations.is_empty() { a href="#line" { "Line" } }
                a href="#plots-over-time" { "Plots" }
                a href="#checks" { "Checks" }
                a href="#faults" { "Faults" }
                a href="#causes" { "Causes" }
                a href="#plan" { "Plan" }
            }
            button #theme type="button" title="Switch between dark and light" { "◐" }
        }
    }
}

fn banner(view: &View) -> Markup {
    let result = &view.record.result;
    let passed = result
        .checks
        .iter()
        .filter(|check| check.verdict == Verdict::Pass)
        .count();
    html! {
        section.banner.(result.verdict.as_str()) {
            div.verdict {
                span.mark aria-hidden="true" { (mark(result.verdict)) }
                h1 { (result.verdict.as_str()) }
            }
            div.story {
                p.summary { (result.summary) }
                @if !view.reasons.is_empty() {
                    ul.reasons {
                        @for check in &view.reasons {
                            li {
                                span.badge.(check.verdict.as_str()) { (mark(check.verdict)) " " (check.verdict.as_str()) }
                                code { (check.name) }
                                span { (check.why) }
                            }
                        }
                    }
                }
                p.facts {
                    b { (result.scenario) }
                    @if !view.record.plan.description.is_empty() { " · " (view.record.plan.description) }
                }
                p.facts {
                    (result.started) " · " (units::seconds(result.duration_s))
                    " · seed " (result.seed)
                    " · " (passed) " of " (result.checks.len()) " checks passed"
                    " · exit code " (result.exit_code)
                }
                @for note in &result.notes {
                    p.note { (note) }
                }
            }
        }
    }
}

fn figures(view: &View) -> Markup {
    html! {
        section.figures aria-label="Key figures" {
            @for figure in &view.figures {
                div.figure.(format!("{:?}", figure.tone).to_lowercase()) {
                    div.name { (figure.title) }
                    div.value { (figure.value) }
                    @for detail in &figure.details { div.detail { (detail) } }
                }
            }
        }
        @if let Some(cost) = &view.own_cost {
            p.own-cost { "What the harness itself cost: " (cost) "." }
        }
    }
}

fn plot_section(plots: &Plots) -> Markup {
    html! {
        section #plots-over-time {
            h2 { "What happened over time" }
            p.help {
                "Move over a plot to read all of them at the same moment. Shaded: "
                span.swatch.fault-shade {} " fault windows, "
                span.swatch.phase-shade {} " warm-up, recovery and drain."
            }
            (plot_groups(plots))
        }
    }
}

/// Where the script draws the plots.
pub(super) fn plot_groups(plots: &Plots) -> Markup {
    html! {
        noscript { p.note { "The plots need JavaScript; everything else on this page does not." } }
        @for (group_index, group) in plots.groups.iter().enumerate() {
            h3 { (group.title) }
            @if !group.help.is_empty() { p.help { (group.help) } }
            div.plots {
                @for (index, plot) in group.plots.iter().enumerate() {
                    figure.plot data-group=(group_index) data-plot=(index) {
                        figcaption { (plot.title) }
                        div.legend {}
                        div.canvas role="img" aria-label=(plot.title) {}
                    }
                }
            }
        }
    }
}
