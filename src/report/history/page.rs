//! Metrics over the runs of a scenario, as one self-contained page.

use maud::{Markup, html};

use super::{short, size, tell};
use crate::record::{History, HistoryChange};
use crate::report::html::{page as shell, plot_groups};
use crate::report::plot::Plots;

/// The whole page, of metrics of one scenario.
pub fn page(histories: &[History]) -> String {
    let plots = Plots::of_histories(histories);
    let scenario = histories.first().map_or("", |history| &history.scenario);
    let bar = html! {
        header.bar {
            span.brand { "squall" }
            span.run { "history of " (scenario) }
            nav {
                a href="#plots-of-runs" { "Plots" }
                a href="#changes" { "Changes" }
            }
            button #theme type="button" title="Switch between dark and light" { "◐" }
        }
    };
    let main = html! {
        section #plots-of-runs { h2 { "History" } (plot_groups(&plots)) }
        (changes(histories))
    };
    let footer = "squall · changes of level by E-divisive means, tested by permutation";
    shell(
        &format!("history of {scenario}"),
        &bar,
        &main,
        footer,
        &plots,
    )
}

fn changes(histories: &[History]) -> Markup {
    let found = histories
        .iter()
        .flat_map(|history| history.changes.iter().map(move |change| (history, change)));
    let found: Vec<(&History, &HistoryChange)> = found.collect();
    html! {
        section #changes {
            h2 { "Changes of level" }
            @if found.is_empty() { p.help { "None was found." } }
            @else { div.scroll { table {
                thead { tr {
                    @for heading in ["metric", "change", "from", "to", "p", "last run before", "first run after"] {
                        th { (heading) }
                    }
                } }
                tbody { @for (history, change) in found { tr {
                    td { (history.metric) }
                    td { (size(change)) }
                    td { (tell(history, change.level_before)) }
                    td { (tell(history, change.level_after)) }
                    td { (format!("{:.3}", change.p_value)) }
                    td { (change.before) " " (commit(change.before_commit.as_deref())) }
                    td { (change.after) " " (commit(change.after_commit.as_deref())) }
                } } }
            } } }
        }
    }
}

fn commit(commit: Option<&str>) -> Markup {
    html! { @if let Some(commit) = commit { code { (short(commit)) } } }
}
