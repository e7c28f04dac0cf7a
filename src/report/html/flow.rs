//! The flow as tables: what passed each station, and where what was lost was left.

use maud::{Markup, html};

use crate::record::{HopLatencyResult, Placed, Seen, Station};
use crate::report::line::{Line, title};
use crate::signal::Signal;
use crate::units::{self, UNKNOWN};

use super::line::is_loss;

/// The tables, and what makes them less exact than they could be.
pub fn tables(line: &Line) -> Markup {
    let flow = line.flow;
    let mut stations = flow.stations.iter();
    let looked = stations.any(|station| !signals(line, station).is_empty());
    let placed: Vec<&Placed> = flow.lost_at.iter().chain(&flow.duplicated_at).collect();
    let placed: Vec<&Placed> = placed.into_iter().filter(|part| part.items > 0).collect();
    html! {
        @for finding in &flow.owned_up {
            p.owned-up.disagrees[!finding.agrees && !finding.killed] {
                @if finding.agrees {
                    span.badge.pass { "✓ owned up" }
                } @else if finding.killed {
                    span.badge { "– killed" }
                } @else {
                    span.badge.fail { "✗ disagrees" }
                }
                " " (finding.text)
            }
        }
        @for note in &flow.blurred { p.note { (note) } }
        @if looked {
            h3 { "Flow" }
            (passed(line))
        }
        @if !placed.is_empty() {
            h3 { "Where they were left, and where copies were made" }
            (places(&placed))
        }
    }
}

/// A row for each station and signal of which something is known.
fn passed(line: &Line) -> Markup {
    html! {
        div.scroll {
            table.flow-table {
                thead {
                    tr {
                        th { "Station" } th { "Signal" }
                        th.number { "Came" } th.number { "Again" } th.number { "Went" } th.number { "Again" }
                        th.number { "Lost here" } th.number { "Doubled here" }
                        th.number { "p50" } th.number { "p99" } th.number { "Longest" }
                    }
                }
                tbody {
                    @for station in &line.flow.stations {
                        @for (index, signal) in signals(line, station).into_iter().enumerate() {
                            (row(line, station, signal, index == 0))
                        }
                    }
                }
            }
        }
        p.help {
            "Came, went: different items; what went of the sink is what it accepted. Again: copies beyond each "
            "item's first. The times are from coming in to going out; the client's are from the due time."
        }
    }
}

/// Signals of which something is known there.
fn signals(line: &Line, station: &Station) -> Vec<Signal> {
    let here = |placed: &[Placed], signal| items(placed, station, signal, |_| true) > 0;
    let known = |signal: &Signal| {
        station
            .seen
            .get(signal)
            .is_some_and(|seen| *seen != Seen::default())
            || station.latency.contains_key(signal)
            || here(&line.flow.lost_at, *signal)
            || here(&line.flow.duplicated_at, *signal)
    };
    Signal::ALL.into_iter().filter(known).collect()
}

fn row(line: &Line, station: &Station, signal: Signal, first: bool) -> Markup {
    let seen = station.seen.get(&signal).copied().unwrap_or_default();
    let Seen {
        came,
        came_again,
        went,
        went_again,
    } = seen;
    let lost = items(&line.flow.lost_at, station, signal, is_loss);
    let copied = items(&line.flow.duplicated_at, station, signal, |_| true);
    let latency = station.latency.get(&signal);
    let time = |of: fn(&HopLatencyResult) -> f64| {
        let known = latency.filter(|latency| latency.items > 0);
        known.map_or(UNKNOWN.to_owned(), |latency| units::seconds(of(latency)))
    };
    let cell = |items: Option<u64>| {
        let nothing = items.unwrap_or(0) == 0;
        html! {
            td.number.zero[nothing] { (items.map_or(UNKNOWN.to_owned(), units::count)) }
        }
    };
    html! {
        tr.first[first] {
            th scope="row" { @if first { (station.name) } }
            td { (signal) }
            (cell(came)) (cell(came_again)) (cell(went)) (cell(went_again))
            td.number.zero[lost == 0].missing[lost > 0] { (units::count(lost)) }
            (cell(Some(copied)))
            td.number { (time(|latency| latency.p50_s)) }
            td.number { (time(|latency| latency.p99_s)) }
            td.number { (time(|latency| latency.max_s)) }
        }
    }
}

fn items(placed: &[Placed], station: &Station, signal: Signal, of: fn(&str) -> bool) -> u64 {
    let here = placed
        .iter()
        .filter(|part| part.at == station.name && part.signal == signal && of(&part.class));
    here.map(|part| part.items).sum()
}

fn places(placed: &[&Placed]) -> Markup {
    html! {
        div.scroll {
            table.flow-table {
                thead { tr { th.number { "Items" } th { "Signal" } th { "Class" } th { "Where" } } }
                tbody {
                    @for part in placed {
                        tr {
                            td.number { (units::count(part.items)) }
                            td { (part.signal) }
                            td { span class={"dot " (part.class)} {} (title(&part.class)) }
                            td { (part.at) }
                        }
                    }
                }
            }
        }
    }
}
