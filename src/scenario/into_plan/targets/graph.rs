//! The links of a scenario: one between each pair of neighbours.

use super::super::super::file::{LinkFile, ScenarioFile};
use super::super::super::problem::{Finding, did_you_mean};
use super::super::Planner;
use super::entry::entries;
use crate::plan::{LinkBackend, LinkPlan, Place, TargetPlan};

/// Which hops are encrypted: the client's, and with a target between them the sink's.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Encrypted {
    pub client: bool,
    pub sink: bool,
}

/// Name of the link where there is but one.
const ONLY: &str = "link";

impl Planner<'_> {
    /// Every link: the client's first, then that of each target.
    pub(in super::super) fn links(
        &mut self,
        file: &ScenarioFile,
        targets: &[TargetPlan],
        encrypted: Encrypted,
    ) -> Vec<LinkPlan> {
        let mut edges = match targets {
            [] => vec![(Place::Client, Place::Sink)],
            _ => {
                let entries = entries(file).into_iter();
                entries
                    .map(|index| (Place::Client, Place::Target(index)))
                    .collect()
            }
        };
        for (index, target) in (0_u8..).zip(targets) {
            edges.extend(target.to.map(|to| (Place::Target(index), to)));
        }
        self.all_reached(&edges, targets);
        let base = self.link("link", file.link.as_ref());
        let links: Vec<LinkPlan> = edges
            .iter()
            .map(|(from, to)| LinkPlan {
                name: link_name(*from, *to, &edges, targets),
                from: *from,
                to: *to,
                ..base.clone()
            })
            .collect();
        let mut links = self.with_own_keys(file, links);
        self.packets_once(&links, targets);
        self.ways_out(&edges, &links, encrypted);
        self.bridges_reach(&links, targets, encrypted);
        self.taps(file, encrypted, &mut links);
        links
    }

    /// Between targets losses are placed by what the taps saw: there they are the default.
    fn taps(&mut self, file: &ScenarioFile, encrypted: Encrypted, links: &mut [LinkPlan]) {
        let several = links.len() > 1;
        for link in links {
            let own = file.links.as_ref().and_then(|links| links.get(&link.name));
            let own = own.and_then(|own| own.tap);
            let wanted = own.or(file.link.as_ref().and_then(|all| all.tap));
            let is_encrypted = match (link.from, link.to) {
                (Place::Client, _) => encrypted.client,
                (_, Place::Sink) => encrypted.sink,
                _ => false,
            };
            let possible = link.via == LinkBackend::Proxy && !is_encrypted;
            link.tap = wanted.unwrap_or(several && possible);
            if !link.tap || possible {
                continue;
            }
            let path = match own {
                Some(_) => format!("links.{}.tap", link.name),
                None => "link.tap".to_owned(),
            };
            match is_encrypted {
                true => {
                    let help = "leave `tap` out, or the encryption";
                    self.problem(&path, "a tap cannot read encrypted traffic", help);
                }
                false => self.problem(
                    &path,
                    format!("a link `via: {}` has no tap", link.via.as_str()),
                    "set `via: proxy`, or leave `tap` out",
                ),
            }
        }
    }

    /// What `links` says of single ones.
    fn with_own_keys(&mut self, file: &ScenarioFile, mut links: Vec<LinkPlan>) -> Vec<LinkPlan> {
        for (name, own) in file.links.iter().flatten() {
            let path = format!("links.{name}");
            let names: Vec<&str> = links.iter().map(|link| link.name.as_str()).collect();
            let Some(index) = names.iter().position(|known| known == name) else {
                let span = self.document.key_span(&path);
                let message = format!("there is no link `{name}`");
                let finding = Finding::new(span, message).help(did_you_mean(name, &names));
                self.findings.push(finding);
                continue;
            };
            let own = LinkFile::over(own, file.link.as_ref());
            let made = self.link(&path, Some(&own));
            let link = &mut links[index];
            *link = LinkPlan {
                name: link.name.clone(),
                from: link.from,
                to: link.to,
                ..made
            };
        }
        links
    }

    fn all_reached(&mut self, edges: &[(Place, Place)], targets: &[TargetPlan]) {
        for (index, target) in (0_u8..).zip(targets) {
            if !edges.iter().any(|(_, to)| *to == Place::Target(index)) {
                let path = match self.document.has("targets") {
                    true => format!("targets.{index}"),
                    false => "target".to_owned(),
                };
                let message = format!("nothing is sent to `{}`", target.name);
                let help = "the first target gets what the client sends; name this one in `client.to`, let another one export `to` it, or leave it out";
                self.problem(&path, message, help);
            }
        }
    }

    /// What follows a container on a bridge listens where only the embedded proxy can, and no
    /// certificate is made for there.
    fn bridges_reach(&mut self, links: &[LinkPlan], targets: &[TargetPlan], encrypted: Encrypted) {
        for link in links {
            let Place::Target(index) = link.from else {
                continue;
            };
            let from = &targets[usize::from(index)];
            if !from.is_bridged() {
                continue;
            }
            let message = match (link.via, link.to) {
                (LinkBackend::Toxiproxy, _) => "a Toxiproxy cannot be reached from a bridge",
                (_, Place::Sink) if encrypted.sink => "the sink's certificate is not for a bridge",
                _ => continue,
            };
            let path = match self.document.has("targets") {
                true => format!("targets.{index}.container"),
                false => "target.container".to_owned(),
            };
            self.problem(&path, message, "say `network: host`");
        }
    }

    /// A link of packets parts the machine in two: everything stands before it or behind it.
    fn packets_once(&mut self, links: &[LinkPlan], targets: &[TargetPlan]) {
        let of_packets = links.iter().filter(|link| link.via == LinkBackend::Netns);
        let local = targets
            .iter()
            .all(|target| matches!(target.kind, crate::plan::TargetKind::Process(_)));
        let count = of_packets.count();
        let path = match self.document.has("links") {
            true => "links",
            false => "link.via",
        };
        if count > 1 {
            let help = "say `links: { to-…: { via: netns } }` for the one that is to be packets";
            let message = format!("{count} links of packets are too many: there can be one");
            self.problem(path, message, help);
        }
        if count > 0 && !local {
            let help = "a `process` target, or a link `via: proxy`";
            let message = "a link of packets reaches only what squall starts as a process";
            self.problem(path, message, help);
        }
    }
}

/// `to-` and what it leads to; with what it comes from where several lead there.
fn link_name(from: Place, to: Place, edges: &[(Place, Place)], targets: &[TargetPlan]) -> String {
    let name = |place: Place| match place {
        Place::Client => "client",
        Place::Sink => "sink",
        Place::Target(index) => targets[usize::from(index)].name.as_str(),
    };
    let rivals = edges.iter().filter(|(_, other)| *other == to).count();
    match (edges, rivals) {
        ([_], _) => ONLY.to_owned(),
        (_, 1) => format!("to-{}", name(to)),
        _ => format!("{}-to-{}", name(from), name(to)),
    }
}
