//! The ledger as a picture of where every item went: a flow from generated to the seven classes.

use maud::{Markup, html};

use crate::report::view::{Class, Flow, View};
use crate::units;

/// Height of the bar of all generated items.
const BAR: f64 = 108.0;
/// Least height of a row, so that its label fits.
const ROW: f64 = 24.0;
/// Least height of the band of a class that is not empty, so that one item of millions is seen.
const THINNEST: f64 = 2.5;
const WIDTH: f64 = 400.0;
const LEFT: f64 = 10.0;
const RIGHT: f64 = 150.0;

/// All signals, each with its picture, and the same as a table.
pub fn section(view: &View) -> Markup {
    html! {
        section #ledger {
            h2 { "Where every item went" }
            div.flows {
                @for flow in &view.flows { (card(flow)) }
            }
            details {
                summary { "The ledger as a table" }
                (table(view))
            }
        }
    }
}

fn card(flow: &Flow) -> Markup {
    let ledger = flow.ledger;
    html! {
        div.card.flow {
            h3 { (flow.signal) span.unit { (flow.signal.items()) } }
            p.offered {
                b { (units::count(ledger.offered)) } " offered"
                @if ledger.sampled_out > 0 { ", " (units::count(ledger.sampled_out)) " sampled out by design" }
                @if ledger.missed > 0 { ", " (units::count(ledger.missed)) " missed by the generator" }
                ", " b { (units::count(ledger.generated)) } " generated"
            }
            (picture(flow))
            p.equation.open[!ledger.closes] { (flow.equation()) " " b { (flow.closing()) } }
            @for why in &ledger.why_not { p.why { (why) } }
            p.overlays {
                "Counted besides: "
                @for (index, (name, items)) in flow.overlays().iter().enumerate() {
                    @if index > 0 { " · " }
                    span.zero[*items == 0] { (units::count(*items)) " " (name) }
                }
            }
        }
    }
}

/// A row of the picture: where its band leaves the left bar, and where it arrives.
struct Row<'a> {
    class: &'a Class,
    from_y: f64,
    to_y: f64,
    thickness: f64,
    label_y: f64,
}

fn rows<'a>(flow: &'a Flow) -> (Vec<Row<'a>>, f64, f64) {
    // Whatever does not close, the bands are drawn in proportion to what they are.
    let whole = flow
        .classes
        .iter()
        .map(|class| class.items)
        .sum::<u64>()
        .max(1) as f64;
    let (mut from_y, mut to_y) = (8.0, 8.0);
    let mut rows = Vec::new();
    for class in &flow.classes {
        let thickness = match class.items {
            0 => 0.0,
            items => (BAR * items as f64 / whole).max(THINNEST),
        };
        let height = thickness.max(ROW);
        rows.push(Row {
            class,
            from_y,
            to_y: to_y + (height - thickness) / 2.0,
            thickness,
            label_y: to_y + height / 2.0,
        });
        from_y += thickness;
        to_y += height;
    }
    (rows, from_y, to_y + 8.0)
}

fn picture(flow: &Flow) -> Markup {
    let (rows, bar_end, height) = rows(flow);
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {height}")) role="img" aria-label=(flow.equation()) {
            @for row in rows.iter().filter(|row| row.class.items > 0) {
                path class={"band " (row.class.name)} d=(band(row)) {}
            }
            rect.source x="0" y="8" width=(LEFT - 2.0) height=((bar_end - 8.0).max(THINNEST)) rx="2" {}
            @for row in &rows {
                @if row.class.items > 0 {
                    rect class={"end " (row.class.name)} x=(RIGHT) y=(format!("{:.1}", row.to_y))
                        width="7" height=(format!("{:.1}", row.thickness)) rx="1.5" {}
                }
                text.zero[row.class.items == 0] x=(RIGHT + 16.0) y=(format!("{:.1}", row.label_y + 4.5)) {
                    tspan { (row.class.title) }
                }
                text.items.zero[row.class.items == 0] x="330" y=(format!("{:.1}", row.label_y + 4.5)) text-anchor="end" {
                    (units::count(row.class.items))
                }
                @if row.class.items > 0 {
                    text.share x=(WIDTH) y=(format!("{:.1}", row.label_y + 4.5)) text-anchor="end" {
                        (units::share(row.class.items, flow.ledger.generated))
                    }
                }
            }
        }
    }
}

/// A band of even thickness that bends from the left bar to its row.
fn band(row: &Row) -> String {
    let middle = (LEFT + RIGHT) / 2.0;
    let (from, to) = (row.from_y, row.to_y);
    let (from_end, to_end) = (from + row.thickness, to + row.thickness);
    format!(
        "M{LEFT} {from:.1}C{middle} {from:.1} {middle} {to:.1} {RIGHT} {to:.1}V{to_end:.1}C{middle} {to_end:.1} {middle} {from_end:.1} {LEFT} {from_end:.1}Z"
    )
}

fn table(view: &View) -> Markup {
    let row = |name: &str, items: &dyn Fn(&Flow) -> u64| {
        html! {
            tr {
                th scope="row" { (name) }
                @for flow in &view.flows { td.number { (units::count(items(flow))) } }
            }
        }
    };
    html! {
        table {
            thead { tr { th {} @for flow in &view.flows { th.number { (flow.signal) } } } }
            tbody {
                (row("offered", &|flow| flow.ledger.offered))
                (row("− sampled out", &|flow| flow.ledger.sampled_out))
                (row("− missed", &|flow| flow.ledger.missed))
                (row("= generated", &|flow| flow.ledger.generated))
                @for index in 0..7 {
                    @if let Some(flow) = view.flows.first() {
                        (row(flow.classes[index].title, &|flow| flow.classes[index].items))
                    }
                }
                tr {
                    th scope="row" { "the seven add up" }
                    @for flow in &view.flows { td.number { (flow.closing()) } }
                }
                @for index in 0..5 {
                    @if let Some(flow) = view.flows.first() {
                        (row(flow.overlays()[index].0, &|flow| flow.overlays()[index].1))
                    }
                }
            }
        }
    }
}
