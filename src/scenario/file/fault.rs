//! Faults as they are written.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::plan::{Direction, DnsFault, RoleName};
use crate::scenario::units::{ByteRate, Time};

/// One fault: when, where, and exactly one kind.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FaultFile {
    /// By which expectations know it.
    #[schemars(required, regex(pattern = "^[a-z0-9][a-z0-9_-]*$"))]
    pub name: Option<String>,
    /// Start, from the run's start. Default 0s.
    pub at: Option<Time>,
    /// Length. Left out: until the end of the run.
    #[serde(rename = "for")]
    pub length: Option<Time>,
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
    /// The name server fails, or gives an address where nobody listens. Open connections are reset
    /// when it starts.
    pub dns: Option<DnsFault>,
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
