//! What came of a program of one's own, in the words and rows that every report shares.

use crate::record::{CommandResult, CommandSignal, Record};
use crate::signal::Signal;
use crate::units;

/// What the section is about.
pub const TITLE: &str = "Your program";
pub const HELP: &str = "What it says that it made, and what the sink received of it, known by the ids that it gave its items.";
/// What nobody knows.
const UNKNOWN: &str = "unknown";

/// `exited with 0 after 2.3 s`
pub fn life(command: &CommandResult) -> String {
    let exit = match command.exit.as_str() {
        "" => "was not seen to end",
        exit => exit,
    };
    let how = match (command.asked, command.killed) {
        (_, true) => ", for it had not ended in time when it was asked to",
        (true, false) => ", when it was asked to end",
        (false, false) => "",
    };
    format!("it {exit} after {}{how}", units::seconds(command.lived_s))
}

/// The head of a table with a column for each signal, and its rows.
pub fn table(command: &CommandResult) -> Vec<Vec<String>> {
    type Count = fn(&CommandSignal) -> Option<u64>;
    let rows: [(&str, Count); 7] = [
        ("made, as it says", |signal| signal.made),
        ("received", |signal| signal.received),
        ("duplicated", |signal| signal.duplicated),
        ("extra copies", |signal| signal.extra_copies),
        ("never came", |signal| signal.never_came),
        ("orphans", |signal| signal.orphans),
        ("all copies", |signal| Some(signal.copies)),
    ];
    let head = command.signals.keys().map(ToString::to_string);
    let mut table: Vec<Vec<String>> = vec![std::iter::once(String::new()).chain(head).collect()];
    for (name, count) in rows {
        let cells = command
            .signals
            .iter()
            .map(|(signal, seen)| match count(seen) {
                Some(items) => units::count(items),
                None if name == "orphans" && *signal != Signal::Traces => String::new(),
                None => UNKNOWN.to_owned(),
            });
        table.push(std::iter::once(name.to_owned()).chain(cells).collect());
    }
    table
}

/// Why something is not known, each reason once.
pub fn unknown(command: &CommandResult) -> impl Iterator<Item = &str> {
    let signals = command.signals.values();
    signals.flat_map(|signal| signal.unknown.iter().map(String::as_str))
}

/// What is said where there is no cause to tell.
pub fn no_causes(record: &Record) -> &'static str {
    let command = record.result.command.as_ref();
    match command.is_some_and(|command| unknown(command).next().is_some()) {
        true => {
            "Nothing is known to be lost or duplicated, and not everything is known: see what is said of your program."
        }
        false => "Nothing was lost and nothing was duplicated.",
    }
}
