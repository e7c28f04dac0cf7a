//! What controller and roles say to each other: one JSON value a line.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::clock::RunClock;
use crate::evidence::{
    ClientSample, CommandEvidence, LinkSample, PacketEvidence, ProcessSample, SinkEvidence,
    SinkSample, TapEvidence,
};
use crate::mapped::shelves::Expected;
use crate::netns::Door;
use crate::plan::toxiproxy::ToxiproxyServer;
use crate::plan::windows::Segment;
use crate::plan::{
    ClientPlan, ContentPlan, FaultKind, LoadPlan, PacketLinkPlan, SinkPlan, TlsFault,
};
use crate::signal::Signal;

pub use super::target::setup::{
    ContainerMount, ContainerPort, ContainerSpec, DiskSetup, ImageSource, ProcessSetup,
    ProgramProbe, ProgramReady, ScrapeSetup, Selector, TargetKind, TargetSetup, Way,
};

/// First line to a role: everything that it needs to get ready.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Setup {
    Client(Box<ClientSetup>),
    Link(LinkSetup),
    Sink(Box<SinkSetup>),
    Target(Box<TargetSetup>),
    Stress(StressSetup),
}

/// How much of the machine a stress process takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StressSetup {
    /// Thousandths of all the machine's cores.
    pub cpu_permille: u32,
    pub memory_bytes: u64,
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
    /// `http://127.0.0.1:PORT` or `https://localhost:PORT`, without a signal's path; with
    /// [`crate::plan::SINK_NAME`] for a host where names are looked up. Batches go round them in turn.
    pub endpoints: Vec<String>,
    /// The name server, `127.0.0.1:PORT`, where names are looked up.
    #[serde(default)]
    pub name_server: Option<std::net::SocketAddr>,
    /// Where the endpoint's name leads to, whatever the world says: the link, where a name of the
    /// world's is spoken to.
    #[serde(default)]
    pub leads_to: Option<std::net::SocketAddr>,
    pub tls: Option<ClientTls>,
    pub evidence: PathBuf,
    /// The schedule goes on from the moment of the start: a client before this one was killed.
    pub resumes: bool,
    /// Whether to note what every item says.
    #[serde(default)]
    pub content: bool,
    /// The user's program, where the client is one.
    #[serde(default)]
    pub command: Option<ProcessSetup>,
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
    /// `HOST:PORT`; empty for a link of packets, which lies below every address.
    pub upstream: String,
    pub seed: u64,
    pub buffer_bytes: u64,
    /// Makes it a link of packets.
    #[serde(default)]
    pub packets: Option<PacketLinkPlan>,
    /// Through this Toxiproxy; `None`: the embedded proxy.
    #[serde(default)]
    pub toxiproxy: Option<ToxiproxyServer>,
    /// Whether the client looks names up, at a name server beside the link.
    #[serde(default)]
    pub dns: bool,
    /// Where it listens; `None`: on a free port of 127.0.0.1.
    #[serde(default)]
    pub listen: Option<String>,
    /// Notes which items come and go; of the embedded proxy alone.
    #[serde(default)]
    pub tap: Option<TapSetup>,
}

/// What a tap on a link is told. Its files in `evidence` were made by the controller
/// ([`crate::mapped::names`]).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TapSetup {
    /// Number of the link.
    pub link: usize,
    pub expected: Vec<ExpectedProducer>,
    /// Larger requests are not read.
    pub max_request_bytes: u64,
    pub evidence: PathBuf,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SinkSetup {
    pub sink: SinkPlan,
    /// `sink.require` with its values: never printed, never stored.
    #[serde(default)]
    pub require: Vec<(String, String)>,
    pub seed: u64,
    /// Producers whose items are expected, with the number of sequences that each may use.
    /// Metrics of an SDK are accounted by point, so they have none here.
    pub expected: Vec<ExpectedProducer>,
    pub segments: Vec<Segment>,
    /// When true, gRPC and HTTP are served over TLS.
    pub tls: Option<SinkTls>,
    /// Address on which it listens, each protocol on a free port.
    pub listen: IpAddr,
    pub evidence: PathBuf,
    /// A sink before this one was killed in the middle of the run.
    pub resumes: Option<SinkResumes>,
    /// How content is checked, if it is.
    #[serde(default)]
    pub content: Option<ContentPlan>,
    /// Items are known by the ids that their sender gave them, and not by squall's.
    #[serde(default)]
    pub foreign: bool,
}

/// What a sink that is started again takes over from the one before.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SinkResumes {
    /// Where it listened.
    pub listen: Ready,
    /// The run has begun, so requests are accepted from the first connection on.
    pub clock: RunClock,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct ExpectedProducer {
    pub signal: Signal,
    pub producer: u16,
    pub sequences: u64,
    pub items_per_arrival: u32,
    /// As [`Expected::replayed`].
    #[serde(default)]
    pub replayed: bool,
}

impl From<&ExpectedProducer> for Expected {
    fn from(producer: &ExpectedProducer) -> Self {
        Self {
            signal: producer.signal,
            producer: producer.producer,
            sequences: producer.sequences,
            items_per_arrival: producer.items_per_arrival,
            replayed: producer.replayed,
        }
    }
}

/// PEM texts.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SinkTls {
    pub cert: String,
    pub key: String,
    /// Who must have signed the client's certificate, for mutual TLS.
    pub client_ca: Option<String>,
    /// Certificate and key that are served during each of the run's faults of TLS that need one.
    #[serde(default)]
    pub wrong: Vec<(TlsFault, String, String)>,
}

impl Setup {
    /// The same for a process that takes the place of a killed one, which was `ready` there.
    pub fn resuming(&self, ready: &Ready, clock: RunClock) -> Self {
        let mut setup = self.clone();
        match &mut setup {
            Setup::Client(client) => client.resumes = true,
            Setup::Sink(sink) => {
                let listen = ready.clone();
                sink.resumes = Some(SinkResumes { listen, clock });
            }
            Setup::Link(_) | Setup::Target(_) | Setup::Stress(_) => {}
        }
        setup
    }
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
    /// Fills the program's disk until nothing more fits.
    FillDisk,
    /// Removes what filled it.
    FreeDisk,
}

/// Every further line to a role.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// The run's clock; load begins at its offset 0.
    Start(RunClock),
    /// To the client: no further arrival, flush and shut down as at the planned end.
    StopLoad,
    /// To the role that injects this kind of fault ([`FaultKind::injector`]), which draws from the
    /// number and the seed ([`crate::plan::FaultPlan::number`]).
    StartFault { fault: usize, kind: FaultKind },
    /// To the same role: end the fault that was started under this number.
    EndFault { fault: usize },
    /// To the sink: count and answer nothing more, and report what was counted.
    Checkpoint,
    /// To the sink: the timeline from now on. What is new in it begins at `from_ns`, which is still
    /// to come.
    Segments {
        segments: Vec<Segment>,
        from_ns: u64,
    },
    /// To the target role.
    Program(ProgramCommand),
    /// Report what is left and exit.
    Finish,
}

/// Every line from a role.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// Set up. Addresses are `127.0.0.1:PORT`, empty for the client and for a link of packets.
    Ready(Ready),
    /// This machine does not allow, or does not have, what the role needs.
    Refused {
        why: String,
        /// What to allow, or what there is instead.
        help: String,
    },
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
    /// From a client that was started again: from now on it keeps the schedule.
    LoadResumed {
        at_ns: u64,
    },
    /// From a client that is a program of the user's, when it has ended and before
    /// [`Report::ClientDone`].
    Command(Box<CommandEvidence>),
    /// From the sink, as the answer to [`Command::Checkpoint`].
    SinkCheckpoint(Box<SinkEvidence>),
    /// From the sink, as the answer to [`Command::Finish`].
    SinkDone(Box<SinkEvidence>),
    /// From a link of packets, before [`Report::LinkDone`].
    Packets(Box<PacketEvidence>),
    /// From a link with a tap, before [`Report::LinkDone`]: what each side counted.
    Tapped(Vec<TapEvidence>),
    /// From the link, as the answer to [`Command::Finish`].
    LinkDone(LinkSample),
    /// From the target role: its program is ready.
    ProgramStarted {
        pid: u32,
        at_ns: u64,
    },
    /// From the target role: its program has ended, because it was `asked` to or of itself. No `exit`:
    /// it did not run when it was to end, or could not be started when it was to start.
    ProgramEnded {
        exit: Option<String>,
        asked: bool,
        at_ns: u64,
    },
    /// From the target role, ten a second: its program with all that it has started, over all
    /// restarts.
    Program(ProcessSample),
    /// From the target role: what its program says of itself. A failed scrape has no values.
    Scraped {
        at_ns: u64,
        values: BTreeMap<String, f64>,
        /// Scrapes so far that failed, and why the last of them did.
        failed: u64,
        last_failure: Option<String>,
    },
    /// From the target role: its program's disk is full.
    DiskFilled {
        /// Of the filler.
        bytes: u64,
        /// Left for the program.
        free_bytes: u64,
        at_ns: u64,
    },
    /// From the target role: the filler is gone.
    DiskFreed {
        bytes: u64,
        free_bytes: u64,
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
    /// From a link of packets: where the others are to be started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sides: Option<Box<Sides>>,
    /// Versions of what the role stands on, by the name that a result's environment has for them.
    #[serde(default)]
    pub versions: BTreeMap<String, String>,
    /// Of the link: its name server, where it was to have one.
    #[serde(default)]
    pub dns: String,
}

/// The two ends of a link of packets.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sides {
    pub client: Door,
    pub sink: Door,
    /// The sink side's own address.
    pub sink_address: IpAddr,
}
