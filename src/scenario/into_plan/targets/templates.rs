//! The templates of targets: every name that they use is known, and means something there.

use std::collections::BTreeMap;

use super::super::super::file::TargetFile;
use super::super::super::problem::{Finding, did_you_mean};
use super::super::Planner;
use crate::plan::template::{TemplateError, names};
use crate::plan::{ClientPlan, Place, ReadySign, TEMPLATE_NAMES, TargetKind, TargetPlan, TlsPlan};

impl Planner<'_> {
    /// Looks through every text of the targets that is a template.
    pub(super) fn fill_templates(
        &mut self,
        files: &[(String, &TargetFile)],
        targets: &[TargetPlan],
        client: &ClientPlan,
        entries: &[u8],
    ) {
        for (index, ((path, _), target)) in (0_u8..).zip(files.iter().zip(targets)) {
            let known = known(target, entries.contains(&index), client);
            for (place, text) in texts(path, target) {
                self.template(&place, &text, &known);
            }
        }
    }

    fn template(&mut self, path: &str, text: &str, known: &[&str]) {
        let all: Vec<&str> = TEMPLATE_NAMES.iter().map(|(name, _)| *name).collect();
        let (message, help) = match names(text) {
            Err(error @ TemplateError::Open { .. }) => {
                (error.to_string(), "close it with `}}`".to_owned())
            }
            Err(error) => (error.to_string(), String::new()),
            Ok(used) => {
                let wrong = used
                    .into_iter()
                    .find(|(name, _)| !known.contains(&name.as_str()));
                let Some((name, _)) = wrong else { return };
                match all.contains(&name.as_str()) {
                    true => (
                        format!("`{{{{ {name} }}}}` means nothing here"),
                        why_not(&name).to_owned(),
                    ),
                    false => (
                        format!("`{{{{ {name} }}}}` is not known"),
                        did_you_mean(&name, &all),
                    ),
                }
            }
        };
        let span = self.document.span_of(path);
        self.findings.push(Finding::new(span, message).help(help));
    }
}

/// Why a name that exists cannot be used.
fn why_not(name: &str) -> &'static str {
    if name.starts_with("export.tls") {
        "the next hop is not encrypted: say `sink: { tls: generated }` for the sink, or `mutual`"
    } else if name.starts_with("export") {
        "an external target is told by others where to export to"
    } else if name.starts_with("tls") {
        "its clients do not use TLS: say `client: { tls: generated }`, or `mutual`"
    } else if name == "squall" {
        "this executable is not in a container: build it into the image"
    } else {
        "squall does not start it"
    }
}

/// The names that mean something for that target.
fn known(target: &TargetPlan, is_first: bool, client: &ClientPlan) -> Vec<&'static str> {
    let tls_in = match &client.tls {
        TlsPlan::Off | TlsPlan::External { .. } => false,
        TlsPlan::Generated { .. } | TlsPlan::Given { .. } => is_first,
    };
    let container = matches!(target.kind, TargetKind::Container(_));
    let external = matches!(target.kind, TargetKind::External(_));
    let to_sink = target.to == Some(Place::Sink);
    let names = TEMPLATE_NAMES.iter().map(|(name, _)| *name);
    names
        .filter(|name| match *name {
            "tls.ca" | "tls.cert" | "tls.key" => tls_in,
            // Whether the sink is encrypted is settled later, and an empty file is no certificate.
            _ if name.starts_with("export.tls") => to_sink,
            "squall" => !external && !container,
            _ => !external,
        })
        .collect()
}

/// Every template of a target, and where it stands.
fn texts(path: &str, target: &TargetPlan) -> Vec<(String, String)> {
    let mut texts = Vec::new();
    let mut map = |path: &str, entries: &BTreeMap<String, String>, from: &str| {
        for (name, text) in entries {
            texts.push((format!("{path}.{name}{from}"), text.clone()));
        }
    };
    let list = |path: &str, entries: &[String]| -> Vec<(String, String)> {
        let numbered = entries.iter().enumerate();
        numbered
            .map(|(index, text)| (format!("{path}.{index}"), text.clone()))
            .collect()
    };
    match &target.kind {
        TargetKind::Process(process) => {
            map(&format!("{path}.process.env"), &process.env, "");
            map(&format!("{path}.process.files"), &process.files, "");
            texts.push((format!("{path}.process.command"), process.command.clone()));
            texts.extend(list(&format!("{path}.process.args"), &process.args));
        }
        TargetKind::Container(container) => {
            map(&format!("{path}.container.env"), &container.env, "");
            map(&format!("{path}.container.files"), &container.files, "");
            texts.extend(list(&format!("{path}.container.args"), &container.args));
        }
        TargetKind::External(_) => {}
    }
    let sign = match &target.ready.sign {
        ReadySign::Tcp(text) => Some(("tcp", text)),
        ReadySign::Http(text) => Some(("http", text)),
        ReadySign::GrpcHealth(text) => Some(("grpc_health", text)),
        ReadySign::Says(_) => None,
    };
    texts.extend(sign.map(|(key, text)| (format!("{path}.ready.{key}"), text.clone())));
    if let Some(metrics) = &target.metrics {
        texts.push((format!("{path}.metrics.url"), metrics.url.clone()));
    }
    texts
}
