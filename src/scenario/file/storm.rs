//! Storms as they are written: the use of one in a scenario, and a storm's own file.

use schemars::JsonSchema;
use serde::Deserialize;

use super::FaultFile;
use super::moment::Moment;

/// One storm of a scenario.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StormUse {
    /// A storm of the library (`squall storms` lists them), or the path of a storm file, relative to
    /// the scenario.
    #[serde(rename = "use")]
    #[schemars(required)]
    pub storm: Option<String>,
    /// Start, from the run's start. Default 0s.
    pub at: Option<Moment>,
    /// By which expectations know it. Default: the storm's own name.
    #[schemars(regex(pattern = "^[a-z0-9][a-z0-9_-]*$"))]
    pub name: Option<String>,
}

/// A storm: faults that belong together. Each has an end, and times from the storm's start.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "squall storm")]
pub struct StormFile {
    /// Its name: lower-case letters, digits, hyphens and underscores.
    #[schemars(required, regex(pattern = "^[a-z0-9][a-z0-9_-]*$"))]
    pub storm: Option<String>,
    /// What it is like, in a sentence.
    pub description: Option<String>,
    #[schemars(required)]
    pub faults: Option<Vec<FaultFile>>,
}
