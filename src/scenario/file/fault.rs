//! Faults as they are written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::moment::Moment;
use crate::plan::{Direction, RoleName};
use crate::scenario::units::{ByteRate, Time};

/// One fault: when, where, and exactly one kind.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FaultFile {
    /// By which expectations know it.
    #[schemars(required, regex(pattern = "^[a-z0-9][a-z0-9_-]*$"))]
    pub name: Option<String>,
    /// Start, from the run's start; within a storm, from the storm's. Default 0s; with `when`, the
    /// end of the warm-up.
    pub at: Option<Moment>,
    /// Length. Left out: until the end of the run.
    #[serde(rename = "for")]
    pub length: Option<Moment>,
    /// From one start to the next: the fault comes again until the run ends, or so many `times`.
    pub every: Option<Moment>,
    /// How often it comes in all, with `every`.
    #[schemars(range(min = 1))]
    pub times: Option<u32>,
    /// It starts when this holds for the first time at or after `at`: `client.queue > 50%`. Only
    /// metrics that are live.
    pub when: Option<String>,
    /// Of a link fault; `up` is towards the sink. Default both.
    pub direction: Option<Direction>,
    /// Nothing passes (`silence`), or connections are reset (`reset`).
    pub partition: Option<PartitionFile>,
    /// Every chunk of bytes arrives later.
    pub latency: Option<LatencyFile>,
    /// At most so many bytes per second, per connection and direction.
    pub bandwidth: Option<ByteRate>,
    /// The end of a stream is passed on late.
    pub slow_close: Option<Time>,
    /// SIGKILL. Only the client.
    pub kill: Option<RoleName>,
    /// SIGSTOP until the fault ends.
    pub pause: Option<RoleName>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PartitionFile {
    Silence,
    Reset,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LatencyFile {
    #[schemars(required)]
    pub delay: Option<Time>,
    /// Plus or minus so much. Default 0s.
    pub jitter: Option<Time>,
}
