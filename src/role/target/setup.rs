//! What the target role is told about the program that it looks after.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use crate::target::container::{
    ContainerSpec, ImageSource, Mount as ContainerMount, Port as ContainerPort, Way,
};
pub use crate::target::probe::Probe as ProgramProbe;
pub use crate::target::prometheus::Selector;
pub use crate::target::supervised::Ready as ProgramReady;

/// A program that the target role looks after. May hold secrets: nothing of it may be printed.
#[derive(Clone, Serialize, Deserialize)]
pub struct TargetSetup {
    pub kind: TargetKind,
    /// What shows that it is ready, and how long that may take.
    pub ready: ProgramReady,
    pub ready_deadline_ns: u64,
    /// Where it receives, as it was told to.
    pub grpc: String,
    pub http: String,
    /// What it says of itself.
    #[serde(default)]
    pub scrape: Option<ScrapeSetup>,
}

/// Series that are read from a Prometheus endpoint during the run.
#[derive(Clone, Serialize, Deserialize)]
pub struct ScrapeSetup {
    /// `http://HOST:PORT/PATH`.
    pub url: String,
    pub every_ns: u64,
    /// By the name under which they are reported.
    pub series: BTreeMap<String, Selector>,
}

/// The environment of a program may hold secrets, so none of it is shown.
impl std::fmt::Debug for TargetSetup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TargetSetup").finish_non_exhaustive()
    }
}

/// What the program is to squall.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// Squall starts it.
    Process(ProcessSetup),
    /// It runs already, and squall has no hand on it.
    External,
    /// Squall runs it in a container.
    Container(ContainerSpec),
}

/// A program that squall starts itself.
#[derive(Clone, Serialize, Deserialize)]
pub struct ProcessSetup {
    pub command: String,
    pub args: Vec<String>,
    /// Added to squall's own environment.
    pub env: BTreeMap<String, String>,
    /// Where it runs.
    pub folder: PathBuf,
    /// Where its output goes, and how much of it.
    pub log: PathBuf,
    pub log_limit_bytes: u64,
    /// What asks it to end, and how long it may take before it is killed.
    pub stop_signal: i32,
    pub grace_ns: u64,
    /// Texts that are not to be shown, should the program say them.
    #[serde(default)]
    pub secrets: Vec<String>,
    /// What its data is on, where that can be full.
    #[serde(default)]
    pub disk: Option<DiskSetup>,
}

/// Its environment may hold secrets, so none of it is shown.
impl std::fmt::Debug for ProcessSetup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProcessSetup").finish_non_exhaustive()
    }
}

/// A small disk that the program alone sees.
#[derive(Clone, Serialize, Deserialize)]
pub struct DiskSetup {
    pub bytes: u64,
    /// An empty folder, on which it is mounted.
    pub folder: PathBuf,
}
