//! What a machine can measure, and what runs may rely on.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::GaveOut;
use crate::plan::ClientKind;

/// Version of `selfcheck.json`; a reader refuses a later one.
pub const SELFCHECK_FORMAT: u32 = 1;

/// `selfcheck.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SelfcheckResult {
    pub format: u32,
    /// UTC, RFC 3339.
    pub made: String,
    /// What must be the same for a run to rely on it.
    pub machine: BTreeMap<String, String>,
    pub clock_cost_ns: f64,
    pub clock_resolution_ns: u64,
    pub system_call_ns: f64,
    pub loopback_bytes_per_s: f64,
    pub timers: Vec<TimerLateness>,
    pub clients: Vec<ClientLimit>,
    /// How much runs of one plan differ from each other.
    pub noise: Vec<Noise>,
    /// What can be believed here.
    pub words: Vec<String>,
}

/// How late a producer is that has nothing else to do.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TimerLateness {
    pub per_s: u32,
    pub p50_s: f64,
    pub p99_s: f64,
    pub max_s: f64,
}

/// How much one kind of client can send through a link to the sink, with nothing else on the line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClientLimit {
    pub kind: ClientKind,
    /// Items per second that were held, and that were not.
    pub holds_per_s: Option<f64>,
    pub gives_way_per_s: Option<f64>,
    /// Where known.
    pub gave_out: Option<GaveOut>,
    /// CPU seconds per item at the highest rate that was held, by role.
    pub cpu_per_item_s: BTreeMap<String, f64>,
}

/// One figure of runs of one plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Noise {
    pub figure: String,
    pub runs: u32,
    /// Largest minus smallest, as a share of the median.
    pub spread: f64,
    /// The smallest effect that ten pairs of such runs could tell from none, as a share.
    pub smallest_effect: f64,
}

/// What a run may rely on, as its result cites it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Calibration {
    /// When the self-check was made: UTC, RFC 3339.
    pub made: String,
    /// The most that was held with the run's kind of client, in items per second.
    pub client_holds_per_s: Option<f64>,
    /// What the self-check said.
    pub words: Vec<String>,
}
