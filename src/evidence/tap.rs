//! What the taps on the links saw of each item.

use std::fmt;

use roaring::RoaringTreemap;
use serde::{Deserialize, Serialize};

use super::bitmap_text;
use crate::signal::Signal;
use crate::stats::histogram::Latencies;

/// Where on a link, towards the sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// What was read from the sender.
    Entry,
    /// What was written to the next hop.
    Exit,
}

impl Side {
    /// Both, as an item passes them.
    pub const ALL: [Side; 2] = [Side::Entry, Side::Exit];
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Side::Entry => "entry",
            Side::Exit => "exit",
        })
    }
}

/// What the tap on one side of a link saw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TapEvidence {
    /// Number of the link.
    pub link: usize,
    pub side: Side,
    pub producers: Vec<Tapped>,
    /// Requests that were seen whole and read.
    pub requests: u64,
    /// Requests that were seen whole and could not be read.
    pub unread_requests: u64,
    /// Connections that could not be read to their end.
    pub unread_connections: u64,
    /// Items that nobody planned.
    pub unexpected: u64,
    /// First few reasons why something could not be read, in words.
    pub unread_examples: Vec<String>,
}

impl TapEvidence {
    /// One that has seen nothing yet.
    pub const fn new(link: usize, side: Side) -> Self {
        Self {
            link,
            side,
            producers: Vec::new(),
            requests: 0,
            unread_requests: 0,
            unread_connections: 0,
            unexpected: 0,
            unread_examples: Vec::new(),
        }
    }
}

/// What it saw of one producer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tapped {
    pub signal: Signal,
    pub producer: u16,
    /// Sequences that it saw at least once.
    #[serde(with = "bitmap_text")]
    pub seen: RoaringTreemap,
    /// Sequences that it saw at least twice.
    #[serde(with = "bitmap_text")]
    pub seen_again: RoaringTreemap,
    /// Copies beyond each item's first.
    pub extra_copies: u64,
    /// Data points that the client never handed over under that identity: where there are any, what
    /// was on the way has altered points, and nobody knows which.
    #[serde(default)]
    pub strangers: u64,
}

/// How long items took from one place to the next, by the first time that each was seen there.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HopLatency {
    /// `due`, or a link's name and side: `link.entry`.
    pub from: String,
    pub to: String,
    pub signal: Signal,
    /// By the segment in which the item was due.
    pub by_segment: Vec<Latencies>,
}
