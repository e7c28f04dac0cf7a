//! Targets, and the links that join them to client and sink.

use std::collections::BTreeSet;

use super::super::file::{ContainerFile, ReadyFile, ScenarioFile, SelfMetricsFile, TargetFile};
use super::super::problem::{Finding, did_you_mean};
use super::{HOUR, MS, Planner, SECOND, is_name};
use crate::plan::{
    ClientPlan, Place, Protocol, ReadyPlan, ReadySign, RoleName, SelfMetricsPlan, TARGETS_MAX,
    TargetKind, TargetPlan, Transport,
};

mod entry;
mod graph;
mod kinds;
mod relay;
mod templates;

pub(super) use entry::external_entry;
pub(super) use graph::Encrypted;
pub(super) use relay::secure as secure_relays;

use relay::{relay, relay_metrics};

/// Name of the only target where it has none.
const DEFAULT_NAME: &str = "target";
const SINK: &str = "sink";
const NAME_HELP: &str = "a name of lower-case letters, digits and hyphens, such as `collector`";
const LOG_LIMIT: u64 = 16 << 20;
const METRICS_URL: &str = "http://{{ metrics }}/metrics";
const KINDS: [&str; 4] = ["process", "container", "external", "relay"];

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
        for (index, (path, file)) in (0_u8..).zip(files.iter().take(TARGETS_MAX)) {
            let of_client = match client.protocol {
                Protocol::Grpc => Transport::Grpc,
                Protocol::HttpProtobuf | Protocol::HttpJson => Transport::Http,
            };
            // What stands before it in a chain decides how it is spoken to.
            let before = targets.last().filter(|_| !entries.contains(&index));
            let receives = before.map_or(of_client, |before| before.exports);
            let name = self.target_name(path, file, &targets);
            let target = self.target(path, file, name, receives);
            targets.push(target);
        }
        self.followers(&files, &mut targets, &entries);
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
        let of_role = RoleName::from_name(&name).is_some() && name != DEFAULT_NAME;
        if of_role || !is_name(&name, "-") {
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

    fn target(
        &mut self,
        path: &str,
        file: &TargetFile,
        name: String,
        receives: Transport,
    ) -> TargetPlan {
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
            ready: self.ready(&format!("{path}.ready"), file, &kind, receives),
            kind,
            metrics,
        }
    }

    fn ready(
        &mut self,
        path: &str,
        file: &TargetFile,
        kind: &TargetKind,
        receives: Transport,
    ) -> ReadyPlan {
        let default = ReadyFile::default();
        let within = file.ready.as_ref().and_then(|ready| ready.within);
        let file = file.ready.as_ref().unwrap_or(&default);
        let signs = [
            ("tcp", file.tcp.clone().map(ReadySign::Tcp)),
            ("http", file.http.clone().map(ReadySign::Http)),
            (
                "grpc_health",
                file.grpc_health.clone().map(ReadySign::GrpcHealth),
            ),
            ("says", file.says.clone().map(ReadySign::Says)),
        ];
        let given: Vec<_> = signs
            .into_iter()
            .filter(|(_, sign)| sign.is_some())
            .collect();
        let names = ["tcp", "http", "grpc_health", "says"];
        let sign = match given.is_empty() {
            true => None,
            false => self.only_one(path, &names, given),
        };
        if let (Some(ReadySign::Says(_)), TargetKind::External(_)) = (&sign, kind) {
            let help = "`tcp`, `http` or `grpc_health`";
            self.problem(&format!("{path}.says"), "its output is not heard", help);
        }
        let default = match (kind, receives) {
            (TargetKind::External(external), _) => external.endpoint.clone(),
            (_, Transport::Grpc) => "{{ listen.grpc }}".to_owned(),
            (_, Transport::Http) => "{{ listen.http }}".to_owned(),
        };
        ReadyPlan {
            sign: sign.unwrap_or(ReadySign::Tcp(default)),
            within_ns: self.time(
                &format!("{path}.within"),
                within,
                30 * SECOND,
                10 * MS..=HOUR,
            ),
        }
    }

    fn self_metrics(&mut self, path: &str, file: &SelfMetricsFile) -> SelfMetricsPlan {
        let series = file.series.clone().unwrap_or_default();
        for name in series.keys() {
            if !is_name(name, "_-") {
                let span = self.document.key_span(&format!("{path}.series.{name}"));
                let finding = Finding::new(span, format!("`{name}` cannot be a name"))
                    .help("lower-case letters, digits, hyphens and underscores");
                self.findings.push(finding);
            }
        }
        let lost = file.lost.clone().unwrap_or_default();
        let known: Vec<&str> = series.keys().map(String::as_str).collect();
        let paths = self.document.elements(&format!("{path}.lost"));
        for (path, name) in paths.iter().zip(&lost) {
            if !series.contains_key(name) {
                let help = format!("a name of `series`; {}", did_you_mean(name, &known));
                self.problem(path, format!("there is no series `{name}`"), help);
            }
        }
        SelfMetricsPlan {
            url: file.url.clone().unwrap_or_else(|| METRICS_URL.to_owned()),
            every_ns: self.time(
                &format!("{path}.every"),
                file.every,
                SECOND,
                100 * MS..=HOUR,
            ),
            series,
            lost,
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
