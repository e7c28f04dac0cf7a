//! The summary after a run, for a terminal.

use crate::record::{Record, Verdict};

use super::own_program;
use super::text::{Align, Paint, columns, fitted_table, hang, table, wrap};
use super::view::{View, mark};
use crate::units;

mod conformance;
mod content;
mod line;

/// Least width that the summary is laid out for.
const NARROWEST: usize = 60;
/// Causes that are told; `squall explain` tells all.
const CAUSES: usize = 8;

/// Verdict, checks, ledger, key figures, faults, causes and where to read on. `width` in columns.
pub fn summary(record: &Record, colour: bool, width: usize) -> String {
    let page = Page {
        view: View::new(record),
        paint: Paint { colour },
        width: width.max(NARROWEST),
    };
    let mut lines = Vec::new();
    page.verdict(&mut lines);
    page.checks(&mut lines);
    page.ledger(&mut lines);
    page.own_program(&mut lines);
    page.line(&mut lines);
    page.figures(&mut lines);
    page.faults(&mut lines);
    page.content(&mut lines);
    page.conformance(&mut lines);
    page.causes(&mut lines);
    page.read_on(&mut lines);
    lines.join("\n") + "\n"
}

/// What did not hold comes first.
const fn urgency(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Fail => 0,
        Verdict::Inconclusive => 1,
        Verdict::Pass => 2,
    }
}

struct Page<'a> {
    view: View<'a>,
    paint: Paint,
    width: usize,
}

impl Page<'_> {
    fn by_verdict(&self, verdict: Verdict, text: &str) -> String {
        match verdict {
            Verdict::Pass => self.paint.good(text),
            Verdict::Fail => self.paint.bad(text),
            Verdict::Inconclusive => self.paint.unsure(text),
        }
    }

    fn heading(&self, lines: &mut Vec<String>, text: &str) {
        lines.push(String::new());
        lines.push(self.paint.bold(text));
    }

    fn verdict_word(&self) -> String {
        let verdict = self.view.record.result.verdict;
        let word = format!("{} {}", mark(verdict), verdict.as_str().to_uppercase());
        self.by_verdict(verdict, &word)
    }

    fn verdict(&self, lines: &mut Vec<String>) {
        let result = &self.view.record.result;
        lines.push(format!(
            "{}  {}",
            self.verdict_word(),
            self.paint.faint(&format!(
                "{}, {}, seed {}",
                result.scenario,
                units::seconds(result.duration_s),
                result.seed
            ))
        ));
        lines.push(wrap(&result.summary, self.width, ""));
        for note in &result.notes {
            lines.push(
                self.paint
                    .faint(&wrap(&format!("note: {note}"), self.width, "  ")),
            );
        }
    }

    fn checks(&self, lines: &mut Vec<String>) {
        for (title, checks) in &self.view.groups {
            self.heading(lines, title);
            let mut checks: Vec<_> = checks.iter().collect();
            checks.sort_by_key(|check| urgency(check.verdict));
            let rows: Vec<Vec<String>> = checks
                .iter()
                .map(|check| {
                    vec![
                        check.name.clone(),
                        check.observed.clone(),
                        check.limit.clone(),
                    ]
                })
                .collect();
            let aligns = [Align::Left, Align::Right, Align::Left];
            let texts = fitted_table(&rows, &aligns, self.width - 4);
            for ((check, row), text) in checks.iter().zip(&rows).zip(texts) {
                let text = text.unwrap_or_else(|| self.check_on_lines(row));
                let sign = self.by_verdict(check.verdict, mark(check.verdict));
                lines.push(format!("  {sign} {text}"));
                if check.verdict != Verdict::Pass {
                    let why = wrap(&check.why, self.width.saturating_sub(6), "      ");
                    lines.push(format!("      {why}"));
                }
            }
        }
    }

    /// A check that is too long for the table: its name, and what was seen below it.
    fn check_on_lines(&self, row: &[String]) -> String {
        let room = self.width - 6;
        let seen = format!("{} (limit: {})", row[1], row[2]);
        let name = wrap(&row[0], room, "      ");
        format!("{name}\n      {}", wrap(&seen, room, "      "))
    }

    fn ledger(&self, lines: &mut Vec<String>) {
        let flows = &self.view.flows;
        let Some(first) = flows.first() else { return };
        self.heading(lines, "Ledger");
        let mut rows = vec![vec![String::new()]];
        rows[0].extend(flows.iter().map(|flow| flow.signal.to_string()));
        let mut row = |name: &str, items: Vec<u64>| {
            let mut cells = vec![name.to_owned()];
            cells.extend(items.into_iter().map(units::count));
            rows.push(cells);
        };
        row(
            "offered",
            flows.iter().map(|flow| flow.ledger.offered).collect(),
        );
        row(
            "− sampled out",
            flows.iter().map(|flow| flow.ledger.sampled_out).collect(),
        );
        row(
            "− missed",
            flows.iter().map(|flow| flow.ledger.missed).collect(),
        );
        row(
            "= generated",
            flows.iter().map(|flow| flow.ledger.generated).collect(),
        );
        for (index, class) in first.classes.iter().enumerate() {
            let name = format!("  {}", class.title);
            row(
                &name,
                flows.iter().map(|flow| flow.classes[index].items).collect(),
            );
        }
        let mut aligns = vec![Align::Left];
        aligns.extend(flows.iter().map(|_| Align::Right));
        for line in table(&rows, &aligns) {
            lines.push(format!("  {line}"));
        }
        for flow in flows {
            let closing = flow.closing();
            let painted = if flow.ledger.closes {
                self.paint.good(&closing)
            } else {
                self.paint.bad(&closing)
            };
            lines.push(format!("  {:7} {painted}", flow.signal));
            for why in &flow.ledger.why_not {
                lines.push(format!(
                    "          {}",
                    wrap(why, self.width - 10, "          ")
                ));
            }
        }
        if let Some(sums) = &self.view.sums {
            lines.push(format!(
                "  {}",
                wrap(&format!("sums: {sums}"), self.width - 2, "  ")
            ));
        }
    }

    fn own_program(&self, lines: &mut Vec<String>) {
        let Some(command) = &self.view.record.result.command else {
            return;
        };
        self.heading(lines, own_program::TITLE);
        lines.push(format!("  {}", own_program::life(command)));
        let mut aligns = vec![Align::Left];
        aligns.extend(command.signals.iter().map(|_| Align::Right));
        for line in table(&own_program::table(command), &aligns) {
            lines.push(format!("  {line}"));
        }
        for why in own_program::unknown(command) {
            lines.push(format!("  {}", wrap(why, self.width - 2, "  ")));
        }
    }

    fn figures(&self, lines: &mut Vec<String>) {
        self.heading(lines, "Key figures");
        let rows: Vec<Vec<String>> = self
            .view
            .figures
            .iter()
            .map(|figure| {
                vec![
                    figure.title.to_owned(),
                    figure.value.clone(),
                    figure.details.join(", "),
                ]
            })
            .collect();
        let indent = rows.iter().map(|row| columns(&row[0])).max().unwrap_or(0)
            + rows.iter().map(|row| columns(&row[1])).max().unwrap_or(0)
            + 6;
        for line in table(&rows, &[Align::Left, Align::Right, Align::Left]) {
            lines.push(hang(&format!("  {line}"), self.width, indent));
        }
        if let Some(cost) = &self.view.own_cost {
            lines.push(format!("  harness: {cost}"));
        }
    }

    fn faults(&self, lines: &mut Vec<String>) {
        if self.view.faults.is_empty() {
            return;
        }
        self.heading(lines, "Faults");
        for view in &self.view.faults {
            let fault = view.fault;
            let name = self.paint.bold(&view.label);
            let text = format!("{}, {}, {}", view.what, view.when, view.healed);
            if columns(&view.label) + columns(&text) + 4 <= self.width {
                lines.push(format!("  {name}  {text}"));
            } else {
                lines.push(format!("  {name}"));
                lines.push(format!("    {}", wrap(&text, self.width - 6, "      ")));
            }
            let proof = wrap(&format!("proof: {}", view.proof), self.width - 6, "      ");
            lines.push(match fault.proof {
                Some(_) => format!("    {proof}"),
                None => format!("    {}", self.paint.bad(&proof)),
            });
            for (name, value) in &view.metrics {
                lines.push(format!("    {name} {value}"));
            }
        }
    }

    fn causes(&self, lines: &mut Vec<String>) {
        let causes = &self.view.record.result.causes;
        self.heading(lines, "Causes");
        if causes.is_empty() {
            let words = own_program::no_causes(self.view.record);
            lines.push(format!("  {}", wrap(words, self.width - 2, "  ")));
        }
        let told = &causes[..causes.len().min(CAUSES)];
        let counts: Vec<String> = told.iter().map(|cause| units::count(cause.items)).collect();
        let widest = counts.iter().map(|text| columns(text)).max().unwrap_or(0);
        for (cause, items) in told.iter().zip(counts) {
            let indent = " ".repeat(widest + 3);
            let class = cause.class.replace('_', " ");
            let text = format!("{} {class}: {}", cause.signal.items(), cause.text);
            let text = wrap(&text, self.width - indent.len(), &indent);
            lines.push(format!("  {items:>widest$} {text}"));
        }
        if causes.len() > CAUSES {
            lines.push(format!("  and {} more", causes.len() - CAUSES));
        }
    }

    fn read_on(&self, lines: &mut Vec<String>) {
        let run = &self.view.record.run;
        lines.push(String::new());
        // The verdict once more, for the summary is longer than most terminals are high.
        lines.push(format!(
            "{}  run {}",
            self.verdict_word(),
            self.paint.bold(run)
        ));
        lines.push(
            "  report.html shows it; `squall explain` with its name tells of single items"
                .to_owned(),
        );
    }
}
