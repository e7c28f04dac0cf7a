//! Where the client's batches go: `client.to`, by default the first target.

use std::collections::BTreeSet;

use super::super::super::file::{ScenarioFile, TargetFile};
use super::super::super::problem::{Finding, did_you_mean};
use super::super::Planner;
use super::{DEFAULT_NAME, Encrypted};
use crate::plan::{LinkBackend, LinkPlan, Place, TARGETS_MAX};

const PATH: &str = "client.to";

/// Numbers of the targets that the client sends to, in its order. What is wrong with them is said
/// by [`Planner::entry`] alone.
pub(in super::super) fn entries(file: &ScenarioFile) -> Vec<u8> {
    let files = files(file);
    let wanted = file.client.as_ref().and_then(|client| client.to.as_ref());
    let Some(wanted) = wanted else {
        return files.first().map(|_| 0).into_iter().collect();
    };
    let mut found = Vec::new();
    for name in wanted {
        let index = (0_u8..)
            .zip(&files)
            .find(|(_, (known, _))| known == name)
            .map(|(index, _)| index);
        found.extend(index.filter(|index| !found.contains(index)));
    }
    if found.is_empty() {
        found.extend(files.first().map(|_| 0));
    }
    found
}

/// The targets as they are written, by name.
fn files(file: &ScenarioFile) -> Vec<(&str, &TargetFile)> {
    let single = file.target.iter();
    let all = single.chain(file.targets.iter().flatten());
    all.take(TARGETS_MAX)
        .map(|target| (target.name.as_deref().unwrap_or(DEFAULT_NAME), target))
        .collect()
}

/// Whether one of the targets that the client sends to is there already.
pub(in super::super) fn external_entry(file: &ScenarioFile) -> Option<&TargetFile> {
    let files = files(file);
    let entries = entries(file).into_iter();
    entries
        .filter_map(|index| files.get(usize::from(index)).map(|(_, target)| *target))
        .find(|target| target.external.is_some())
}

impl Planner<'_> {
    /// Says what is wrong with `client.to`, and gives the targets that the client sends to.
    pub(super) fn entry(&mut self, file: &ScenarioFile) -> Vec<u8> {
        let found = entries(file);
        let wanted = file.client.as_ref().and_then(|client| client.to.as_deref());
        let Some(wanted) = wanted else {
            return found;
        };
        let files = files(file);
        if files.is_empty() || wanted.is_empty() {
            let span = self.document.key_span(PATH);
            let (message, help) = match files.is_empty() {
                true => (
                    "there are no targets to send to",
                    "leave it out: the client then sends to the sink",
                ),
                false => (
                    "it names no target",
                    "leave it out: the client then sends to the first target",
                ),
            };
            self.findings.push(Finding::new(span, message).help(help));
            return found;
        }
        let known: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
        let mut seen = BTreeSet::new();
        for (path, name) in self.document.elements(PATH).iter().zip(wanted) {
            let target = files.iter().find(|(known, _)| known == name);
            if target.is_none() {
                let message = format!("there is no target `{name}`");
                self.problem(path, message, did_you_mean(name, &known));
            }
            if !seen.insert(name) {
                let message = format!("`{name}` is named a second time");
                self.problem(
                    path,
                    message,
                    "name each target once: batches go round in turn",
                );
            }
            let external = target.is_some_and(|(_, target)| target.external.is_some());
            if external && wanted.len() > 1 {
                let message = format!("`{name}` is external, and cannot be one of several");
                let help = "put what squall starts there, or send to the external one alone";
                self.problem(path, message, help);
            }
        }
        found
    }

    /// Several ways out of the client are of the embedded proxy or a Toxiproxy, and a target shows
    /// one kind of certificate only.
    pub(super) fn ways_out(
        &mut self,
        edges: &[(Place, Place)],
        links: &[LinkPlan],
        encrypted: Encrypted,
    ) {
        let ways: Vec<Place> = edges
            .iter()
            .filter(|(from, _)| *from == Place::Client)
            .map(|(_, to)| *to)
            .collect();
        if ways.len() < 2 {
            return;
        }
        if links.iter().any(|link| link.via == LinkBackend::Netns) {
            let message = "a client that sends to several targets has no link of packets";
            self.problem(PATH, message, "name one target, or leave `via: netns` out");
        }
        let also_behind = |way: &Place| edges.iter().filter(|(_, to)| to == way).count() > 1;
        if encrypted.client && ways.iter().any(also_behind) {
            let message =
                "one of these gets the exports of another target too, and those are not encrypted";
            self.problem(
                PATH,
                message,
                "leave `client.tls` out, or let that one export elsewhere",
            );
        }
    }
}
