//! Targets: the collectors under test, between the client and the sink.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::file_text::FileText;
use super::role::Place;
use super::secret::Secret;

/// One target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetPlan {
    /// The user's name for it.
    pub name: String,
    pub kind: TargetKind,
    /// How it speaks to what follows it.
    pub exports: Transport,
    /// What follows it; `None` where it is not known: the far side of an external target.
    pub to: Option<Place>,
    pub ready: ReadyPlan,
    /// What it says of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<SelfMetricsPlan>,
}

/// What it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// A program that squall starts.
    Process(ProcessTarget),
    /// A container that squall starts.
    Container(ContainerTarget),
    /// Something that is there already.
    External(ExternalTarget),
}

impl TargetKind {
    /// The texts of its files.
    pub fn files_mut(&mut self) -> impl Iterator<Item = &mut FileText> {
        let files = match self {
            TargetKind::Process(process) => Some(&mut process.files),
            TargetKind::Container(container) => Some(&mut container.files),
            TargetKind::External(_) => None,
        };
        files.into_iter().flat_map(BTreeMap::values_mut)
    }

    /// The name under which scenarios and results know it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            TargetKind::Process(_) => "process",
            TargetKind::Container(_) => "container",
            TargetKind::External(_) => "external",
        }
    }
}

/// OTLP over gRPC or over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    Grpc,
    Http,
}

/// A program. Texts are templates: see [`TEMPLATE_NAMES`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProcessTarget {
    pub command: String,
    pub args: Vec<String>,
    pub env: BTreeMap<String, String>,
    /// Values that are never shown.
    pub secret_env: BTreeMap<String, Secret>,
    /// Files of its working folder, by their path there.
    pub files: BTreeMap<String, FileText>,
    pub stop: StopPlan,
    /// Bytes of its output that are kept, of all its starts together: the first ones.
    pub log_limit_bytes: u64,
    /// Its data folder is a disk of its own, of that size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_bytes: Option<u64>,
}

/// A container. Texts are templates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContainerTarget {
    pub image: ImagePlan,
    pub args: Vec<String>,
    pub env: BTreeMap<String, String>,
    pub secret_env: BTreeMap<String, Secret>,
    /// Files that are mounted, by their path inside.
    pub files: BTreeMap<String, FileText>,
    pub stop: StopPlan,
    pub log_limit_bytes: u64,
    /// At most that many thousandths of a core.
    pub cpu_millicores: Option<u32>,
    pub memory_bytes: Option<u64>,
    #[serde(default)]
    pub network: ContainerNetwork,
    /// As whom it runs; `None`: as whoever squall's own files belong to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

/// The network that a container lives in.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ContainerNetwork {
    /// The machine's own, so that it reaches links on 127.0.0.1 and they reach it. For an engine that
    /// runs on this Linux itself.
    #[default]
    Host,
    /// The engine's default bridge, with mapped ports.
    Bridge,
}

impl TargetPlan {
    /// Where it is a container in a network of its own: what it exports to has to listen elsewhere
    /// than on 127.0.0.1.
    pub fn is_bridged(&self) -> bool {
        matches!(
            &self.kind,
            TargetKind::Container(container) if container.network == ContainerNetwork::Bridge
        )
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImagePlan {
    /// Its name, with its tag.
    Name(String),
    /// The folder of its Dockerfile.
    Build(String),
}

/// An endpoint that exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExternalTarget {
    /// `HOST:PORT` of what is spoken to.
    pub endpoint: String,
    /// Where squall's next link listens for what it exports; `None`: it exports to somewhere else,
    /// and what becomes of the items there is not known.
    pub returns_to: Option<String>,
}

/// What asks a program to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopPlan {
    /// The signal's number.
    pub signal: i32,
    /// How long it may take before it is killed.
    pub grace_ns: u64,
}

/// What shows that a target is ready. Texts are templates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadyPlan {
    pub sign: ReadySign,
    pub within_ns: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadySign {
    /// Something accepts connections there.
    Tcp(String),
    /// A GET of this URL is answered with a status below 400.
    Http(String),
    /// The health service of gRPC there says that it serves.
    GrpcHealth(String),
    /// It has written this.
    Says(String),
}

/// Its own metrics, scraped during the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelfMetricsPlan {
    /// Of a Prometheus endpoint. A template.
    pub url: String,
    pub every_ns: u64,
    /// The name for expectations, and the series: `otelcol_exporter_queue_size{exporter="otlp"}`.
    pub series: BTreeMap<String, String>,
    /// Names of those series whose increase is what it says that it lost.
    pub lost: Vec<String>,
}

/// What a template may name, and what stands for it.
pub const TEMPLATE_NAMES: &[(&str, &str)] = &[
    ("listen.grpc", "address at which it receives OTLP over gRPC"),
    ("listen.grpc.port", "its port"),
    ("listen.http", "address at which it receives OTLP over HTTP"),
    ("listen.http.port", "its port"),
    ("status", "a free address, for its health endpoint"),
    ("status.port", "its port"),
    ("metrics", "a free address, for its own metrics"),
    ("metrics.host", "its host"),
    ("metrics.port", "its port"),
    ("export", "address to which it exports"),
    ("export.host", "its host"),
    ("export.port", "its port"),
    ("export.url", "the same as a URL, http or https"),
    (
        "export.tls.ca",
        "file of the authority that signed the next hop's certificate",
    ),
    (
        "export.tls.cert",
        "file of its own certificate towards the next hop, for mutual TLS",
    ),
    ("export.tls.key", "file of that certificate's key"),
    (
        "tls.ca",
        "file of the authority that signed its clients' certificates",
    ),
    (
        "tls.cert",
        "file of the certificate that it shows to its clients",
    ),
    ("tls.key", "file of that certificate's key"),
    ("folder", "its working folder, in which its files are"),
    ("data", "a folder that lives through restarts"),
    ("squall", "squall's own executable"),
];
