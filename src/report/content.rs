//! What was found in the content of what arrived, in the words that every report shares.

use crate::record::ContentResult;
use crate::units;

/// What the section is about.
pub const HELP: &str =
    "What arrived, compared part by part with what the client handed to its exporter.";

/// `1,200 spans and 40 data points compared: nothing wrong`
pub fn compared(content: &ContentResult) -> String {
    let each = content.compared.iter();
    let each = each.map(|(signal, items)| format!("{} {}", units::count(*items), signal.items()));
    let each: Vec<String> = each.collect();
    let each = match each.as_slice() {
        [] => "nothing".to_owned(),
        each => each.join(", "),
    };
    match content.findings.as_slice() {
        [] => format!("{each} compared: nothing wrong"),
        _ => format!("{each} compared"),
    }
}
