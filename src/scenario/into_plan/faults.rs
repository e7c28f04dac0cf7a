//! Faults: one kind each, within the run, and none that another makes impossible.

use super::super::expression::{self, Section};
use super::super::file::{FaultFile, ScenarioFile};
use super::super::problem::{Finding, quoted};
use super::super::storms::Source;
use super::{Planner, is_name};
use crate::plan::{FaultKind, FaultPlan, LinkBackend, LinkFault, Plan, RunPlan};

mod answers;
mod delays;
mod dns;
mod draw;
mod link;
mod meeting;
mod packets;
mod place;
mod process;
mod storms;
mod times;

/// The kinds that an entry gives: the path of what makes it, and the kind where that is there.
type Kinds = Vec<(&'static str, Option<FaultKind>)>;

const NAME_HELP: &str = "a name of lower-case letters, digits, hyphens and underscores";

/// What entries of faults belong to: the scenario itself, or a storm that it uses.
struct Setting<'a> {
    /// The plan without its faults.
    plan: &'a Plan,
    /// The storm's name.
    storm: Option<&'a str>,
    /// When the storm starts; 0 in the scenario itself.
    start_ns: u64,
}

impl Setting<'_> {
    fn run(&self) -> &RunPlan {
        &self.plan.run
    }

    /// The name by which expectations know a fault. No fault of the scenario's own has a dot in it.
    fn full_name(&self, name: &str) -> String {
        match self.storm {
            Some(storm) => format!("{storm}.{name}"),
            None => name.to_owned(),
        }
    }
}

/// A fault, and the entry that it comes from.
struct Entry {
    fault: FaultPlan,
    path: String,
    /// Which of the scenario's storms it is a part of.
    storm: Option<usize>,
}

impl Planner<'_> {
    /// The faults, and the names of all faults and storms, those with problems included.
    pub(super) fn faults(
        &mut self,
        file: &ScenarioFile,
        storms: &mut [Source],
        plan: &Plan,
    ) -> (Vec<FaultPlan>, Vec<String>) {
        let own = Setting {
            plan,
            storm: None,
            start_ns: 0,
        };
        let mut entries = self.entries(file.faults.as_deref().unwrap_or_default(), &own);
        let mut names: Vec<String> = file
            .faults
            .iter()
            .flatten()
            .filter_map(|fault| fault.name.clone())
            .collect();
        for (index, source) in storms.iter_mut().enumerate() {
            let found = self.storm(source, plan, &mut names);
            entries.extend(found.into_iter().map(|entry| Entry {
                storm: Some(index),
                ..entry
            }));
        }
        self.meetings(&entries, storms, plan);
        let faults = entries.into_iter().map(|entry| entry.fault).collect();
        (faults, names)
    }

    /// The faults of the document's own `faults`.
    fn entries(&mut self, files: &[FaultFile], setting: &Setting<'_>) -> Vec<Entry> {
        let paths = self.document.elements("faults");
        let mut entries: Vec<Entry> = Vec::new();
        for (path, file) in paths.iter().zip(files) {
            let name = self.fault_name(path, file, setting, &entries);
            let kind = self.fault_kind(path, file, setting.plan);
            let when = self.condition(path, file, setting);
            let times = self.fault_times(path, file, &name, kind.as_ref(), setting);
            let Some(kind) = kind else { continue };
            for (occurrence, (start_ns, end_ns)) in (1..).zip(times) {
                let fault = FaultPlan {
                    name: name.clone(),
                    occurrence,
                    storm: setting.storm.map(str::to_owned),
                    when: when.clone(),
                    start_ns,
                    end_ns,
                    kind: kind.clone(),
                };
                entries.push(Entry {
                    fault,
                    path: path.clone(),
                    storm: None,
                });
            }
        }
        entries
    }

    fn condition(
        &mut self,
        path: &str,
        file: &FaultFile,
        setting: &Setting<'_>,
    ) -> Option<crate::plan::expectation::Expectation> {
        let scope = expression::Scope {
            plan: setting.plan,
            fault_names: &[],
            said_names: setting.plan.said_names(),
        };
        let path = format!("{path}.when");
        let (text, document) = (file.when.as_deref()?, self.document);
        expression::read(text, &path, &scope, Section::When, document, self.findings)
    }

    fn fault_name(
        &mut self,
        path: &str,
        file: &FaultFile,
        setting: &Setting<'_>,
        entries: &[Entry],
    ) -> String {
        let key = format!("{path}.name");
        let Some(name) = self.required(&key, file.name.clone(), NAME_HELP) else {
            return path.to_owned();
        };
        let full = setting.full_name(&name);
        if !is_name(&name, "-_") {
            self.problem(&key, format!("`{name}` cannot be a name"), NAME_HELP);
        } else if entries.iter().any(|entry| entry.fault.name == full) {
            self.problem(
                &key,
                format!("a second fault is called `{name}`"),
                "expectations know faults by their names: give it another",
            );
        }
        full
    }

    fn fault_kind(&mut self, path: &str, file: &FaultFile, plan: &Plan) -> Option<FaultKind> {
        let (number, link) = self.struck_link(path, file, plan)?;
        let via = link.via;
        let mut kinds = Kinds::new();
        self.link_kinds(path, file, via, &mut kinds);
        self.packet_kinds(path, file, link, &mut kinds);
        self.process_kinds(path, file, plan, &mut kinds);
        self.dns_kinds(file, &mut kinds);
        self.answer_kinds(path, file, &mut kinds);
        self.answers_fit(path, file, plan);
        let of_link = [&link::KINDS[..], &packets::KINDS[..]].concat();
        let names = [
            &of_link[..],
            &process::KINDS[..],
            &answers::KINDS[..],
            &dns::KINDS[..],
        ]
        .concat();
        let mut kind = self.only_one(path, &names, kinds)?;
        if let FaultKind::Link { link, .. } = &mut kind {
            *link = number;
        }
        if !matches!(kind, FaultKind::Link { .. }) {
            for (key, is_there) in [
                ("link", file.link.is_some()),
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
            direction, fault, ..
        } = &kind
        {
            let key = names
                .iter()
                .find(|name| self.document.has(&format!("{path}.{name}")));
            let key = format!("{path}.{}", key.unwrap_or(&"name"));
            self.check_backend(&key, fault, via);
            self.toxiproxy_can(&key, fault, *direction, via);
            if via != LinkBackend::Proxy && file.toxicity.is_some_and(|share| share.0 < 1.0) {
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
