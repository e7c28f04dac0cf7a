//! The templates of targets: every name that they use is known, and means something there.

use std::collections::BTreeMap;
use std::ops::Range;

use super::super::super::file::TargetFile;
use super::super::super::problem::{Finding, did_you_mean};
use super::super::Planner;
use crate::plan::template::names;
use crate::plan::{
    ClientPlan, FileText, Place, ReadySign, TEMPLATE_NAMES, TargetKind, TargetPlan, TlsPlan,
};

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
            for text in texts(path, target) {
                self.template(&text, &known);
            }
        }
    }

    /// Says of every name that it cannot be.
    fn template(&mut self, template: &Template<'_>, known: &[&str]) {
        let all: Vec<&str> = TEMPLATE_NAMES.iter().map(|(name, _)| *name).collect();
        let used = match names(template.text) {
            Ok(used) => used,
            Err(error) => {
                let help = "close it with `}}`".to_owned();
                return self.wrong(template, error.at(), &error.to_string(), help);
            }
        };
        for (name, at) in used {
            if known.contains(&name.as_str()) {
                continue;
            }
            let (message, help) = match all.contains(&name.as_str()) {
                true => (
                    format!("`{{{{ {name} }}}}` means nothing here"),
                    why_not(&name).to_owned(),
                ),
                false => (
                    format!("`{{{{ {name} }}}}` is not known"),
                    did_you_mean(&name, &all),
                ),
            };
            self.wrong(template, at, &message, help);
        }
    }

    /// Points at a part of a template: in the scenario itself, or in words in the file that it is from.
    fn wrong(&mut self, template: &Template<'_>, at: Range<usize>, message: &str, help: String) {
        let before = &template.text[..at.start];
        let part = &template.text[at];
        let whole = self.document.span_of(&template.place);
        let finding = match template.file {
            Some(file) => {
                let line = 1 + before.matches('\n').count();
                Finding::new(whole, format!("{file}:{line}: {message}"))
            }
            None => {
                // The same part of what is written, whose indents differ.
                let written = self.document.texts.slice(whole);
                let place = written
                    .match_indices(part)
                    .nth(before.matches(part).count());
                let span = place.map_or(whole, |(at, _)| whole.part(at, part.len()));
                Finding::new(span, message)
            }
        };
        self.findings.push(finding.help(help));
    }
}

/// A text of a target's, where it stands in the scenario, and in which file if it was read from one.
struct Template<'t> {
    place: String,
    text: &'t str,
    file: Option<&'t str>,
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

/// Every template of a target.
fn texts<'t>(path: &str, target: &'t TargetPlan) -> Vec<Template<'t>> {
    let written = |place: String, text: &'t str| Template {
        place,
        text,
        file: None,
    };
    let env = |path: &str, env: &'t BTreeMap<String, String>| -> Vec<Template<'t>> {
        let env = env.iter();
        env.map(|(name, text)| written(format!("{path}.env.{name}"), text))
            .collect()
    };
    let args = |path: &str, args: &'t [String]| -> Vec<Template<'t>> {
        let numbered = args.iter().enumerate();
        numbered
            .map(|(index, text)| written(format!("{path}.args.{index}"), text))
            .collect()
    };
    let files = |path: &str, files: &'t BTreeMap<String, FileText>| -> Vec<Template<'t>> {
        let files = files.iter();
        files
            .map(|(name, text)| Template {
                place: format!("{path}.files.{name}"),
                text: text.reveal(),
                file: text.from(),
            })
            .collect()
    };
    let mut texts = Vec::new();
    match &target.kind {
        TargetKind::Process(process) => {
            let path = format!("{path}.process");
            texts.extend(env(&path, &process.env));
            texts.extend(files(&path, &process.files));
            texts.push(written(format!("{path}.command"), &process.command));
            texts.extend(args(&path, &process.args));
        }
        TargetKind::Container(container) => {
            let path = format!("{path}.container");
            texts.extend(env(&path, &container.env));
            texts.extend(files(&path, &container.files));
            texts.extend(args(&path, &container.args));
        }
        TargetKind::External(_) => {}
    }
    let sign = match &target.ready.sign {
        ReadySign::Tcp(text) => Some(("tcp", text)),
        ReadySign::Http(text) => Some(("http", text)),
        ReadySign::GrpcHealth(text) => Some(("grpc_health", text)),
        ReadySign::Says(_) => None,
    };
    texts.extend(sign.map(|(key, text)| written(format!("{path}.ready.{key}"), text)));
    if let Some(metrics) = &target.metrics {
        texts.push(written(format!("{path}.metrics.url"), &metrics.url));
    }
    texts
}
