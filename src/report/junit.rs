//! JUnit XML: one test case per check. A failed check is a failure; one that nobody could tell is an
//! error, which CI systems show as not passed (a skipped one would look harmless).

use std::fmt::Write as _;

use crate::record::{CheckResult, Record, Verdict};

use super::view::View;

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
    let scenario = escape(&result.scenario);
    let with = |checks: &[&CheckResult], verdict| {
        checks
            .iter()
            .filter(|check| check.verdict == verdict)
            .count()
    };
    let all: Vec<&CheckResult> = result.checks.iter().collect();
    writeln!(out, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
    writeln!(
        out,
        r#"<testsuites name="{scenario}" tests="{}" failures="{}" errors="{}" time="{:.3}">"#,
        all.len(),
        with(&all, Verdict::Fail),
        with(&all, Verdict::Inconclusive),
        result.duration_s
    )?;
    for (title, checks) in &view.groups {
        writeln!(
            out,
            r#"  <testsuite name="{scenario}: {}" tests="{}" failures="{}" errors="{}" skipped="0" timestamp="{}">"#,
            escape(&title.to_lowercase()),
            checks.len(),
            with(checks, Verdict::Fail),
            with(checks, Verdict::Inconclusive),
            escape(&result.started)
        )?;
        for check in checks {
            case(
                out,
                &format!("{scenario}.{}", escape(&title.to_lowercase())),
                check,
            )?;
        }
        writeln!(out, "  </testsuite>")?;
    }
    writeln!(out, "</testsuites>")
}

fn case(out: &mut String, class: &str, check: &CheckResult) -> std::fmt::Result {
    let open = format!(
        r#"    <testcase classname="{class}" name="{}""#,
        escape(&check.name)
    );
    let element = match check.verdict {
        Verdict::Pass => return writeln!(out, "{open}/>"),
        Verdict::Fail => "failure",
        Verdict::Inconclusive => "error",
    };
    writeln!(out, "{open}>")?;
    writeln!(
        out,
        r#"      <{element} message="{}" type="{}">observed {}, limit {}</{element}>"#,
        escape(&check.why),
        check.verdict.as_str(),
        escape(&check.observed),
        escape(&check.limit)
    )?;
    writeln!(out, "    </testcase>")
}

/// Text for XML 1.0, which has no way to write most control characters: they become U+FFFD.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\t' => out.push_str("&#9;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_cannot_hold_is_escaped_or_replaced() {
        assert_eq!(
            escape("<a & \"b\">\u{1b}[0m\n"),
            "&lt;a &amp; &quot;b&quot;&gt;\u{fffd}[0m&#10;"
        );
    }
}
