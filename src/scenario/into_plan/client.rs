//! The client's part of the plan.

use std::collections::BTreeMap;

use super::super::file::{ClientFile, ScenarioFile};
use super::super::header::{HeaderSource, HeaderValue};
use super::super::problem::Finding;
use super::super::sdk_variables::SdkVariables;
use super::{HOUR, MS, Planner};
use crate::plan::secret::Secret;
use crate::plan::{
    ClientKind, ClientPlan, Compression, Protocol, Resolve, RetryPlan, RunPlan, Temporality,
    TlsPlan,
};

impl Planner<'_> {
    pub(super) fn client(&mut self, file: Option<&ClientFile>, run: &RunPlan) -> ClientPlan {
        let default = ClientFile::default();
        let file = file.unwrap_or(&default);
        let kind = file.kind.unwrap_or(ClientKind::Sdk);
        self.goes_with(kind);
        self.goes_with_command(kind);
        ClientPlan {
            kind,
            protocol: file.protocol.unwrap_or(Protocol::Grpc),
            compression: file.compression.unwrap_or(Compression::None),
            service: file
                .service
                .clone()
                .unwrap_or_else(|| "squall-client".to_owned()),
            sdk: match kind {
                ClientKind::Sdk => self.sdk(file.sdk.as_ref()),
                ClientKind::Raw | ClientKind::Replay | ClientKind::Command => BTreeMap::new(),
            },
            retry: self.retry(file, kind),
            shutdown_timeout_ns: self.time(
                "client.shutdown_timeout",
                file.shutdown_timeout,
                Self::default_shutdown_ns(kind, run.drain_ns),
                MS..=HOUR,
            ),
            headers: self.headers("client.headers", file.headers.as_ref()),
            // Settled beside it: what stands behind the link decides.
            tls: TlsPlan::Off,
            // Settled once the faults are known.
            resolve: Resolve::Address,
            temporality: file.temporality.unwrap_or(Temporality::Cumulative),
            instances: self.count("client.instances", file.instances, 1, 1..=16),
            // Settled beside it: the load decides how large a request is.
            raw: None,
            command: self.command(Some(file), kind),
            replay: None,
        }
    }

    pub(super) fn producers(&mut self, file: &ScenarioFile, instances: u16) -> u16 {
        let given = file.client.as_ref().and_then(|file| file.producers);
        let producers = self.count("client.producers", given, instances, 1..=64);
        if producers < instances {
            let message = format!("{producers} producer(s) are too few for {instances} instances");
            let help = "each instance has one at least: ask for more, or leave `producers` out";
            self.problem("client.producers", message, help);
        }
        // Two of them would send the same series, and neither sum would be the whole.
        if instances > 1 && self.document.has("load.metrics") {
            let message = "metrics come from one client";
            let help = "leave `instances` out, or `load.metrics`";
            self.problem("client.instances", message, help);
        }
        producers
    }

    fn retry(&mut self, file: &ClientFile, kind: ClientKind) -> RetryPlan {
        let max_retries = match kind {
            ClientKind::Sdk => 3,
            ClientKind::Raw | ClientKind::Replay | ClientKind::Command => 0,
        };
        let file = file.retry.as_ref();
        let retry = RetryPlan {
            max_retries: self.count(
                "client.retry.max_retries",
                file.and_then(|file| file.max_retries),
                max_retries,
                0..=1000,
            ),
            initial_delay_ns: self.time(
                "client.retry.initial_delay",
                file.and_then(|file| file.initial_delay),
                100 * MS,
                0..=HOUR,
            ),
            max_delay_ns: self.time(
                "client.retry.max_delay",
                file.and_then(|file| file.max_delay),
                1600 * MS,
                0..=HOUR,
            ),
            max_jitter_ns: self.time(
                "client.retry.max_jitter",
                file.and_then(|file| file.max_jitter),
                100 * MS,
                0..=HOUR,
            ),
        };
        if retry.initial_delay_ns > retry.max_delay_ns {
            self.problem(
                "client.retry.initial_delay",
                "the first delay is longer than the longest",
                "`initial_delay` is at most `max_delay`, which is 1600ms where nothing is said",
            );
        }
        retry
    }

    fn sdk(&mut self, given: Option<&SdkVariables>) -> BTreeMap<String, String> {
        let default = SdkVariables::default();
        let given = given.unwrap_or(&default);
        let (values, faults) = given.explicit();
        for (name, fault) in faults {
            let path = format!("client.sdk.{name}");
            let span = if fault.of_name {
                self.document.key_span(&path)
            } else {
                self.document.span_of(&path)
            };
            self.findings
                .push(Finding::new(span, fault.message).help(fault.help));
        }
        for family in ["BSP", "BLRP"] {
            let size = |name: &str| {
                let name = format!("OTEL_{family}_{name}");
                values
                    .get(&name)
                    .and_then(|value| value.parse::<u64>().ok())
            };
            let (queue, batch) = (size("MAX_QUEUE_SIZE"), size("MAX_EXPORT_BATCH_SIZE"));
            if batch > queue {
                let batch_path = format!("client.sdk.OTEL_{family}_MAX_EXPORT_BATCH_SIZE");
                let queue_path = format!("client.sdk.OTEL_{family}_MAX_QUEUE_SIZE");
                let path = if self.document.has(&batch_path) {
                    batch_path
                } else {
                    queue_path
                };
                self.problem(
                    &path,
                    format!(
                        "a batch of {} does not fit into a queue of {}",
                        batch.unwrap_or(0),
                        queue.unwrap_or(0)
                    ),
                    format!(
                        "OTEL_{family}_MAX_EXPORT_BATCH_SIZE is at most OTEL_{family}_MAX_QUEUE_SIZE"
                    ),
                );
            }
        }
        values
    }

    pub(super) fn headers(
        &mut self,
        path: &str,
        given: Option<&BTreeMap<String, HeaderValue>>,
    ) -> BTreeMap<String, Secret> {
        let mut headers = BTreeMap::new();
        for (name, value) in given.into_iter().flatten() {
            let path = format!("{path}.{name}");
            if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
                let span = self.document.key_span(&path);
                let finding = Finding::new(span, "this cannot be a header's name")
                    .help("letters, digits and hyphens");
                self.findings.push(finding);
                continue;
            }
            let secret = match value {
                HeaderValue::Literal(secret) => Some(secret.clone()),
                HeaderValue::From(source) => self.looked_up(&path, source),
            };
            let Some(secret) = secret else { continue };
            if http::HeaderValue::from_str(secret.reveal()).is_err() {
                self.problem(
                    &path,
                    "this cannot be a header's value",
                    "one line of visible characters",
                );
            }
            headers.insert(name.clone(), secret);
        }
        headers
    }

    pub(super) fn looked_up(&mut self, path: &str, source: &HeaderSource) -> Option<Secret> {
        let (path, message, help, value) = match source {
            HeaderSource::Env(name) => (
                format!("{path}.env"),
                format!("the environment has no variable {name}"),
                "set it before squall starts".to_owned(),
                std::env::var(name).ok(),
            ),
            HeaderSource::File(file) => {
                let file = self.beside(file);
                let read = std::fs::read_to_string(&file);
                (
                    format!("{path}.file"),
                    format!("{} cannot be read", file.display()),
                    "the path starts at the scenario's folder".to_owned(),
                    read.ok().map(|text| text.trim().to_owned()),
                )
            }
        };
        if value.is_none() {
            self.problem(&path, message, help);
        }
        value.map(Secret::new)
    }
}
