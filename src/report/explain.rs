//! `squall explain`: for each class of loss, which items, grouped by cause, with their stories.

use crate::record::{Cause, Record};
use crate::signal::Signal;

use super::text::wrap;
use crate::units;

/// Columns that the text is laid out for.
const WIDTH: usize = 100;

/// Classes that an item can be lost in or duplicated by: what there is to explain.
pub const CLASSES: [&str; 7] = [
    "duplicated",
    "dropped_by_client",
    "refused",
    "given_up",
    "lost_silently",
    "unresolved",
    "never_came",
];

/// Which causes to tell; nothing set means all.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// One of [`CLASSES`].
    pub class: Option<String>,
    pub signal: Option<Signal>,
}

impl Filter {
    fn admits(&self, signal: Signal, class: &str) -> bool {
        self.signal.is_none_or(|wanted| wanted == signal)
            && self.class.as_deref().is_none_or(|wanted| wanted == class)
    }
}

/// The causes that `filter` admits, in stored order.
pub fn select<'a>(record: &'a Record, filter: &Filter) -> Vec<&'a Cause> {
    let causes = record.result.causes.iter();
    causes
        .filter(|cause| filter.admits(cause.signal, &cause.class))
        .collect()
}

/// The causes in words, by signal and class.
pub fn render(record: &Record, filter: &Filter) -> String {
    let causes = select(record, filter);
    let mut lines = vec![format!(
        "{}: {}, {}",
        record.run,
        record.result.scenario,
        record.result.verdict.as_str()
    )];
    for (signal, ledger) in &record.result.ledger {
        let counts = [
            ledger.duplicated,
            ledger.dropped_by_client,
            ledger.refused,
            ledger.given_up,
            ledger.lost_silently,
            ledger.unresolved,
            ledger.never_came,
        ];
        for (class, items) in CLASSES.into_iter().zip(counts) {
            if items == 0 || !filter.admits(*signal, class) {
                continue;
            }
            lines.push(String::new());
            lines.push(format!(
                "{} {} {}",
                units::count(items),
                signal.items(),
                class.replace('_', " ")
            ));
            let of_class = |cause: &&&Cause| cause.signal == *signal && cause.class == class;
            let before = lines.len();
            for cause in causes.iter().filter(of_class) {
                tell(&mut lines, cause);
            }
            if lines.len() == before {
                lines.push("  no cause is known".to_owned());
            }
        }
    }
    let open = record
        .result
        .ledger
        .iter()
        .filter(|(_, ledger)| !ledger.closes);
    let open: Vec<String> = open
        .map(|(signal, ledger)| {
            let text = format!(
                "The ledger of {signal} does not close: {}",
                ledger.why_not.join("; ")
            );
            wrap(&text, WIDTH, "  ")
        })
        .collect();
    if lines.len() == 1 && open.is_empty() {
        lines.push(String::new());
        lines.push(nothing(record, filter));
    }
    if !open.is_empty() {
        lines.push(String::new());
        lines.extend(open);
    }
    if filter.class.is_none() && filter.signal.is_none() {
        content(&mut lines, record);
        violations(&mut lines, record);
    }
    lines.join("\n") + "\n"
}

/// What arrived other than it should.
fn content(lines: &mut Vec<String>, record: &Record) {
    let findings = record.result.content.iter().flat_map(|c| &c.findings);
    for finding in findings {
        lines.push(String::new());
        lines.push(wrap(&finding.headline(), WIDTH, "  "));
        for example in &finding.examples {
            lines.push(format!("  {}", wrap(example, WIDTH - 2, "    ")));
        }
    }
}

/// What the client did that OTLP forbids.
fn violations(lines: &mut Vec<String>, record: &Record) {
    let checks = record.result.conformance.checks.iter();
    for check in checks.filter(|check| check.violations > 0) {
        lines.push(String::new());
        let text = format!(
            "{} violations of \"{}\" ({})",
            units::count(check.violations),
            check.name,
            check.section
        );
        lines.push(wrap(&text, WIDTH, "  "));
        for example in &check.examples {
            lines.push(format!("  {}", wrap(example, WIDTH - 2, "    ")));
        }
    }
}

fn tell(lines: &mut Vec<String>, cause: &Cause) {
    let text = format!("{}: {}", units::count(cause.items), cause.text);
    lines.push(format!("  {}", wrap(&text, WIDTH - 2, "    ")));
    for story in &cause.examples {
        let due = story
            .due_s
            .map(|due_s| format!(", due at {}", units::moment(due_s)));
        let batch = story.batch.map(|batch| format!(", batch {batch}"));
        lines.push(format!(
            "    {}{}{}",
            story.identity,
            due.unwrap_or_default(),
            batch.unwrap_or_default()
        ));
        for event in &story.events {
            lines.push(format!("      {}", wrap(event, WIDTH - 6, "        ")));
        }
    }
}

fn nothing(record: &Record, filter: &Filter) -> String {
    let mut asked = record.result.ledger.iter();
    let generated = asked.any(|(signal, ledger)| {
        ledger.generated > 0 && filter.signal.is_none_or(|wanted| wanted == *signal)
    });
    if !generated {
        return "Nothing was generated, so there is nothing to explain.".to_owned();
    }
    let what = filter.signal.map_or("Nothing", |signal| match signal {
        Signal::Traces => "No span",
        Signal::Metrics => "No data point",
        Signal::Logs => "No log record",
    });
    match &filter.class {
        Some(class) => format!("{what} was {}.", class.replace('_', " ")),
        None => format!(
            "{what} was lost or duplicated: every one that was generated arrived exactly once."
        ),
    }
}
