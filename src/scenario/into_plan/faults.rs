//! Faults: one kind each, within the run, and no two of a kind at once in one place.

use super::super::file::FaultFile;
use super::super::problem::{Finding, quoted};
use super::super::units::show_ns;
use super::{Planner, is_name};
use crate::plan::{FaultKind, FaultPlan, LinkBackend, LinkFault, RunPlan, Toxicity};

mod answers;
mod delays;
mod dns;
mod link;
mod packets;
mod process;
mod times;

/// The kinds that an entry gives: the path of what makes it, and the kind where that is there.
type Kinds = Vec<(&'static str, Option<FaultKind>)>;

impl Planner<'_> {
    pub(super) fn faults(
        &mut self,
        files: &[FaultFile],
        run: &RunPlan,
        via: LinkBackend,
    ) -> Vec<FaultPlan> {
        let paths = self.document.elements("faults");
        let mut faults: Vec<(String, FaultPlan)> = Vec::new();
        for (path, file) in paths.iter().zip(files) {
            let name = self.fault_name(path, file, &faults);
            let kind = self.fault_kind(path, file, via);
            let (start_ns, end_ns) = self.fault_times(path, file, kind.as_ref(), run);
            let Some(kind) = kind else { continue };
            let fault = FaultPlan {
                name,
                start_ns,
                end_ns,
                kind,
            };
            let mut others = faults.iter().map(|(_, other)| other);
            let clash = others.find_map(|other| Some((other, collision(other, &fault)?)));
            if let Some((other, family)) = clash {
                let message = format!(
                    "`{}` and `{}` are both {family} at once in one place",
                    other.name, fault.name,
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

    fn fault_kind(&mut self, path: &str, file: &FaultFile, via: LinkBackend) -> Option<FaultKind> {
        let mut kinds = Kinds::new();
        self.link_kinds(path, file, via, &mut kinds);
        self.packet_kinds(path, file, via, &mut kinds);
        self.process_kinds(path, file, &mut kinds);
        self.dns_kinds(file, &mut kinds);
        self.answer_kinds(path, file, &mut kinds);
        let of_link = [&link::KINDS[..], &packets::KINDS[..]].concat();
        let names = [
            &of_link[..],
            &process::KINDS[..],
            &answers::KINDS[..],
            &dns::KINDS[..],
        ]
        .concat();
        let kind = self.only_one(path, &names, kinds)?;
        if !matches!(kind, FaultKind::Link { .. }) {
            for (key, is_there) in [
                ("direction", file.direction.is_some()),
                ("toxicity", file.toxicity.is_some()),
                ("per", file.per.is_some()),
            ] {
                if is_there {
                    let span = self.document.key_span(&format!("{path}.{key}"));
                    let message = format!("only a fault of the link has a {key}");
                    let help = format!("only {} have one", quoted(&of_link));
                    self.findings.push(Finding::new(span, message).help(help));
                }
            }
        }
        if let FaultKind::Link {
            fault, toxicity, ..
        } = &kind
        {
            let key = names
                .iter()
                .find(|name| self.document.has(&format!("{path}.{name}")));
            self.check_backend(&format!("{path}.{}", key.unwrap_or(&"name")), fault, via);
            if via != LinkBackend::Proxy && *toxicity != Toxicity::default() {
                let finding = Finding::new(
                    self.document.key_span(&format!("{path}.toxicity")),
                    format!("a link `via: {}` strikes everything", via.as_str()),
                )
                .help("leave it out, or set `link.via: proxy`");
                self.findings.push(finding);
            }
        }
        Some(kind)
    }

    /// A fault that the scenario's link cannot do.
    fn check_backend(&mut self, key: &str, fault: &LinkFault, via: LinkBackend) {
        let able = fault.backends();
        if able.contains(&via) {
            return;
        }
        let able: Vec<&str> = able.iter().map(|backend| backend.as_str()).collect();
        let message = format!(
            "a link `via: {}` cannot do this: only {} can",
            via.as_str(),
            quoted(&able)
        );
        let help = format!("set `link.via: {}`", able.join("` or `link.via: "));
        let finding = Finding::new(self.document.key_span(key), message).help(help);
        self.findings.push(finding);
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

/// What both are, where they are at once and in one place.
fn collision(a: &FaultPlan, b: &FaultPlan) -> Option<&'static str> {
    let end = |fault: &FaultPlan| fault.end_ns.unwrap_or(u64::MAX);
    let at_once = a.start_ns < end(b) && b.start_ns < end(a);
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
    own.find(|family| at_once && one_place && others.contains(family))
}

fn lasts(fault: &FaultPlan) -> String {
    let start = show_ns(fault.start_ns);
    match fault.end_ns {
        Some(end) => format!("from {start} to {}", show_ns(end)),
        None => format!("from {start} to the end"),
    }
}
