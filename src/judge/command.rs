//! A program of the user's own as the client: what can be measured of it, and how it ended.

use super::facts::Facts;
use super::harness::check;
use super::measure::Measured;
use crate::evidence::CommandEvidence;
use crate::ledger::OwnSignal;
use crate::plan::expectation::Window;
use crate::plan::{COUNTED, can_be_known};
use crate::record::{Cause, CheckGroup, CheckResult, CommandResult, CommandSignal, Verdict};
use crate::signal::Signal;
use crate::units;

/// In the run's folder.
const LOG: &str = "logs/client-output.log";
/// What programs exit with when SIGTERM ends them, beside 0: by the signal itself, or by a shell's custom.
const ENDED_BY_TERM: [&str; 3] = [
    "exited with 0",
    "exited with 143",
    "was killed by signal 15",
];

/// What a metric is of such a program; `None` for one that is measured as with any client, or where the
/// client is another.
pub(super) fn measure(
    facts: &Facts<'_>,
    name: &str,
    signal: Option<Signal>,
    window: &Window,
) -> Option<Measured> {
    if name == "orphans" && facts.evidence.command.is_none() {
        return Some(Err("the client is not a program of one's own".to_owned()));
    }
    facts.evidence.command.as_ref()?;
    if !can_be_known(name) {
        return Some(Err(
            "squall sees a program of one's own from outside alone".to_owned()
        ));
    }
    if !COUNTED.contains(&name) {
        return None;
    }
    if *window != Window::Whole {
        return Some(Err(
            "nobody knows when the program's items were due".to_owned()
        ));
    }
    let wanted = |own: &&OwnSignal| signal.is_none_or(|signal| own.seen.signal == signal);
    let mut of_signals = facts.ledger.own.iter().filter(wanted).peekable();
    if of_signals.peek().is_none() {
        return Some(Err(
            "nothing was received, and the program said of nothing that it made it".to_owned(),
        ));
    }
    Some(
        of_signals
            .map(|own| count(own, name).map(|items| items as f64))
            .sum(),
    )
}

fn count(own: &OwnSignal, name: &str) -> Result<u64, String> {
    let seen = &own.seen;
    match name {
        "generated" => own.made(),
        "lost" => own.lost(),
        "received" => own.received(),
        "delivered" => own.received().map(|items| items - seen.again),
        "duplicated" => own.received().map(|_| seen.again),
        "extra_copies" => own.received().map(|_| seen.extra_copies),
        // Other signals have none, whatever came of them.
        "orphans" if seen.signal != Signal::Traces => Ok(0),
        "orphans" => own.received().map(|_| seen.orphans),
        _ => Err(format!("squall has no count of {name}")),
    }
}

/// Whether the program ended as a program should; what it told and could not be read.
pub(super) fn checks(facts: &Facts<'_>) -> Vec<CheckResult> {
    let Some(command) = &facts.evidence.command else {
        return Vec::new();
    };
    let mut checks = vec![ended_well(command)];
    if let Some(line) = &command.unread {
        checks.push(check(
            "what the program said that it made could be read",
            false,
            format!("{line:?}"),
            "`squall: made spans=NUMBER data_points=NUMBER log_records=NUMBER`, of which any may be left out",
            format!("{line:?} is not such a line"),
        ));
    }
    checks
}

fn ended_well(command: &CommandEvidence) -> CheckResult {
    let asked = command.asked_ns.is_some();
    let well = match asked {
        _ if command.killed || command.ended_ns.is_none() => false,
        true => ENDED_BY_TERM.contains(&command.exit.as_str()),
        false => command.exit == ENDED_BY_TERM[0],
    };
    let exit = match command.exit.as_str() {
        "" => "was not seen to end",
        exit => exit,
    };
    let observed = match (asked, command.killed) {
        (_, true) => format!("it {exit}, for it had not ended in its time"),
        (true, false) => format!("it {exit} when it was asked to end"),
        (false, false) => format!("it {exit}{}", of_itself(command)),
    };
    CheckResult {
        name: "the client's program ended well".to_owned(),
        group: CheckGroup::Target,
        verdict: if well { Verdict::Pass } else { Verdict::Fail },
        limit: match asked {
            true => "ends soon after SIGTERM, without an error".to_owned(),
            false => "exits with 0".to_owned(),
        },
        why: match well {
            true => String::new(),
            false => format!("{observed}; its output is in {LOG}{}", command.last_words),
        },
        observed,
    }
}

fn of_itself(command: &CommandEvidence) -> String {
    let lived = lived_s(command);
    format!(" after {}", units::seconds(lived))
}

fn lived_s(command: &CommandEvidence) -> f64 {
    let ended_ns = command.ended_ns.unwrap_or(0);
    ended_ns.saturating_sub(command.started_ns.unwrap_or(ended_ns)) as f64 / 1e9
}

/// What is not known, for the notes: once for each reason.
pub(super) fn notes(facts: &Facts<'_>) -> Vec<String> {
    let own = facts.ledger.own.iter();
    own.filter_map(|own| own.lost().err())
        .map(|why| format!("your program: {why}"))
        .collect()
}

/// What is known of why: nobody saw where what never came was lost.
pub(super) fn causes(facts: &Facts<'_>) -> Vec<Cause> {
    let cause = |own: &OwnSignal, class: &str, items: u64, text: String| Cause {
        signal: own.seen.signal,
        class: class.to_owned(),
        items,
        text,
        examples: Vec::new(),
    };
    let of = |own: &OwnSignal| {
        let again = own.seen.again;
        let text = format!(
            "received more than once, {} extra copies in all, as their ids say",
            units::count(own.seen.extra_copies)
        );
        let duplicated = (again > 0).then(|| cause(own, "duplicated", again, text));
        let lost = own.lost().unwrap_or(0);
        let text = "the program says that it made them, and the sink never received them; nobody saw where they were lost";
        let never_came = (lost > 0).then(|| cause(own, "never_came", lost, text.to_owned()));
        duplicated.into_iter().chain(never_came)
    };
    facts.ledger.own.iter().flat_map(of).collect()
}

pub(super) fn result(facts: &Facts<'_>) -> Option<CommandResult> {
    let command = facts.evidence.command.as_ref()?;
    let signals = facts.ledger.own.iter();
    Some(CommandResult {
        exit: command.exit.clone(),
        lived_s: lived_s(command),
        asked: command.asked_ns.is_some(),
        killed: command.killed,
        signals: signals.map(|own| (own.seen.signal, signal(own))).collect(),
    })
}

fn signal(own: &OwnSignal) -> CommandSignal {
    let known = |name: &str| count(own, name).ok();
    let mut unknown: Vec<String> = [own.received().err(), own.lost().err()]
        .into_iter()
        .flatten()
        .collect();
    unknown.dedup();
    CommandSignal {
        made: own.made,
        received: known("received"),
        duplicated: known("duplicated"),
        extra_copies: known("extra_copies"),
        never_came: known("lost"),
        orphans: known("orphans").filter(|_| own.seen.signal == Signal::Traces),
        copies: own.seen.copies,
        unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(exit: &str, asked: bool, killed: bool) -> Verdict {
        let command = CommandEvidence {
            started_ns: Some(0),
            asked_ns: asked.then_some(5),
            ended_ns: Some(9),
            exit: exit.to_owned(),
            killed,
            ..CommandEvidence::default()
        };
        ended_well(&command).verdict
    }

    #[test]
    fn a_program_ends_well_of_itself_or_when_it_is_asked() {
        for (exit, asked, killed, well) in [
            ("exited with 0", false, false, true),
            ("exited with 3", false, false, false),
            ("was killed by signal 15", false, false, false),
            ("was killed by signal 15", true, false, true),
            ("exited with 143", true, false, true),
            ("exited with 1", true, false, false),
            ("was killed by signal 9", true, true, false),
        ] {
            let wanted = if well { Verdict::Pass } else { Verdict::Fail };
            assert_eq!(ended(exit, asked, killed), wanted, "{exit}, asked: {asked}");
        }
        assert_eq!(
            ended_well(&CommandEvidence::default()).verdict,
            Verdict::Fail
        );
    }
}
