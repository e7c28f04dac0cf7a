//! What controller and roles say to each other: one JSON value a line.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::clock::RunClock;
use crate::evidence::{ClientSample, LinkSample, SinkEvidence, SinkSample};
use crate::plan::windows::Segment;
use crate::plan::{ClientPlan, FaultKind, LoadPlan, SinkPlan};
use crate::signal::Signal;
pub use crate::target::supervised::Ready as ProgramReady;

/// First line to a role: everything that it needs to get ready.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Setup {
    Client(Box<ClientSetup>),
    Link(LinkSetup),
    Sink(Box<SinkSetup>),
    Target(Box<TargetSetup>),
}

/// Files in which the client keeps what a SIGKILL must not erase are made by the controller in
/// `evidence` beforehand (see [`crate::mapped`]).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ClientSetup {
    pub seed: u64,
    pub duration_ns: u64,
    pub miss_after_ns: u64,
    pub load: LoadPlan,
    pub client: ClientPlan,
    /// `client.headers` with their values: never printed, never stored.
    pub headers: Vec<(String, String)>,
    /// `http://127.0.0.1:PORT` or `https://localhost:PORT`, without a signal's path.
    pub endpoint: String,
    pub tls: Option<ClientTls>,
    pub evidence: PathBuf,
}

/// PEM texts.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ClientTls {
    pub ca: String,
    /// Certificate and key of the client, for mutual TLS.
    pub identity: Option<(String, String)>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LinkSetup {
    /// `127.0.0.1:PORT`
    pub upstream: String,
    pub seed: u64,
    pub buffer_bytes: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SinkSetup {
    pub sink: SinkPlan,
    pub seed: u64,
    /// Producers whose items are expected, with the number of sequences that each may use.
    /// Metrics are accounted by point, so they have none here.
    pub expected: Vec<ExpectedProducer>,
    pub segments: Vec<Segment>,
    /// When true, gRPC and HTTP are served over TLS.
    pub tls: Option<SinkTls>,
    pub evidence: PathBuf,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct ExpectedProducer {
    pub signal: Signal,
    pub producer: u16,
    pub sequences: u64,
}

/// PEM texts.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SinkTls {
    pub cert: String,
    pub key: String,
    /// Who must have signed the client's certificate, for mutual TLS.
    pub client_ca: Option<String>,
}

/// A program that the target role looks after.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TargetSetup {
    pub command: String,
    pub args: Vec<String>,
    /// Added to squall's own environment.
    pub env: BTreeMap<String, String>,
    /// Where it runs.
    pub folder: PathBuf,
    /// Where its output goes, and how much of it.
    pub log: PathBuf,
    pub log_limit_bytes: u64,
    /// What shows that it is ready, and how long that may take.
    pub ready: ProgramReady,
    pub ready_deadline_ns: u64,
    /// What asks it to end, and how long it may take before it is killed.
    pub stop_signal: i32,
    pub grace_ns: u64,
    /// Where it receives, as it was told to.
    pub grpc: String,
    pub http: String,
}

/// What the target role does with its program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProgramCommand {
    /// SIGKILL.
    Kill,
    /// The stop signal, and SIGKILL after the grace.
    Stop,
    /// Again, after it has ended.
    Start,
    /// SIGSTOP.
    Pause,
    /// SIGCONT.
    Resume,
}

/// Every further line to a role.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// The run's clock; load begins at its offset 0.
    Start(RunClock),
    /// To the client: no further arrival, flush and shut down as at the planned end.
    StopLoad,
    /// To the role that injects this kind of fault ([`FaultKind::injector`]).
    StartFault { fault: usize, kind: FaultKind },
    /// To the same role: end the fault that was started under this number.
    EndFault { fault: usize },
    /// To the target role.
    Program(ProgramCommand),
    /// Report what is left and exit.
    Finish,
}

/// Every line from a role.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// Set up. Addresses are `127.0.0.1:PORT`, empty for the client.
    Ready(Ready),
    Client(ClientSample),
    Link(LinkSample),
    Sink(SinkSample),
    FaultStarted {
        fault: usize,
        at_ns: u64,
    },
    FaultEnded {
        fault: usize,
        at_ns: u64,
        /// What the injector counted, in words, where that proves that the fault took effect.
        proof: Option<String>,
    },
    /// From the client: the schedule has ended and the SDK begins to shut down.
    LoadEnded {
        at_ns: u64,
    },
    /// From the client: flushed and shut down, with the SDK's errors in words.
    ClientDone {
        at_ns: u64,
        errors: Vec<String>,
    },
    /// From the sink, as the answer to [`Command::Finish`].
    SinkDone(Box<SinkEvidence>),
    /// From the link, as the answer to [`Command::Finish`].
    LinkDone(LinkSample),
    /// From the target role: its program is ready.
    ProgramStarted {
        pid: u32,
        at_ns: u64,
    },
    /// From the target role: its program has ended, because it was `asked` to or of itself.
    ProgramEnded {
        exit: String,
        asked: bool,
        at_ns: u64,
    },
    /// The role cannot go on, or not do all of its work: the run cannot be judged.
    Failed {
        why: String,
    },
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Ready {
    pub grpc: String,
    pub http: String,
}
