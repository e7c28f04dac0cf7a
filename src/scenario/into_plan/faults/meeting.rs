//! What faults do to each other: two of a kind in one place, and those that another one makes
//! impossible to meet or to prove.

use super::{Entry, link};
use crate::plan::{FaultKind, FaultPlan, Plan, ProcessFault, RoleName, RunPlan};
use crate::scenario::into_plan::Planner;
use crate::scenario::problem::Finding;
use crate::scenario::storms::Source;
use crate::scenario::units::show_ns;

/// What is wrong with a fault because of another: the message and the help.
type Clash = (String, String);

impl Planner<'_> {
    /// Says which faults cannot be met together. Two names are told of once, however often they come.
    pub(super) fn meetings(&mut self, entries: &[Entry], storms: &mut [Source], plan: &Plan) {
        let mut told: Vec<(&str, &str)> = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            let fault = &entry.fault;
            let others = entries.iter().enumerate().map(|(at, e)| (at, &e.fault));
            let clash = others
                .filter(|(_, other)| !told.contains(&(&other.name, &fault.name)))
                .find_map(|(at, other)| {
                    let clash = of_new_sink(other, fault, &plan.run);
                    if other.name == fault.name {
                        return Some((other, clash?));
                    }
                    // Of two of a kind the later entry is told of.
                    let clash = clash
                        .or_else(|| after_kill(other, fault))
                        .or_else(|| collision(other, fault, &plan.run).filter(|_| at < index));
                    Some((other, clash?))
                });
            if let Some((other, clash)) = clash {
                told.push((&other.name, &fault.name));
                told.push((&fault.name, &other.name));
                self.tell(entry, other, storms, clash);
            }
        }
        let of_sink = entries.iter().any(|entry| restarts_sink(&entry.fault));
        if of_sink && !plan.sink.plant.is_empty() {
            self.problem(
                "sink.plant",
                "plants do not outlive a restart of the sink",
                "a plant counts from the sink's start: use one or the other",
            );
        }
    }

    /// Where the fault can be changed: within one storm in the storm's file.
    fn tell(
        &mut self,
        entry: &Entry,
        other: &FaultPlan,
        storms: &mut [Source],
        (message, help): Clash,
    ) {
        let key = match entry.fault.when {
            Some(_) => format!("{}.when", entry.path),
            None => format!("{}.at", entry.path),
        };
        match entry.storm {
            Some(index) if other.storm == entry.fault.storm => {
                let source = &mut storms[index];
                let span = source.document.span_of(&key);
                source.findings.push(Finding::new(span, message).help(help));
            }
            Some(index) => self.problem(&format!("{}.at", storms[index].path), message, help),
            None => self.problem(&key, message, help),
        }
    }
}

/// A fault that only traffic of the client could show, after the client was killed for good.
fn after_kill(kill: &FaultPlan, fault: &FaultPlan) -> Option<Clash> {
    let kills = FaultKind::Process {
        role: RoleName::Client,
        fault: ProcessFault::Kill,
    };
    let of_traffic = match fault.kind {
        FaultKind::Process { role, .. } => role == RoleName::Client,
        FaultKind::Stress { .. } => false,
        _ => true,
    };
    if kill.kind != kills || kill.when.is_some() || !of_traffic || fault.start_ns < kill.start_ns {
        return None;
    }
    let message = format!(
        "`{}` could never be seen: `{}` kills the client at {}",
        fault.name,
        kill.name,
        show_ns(kill.start_ns)
    );
    let help = "start it before, or let the client come back: `restart: client`";
    Some((message, help.to_owned()))
}

/// A fault that a sink which is started again knows nothing of.
fn of_new_sink(restart: &FaultPlan, fault: &FaultPlan, run: &RunPlan) -> Option<Clash> {
    if !restarts_sink(restart) {
        return None;
    }
    if fault.when.is_some() {
        let message = format!(
            "`{}` waits for a condition, and `{}` restarts the sink",
            fault.name, restart.name
        );
        let help =
            "windows that are cut during the run are not known to a new sink: use one or the other";
        return Some((message, help.to_owned()));
    }
    let of_sink = matches!(fault.kind, FaultKind::Answer { .. } | FaultKind::Tls(_));
    (of_sink && at_once(restart, fault, run)).then(|| {
        let message = format!(
            "`{}` would not outlive the restart of the sink by `{}`",
            fault.name, restart.name
        );
        let help = format!(
            "`{}` lasts {}; end this one before, or begin it after",
            restart.name,
            lasts(restart)
        );
        (message, help)
    })
}

fn restarts_sink(fault: &FaultPlan) -> bool {
    matches!(fault.kind, FaultKind::Process { role: RoleName::Sink, fault } if fault.restarts())
}

/// Two of a kind at once in one place.
fn collision(other: &FaultPlan, fault: &FaultPlan, run: &RunPlan) -> Option<Clash> {
    if !at_once(other, fault, run) || !in_one_place(&other.kind, &fault.kind) {
        return None;
    }
    let others = families(&other.kind);
    let mut own = families(&fault.kind).into_iter();
    let family = own.find(|family| others.contains(family))?;
    let message = format!(
        "`{}` and `{}` are both {family} at once in one place",
        other.name, fault.name,
    );
    let apart = match fault.kind {
        FaultKind::Link { .. } => ", or give them different directions",
        FaultKind::Answer { .. } => ", or give them different signals",
        _ => "",
    };
    let help = format!(
        "`{}` lasts {}; move one of them{apart}",
        other.name,
        lasts(other)
    );
    Some((message, help))
}

/// A fault that waits for a condition may begin at any time from its start on.
fn at_once(a: &FaultPlan, b: &FaultPlan, run: &RunPlan) -> bool {
    let end = |fault: &FaultPlan| match fault.when {
        Some(_) => run.duration_ns,
        None => fault.end_ns.unwrap_or(u64::MAX),
    };
    a.start_ns < end(b) && b.start_ns < end(a)
}

fn in_one_place(a: &FaultKind, b: &FaultKind) -> bool {
    match (a, b) {
        (
            FaultKind::Link {
                link: on,
                direction: a,
                ..
            },
            FaultKind::Link {
                link: other,
                direction: b,
                ..
            },
        ) => {
            let one_way = (a.covers_up() && b.covers_up()) || (a.covers_down() && b.covers_down());
            on == other && one_way
        }
        (FaultKind::Process { role: a, .. }, FaultKind::Process { role: b, .. }) => a == b,
        (FaultKind::Answer { signal: a, .. }, FaultKind::Answer { signal: b, .. }) => {
            a.is_none() || b.is_none() || a == b
        }
        (FaultKind::Stress { .. }, FaultKind::Stress { .. })
        | (FaultKind::Tls(_), FaultKind::Tls(_))
        | (FaultKind::Dns(_), FaultKind::Dns(_)) => true,
        _ => false,
    }
}

/// What kinds of fault it is where overlaps count.
fn families(kind: &FaultKind) -> Vec<&'static str> {
    match kind {
        FaultKind::Link { fault, .. } => fault.parts().iter().map(link::family).collect(),
        FaultKind::Process { .. } => vec!["a fault of one process"],
        FaultKind::Stress { .. } => vec!["stress"],
        FaultKind::Answer { fault, .. } => vec![fault.kind()],
        FaultKind::Tls(_) => vec!["a fault of TLS"],
        FaultKind::Dns(_) => vec!["a fault of names"],
    }
}

fn lasts(fault: &FaultPlan) -> String {
    let start = show_ns(fault.start_ns);
    match (&fault.when, fault.end_ns) {
        (Some(_), _) => format!("for some time after {start}"),
        (None, Some(end)) => format!("from {start} to {}", show_ns(end)),
        (None, None) => format!("from {start} to the end"),
    }
}
