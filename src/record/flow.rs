//! How items went along the line, hop by hop, and where those that did not arrive were left.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::signal::Signal;

/// The line of a run. Empty for runs that were stored before there was one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Flow {
    /// In the order of the line, as far as it has one: client, link, target, link, sink.
    pub stations: Vec<Station>,
    /// Where the items of each class of loss were left. Adds up to the ledger's classes.
    pub lost_at: Vec<Placed>,
    /// Where the second copies of duplicated items were made.
    pub duplicated_at: Vec<Placed>,
    /// Why losses and duplicates could not be placed as finely as with taps on every link, in words.
    pub blurred: Vec<String>,
    /// What each target says that it lost, against what was lost in it.
    pub owned_up: Vec<OwnedUp>,
}

/// A role on the line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Station {
    /// `client`, `link`, `link2`, `target`, `sink`.
    pub role: String,
    /// The user's name for it, which is unique in a run.
    pub name: String,
    /// What it is: `sdk`, `proxy`, `netns`, `toxiproxy`, `process`, `container`, `external`, `sink`.
    pub kind: String,
    /// Names of the stations to which it sends.
    pub to: Vec<String>,
    /// Items that were seen to come in, and to go out; empty where nobody looked.
    pub seen: BTreeMap<Signal, Seen>,
    /// From coming in to going out, per signal, in seconds; for the client, from the due time.
    pub latency: BTreeMap<Signal, HopLatencyResult>,
}

/// Items of one signal at one station. `None`: nobody looked there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Seen {
    /// Different items that came in.
    pub came: Option<u64>,
    /// Copies beyond each item's first that came in.
    pub came_again: Option<u64>,
    /// Different items that went out; of the sink, that it accepted.
    pub went: Option<u64>,
    pub went_again: Option<u64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HopLatencyResult {
    pub items: u64,
    pub p50_s: f64,
    pub p99_s: f64,
    pub max_s: f64,
}

/// Items of one class at one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Placed {
    pub signal: Signal,
    /// The ledger's class.
    pub class: String,
    /// Name of the station that had it last, or made the copy.
    pub at: String,
    pub items: u64,
}

/// What a target says of its losses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OwnedUp {
    pub target: String,
    /// Items lost in it, by the ledger.
    pub lost: u64,
    /// By its own metrics; `None`: it never told.
    pub said: Option<u64>,
    /// `relay lost 120 items and owned up to 100`.
    pub text: String,
    pub agrees: bool,
    /// A fault killed it: what it had counted and not told went with it.
    #[serde(default)]
    pub killed: bool,
}
