//! Faults: one kind each, within the run, and no two of a kind at once in one place.

use super::super::file::FaultFile;
use super::super::problem::{Finding, quoted};
use super::super::units::show_ns;
use super::{Planner, is_name};
use crate::plan::{FaultKind, FaultPlan, LinkFault, RunPlan};

mod dns;
mod link;
mod process;
mod times;

/// The kinds that an entry gives: the path of what makes it, and the kind where that is there.
type Kinds = Vec<(&'static str, Option<FaultKind>)>;

impl Planner<'_> {
    pub(super) fn faults(&mut self, files: &[FaultFile], run: &RunPlan) -> Vec<FaultPlan> {
        let paths = self.document.elements("faults");
        let mut faults: Vec<(String, FaultPlan)> = Vec::new();
        for (path, file) in paths.iter().zip(files) {
            let name = self.fault_name(path, file, &faults);
            let kind = self.fault_kind(path, file);
            let (start_ns, end_ns) = self.fault_times(path, file, kind.as_ref(), run);
            let Some(kind) = kind else { continue };
            let fault = FaultPlan {
                name,
                start_ns,
                end_ns,
                kind,
            };
            if let Some((_, other)) = faults.iter().find(|(_, other)| collide(other, &fault)) {
                let message = format!(
                    "`{}` and `{}` are both {} at once in one place",
                    other.name,
                    fault.name,
                    family(&fault.kind)
                );
                let help = format!(
                    "`{}` lasts {}; move one of them, or give them different directions",
                    other.name,
                    lasts(other)
                );
                let at = format!("{path}.at");
                let place = if self.document.has(&at) {
                    at
                } else {
                    path.clone()
                };
                self.problem(&place, message, help);
            }
            faults.push((path.clone(), fault));
        }
        faults.into_iter().map(|(_, fault)| fault).collect()
    }

    fn fault_name(
        &mut self,
        path: &str,
        file: &FaultFile,
        faults: &[(String, FaultPlan)],
    ) -> String {
        const HELP: &str = "a name of lower-case letters, digits, hyphens and underscores";
        let key = format!("{path}.name");
        let name = self.required(&key, file.name.clone(), HELP);
        let Some(name) = name else {
            return path.to_owned();
        };
        if !is_name(&name, "-_") {
            self.problem(&key, format!("`{name}` cannot be a name"), HELP);
        } else if faults.iter().any(|(_, fault)| fault.name == name) {
            self.problem(
                &key,
                format!("a second fault is called `{name}`"),
                "expectations know faults by their names: give it another",
            );
        }
        name
    }

    fn fault_kind(&mut self, path: &str, file: &FaultFile) -> Option<FaultKind> {
        let mut kinds = Kinds::new();
        self.link_kinds(path, file, &mut kinds);
        self.process_kinds(path, file, &mut kinds);
        self.dns_kinds(file, &mut kinds);
        let names = [&link::KINDS[..], &process::KINDS[..], &dns::KINDS[..]].concat();
        let kind = self.only_one(path, &names, kinds)?;
        if !matches!(kind, FaultKind::Link { .. }) && file.direction.is_some() {
            let span = self.document.key_span(&format!("{path}.direction"));
            let finding = Finding::new(span, "only a fault of the link has a direction")
                .help(format!("only {} have one", quoted(&link::KINDS)));
            self.findings.push(finding);
        }
        Some(kind)
    }
}

/// What kind of fault it is where overlaps count: both partitions are one kind.
fn family(kind: &FaultKind) -> &'static str {
    match kind {
        FaultKind::Link { fault, .. } => match fault {
            LinkFault::PartitionSilence | LinkFault::PartitionReset => "a partition",
            LinkFault::Latency { .. } => "latency",
            LinkFault::Bandwidth { .. } => "a bandwidth",
            LinkFault::SlowClose { .. } => "a slow close",
        },
        FaultKind::Process { .. } => "a fault of one process",
        FaultKind::Dns(_) => "a fault of names",
    }
}

fn collide(a: &FaultPlan, b: &FaultPlan) -> bool {
    let end = |fault: &FaultPlan| fault.end_ns.unwrap_or(u64::MAX);
    let at_once = a.start_ns < end(b) && b.start_ns < end(a);
    let one_place = match (&a.kind, &b.kind) {
        (FaultKind::Link { direction: a, .. }, FaultKind::Link { direction: b, .. }) => {
            (a.covers_up() && b.covers_up()) || (a.covers_down() && b.covers_down())
        }
        (FaultKind::Process { role: a, .. }, FaultKind::Process { role: b, .. }) => a == b,
        (FaultKind::Dns(_), FaultKind::Dns(_)) => true,
        _ => false,
    };
    at_once && one_place && family(&a.kind) == family(&b.kind)
}

fn lasts(fault: &FaultPlan) -> String {
    let start = show_ns(fault.start_ns);
    match fault.end_ns {
        Some(end) => format!("from {start} to {}", show_ns(end)),
        None => format!("from {start} to the end"),
    }
}
