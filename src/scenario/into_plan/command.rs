//! A client that is a program of the user's own: what it needs, and what it cannot be told.

use std::collections::BTreeMap;

use super::super::file::{ClientFile, CommandFile, ScenarioFile};
use super::super::problem::{Finding, did_you_mean};
use super::Planner;
use crate::plan::template;
use crate::plan::{
    COMMAND_TEMPLATE_NAMES, ClientKind, CommandPlan, LinkPlan, SET_BY_SQUALL, TargetKind,
    TargetPlan, Temporality, TlsPlan,
};

/// Keys that mean nothing to a program that squall only looks at from outside, and what to do instead.
const NOT_OF_COMMAND: &[(&str, &str)] = &[
    (
        "load",
        "the program itself decides what it sends, and when: tell it by `command.run` and `command.env`; `run.duration` says how long",
    ),
    (
        "client.sdk",
        "its SDK reads such variables from its environment: put them under `command.env`",
    ),
    (
        "client.raw",
        "a program of your own has an exporter of its own",
    ),
    ("client.retry", "its exporter retries as it was built to"),
    (
        "client.instances",
        "run the program so that it makes several",
    ),
    (
        "client.producers",
        "run the program so that it makes several",
    ),
    (
        "client.to",
        "it is told of one endpoint, that of the first target",
    ),
    (
        "client.resolve",
        "it looks names up as the system does; only the SDK's client and a raw one ask squall's name server",
    ),
    (
        "validate",
        "squall does not know what the program meant to send, so it cannot say what was altered",
    ),
    (
        "sink.plant",
        "plants know items by squall's own ids; a fault such as `answer: { lose_response: unavailable }` strikes any client",
    ),
    (
        "sink.oracle",
        "it is written by plants and faults that know items by squall's own ids",
    ),
    (
        "run.miss_after",
        "the program keeps no schedule that squall knows",
    ),
    (
        "run.lateness_limit",
        "the program keeps no schedule that squall knows",
    ),
];

/// How long it may take to end once it is asked to: at most this, and half of the drain.
const GRACE_MAX_NS: u64 = 5 * super::SECOND;

impl Planner<'_> {
    /// Finds what means nothing to such a client, and `client.command` without one.
    pub(super) fn goes_with_command(&mut self, kind: ClientKind) {
        if kind != ClientKind::Command {
            if self.document.has("client.command") {
                self.not_here(
                    "client.command",
                    "this is for a program of your own, and the client is another",
                    "ask for it with `client: { kind: command }`",
                );
            }
            return;
        }
        for (path, help) in NOT_OF_COMMAND {
            if self.document.has(path) {
                let message = "this means nothing where the client is a program of your own";
                self.not_here(path, message, help);
            }
        }
    }

    fn not_here(&mut self, path: &str, message: &str, help: &str) {
        let span = self.document.key_span(path);
        self.findings.push(Finding::new(span, message).help(help));
    }

    /// The default of `client.shutdown_timeout`.
    pub(super) fn default_shutdown_ns(kind: ClientKind, drain_ns: u64) -> u64 {
        match kind {
            ClientKind::Command => GRACE_MAX_NS.min(drain_ns / 2),
            _ => drain_ns,
        }
    }

    /// How the program is run; `None` for another kind.
    pub(super) fn command(
        &mut self,
        client: Option<&ClientFile>,
        kind: ClientKind,
    ) -> Option<CommandPlan> {
        if kind != ClientKind::Command {
            return None;
        }
        let default = CommandFile::default();
        let file = client.and_then(|client| client.command.as_ref());
        let file = file.unwrap_or(&default);
        let key = "client.command.run";
        let help = "the program and its arguments: `command: { run: [./my-app, --verbose] }`";
        let mut run = self
            .required(key, file.run.clone(), help)
            .unwrap_or_default();
        match run.first_mut() {
            None if file.run.is_some() => self.problem(key, "no program is named", help),
            // A path that is one starts at the scenario; a bare name is looked up where programs are.
            Some(program) if program.contains('/') && !program.contains("{{") => {
                *program = self.absolute(program);
            }
            _ => {}
        }
        let folder = self.absolute(file.folder.as_deref().unwrap_or("."));
        if !std::path::Path::new(&folder).is_dir() {
            let help = "a folder; the path starts at the scenario's";
            self.problem(
                "client.command.folder",
                format!("there is no folder {folder}"),
                help,
            );
        }
        let (mut env, secret_env) = self.environment("client.command.env", file.env.as_ref());
        for name in SET_BY_SQUALL {
            if env.contains_key(*name) || secret_env.contains_key(*name) {
                self.set_by_squall(name);
            }
        }
        for (index, text) in run.iter().enumerate() {
            self.command_template(&format!("{key}.{index}"), text);
        }
        for (name, text) in &env {
            self.command_template(&format!("client.command.env.{name}"), text);
        }
        if let Some(client) = client {
            env.extend(said(client));
        }
        Some(CommandPlan {
            run,
            folder,
            env,
            secret_env,
            log_limit_bytes: self.log_limit("client.command", file.log_limit),
        })
    }

    fn absolute(&self, path: &str) -> String {
        let path = self.beside(path);
        let path = std::path::absolute(&path).unwrap_or(path);
        path.display().to_string()
    }

    fn set_by_squall(&mut self, name: &str) {
        let help = match name {
            "OTEL_EXPORTER_OTLP_ENDPOINT" => "squall's link is the endpoint; leave it out",
            "OTEL_EXPORTER_OTLP_PROTOCOL" => "say `client: { protocol: http/protobuf }`",
            "OTEL_EXPORTER_OTLP_HEADERS" => "say `client: { headers: { NAME: VALUE } }`",
            "OTEL_EXPORTER_OTLP_COMPRESSION" => "say `client: { compression: gzip }`",
            "OTEL_SERVICE_NAME" => "say `client: { service: NAME }`",
            "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE" => {
                "say `client: { temporality: delta }`"
            }
            _ => "say `client: { tls: generated }`, or `mutual`, or give certificates there",
        };
        let path = format!("client.command.env.{name}");
        self.not_here(&path, "squall sets this variable itself", help);
    }

    fn command_template(&mut self, path: &str, text: &str) {
        let known: Vec<&str> = COMMAND_TEMPLATE_NAMES
            .iter()
            .map(|(name, _)| *name)
            .collect();
        match template::names(text) {
            Err(error) => self.problem(path, error.to_string(), "close it with `}}`"),
            Ok(used) => {
                let strange = used
                    .into_iter()
                    .find(|(name, _)| !known.contains(&name.as_str()));
                if let Some((name, _)) = strange {
                    let message = format!("`{{{{ {name} }}}}` is not known");
                    self.problem(path, message, did_you_mean(&name, &known));
                }
            }
        }
    }

    /// Nobody can follow items on a link that are not known by squall's ids, and no name that is in
    /// another's certificate leads to a link.
    pub(super) fn command_way(
        &mut self,
        file: &ScenarioFile,
        targets: &[TargetPlan],
        tls: &TlsPlan,
        links: &mut [LinkPlan],
    ) {
        let help = "what it sends is accounted at the sink: leave `tap` out";
        let message = "a tap knows items by squall's own ids, which your program does not use";
        let asked = |link: &super::super::file::LinkFile| link.tap == Some(true);
        if file.link.as_ref().is_some_and(asked) {
            self.not_here("link.tap", message, help);
        }
        for (name, _) in file.links.iter().flatten().filter(|(_, link)| asked(link)) {
            self.not_here(&format!("links.{name}.tap"), message, help);
        }
        for link in links {
            link.tap = false;
        }
        let external = |target: &TargetPlan| matches!(target.kind, TargetKind::External(_));
        if targets.first().is_some_and(external) && *tls != TlsPlan::Off {
            self.problem(
                "client.tls",
                "your program would find another name in the target's certificate than that of squall's link",
                "leave the encryption out, or send with the SDK's client or a raw one",
            );
        }
    }
}

/// What the client's other keys come to in OpenTelemetry's variables, where the scenario gives them.
fn said(client: &ClientFile) -> BTreeMap<String, String> {
    let temporality = client.temporality.map(|temporality| match temporality {
        Temporality::Cumulative => "cumulative",
        Temporality::Delta => "delta",
        Temporality::LowMemory => "lowmemory",
    });
    [
        ("OTEL_SERVICE_NAME", client.service.clone()),
        (
            "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
            temporality.map(str::to_owned),
        ),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value?)))
    .collect()
}
