//! The report as Markdown: for a comment on a change or a page of a wiki.

use std::fmt::Write as _;

use crate::record::{CommandResult, Record};

use super::own_program;
use super::view::{View, mark};
use crate::units;

mod conformance;
mod content;
mod line;

/// The whole report.
pub fn render(record: &Record) -> String {
    let view = View::new(record);
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut out, &view);
    out
}

fn write(out: &mut String, view: &View) -> std::fmt::Result {
    let result = &view.record.result;
    writeln!(
        out,
        "# {} {}: {}\n",
        mark(result.verdict),
        plain(&result.scenario),
        result.verdict.as_str()
    )?;
    writeln!(out, "{}\n", plain(&result.summary))?;
    for check in &view.reasons {
        writeln!(
            out,
            "- {} **{}** {}: {}",
            mark(check.verdict),
            check.verdict.as_str(),
            code(&check.name),
            plain(&check.why)
        )?;
    }
    if !view.reasons.is_empty() {
        writeln!(out)?;
    }
    for note in &result.notes {
        writeln!(out, "> {}\n", plain(note))?;
    }
    writeln!(
        out,
        "Started {}, {}, seed {}, exit code {}, run {}.\n",
        plain(&result.started),
        units::seconds(result.duration_s),
        result.seed,
        result.exit_code,
        code(&view.record.run)
    )?;

    writeln!(
        out,
        "## Key figures\n\n| figure | value | |\n|---|---:|---|"
    )?;
    for figure in &view.figures {
        writeln!(
            out,
            "| {} | {} | {} |",
            figure.title,
            figure.value,
            plain(&figure.details.join(", "))
        )?;
    }
    if let Some(cost) = &view.own_cost {
        writeln!(out, "\nWhat the harness itself cost: {cost}.")?;
    }

    match &result.command {
        None => ledger(out, view)?,
        Some(command) => own_program(out, command)?,
    }
    line::section(out, view.line.as_ref())?;
    for (title, checks) in &view.groups {
        writeln!(
            out,
            "\n## {title}\n\n| | check | observed | limit | why |\n|---|---|---:|---|---|"
        )?;
        for check in checks {
            writeln!(
                out,
                "| {} | {} | {} | {} | {} |",
                mark(check.verdict),
                code(&check.name),
                plain(&check.observed),
                plain(&check.limit),
                plain(&check.why)
            )?;
        }
    }
    faults(out, view)?;
    content::section(out, result.content.as_ref())?;
    conformance::section(out, &result.conformance)?;

    writeln!(out, "\n## Causes\n")?;
    if result.causes.is_empty() {
        writeln!(out, "{}", own_program::no_causes(view.record))?;
    }
    for cause in &result.causes {
        writeln!(
            out,
            "- {} {} {}: {}",
            units::count(cause.items),
            cause.signal.items(),
            cause.class.replace('_', " "),
            plain(&cause.text)
        )?;
    }
    Ok(())
}

fn own_program(out: &mut String, command: &CommandResult) -> std::fmt::Result {
    let life = plain(&own_program::life(command));
    writeln!(out, "\n## {}\n\n{life}\n", own_program::TITLE)?;
    for (index, row) in own_program::table(command).iter().enumerate() {
        writeln!(out, "| {} |", row.join(" | "))?;
        if index == 0 {
            writeln!(out, "|---|{}", "---:|".repeat(row.len() - 1))?;
        }
    }
    for why in own_program::unknown(command) {
        writeln!(out, "\n{}", plain(why))?;
    }
    Ok(())
}

fn ledger(out: &mut String, view: &View) -> std::fmt::Result {
    writeln!(out, "\n## Ledger\n")?;
    let row = |out: &mut String, name: &str, cells: Vec<String>| {
        writeln!(out, "| {name} | {} |", cells.join(" | "))
    };
    let each = |of: &dyn Fn(&super::view::Flow) -> String| view.flows.iter().map(of).collect();
    let counted = |of: &dyn Fn(&super::view::Flow) -> u64| each(&|flow| units::count(of(flow)));
    row(out, "", each(&|flow| flow.signal.to_string()))?;
    row(out, "---", each(&|_| "---:".to_owned()))?;
    row(out, "offered", counted(&|flow| flow.ledger.offered))?;
    row(
        out,
        "− sampled out",
        counted(&|flow| flow.ledger.sampled_out),
    )?;
    row(out, "− missed", counted(&|flow| flow.ledger.missed))?;
    row(
        out,
        "**= generated**",
        counted(&|flow| flow.ledger.generated),
    )?;
    if let Some(first) = view.flows.first() {
        for (index, class) in first.classes.iter().enumerate() {
            row(out, class.title, counted(&|flow| flow.classes[index].items))?;
        }
        row(out, "", each(&|flow| flow.closing()))?;
        for (index, (name, _)) in first.overlays().iter().enumerate() {
            row(
                out,
                &format!("*{name}*"),
                counted(&|flow| flow.overlays()[index].1),
            )?;
        }
    }
    for flow in &view.flows {
        for why in &flow.ledger.why_not {
            writeln!(out, "\n{}: {}", flow.signal, plain(why))?;
        }
    }
    if let Some(sums) = &view.sums {
        writeln!(out, "\n{sums}")?;
    }
    Ok(())
}

fn faults(out: &mut String, view: &View) -> std::fmt::Result {
    if view.faults.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\n## Faults\n\n| fault | kind | when | proof | afterwards | figures |\n|---|---|---|---|---|---|"
    )?;
    for fault in &view.faults {
        let figures: Vec<String> = fault
            .metrics
            .iter()
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} |",
            plain(&fault.label),
            plain(&fault.what),
            fault.when,
            plain(fault.proof),
            fault.healed,
            plain(&figures.join(", "))
        )?;
    }
    Ok(())
}

/// Text that Markdown takes literally, within one cell of a table.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '|' | '*' | '_' | '`' | '[' | ']' | '#' => out.extend(['\\', c]),
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '\n' | '\r' => out.push(' '),
            _ => out.push(c),
        }
    }
    out
}

/// Text as code, within one cell of a table.
fn code(text: &str) -> String {
    let text = text
        .replace(['\n', '\r'], " ")
        .replace('`', "'")
        .replace('|', "\\|");
    format!("`{text}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_break_out_of_its_cell() {
        assert_eq!(plain("a|b\n<i>"), "a\\|b &lt;i>");
        assert_eq!(code("a`|b"), "`a'\\|b`");
    }
}
