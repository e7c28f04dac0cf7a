//! A program of the user's own as the client.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::header::HeaderValue;
use super::super::units::Bytes;

/// A program that sends OTLP by itself. It is told where and how by OpenTelemetry's own variables
/// (`OTEL_EXPORTER_OTLP_ENDPOINT` and so on), starts when the run does, and is asked to end with SIGTERM at
/// the end of `run.duration`, if it has not ended by then.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandFile {
    /// The program and its arguments. A path starts at the scenario's folder; a bare name is looked up in
    /// PATH. `{{ export }}` (host and port), `{{ export.url }}` and `{{ squall }}` are filled in.
    #[schemars(required)]
    pub run: Option<Vec<String>>,
    /// Where it runs. Default: the scenario's folder, where its path starts as well.
    pub folder: Option<String>,
    /// Its environment, beside squall's own and the variables that squall sets. Values from `env` and `file`
    /// are never shown.
    pub env: Option<BTreeMap<String, HeaderValue>>,
    /// How much of its output is kept. Default 16MiB.
    pub log_limit: Option<Bytes>,
}
