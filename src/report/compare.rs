//! A comparison, for a terminal.

use super::text::{Align, Paint, fitted_table, wrap};
use crate::record::{ComparedMetric, ComparedSide, Comparison, Difference};
use crate::stats::compare::{Answer, Finding, Threshold};
use crate::units;

/// Least width that the tables are laid out for.
const NARROWEST: usize = 60;
/// Rows of metrics that only are shown, unless all are asked for.
const SHOWN: usize = 12;

/// What decided, then what moved most of the rest; `all` leaves none out.
pub fn summary(comparison: &Comparison, all: bool, colour: bool, width: usize) -> String {
    let paint = Paint { colour };
    let width = width.max(NARROWEST);
    let verdict = painted(comparison.answer, word(comparison.answer), paint);
    let mut lines = vec![
        format!("{verdict}  {}", comparison.summary),
        paint.faint(&format!(
            "  {} against {}{}",
            side(&comparison.candidate),
            side(&comparison.baseline),
            if comparison.paired { ", in pairs" } else { "" }
        )),
    ];
    if !comparison.machines.is_empty() {
        let text = format!(
            "on another machine ({}): only what no machine changes is compared",
            Difference::in_words(&comparison.machines)
        );
        lines.push(paint.unsure(&format!("  {}", wrap(&text, width - 2, "  "))));
    }
    table_of("Decides", &comparison.gated, paint, width, &mut lines);
    let shown = match all {
        true => comparison.shown.len(),
        false => SHOWN.min(comparison.shown.len()),
    };
    table_of(
        "Only shown",
        &comparison.shown[..shown],
        paint,
        width,
        &mut lines,
    );
    let rest = comparison.shown.len() - shown;
    if rest > 0 {
        lines.push(paint.faint(&format!("  and {rest} more (--all)")));
    }
    if all {
        for text in &comparison.left_out {
            lines.push(paint.faint(&format!("  left out: {text}")));
        }
    } else if !comparison.left_out.is_empty() {
        let count = comparison.left_out.len();
        lines.push(paint.faint(&format!("  left out: {count} metrics (--all tells why)")));
    }
    lines.join("\n") + "\n"
}

/// The answer in a word or two.
pub fn word(answer: Answer) -> &'static str {
    match answer {
        Answer::Regression => "REGRESSION",
        Answer::Improvement => "IMPROVEMENT",
        Answer::Change => "CHANGE",
        Answer::NoDifference => "NO DIFFERENCE SEEN",
        Answer::TooNoisy => "TOO NOISY TO TELL",
    }
}

fn painted(answer: Answer, text: &str, paint: Paint) -> String {
    match answer {
        Answer::Regression => paint.bad(text),
        Answer::Improvement => paint.good(text),
        Answer::Change | Answer::TooNoisy => paint.unsure(text),
        Answer::NoDifference => paint.bold(text),
    }
}

fn side(side: &ComparedSide) -> String {
    match side.runs.as_slice() {
        [_] => side.name.clone(),
        runs => format!("{} ({} runs)", side.name, runs.len()),
    }
}

fn table_of(
    title: &str,
    metrics: &[ComparedMetric],
    paint: Paint,
    width: usize,
    lines: &mut Vec<String>,
) {
    if metrics.is_empty() {
        return;
    }
    let heading = [
        "",
        "baseline",
        "candidate",
        "change",
        "from",
        "to",
        "could see",
        "",
    ];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    rows.extend(metrics.iter().map(row));
    let mut aligns = [Align::Right; 8];
    aligns[0] = Align::Left;
    aligns[7] = Align::Left;
    lines.push(String::new());
    lines.push(paint.bold(title));
    let fitted = fitted_table(&rows, &aligns, width - 2);
    for (at, (line, cells)) in fitted.into_iter().zip(&rows).enumerate() {
        let line = line.unwrap_or_else(|| cells.join("  "));
        let answer = at
            .checked_sub(1)
            .and_then(|at| metrics[at].finding.as_ref());
        lines.push(match answer.map(|finding| finding.answer) {
            _ if at == 0 => paint.faint(&format!("  {line}")),
            Some(answer @ (Answer::Regression | Answer::Improvement | Answer::Change)) => {
                format!("  {}", painted(answer, &line, paint))
            }
            _ => format!("  {line}"),
        });
    }
}

fn row(metric: &ComparedMetric) -> Vec<String> {
    let value = |value| units::metric(&metric.name, metric.unit, value);
    let mut row = vec![
        metric.name.clone(),
        value(metric.baseline),
        value(metric.candidate),
    ];
    match &metric.finding {
        Some(finding) => row.extend(told(metric, finding)),
        None => {
            row.extend([units::UNKNOWN; 4].map(str::to_owned));
            row.push(metric.why_not.clone());
        }
    }
    row
}

fn told(metric: &ComparedMetric, finding: &Finding) -> [String; 5] {
    let change = |change: f64| match metric.threshold {
        Threshold::Relative(_) => format!("{:+.1} %", change * 100.0),
        Threshold::Absolute(_) => {
            let sign = if change > 0.0 { "+" } else { "" };
            format!("{sign}{}", units::metric(&metric.name, metric.unit, change))
        }
    };
    let end = |end: Option<f64>| end.map_or(units::UNKNOWN.to_owned(), change);
    [
        change(finding.change),
        end(finding.low),
        end(finding.high),
        end(finding.detectable.map(f64::abs)),
        word(finding.answer).to_lowercase(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::{Better, Unit};
    use crate::record::COMPARISON_FORMAT;

    fn metric(name: &str, unit: Unit, answer: Answer, change: f64) -> ComparedMetric {
        ComparedMetric {
            name: name.to_owned(),
            unit: Some(unit),
            better: Better::Lower,
            threshold: Threshold::Relative(0.05),
            baseline: 5e-6,
            candidate: 5e-6 * (1.0 + change),
            finding: Some(Finding {
                answer,
                change,
                low: Some(change - 0.02),
                high: None,
                p_above: Some(0.001),
                p_below: Some(0.999),
                detectable: Some(0.018),
                settled: true,
            }),
            why_not: String::new(),
        }
    }

    #[test]
    fn what_decides_is_told_before_what_is_shown() {
        let side = |name: &str, runs: usize| ComparedSide {
            name: name.to_owned(),
            scenario: "quickstart".to_owned(),
            runs: (0..runs).map(|run| format!("run-{run}")).collect(),
        };
        let mut unfit = metric("lost", Unit::Count, Answer::NoDifference, 0.0);
        unfit.finding = None;
        unfit.why_not = "a value is not a number".to_owned();
        let comparison = Comparison {
            format: COMPARISON_FORMAT,
            baseline: side("main", 12),
            candidate: side("run-1", 1),
            paired: false,
            answer: Answer::Regression,
            summary: "worse: client.cpu.per_item".to_owned(),
            gated: vec![metric(
                "client.cpu.per_item",
                Unit::Seconds,
                Answer::Regression,
                0.124,
            )],
            shown: vec![
                metric(
                    "sink.cpu.per_item",
                    Unit::Seconds,
                    Answer::NoDifference,
                    0.004,
                ),
                unfit,
            ],
            machines: vec![Difference {
                field: "cores".to_owned(),
                baseline: "2".to_owned(),
                candidate: "4".to_owned(),
            }],
            left_out: vec!["client.rss.max: measured on another machine".to_owned()],
        };
        insta::assert_snapshot!(summary(&comparison, true, false, 120));
    }
}
