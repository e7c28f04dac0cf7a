//! What was observed in a run, before anybody judges it. Plain values, no I/O.
//!
//! Times are nanoseconds since the run's start unless a name says otherwise.

use std::collections::BTreeMap;

use roaring::RoaringTreemap;
use serde::{Deserialize, Serialize};

use crate::signal::Signal;

mod bitmap_text;
mod command;
mod content;
mod packets;
pub mod said;
mod sink;
mod tap;

pub use command::{CommandEvidence, ForeignSignal};
pub use content::{ContentEvidence, ContentFlaw, ContentPart, SignalContent};
pub use packets::{Congestion, LaneCounts, PacketEvidence, Rights};
pub use said::{SaidSample, Silence};
pub use sink::{AnswerLine, SinkEvidence, SinkSignal};
pub use tap::{HopLatency, Side, TapEvidence, Tapped};

/// Everything that a run left behind.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Evidence {
    pub producers: Vec<Producer>,
    pub batches: Vec<Batch>,
    /// What each producer of metrics recorded: the items of metrics are the points that the SDK
    /// makes of it, but its generator has a schedule to keep as the others have.
    #[serde(default)]
    pub measurements: Vec<Measurements>,
    /// What the metrics of each series should add up to and did.
    pub sums: Vec<SeriesSum>,
    pub sink: SinkEvidence,
    /// What the sink says that it answered to requests that a fault of answers struck.
    #[serde(default)]
    pub answers: Vec<AnswerLine>,
    pub faults: Vec<FaultEvidence>,
    /// What the packet link did, where the link is one and could tell.
    #[serde(default)]
    pub packets: Option<PacketEvidence>,
    /// The timeline as it was, where a fault waited for a condition; else empty, and the plan's holds.
    #[serde(default)]
    pub segments: Vec<crate::plan::windows::Segment>,
    pub times: Times,
    pub series: Series,
    pub roles: Vec<RoleEvidence>,
    /// Problems of the run itself, in words: a role that died, a clock that jumped.
    pub incidents: Vec<String>,
    pub stopped: Option<Stopped>,
    /// Nothing comes back to the sink: what becomes of what the last target took is not known.
    #[serde(default)]
    pub ends_elsewhere: bool,
    /// Each end of a target's program that no fault was to bring about.
    #[serde(default)]
    pub target_exits: Vec<TargetExit>,
    /// Cores of the machine on which the run was made.
    pub cores: u32,
    /// What the client's SDK complained about, in its own words.
    pub client_errors: Vec<String>,
    /// Versions of what the roles stand on, by the name that a result's environment has for them.
    #[serde(default)]
    pub versions: BTreeMap<String, String>,
    /// What the taps on the links saw; empty without.
    #[serde(default)]
    pub taps: Vec<TapEvidence>,
    /// What each item took between consecutive taps, and from its due time to the first.
    #[serde(default)]
    pub hop_latencies: Vec<HopLatency>,
    /// What was found in what arrived, where the plan has its content checked.
    #[serde(default)]
    pub content: Option<ContentEvidence>,
    /// Of the targets that could not always be asked what they say of themselves.
    #[serde(default)]
    pub silences: Vec<Silence>,
    /// What a program of the user's own did, where the client is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandEvidence>,
}

/// A target's program that ended without having been told to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetExit {
    /// The user's name for the target.
    pub target: String,
    /// `was killed by signal 11`.
    pub exit: String,
    pub at_ns: u64,
    /// Whether a limit of a fault's on its memory explains it.
    pub of_limit: bool,
}

/// When the run's parts really began and ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    pub start_unix_ns: u64,
    /// When the schedule ended: as planned, or when the run was stopped, or its client killed.
    pub load_ended_ns: u64,
    /// When the client had flushed and shut down.
    pub client_done_ns: Option<u64>,
    /// When nothing was queued, in flight or received any more.
    pub quiescent_ns: Option<u64>,
    /// When observation ended.
    pub ended_ns: u64,
}

/// Why a run ended before its plan did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stopped {
    /// SIGINT (2) or SIGTERM (15).
    Signal(i32),
    /// The text of the abort condition that held, and what was seen.
    Abort { condition: String, observed: String },
}

/// One producer of one signal: what it was to make, made, and what the sink saw of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Producer {
    pub signal: Signal,
    pub producer: u16,
    /// Items of arrival `i` have the sequences `i * items_per_arrival + 1 ..= (i + 1) * items_per_arrival`.
    pub items_per_arrival: u32,
    /// When each arrival was due, in order.
    pub due_ns: Vec<u64>,
    /// When each arrival was released; 0 for one that never was.
    pub released_ns: Vec<u64>,
    /// Sequences that entered the client's processor.
    #[serde(with = "bitmap_text")]
    pub entered: RoaringTreemap,
    /// Sequences that the sampler left out, by design.
    #[serde(with = "bitmap_text")]
    pub sampled_out: RoaringTreemap,
    /// Sequences that the sink saw at least once.
    #[serde(with = "bitmap_text")]
    pub received: RoaringTreemap,
    /// Sequences that the sink saw at least twice.
    #[serde(with = "bitmap_text")]
    pub received_again: RoaringTreemap,
    /// Copies beyond each item's first.
    pub extra_copies: u64,
    /// Copies beyond each item's second.
    pub third_copies: u64,
    /// What was received by the drain's deadline; the rest of `received` is late.
    #[serde(with = "bitmap_text")]
    pub received_by_deadline: RoaringTreemap,
    /// Each time that its client was killed, in order: what it held then is unresolved.
    #[serde(default)]
    pub outages: Vec<Outage>,
}

/// A time without a client. Nothing that came due in it was offered, for nobody was there to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outage {
    /// The client was dead by then.
    pub killed_ns: u64,
    /// From when on the schedule was kept again; `None` for a client that did not come back.
    pub back_ns: Option<u64>,
}

impl Producer {
    /// The arrivals that were released in the life that ended with each outage, as indices; empty
    /// where nothing was. What follows the last outage is not among them.
    pub fn ended_lives(&self) -> Vec<std::ops::Range<usize>> {
        let mut first = 0;
        let mut lives = Vec::new();
        for outage in &self.outages {
            let released = |at: &u64| *at != 0 && *at <= outage.killed_ns;
            let end = self.released_ns.iter().rposition(released);
            let end = end.map_or(first, |last| (last + 1).max(first));
            lives.push(first..end);
            first = end;
        }
        lives
    }

    /// When the item was due; `None` for a sequence that the schedule does not have.
    pub fn due_of(&self, sequence: u64) -> Option<u64> {
        let arrival = sequence.checked_sub(1)? / u64::from(self.items_per_arrival.max(1));
        self.due_ns.get(usize::try_from(arrival).ok()?).copied()
    }

    /// The first sequence due at or after `at_ns`: due times never decrease within a producer.
    pub fn first_sequence_due_at(&self, at_ns: u64) -> u64 {
        let arrival = self.due_ns.partition_point(|due| *due < at_ns) as u64;
        arrival * u64::from(self.items_per_arrival.max(1)) + 1
    }

    /// Order in which the item left its producer. Children end before their parents, so the spans
    /// of one trace enter the processor in the reverse of the order in which they were started.
    pub fn entry_order(&self, sequence: u64) -> u64 {
        let per_arrival = u64::from(self.items_per_arrival.max(1));
        let index = sequence.saturating_sub(1);
        let arrival = index / per_arrival;
        match self.signal {
            Signal::Traces => arrival * per_arrival + (per_arrival - 1 - index % per_arrival),
            Signal::Metrics | Signal::Logs => index,
        }
    }
}

/// When one producer of metrics recorded what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measurements {
    /// When each measurement was due, in order.
    pub due_ns: Vec<u64>,
    /// When each was recorded; 0 for one that never was.
    pub released_ns: Vec<u64>,
}

/// A consecutive run of sequences of one producer, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemRange {
    pub producer: u16,
    pub first: u64,
    pub last: u64,
}

/// One batch that the SDK handed to its exporter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    pub batch: u64,
    pub signal: Signal,
    pub items: Vec<ItemRange>,
    pub handed_ns: u64,
    pub attempts: Vec<Attempt>,
    /// `None`: the client never learnt, or did not live to tell.
    pub outcome: Option<Outcome>,
    /// By which of the links out of the client it went, in their order.
    #[serde(default)]
    pub way: u8,
}

impl Batch {
    /// Number of items in the batch.
    pub fn len(&self) -> u64 {
        self.items
            .iter()
            .map(|range| range.last - range.first + 1)
            .sum()
    }

    /// Whether the batch is without items.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

/// One request on the wire.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    pub sent_ns: u64,
    /// `None`: no answer was seen.
    pub answer: Option<Answer>,
}

/// What the next hop said to one attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    pub at_ns: u64,
    /// `ok`, `grpc UNAVAILABLE`, `http 503`, `no answer: connection reset`.
    pub text: String,
    pub ok: bool,
}

/// How the client's dealings with a batch ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    pub at_ns: u64,
    pub result: OutcomeKind,
    /// Items that a partial success rejected; OTLP never says which.
    pub rejected: u64,
    /// The error's text, empty on success.
    pub message: String,
}

/// The ways in which a batch can end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeKind {
    /// The hop answered with success.
    Acknowledged,
    /// The hop answered with a permanent error.
    Refused,
    /// The retries ended without success.
    GivenUp,
}

/// What one metric series recorded, and what arrived of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeriesSum {
    /// Instrument and attributes, as text.
    pub series: String,
    /// [`crate::ids::series_hash`] of it.
    pub hash: u64,
    /// Sum of everything recorded into it.
    pub recorded: f64,
    /// Last cumulative value, or the sum of the deltas, seen by the sink.
    pub received: f64,
    /// Values of points that were lost on the way; what is missing without any is unexplained.
    pub lost: f64,
}

/// What became of one planned fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaultEvidence {
    pub name: String,
    /// Which time it was, from 1.
    #[serde(default = "first")]
    pub occurrence: u32,
    /// The storm that it was a part of.
    #[serde(default)]
    pub storm: Option<String>,
    pub kind: String,
    pub backend: String,
    pub started_ns: Option<u64>,
    pub ended_ns: Option<u64>,
    /// What was counted at the injector, in words, such as `4 connections cut, 12.0 kB held`.
    pub proof: Option<String>,
    /// Whether the effect was seen gone after the end; `None` where there is nothing to heal.
    pub healed: Option<bool>,
}

fn first() -> u32 {
    1
}

/// What a link counted while a fault was active.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultProof {
    /// Chunks to which the fault applied.
    pub chunks: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Connections to which it applied; for a reset, those reset or refused.
    pub connections: u64,
    /// Longest time that a chunk was held because of it.
    pub held_max_ns: u64,
    /// Total of these times.
    pub held_total_ns: u64,
    /// Bytes that passed unharmed while the fault was active, in its direction: 0 for a partition.
    pub leaked_bytes: u64,
    /// What the fault did in its own unit: bits flipped, pieces cut, slices lost, connections ended.
    #[serde(default)]
    pub acts: u64,
}

/// One role's process, sampled.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct RoleEvidence {
    pub role: String,
    pub pid: u32,
    /// How it ended: `exited 0`, `killed by signal 9`.
    pub exit: String,
    pub samples: Vec<ProcessSample>,
}

/// A process at one moment. Counters are since its start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct ProcessSample {
    pub at_ns: u64,
    pub cpu_user_ns: u64,
    pub cpu_system_ns: u64,
    pub rss_bytes: u64,
    pub rss_peak_bytes: u64,
    pub threads: u64,
    pub fds: u64,
    pub context_switches_voluntary: u64,
    pub context_switches_involuntary: u64,
    /// Time in which its threads could have run and waited for a core, added up over them; 0 where that is not
    /// known, as of containers.
    #[serde(default)]
    pub cpu_waited_ns: u64,
    pub read_bytes: u64,
    pub written_bytes: u64,
    /// Stopped by a signal (state `T`); of a family, all of it.
    pub stopped: bool,
    /// Resident memory in which pages shared with others count by their share; once a second, of
    /// targets alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pss_bytes: Option<u64>,
}

/// The machine at one moment. Pressure is the share of the last ten seconds in which some task waited
/// for the resource, 0 to 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct MachineSample {
    pub at_ns: u64,
    pub load_1m: f64,
    /// Share of all CPU time stolen by the hypervisor since the last sample, 0 to 1.
    pub steal: f64,
    /// Share of all CPU time in use since the last sample, 0 to 1.
    pub busy: f64,
    pub pressure_cpu: Option<f64>,
    pub pressure_memory: Option<f64>,
    pub pressure_io: Option<f64>,
}

/// Live counters over time, for plots and abort conditions, never for the ledger.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Series {
    pub client: Vec<ClientSample>,
    /// Of the client's first link.
    pub link: Vec<LinkSample>,
    /// Of the others, by their roles' names: `link2` and so on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub other_links: BTreeMap<String, Vec<LinkSample>>,
    pub sink: Vec<SinkSample>,
    pub machine: Vec<MachineSample>,
    /// What targets said of themselves, in order of time.
    #[serde(default)]
    pub said: Vec<SaidSample>,
}

impl Series {
    /// The samples of the link of that role's name.
    pub fn link_of(&self, role: &str) -> &[LinkSample] {
        match role {
            "link" => &self.link,
            _ => self.other_links.get(role).map_or(&[], Vec::as_slice),
        }
    }

    /// The same, to add to.
    pub fn link_mut(&mut self, role: &str) -> &mut Vec<LinkSample> {
        match role {
            "link" => &mut self.link,
            _ => self.other_links.entry(role.to_owned()).or_default(),
        }
    }

    /// The samples of every link.
    pub fn links(&self) -> impl Iterator<Item = &[LinkSample]> {
        std::iter::once(self.link.as_slice()).chain(self.other_links.values().map(Vec::as_slice))
    }
}

/// The client's counters since its start, one slot per [`Signal::index`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct ClientSample {
    pub at_ns: u64,
    pub offered: [u64; 3],
    pub generated: [u64; 3],
    pub handed: [u64; 3],
    /// Items in the SDK's queue at this moment: entered, not handed over, and not dropped from
    /// before what was. A counter of now, not since the start.
    #[serde(default)]
    pub queued: [u64; 3],
    pub acknowledged: [u64; 3],
    /// Items of batches whose export has ended, whatever the outcome.
    pub finished: [u64; 3],
    pub missed: [u64; 3],
    pub requests: u64,
    /// Largest lateness since the last sample.
    pub lateness_max_ns: u64,
}

/// The link's counters since its start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct LinkSample {
    pub at_ns: u64,
    pub up_bytes: u64,
    pub down_bytes: u64,
    pub connections_open: u64,
    pub connections_total: u64,
    /// Bytes held inside the link at this moment.
    pub held_bytes: u64,
}

/// The sink's counters since its start, one slot per [`Signal::index`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct SinkSample {
    pub at_ns: u64,
    pub received: [u64; 3],
    pub requests: u64,
    pub wire_bytes: u64,
    /// Requests being answered at this moment.
    pub in_flight: u64,
    /// Connections that are open at this moment.
    #[serde(default)]
    pub connections_open: u64,
    /// Time from reading a request to its answer, of all that were answered; side by side each counts.
    #[serde(default)]
    pub worked_ns: u64,
    /// 99th percentile of delivery latency over the last second, all signals.
    pub delivery_p99_ns: u64,
}
