//! Faults as they are written.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::plan::{Direction, RoleName};
use crate::scenario::units::{ByteRate, Bytes, Share, Time};

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
    /// SIGKILL, and started again when the fault ends. The client or the sink.
    pub restart: Option<RoleName>,
    /// SIGKILL over and over, each time started again. The client or the sink.
    pub crash_loop: Option<CrashLoopFile>,
    /// A process gets only so much CPU.
    pub cpu_limit: Option<CpuLimitFile>,
    /// A process gets only so much memory.
    pub memory_limit: Option<MemoryLimitFile>,
    /// A process gets only so many more file descriptors.
    pub descriptors: Option<DescriptorsFile>,
    /// Another process uses CPU and memory of the machine.
    pub stress: Option<StressFile>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CrashLoopFile {
    #[schemars(required)]
    pub role: Option<RoleName>,
    /// From one kill to the next.
    #[schemars(required)]
    pub every: Option<Time>,
    /// From a kill to the next start. Default 500ms.
    pub down: Option<Time>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CpuLimitFile {
    #[schemars(required)]
    pub role: Option<RoleName>,
    /// 1 is one core fully used.
    #[schemars(required)]
    pub cores: Option<f64>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoryLimitFile {
    #[schemars(required)]
    pub role: Option<RoleName>,
    /// Resident memory in all, what it has already included.
    #[schemars(required)]
    pub bytes: Option<Bytes>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DescriptorsFile {
    #[schemars(required)]
    pub role: Option<RoleName>,
    /// How many more than it has open when the fault begins. Default 0.
    pub left: Option<u64>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StressFile {
    /// Share of all the machine's cores. Default none.
    pub cpu: Option<Share>,
    /// Memory held and touched. Default none.
    pub memory: Option<Bytes>,
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
