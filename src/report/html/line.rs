//! The line as a picture: stations, what passed them, the faults that struck them, and what was left
//! where.

use maud::{Markup, html};

use crate::record::Station;
use crate::report::line::{HELP, Left, Line, Stop, Struck};
use crate::report::view::View;
use crate::units;

mod layout;

use layout::{BOX, FAULT_LINES, FAULTS, GAP, Layout, PAD, Spot, TEXT};

/// Widest that a character of a name is drawn, and of the smaller texts.
const NAME_CHARACTER: f64 = 7.6;
const CHARACTER: f64 = 6.1;
/// A picture is shown no smaller than this share of its size: then it is scrolled.
const SMALLEST: f64 = 0.78;

/// The section; nothing for a run that was stored without its line.
pub fn section(view: &View) -> Markup {
    let Some(line) = &view.line else {
        return html! {};
    };
    html! {
        section #line {
            h2 { "The line" }
            p.help { (HELP) }
            div.card.scroll tabindex="0" aria-label="The line as a picture" { (picture(line)) }
            @if !line.elsewhere.is_empty() {
                p.machine {
                    "Struck the machine: "
                    @for (index, fault) in line.elsewhere.iter().enumerate() {
                        @if index > 0 { "; " }
                        (fault.text())
                    }
                }
            }
            (super::flow::tables(line))
        }
    }
}

fn picture(line: &Line) -> Markup {
    let layout = Layout::new(line);
    let (width, height) = (layout.width, layout.height);
    let style = format!(
        "width:100%;max-width:{width:.0}px;min-width:{:.0}px",
        width * SMALLEST
    );
    html! {
        svg.line viewBox=(format!("0 0 {width:.0} {height:.0}")) style=(style) role="img"
            aria-labelledby="line-title line-words" {
            title #line-title { "The line of this run" }
            desc #line-words { (line.description()) }
            @for (stop, spot) in line.stops.iter().zip(&layout.spots) {
                @for next in line.next(stop) { (arrow(*spot, layout.spots[next])) }
            }
            @for (stop, spot) in line.stops.iter().zip(&layout.spots) {
                (faults(stop, *spot))
                (station(stop, *spot))
                (left(stop, *spot))
            }
        }
    }
}

/// Straight on in the sender's lane, and over to the receiver's in the last gap.
fn arrow(from: Spot, to: Spot) -> Markup {
    let (start, end) = (from.x + from.width, to.x);
    let (y, to_y) = (from.y + BOX / 2.0, to.y + BOX / 2.0);
    let tip = end - 1.0;
    let head = format!("M{:.1} {:.1}l8 4.5l-8 4.5z", tip - 8.0, to_y - 4.5);
    let bend = (end - GAP).max(start);
    let middle = (bend + end) / 2.0;
    let path = if y == to_y {
        format!("M{start:.1} {y:.1}H{:.1}", tip - 7.0)
    } else {
        let turn = tip - 7.0;
        format!(
            "M{start:.1} {y:.1}H{bend:.1}C{middle:.1} {y:.1} {middle:.1} {to_y:.1} {turn:.1} {to_y:.1}"
        )
    };
    html! {
        path.way d=(path) {}
        path.tip d=(head) {}
    }
}

fn station(stop: &Stop, spot: Spot) -> Markup {
    let station = stop.station;
    let Spot { x, y, width } = spot;
    let inner = width - 24.0;
    let role = station.role.trim_end_matches(|c: char| c.is_ascii_digit());
    let (came, went) = stop.came_and_went();
    let number = |at: f64, name: &str, items: Option<u64>| {
        html! {
            text.what x=(x + 14.0) y=(y + at) { (name) }
            text.count x=(x + width - 10.0) y=(y + at) text-anchor="end" {
                (items.map_or(units::UNKNOWN.to_owned(), units::count))
            }
        }
    };
    let lost = stop.left.iter().any(|left| is_loss(left.class));
    html! {
        g.stop.(role) {
            title { (passed(station)) }
            rect.box.lost[lost] x=(x) y=(y) width=(width) height=(BOX) rx="9" {}
            rect.accent x=(x) y=(y + 9.0) width="4" height=(BOX - 18.0) {}
            text.name x=(x + 14.0) y=(y + 21.0) { (short(&station.name, inner, NAME_CHARACTER)) }
            text.kind x=(x + 14.0) y=(y + 37.0) { (short(&kind(station), inner, CHARACTER)) }
            @match (came, went) {
                (None, None) => { text.what x=(x + 14.0) y=(y + 60.0) { "not looked into" } }
                (None, Some(_)) if role == "client" => { (number(66.0, "out", went)) }
                (None, Some(_)) if role == "sink" => { (number(66.0, "accepted", went)) }
                _ => {
                    (number(57.0, "in", came))
                    (number(73.0, if role == "sink" { "accepted" } else { "out" }, went))
                }
            }
        }
    }
}

/// `target, process`
fn kind(station: &Station) -> String {
    let role = station.role.trim_end_matches(|c: char| c.is_ascii_digit());
    match station.kind.as_str() {
        "" => role.to_owned(),
        kind if kind == role => role.to_owned(),
        kind if role == station.name => kind.to_owned(),
        kind => format!("{role}, {kind}"),
    }
}

/// What one sees who points at a station: its whole name, and each signal.
fn passed(station: &Station) -> String {
    let mut lines = vec![format!("{}: {}", station.name, kind(station))];
    for (signal, seen) in &station.seen {
        let count = |items: Option<u64>| items.map_or(units::UNKNOWN.to_owned(), units::count);
        lines.push(format!(
            "{signal}: {} in, {} out",
            count(seen.came),
            count(seen.went)
        ));
    }
    lines.join("\n")
}

/// The faults of a station, in a block above it.
fn faults(stop: &Stop, spot: Spot) -> Markup {
    let height = layout::above(stop);
    if height == 0.0 {
        return html! {};
    }
    let Spot { x, y, width } = spot;
    // The space below the block is its pin.
    let top = y - height;
    let text_y = |line: usize| top + PAD + (line as f64 + 0.75) * TEXT;
    let room = width - 16.0;
    let one = |index: usize, fault: &Struck| {
        let line = index * FAULT_LINES;
        html! {
            g {
                title { (fault.text()) }
                text.fault-name x=(x + 8.0) y=(text_y(line)) {
                    "⚡ " (short(fault.name, room - 18.0, NAME_CHARACTER))
                }
                text.kind x=(x + 8.0) y=(text_y(line + 1)) { (short(fault.kind, room, CHARACTER)) }
                text.kind x=(x + 8.0) y=(text_y(line + 2)) { (short(&fault.when, room, CHARACTER)) }
            }
        }
    };
    let more = stop.faults.len().saturating_sub(FAULTS);
    html! {
        g.struck {
            rect.fault-block x=(x) y=(top) width=(width) height=(height - PAD) rx="7" {}
            path.pin d=(format!("M{:.1} {:.1}v{PAD}", x + width / 2.0, y - PAD)) {}
            @for (index, fault) in stop.faults.iter().take(FAULTS).enumerate() { (one(index, fault)) }
            @if more > 0 {
                text.kind x=(x + 8.0) y=(text_y(FAULTS * FAULT_LINES)) { "and " (more) " more" }
            }
        }
    }
}

/// What was left and copied at a station, below it.
fn left(stop: &Stop, spot: Spot) -> Markup {
    let middle = spot.x + spot.width / 2.0;
    let one = |index: usize, left: &Left, sign: &str, tone: &str| {
        let y = spot.y + BOX + PAD + (index as f64 + 0.8) * TEXT;
        html! {
            text class={"left " (tone)} x=(middle) y=(y) text-anchor="middle" {
                title { (left.text()) }
                (sign) (left.headline())
            }
        }
    };
    let losses = stop.left.len();
    html! {
        @for (index, left) in stop.left.iter().enumerate() {
            (one(index, left, "− ", if is_loss(left.class) { "bad" } else { "open" }))
        }
        @for (index, left) in stop.copied.iter().enumerate() {
            (one(losses + index, left, "+ ", "copies"))
        }
    }
}

/// Whether what is in the class is lost; what is unresolved may not be.
pub fn is_loss(class: &str) -> bool {
    class != "unresolved"
}

/// The text, or as much of it as there is room for.
fn short(text: &str, room: f64, character: f64) -> String {
    let most = (room / character).max(2.0) as usize;
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let start: String = text.chars().take(most - 1).collect();
    start + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_cut_and_a_short_one_is_not() {
        assert_eq!(short("relay", 150.0, 7.5), "relay");
        assert_eq!(short("a-very-long-name", 75.0, 7.5), "a-very-lo…");
    }
}
