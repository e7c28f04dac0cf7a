//! Targets, and the links that join them to client and sink.

use std::collections::BTreeSet;

use super::super::file::{ContainerFile, ScenarioFile, TargetFile};
use super::super::problem::{Finding, did_you_mean};
use super::{Planner, is_name};
use crate::plan::{ClientPlan, Place, RoleName, TARGETS_MAX, TargetKind, TargetPlan, Transport};

mod entry;
mod graph;
mod kinds;
mod relay;
mod signs;
mod templates;

pub(super) use entry::external_entry;
pub(super) use graph::Encrypted;
pub(super) use relay::secure as secure_relays;

use relay::{relay, relay_metrics};
use signs::default_signs;

/// Name of the only target where it has none.
const DEFAULT_NAME: &str = "target";
const SINK: &str = "sink";
const NAME_HELP: &str = "a name of lower-case letters, digits and hyphens, such as `collector`";
const LOG_LIMIT: u64 = 16 << 20;
const METRICS_URL: &str = "http://{{ metrics }}/metrics";
const KINDS: [&str; 4] = ["process", "container", "external", "relay"];

/// Whether a target can be called so; what cannot be has been said.
fn place_name(name: &str) -> bool {
    is_name(name, "-") && (name == DEFAULT_NAME || RoleName::from_name(name).is_none())
}

impl Planner<'_> {
    /// The targets of the scenario, and what follows each.
    pub(super) fn targets(&mut self, file: &ScenarioFile, client: &ClientPlan) -> Vec<TargetPlan> {
        let single = file
            .target
            .iter()
            .map(|file| (DEFAULT_NAME.to_owned(), file));
        if file.target.is_some() && file.targets.is_some() {
            let span = self.document.key_span("targets");
            let finding = Finding::new(span, "`target` and `targets` cannot stand together")
                .help("put them all into `targets`");
            self.findings.push(finding);
        }
        let several = self.document.elements("targets");
        let several = several.into_iter().zip(file.targets.iter().flatten());
        let files: Vec<(String, &TargetFile)> = single.chain(several).collect();
        if files.len() > TARGETS_MAX {
            let message = format!("{} targets are too many", files.len());
            self.problem("targets", message, format!("at most {TARGETS_MAX}"));
        }
        let entries = self.entry(file);
        let mut targets: Vec<TargetPlan> = Vec::new();
        for (path, file) in files.iter().take(TARGETS_MAX) {
            let name = self.target_name(path, file, &targets);
            let target = self.target(path, file, name);
            targets.push(target);
        }
        self.followers(&files, &mut targets, &entries);
        default_signs(&files, &mut targets, client, &entries);
        self.fill_templates(&files, &targets, client, &entries);
        targets
    }

    fn target_name(&mut self, path: &str, file: &TargetFile, before: &[TargetPlan]) -> String {
        let key = format!("{path}.name");
        let name = match &file.name {
            Some(name) => name.clone(),
            None if path == "target" => DEFAULT_NAME.to_owned(),
            None => self
                .required(&key, None::<String>, NAME_HELP)
                .unwrap_or_else(|| path.to_owned()),
        };
        if !self.document.has(&key) {
            return name;
        }
        if RoleName::from_name(&name).is_some() && name != DEFAULT_NAME {
            let message = format!("`{name}` is a name that squall itself uses");
            let help = "`client`, `sink`, and `link` or `target` with a number are taken: give it another, such as `collector`";
            self.problem(&key, message, help);
        } else if !is_name(&name, "-") {
            self.problem(
                &key,
                format!("`{name}` cannot be a target's name"),
                NAME_HELP,
            );
        } else if before.iter().any(|target| target.name == name) {
            let help = "faults and reports know targets by their names: give it another";
            self.problem(&key, format!("a second target is called `{name}`"), help);
        }
        name
    }

    fn target(&mut self, path: &str, file: &TargetFile, name: String) -> TargetPlan {
        let mut kinds = Vec::new();
        if let Some(process) = &file.process {
            let made = self.process(&format!("{path}.process"), process);
            kinds.push(("process.command", made.map(TargetKind::Process)));
        }
        if let Some(ContainerFile(container)) = &file.container {
            let made = self.container(&format!("{path}.container"), container);
            kinds.push(("container.image", made.map(TargetKind::Container)));
        }
        if let Some(external) = &file.external {
            let made = self.external(&format!("{path}.external"), external);
            kinds.push(("external.endpoint", made.map(TargetKind::External)));
        }
        if let Some(args) = &file.relay {
            kinds.push(("relay", Some(TargetKind::Process(relay(args)))));
        }
        let kind = self.only_one(path, &KINDS, kinds);
        let kind = kind.unwrap_or_else(|| TargetKind::Process(relay(&[])));
        let exports = match (&file.relay, file.exports) {
            (Some(_), Some(Transport::Http)) => {
                let help = "leave it out, or put another target there";
                self.problem(
                    &format!("{path}.exports"),
                    "the relay exports over gRPC",
                    help,
                );
                Transport::Grpc
            }
            (_, exports) => exports.unwrap_or(Transport::Grpc),
        };
        let metrics = match (&file.metrics, &file.relay) {
            (Some(metrics), _) => Some(self.self_metrics(&format!("{path}.metrics"), metrics)),
            (None, Some(_)) => Some(relay_metrics()),
            (None, None) => None,
        };
        TargetPlan {
            name,
            exports,
            to: None,
            ready: self.ready(&format!("{path}.ready"), file, &kind),
            kind,
            metrics,
        }
    }

    /// What follows each: what it says, else the next one, else the sink. Those among which the client
    /// spreads stand side by side.
    fn followers(
        &mut self,
        files: &[(String, &TargetFile)],
        targets: &mut [TargetPlan],
        entries: &[u8],
    ) {
        let beside = |place: &Place| {
            let Place::Target(index) = place else {
                return false;
            };
            entries.len() > 1 && entries.contains(index)
        };
        let names: Vec<String> = targets.iter().map(|target| target.name.clone()).collect();
        let place = |name: &str| {
            let index = names.iter().position(|known| known == name)?;
            u8::try_from(index).ok().map(Place::Target)
        };
        for (index, ((path, file), target)) in files.iter().zip(targets.iter_mut()).enumerate() {
            let ends_elsewhere = matches!(
                &target.kind,
                TargetKind::External(external) if external.returns_to.is_none()
            );
            let here = u8::try_from(index).map(Place::Target);
            let spread = here.as_ref().is_ok_and(beside);
            let next = u8::try_from(index + 1).map(Place::Target).ok();
            let next = next
                .filter(|next| index + 1 < names.len() && !spread && !beside(next))
                .or(Some(Place::Sink));
            let key = format!("{path}.to");
            target.to = match file.to.as_deref() {
                Some(_) if ends_elsewhere => {
                    let help = "say where its exports come back to with `external.returns_to`";
                    self.problem(&key, "nothing of it comes back to squall", help);
                    None
                }
                Some(SINK) => Some(Place::Sink),
                Some(name) => {
                    let found = place(name);
                    if found.is_none() {
                        let mut known: Vec<&str> = names.iter().map(String::as_str).collect();
                        known.retain(|name| place_name(name));
                        known.push(SINK);
                        let message = format!("there is no target `{name}`");
                        self.problem(&key, message, did_you_mean(name, &known));
                    }
                    found.or(Some(Place::Sink))
                }
                None if ends_elsewhere => None,
                None => next,
            };
        }
        self.no_circles(files, targets);
    }

    fn no_circles(&mut self, files: &[(String, &TargetFile)], targets: &[TargetPlan]) {
        for (index, (path, _)) in files.iter().enumerate().take(targets.len()) {
            let mut seen = BTreeSet::from([index]);
            let mut at = targets[index].to;
            while let Some(Place::Target(next)) = at {
                let next = usize::from(next);
                if !seen.insert(next) {
                    let message = format!(
                        "what `{}` exports never reaches the sink",
                        targets[index].name
                    );
                    let key = match self.document.has(&format!("{path}.to")) {
                        true => format!("{path}.to"),
                        false => path.clone(),
                    };
                    self.problem(
                        &key,
                        message,
                        "the targets form a circle: let one export to `sink`",
                    );
                    return;
                }
                at = targets.get(next).and_then(|target| target.to);
            }
        }
    }
}

#[cfg(test)]
mod tests;
