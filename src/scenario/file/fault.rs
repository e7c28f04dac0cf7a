//! Faults as they are written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::answer::AnswerFile;
use super::link_fault::{BandwidthFile, CorruptFile, LatencyFile, PartFile, SlicerFile};
use super::moment::Moment;
use crate::plan::{Direction, DnsFault, Per, TlsFault};
use crate::scenario::units::{Bytes, Share, Time};
use crate::signal::Signal;

mod packets;

pub use packets::{BurstsFile, FlapFile, LossFile, LossWaysFile, RateFile, ReorderFile};

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
    /// Of a link fault: which link. Default: the client's first.
    pub link: Option<String>,
    /// Of a link fault; `up` is towards the sink. Default both.
    pub direction: Option<Direction>,
    /// Of a link fault: the share of connections or requests that it strikes. Default 100%.
    pub toxicity: Option<Share>,
    /// What the toxicity is drawn for. Default connection.
    pub per: Option<Per>,
    /// Nothing passes (`silence`), or connections are reset (`reset`).
    pub partition: Option<PartitionFile>,
    /// Every chunk of bytes arrives later.
    pub latency: Option<LatencyFile>,
    /// A new connection is passed on later; those that exist are left alone.
    pub connect_latency: Option<LatencyFile>,
    /// At most so many bytes per second and direction, per connection or shared by all.
    pub bandwidth: Option<BandwidthFile>,
    /// The end of a stream is passed on late.
    pub slow_close: Option<Time>,
    /// What comes is thrown away, and the connection is closed after this time.
    pub timeout: Option<Time>,
    /// What comes is thrown away, and the connection is reset so long after it came.
    pub reset_peer: Option<Time>,
    /// Bytes pass in small pieces, each written on its own.
    pub slicer: Option<SlicerFile>,
    /// The connection is closed after so many bytes.
    pub limit: Option<Bytes>,
    /// Packets are lost. Modelled on the proxy: what is lost, and all behind it, comes late.
    pub loss: Option<LossFile>,
    /// Single bits are flipped. A share of packets only on `via: netns`, where the receiver's
    /// checksums make a loss of it.
    pub corrupt: Option<CorruptFile>,
    /// Some packets are held back. Only on `via: netns`, as all that follows up to `flap`.
    pub reorder: Option<ReorderFile>,
    /// A share of packets passes twice.
    pub duplicate: Option<Share>,
    /// A line that all connections share, with a queue before it.
    pub rate: Option<RateFile>,
    /// Packets of more bytes (IP header included) vanish without a word.
    pub mtu: Option<Bytes>,
    /// The link goes up and down.
    pub flap: Option<FlapFile>,
    /// Several faults of the link that come and go at one moment.
    pub together: Option<Vec<PartFile>>,
    /// SIGKILL. The client or a target.
    pub kill: Option<String>,
    /// SIGSTOP until the fault ends.
    pub pause: Option<String>,
    /// A target is asked to end, and killed where it does not; started again when the fault ends, if
    /// it ends.
    pub stop: Option<String>,
    /// A target's `disk` is full.
    pub disk_full: Option<String>,
    /// SIGKILL, and started again when the fault ends. The client, a target or the sink.
    pub restart: Option<String>,
    /// SIGKILL over and over, each time started again. The client, a target or the sink.
    pub crash_loop: Option<CrashLoopFile>,
    /// A process gets only so much CPU.
    pub cpu_limit: Option<CpuLimitFile>,
    /// A process gets only so much memory.
    pub memory_limit: Option<MemoryLimitFile>,
    /// A process gets only so many more file descriptors.
    pub descriptors: Option<DescriptorsFile>,
    /// Another process uses CPU and memory of the machine.
    pub stress: Option<StressFile>,
    /// The sink answers badly, or not at all.
    pub answer: Option<AnswerFile>,
    /// Of an answer fault: share of the requests, or connections, that it strikes. Default 100%.
    pub share: Option<Share>,
    /// Of an answer fault: strikes only requests of this signal. Default: of every signal.
    pub signal: Option<Signal>,
    /// The sink's TLS handshakes go wrong.
    pub tls_fault: Option<TlsFault>,
    /// The name server fails, or gives an address where nobody listens. Open connections are reset
    /// when it starts.
    pub dns: Option<DnsFault>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CrashLoopFile {
    #[schemars(required)]
    pub role: Option<String>,
    /// From one kill to the next.
    #[schemars(required)]
    pub every: Option<Time>,
    /// From a kill to the next start. Default 500ms.
    pub down: Option<Time>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CpuLimitFile {
    #[schemars(required)]
    pub role: Option<String>,
    /// 1 is one core fully used.
    #[schemars(required)]
    pub cores: Option<f64>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoryLimitFile {
    #[schemars(required)]
    pub role: Option<String>,
    /// Resident memory in all, what it has already included.
    #[schemars(required)]
    pub bytes: Option<Bytes>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DescriptorsFile {
    #[schemars(required)]
    pub role: Option<String>,
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
