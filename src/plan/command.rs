//! A program of the user's own as the client.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::secret::Secret;

/// How it is run. Texts of `run` and `env` are templates: see [`COMMAND_TEMPLATE_NAMES`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommandPlan {
    /// The program and its arguments; at least one text.
    pub run: Vec<String>,
    /// Where it runs.
    pub folder: String,
    /// Variables beside those that squall sets itself ([`SET_BY_SQUALL`]).
    pub env: BTreeMap<String, String>,
    /// Values that are never shown.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secret_env: BTreeMap<String, Secret>,
    /// Bytes of its output that are kept: the first ones.
    pub log_limit_bytes: u64,
}

/// What the texts of a command may use, and what each stands for.
pub const COMMAND_TEMPLATE_NAMES: &[(&str, &str)] = &[
    ("export", "address to which it is to send"),
    ("export.host", "its host"),
    ("export.port", "its port"),
    ("export.url", "the same as a URL, http or https"),
    ("squall", "this executable"),
];

/// The variables that tell a program where and how to send.
pub const SET_BY_SQUALL: &[&str] = &[
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_PROTOCOL",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_EXPORTER_OTLP_COMPRESSION",
    "OTEL_EXPORTER_OTLP_CERTIFICATE",
    "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
    "OTEL_EXPORTER_OTLP_CLIENT_KEY",
    "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
    "OTEL_SERVICE_NAME",
];

/// What is counted of the items of such a client, for the run as a whole.
pub const COUNTED: &[&str] = &[
    "delivered",
    "duplicated",
    "extra_copies",
    "generated",
    "lost",
    "orphans",
    "received",
];

/// Whether a metric can be known where squall sees the client from outside alone: it keeps no schedule
/// that squall knows, and its exporter says nothing of what it tries.
pub fn can_be_known(metric: &str) -> bool {
    const OF_CLIENT: [&str; 3] = ["client.queue", "client.in_flight", "client.conformance"];
    const OF_TARGET: [&str; 3] = ["target.lost", "target.duplicated", "target.latency"];
    let seen_from_outside = [
        "client.",
        "link.",
        "target.",
        "sink.",
        "machine.",
        "controller.",
    ];
    let hidden = OF_CLIENT.iter().chain(&OF_TARGET);
    COUNTED.contains(&metric)
        || matches!(
            metric,
            "received.rate" | "delivery.gap" | "wire.bytes.per_item"
        )
        || metric.starts_with("said.")
        || (seen_from_outside
            .iter()
            .any(|owner| metric.starts_with(owner))
            && !hidden.into_iter().any(|start| metric.starts_with(start)))
}
