//! What came of a program of one's own.

use maud::{Markup, html};

use crate::report::own_program::{HELP, TITLE, life, table, unknown};
use crate::report::view::View;

/// The section, which stands where the ledger of other clients does; nothing where the client is another.
pub fn section(view: &View) -> Markup {
    let Some(command) = &view.record.result.command else {
        return html! {};
    };
    let mut rows = table(command).into_iter();
    let head = rows.next().unwrap_or_default();
    html! {
        section #ledger {
            h2 { (TITLE) }
            p.help { (HELP) }
            p { (life(command)) }
            table {
                thead { tr { @for cell in &head { th.number { (cell) } } } }
                tbody {
                    @for row in rows {
                        tr {
                            @for (column, cell) in row.iter().enumerate() {
                                @if column == 0 { th scope="row" { (cell) } }
                                @else { td.number { (cell) } }
                            }
                        }
                    }
                }
            }
            @for why in unknown(command) { p.why { (why) } }
        }
    }
}
