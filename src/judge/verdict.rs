//! From checks to one verdict, one exit code and one sentence.

use crate::error::Exit;
use crate::evidence::{Evidence, Stopped};
use crate::record::{CheckGroup, CheckResult, Verdict};

/// The first that applies: interrupted, aborted, the harness in doubt, a failed check, a check that
/// could not be measured, pass.
pub(super) fn conclude(checks: &[CheckResult], evidence: &Evidence) -> (Verdict, Exit, String) {
    let of = |verdict: Verdict, harness: bool| {
        checks.iter().filter(move |check| {
            check.verdict == verdict && (check.group == CheckGroup::Harness) == harness
        })
    };
    match &evidence.stopped {
        Some(Stopped::Signal(signal)) => {
            let name = if *signal == 2 { "SIGINT" } else { "SIGTERM" };
            return (
                Verdict::Inconclusive,
                Exit::Interrupted(u8::try_from(*signal).unwrap_or(2)),
                format!("Interrupted by {name}; what was measured until then is here."),
            );
        }
        Some(Stopped::Abort {
            condition,
            observed,
        }) => {
            return (
                Verdict::Fail,
                Exit::Aborted,
                format!("Aborted because {condition} (it was {observed})."),
            );
        }
        None => {}
    }
    let doubts = checks
        .iter()
        .filter(|c| c.group == CheckGroup::Harness && c.verdict != Verdict::Pass);
    if let Some(doubt) = doubts.clone().next() {
        let summary = format!(
            "squall cannot judge this run: {}.{}",
            reason(doubt),
            more(doubts.count() - 1)
        );
        return (Verdict::Inconclusive, Exit::Inconclusive, summary);
    }
    if let Some(failed) = of(Verdict::Fail, false).next() {
        let count = of(Verdict::Fail, false).count();
        let summary = format!("{}.{}", reason(failed), more(count - 1));
        return (Verdict::Fail, Exit::Fail, summary);
    }
    if let Some(unknown) = of(Verdict::Inconclusive, false).next() {
        let count = of(Verdict::Inconclusive, false).count();
        let summary = format!("Not measured: {}.{}", reason(unknown), more(count - 1));
        return (Verdict::Inconclusive, Exit::Inconclusive, summary);
    }
    let summary = format!(
        "All {} checks held, {} of them squall's own.",
        checks.len(),
        of(Verdict::Pass, true).count()
    );
    (Verdict::Pass, Exit::Pass, summary)
}

fn reason(check: &CheckResult) -> String {
    let claims = matches!(check.group, CheckGroup::Content | CheckGroup::Target);
    match check.verdict {
        // The name says what should be: alone it would read as what is.
        Verdict::Fail if claims => format!("It is not so that {}: {}", check.name, check.why),
        _ => format!("{}: {}", check.name, check.why),
    }
}

fn more(others: usize) -> String {
    match others {
        0 => String::new(),
        1 => " One more check did not hold.".to_owned(),
        n => format!(" {n} more checks did not hold."),
    }
}
