//! Faults that cannot be at once.

use super::{Entry, link};
use crate::plan::{FaultKind, FaultPlan, Plan, ProcessFault, RoleName, RunPlan};
use crate::scenario::into_plan::Planner;
use crate::scenario::problem::Finding;
use crate::scenario::storms::Source;
use crate::scenario::units::show_ns;

impl Planner<'_> {
    /// Says which faults of one kind meet in one place.
    pub(super) fn collisions(&mut self, entries: &[Entry], storms: &mut [Source], plan: &Plan) {
        let mut told: Vec<(&str, &str)> = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            let fault = &entry.fault;
            let met = entries[..index].iter().map(|other| &other.fault);
            let clash = met
                .filter(|other| other.name != fault.name)
                .filter(|other| !told.contains(&(&other.name, &fault.name)))
                .find_map(|other| Some((other, collision(other, fault, &plan.run)?)));
            let Some((other, family)) = clash else {
                continue;
            };
            told.push((&other.name, &fault.name));
            let message = format!(
                "`{}` and `{}` are both {family} at once in one place",
                other.name, fault.name,
            );
            let elsewhere = match fault.kind {
                FaultKind::Link { .. } => ", or give them different directions",
                FaultKind::Answer { .. } => ", or give them different signals",
                _ => "",
            };
            let help = format!(
                "`{}` lasts {}; move one of them{elsewhere}",
                other.name,
                lasts(other)
            );
            self.at_start(entry, other, storms, message, help);
        }
    }

    /// What a restart of the sink cannot be combined with.
    pub(super) fn restarts(&mut self, entries: &[Entry], storms: &mut [Source], plan: &Plan) {
        let faults = || entries.iter().map(|entry| &entry.fault);
        let Some(restart) = faults().find(|fault| restarts_sink(fault)) else {
            return;
        };
        let of_sink =
            |fault: &FaultPlan| matches!(fault.kind, FaultKind::Answer { .. } | FaultKind::Tls(_));
        let lost = entries.iter().filter(|entry| of_sink(&entry.fault));
        let lost = lost.filter_map(|entry| {
            let mut met = faults().filter(|other| restarts_sink(other));
            let met = met.find(|other| at_once(other, &entry.fault, &plan.run))?;
            Some((entry, met))
        });
        let mut told: Vec<&str> = Vec::new();
        for (entry, met) in lost.collect::<Vec<_>>() {
            let name = entry.fault.name.as_str();
            if told.contains(&name) {
                continue;
            }
            told.push(name);
            let message = format!(
                "`{name}` would not outlive `{}`, a restart of the sink",
                met.name
            );
            let help = format!(
                "`{}` lasts {}; end `{name}` before, or begin it after",
                met.name,
                lasts(met)
            );
            self.at_start(entry, met, storms, message, help);
        }
        if let Some(entry) = entries.iter().find(|entry| entry.fault.when.is_some()) {
            let message = format!(
                "`{}` waits for a condition, and `{}` restarts the sink",
                entry.fault.name, restart.name
            );
            let help = "windows that are cut during the run are not known to a new sink: use one or the other";
            self.at_start(entry, restart, storms, message, help);
        }
        if !plan.sink.plant.is_empty() {
            self.problem(
                "sink.plant",
                "plants do not outlive a restart of the sink",
                "a plant counts from the sink's start: use one or the other",
            );
        }
    }

    /// A problem with when a fault starts, for the sake of `other`.
    fn at_start(
        &mut self,
        entry: &Entry,
        other: &FaultPlan,
        storms: &mut [Source],
        message: String,
        help: impl Into<String>,
    ) {
        match entry.storm {
            // Within one storm it is the storm's file that has to change.
            Some(index) if other.storm == entry.fault.storm => {
                let source = &mut storms[index];
                let span = source.document.span_of(&format!("{}.at", entry.path));
                source.findings.push(Finding::new(span, message).help(help));
            }
            Some(index) => {
                let at = format!("{}.at", storms[index].path);
                self.problem(&at, message, help);
            }
            None => self.problem(&format!("{}.at", entry.path), message, help),
        }
    }
}

fn restarts_sink(fault: &FaultPlan) -> bool {
    matches!(
        fault.kind,
        FaultKind::Process { role: RoleName::Sink, fault } if ProcessFault::restarts(fault)
    )
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

/// Whether their times meet. A fault that waits for a condition may begin at any time from its start on.
fn at_once(a: &FaultPlan, b: &FaultPlan, run: &RunPlan) -> bool {
    let end = |fault: &FaultPlan| match fault.when {
        Some(_) => run.duration_ns,
        None => fault.end_ns.unwrap_or(u64::MAX),
    };
    a.start_ns < end(b) && b.start_ns < end(a)
}

/// What both are, where they can be at once and in one place.
fn collision(a: &FaultPlan, b: &FaultPlan, run: &RunPlan) -> Option<&'static str> {
    let one_place = match (&a.kind, &b.kind) {
        (FaultKind::Link { direction: a, .. }, FaultKind::Link { direction: b, .. }) => {
            (a.covers_up() && b.covers_up()) || (a.covers_down() && b.covers_down())
        }
        (FaultKind::Process { role: a, .. }, FaultKind::Process { role: b, .. }) => a == b,
        (FaultKind::Stress { .. }, FaultKind::Stress { .. }) => true,
        (FaultKind::Answer { signal: a, .. }, FaultKind::Answer { signal: b, .. }) => {
            a.is_none() || b.is_none() || a == b
        }
        (FaultKind::Tls(_), FaultKind::Tls(_)) => true,
        (FaultKind::Dns(_), FaultKind::Dns(_)) => true,
        _ => false,
    };
    let others = families(&b.kind);
    let mut own = families(&a.kind).into_iter();
    own.find(|family| one_place && at_once(a, b, run) && others.contains(family))
}

fn lasts(fault: &FaultPlan) -> String {
    let start = show_ns(fault.start_ns);
    match (&fault.when, fault.end_ns) {
        (Some(_), _) => format!("for some time after {start}"),
        (None, Some(end)) => format!("from {start} to {}", show_ns(end)),
        (None, None) => format!("from {start} to the end"),
    }
}
