//! Targets as they are written.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};

use super::short::{self, short_or_long};
use crate::plan::{ContainerNetwork, Transport};
use crate::scenario::header::HeaderValue;
use crate::scenario::units::{Bytes, Time};

/// A collector under test: exactly one of `process`, `container`, `external` and `relay`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetFile {
    /// By which faults and reports know it. Default target.
    #[schemars(regex(pattern = "^[a-z0-9][a-z0-9-]*$"))]
    pub name: Option<String>,
    /// A program that squall starts.
    pub process: Option<ProcessFile>,
    /// A container that squall starts: an image, `otelcol` or `otelcol-contrib`, or more to say.
    pub container: Option<ContainerFile>,
    /// Something that is there already.
    pub external: Option<ExternalFile>,
    /// squall's own small forwarder, with these arguments beside those that connect it:
    /// see `squall relay --help`.
    pub relay: Option<Vec<String>>,
    /// How it speaks to what follows it. Default grpc.
    pub exports: Option<Transport>,
    /// What follows it: another target, or `sink`. Default: the next one of `targets`, then the sink.
    pub to: Option<String>,
    /// What shows that it is ready. Default: that it accepts connections where it is spoken to.
    pub ready: Option<ReadyFile>,
    /// Its own metrics, scraped during the run.
    pub metrics: Option<SelfMetricsFile>,
}

/// A program. Texts may name what squall chose: `{{ listen.grpc }}`, `{{ export }}` and so on.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessFile {
    /// Found as a shell finds it; a path with a slash starts at the scenario's folder.
    #[schemars(required)]
    pub command: Option<String>,
    pub args: Option<Vec<String>>,
    /// Added to squall's own environment. Values from `env` and `file` are never shown.
    pub env: Option<BTreeMap<String, HeaderValue>>,
    /// Files of its working folder, by their path there.
    pub files: Option<BTreeMap<String, TemplateFile>>,
    pub stop: Option<StopFile>,
    /// Bytes of its output that are kept, the first ones of all its starts together. Default 16MiB.
    pub log_limit: Option<Bytes>,
    /// Makes `{{ data }}` a disk of its own of that size, so that it can be full. Linux.
    pub disk: Option<Bytes>,
}

/// A container: exactly one of `image` and `build`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LongContainerFile {
    /// Its name with its tag; `otelcol` and `otelcol-contrib` stand for the OpenTelemetry Collector.
    pub image: Option<String>,
    /// The folder of a Dockerfile, relative to the scenario.
    pub build: Option<String>,
    pub args: Option<Vec<String>>,
    /// Values from `env` and `file` are never shown.
    pub env: Option<BTreeMap<String, HeaderValue>>,
    /// Files that are mounted, by their path inside.
    pub files: Option<BTreeMap<String, TemplateFile>>,
    pub stop: Option<StopFile>,
    /// Default 16MiB.
    pub log_limit: Option<Bytes>,
    /// 1 is one core.
    pub cpus: Option<f64>,
    pub memory: Option<Bytes>,
    /// Default on Linux host: this machine's own. On a bridge it has to listen on all its addresses,
    /// which `{{ listen.grpc }}` then says.
    pub network: Option<ContainerNetwork>,
    /// As whom it runs: `UID`, `UID:GID` or a name that the image knows. Default: as you, so that it can
    /// write to `{{ data }}`.
    pub user: Option<String>,
}

/// An image, or more to say.
#[derive(Debug)]
pub struct ContainerFile(pub LongContainerFile);

impl<'de> Deserialize<'de> for ContainerFile {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let expecting = "an image such as `otelcol`, or `{ image: …, args: […] }`";
        let of_image = |image: String| {
            Self(LongContainerFile {
                image: Some(image),
                ..LongContainerFile::default()
            })
        };
        short_or_long(from, expecting, of_image, Self)
    }
}

impl JsonSchema for ContainerFile {
    fn schema_name() -> Cow<'static, str> {
        "ContainerFile".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        short::schema::<String, LongContainerFile>(generator)
    }
}

/// The text of a file, or where it stands.
#[derive(Debug)]
pub enum TemplateFile {
    Text(String),
    From(FromFile),
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FromFile {
    /// A file, relative to the scenario.
    #[schemars(required)]
    pub from: Option<String>,
}

impl<'de> Deserialize<'de> for TemplateFile {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let expecting = "the file's text, or `{ from: PATH }`";
        short_or_long(from, expecting, TemplateFile::Text, TemplateFile::From)
    }
}

impl JsonSchema for TemplateFile {
    fn schema_name() -> Cow<'static, str> {
        "TemplateFile".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        short::schema::<String, FromFile>(generator)
    }
}

/// Something that is there already.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExternalFile {
    /// `HOST:PORT` at which it receives what is sent to it.
    #[schemars(required)]
    pub endpoint: Option<String>,
    /// Address on this machine to which it exports, where squall then listens. Left out: it exports to
    /// somewhere else, and what becomes of the items there is not judged.
    pub returns_to: Option<String>,
}

/// How a program is asked to end.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StopFile {
    /// Default term.
    pub signal: Option<SignalFile>,
    /// How long it may take before it is killed. Default 10s.
    pub grace: Option<Time>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignalFile {
    Term,
    Int,
    Quit,
    Hup,
}

/// When it is ready: at most one of the signs.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadyFile {
    /// This address accepts connections.
    pub tcp: Option<String>,
    /// This URL answers with a status below 400.
    pub http: Option<String>,
    /// The gRPC health service at this address says that it serves.
    pub grpc_health: Option<String>,
    /// It has written this.
    pub says: Option<String>,
    /// How long it may take. Default 30s.
    pub within: Option<Time>,
}

/// A Prometheus endpoint of the target's.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SelfMetricsFile {
    /// Default `http://{{ metrics }}/metrics`.
    pub url: Option<String>,
    /// Default 1s.
    pub every: Option<Time>,
    /// A name for expectations (`said.NAME.max`), and the series: its name, with labels where several
    /// share it, as in `otelcol_exporter_queue_size{exporter="otlp"}`.
    pub series: Option<BTreeMap<String, String>>,
    /// Names of those series that count what it says that it lost.
    pub lost: Option<Vec<String>>,
}
