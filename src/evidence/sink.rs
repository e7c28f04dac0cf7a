//! What the sink saw.

use serde::{Deserialize, Serialize};

use super::{ContentEvidence, ForeignSignal};
use crate::signal::Signal;
use crate::stats::histogram::Latencies;

/// What the sink saw, besides identities.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SinkEvidence {
    /// One entry per signal that the sink counted.
    pub signals: Vec<SinkSignal>,
    /// Requests that were not valid OTLP, by the status with which they were answered.
    pub malformed: u64,
    /// First few reasons for that, in words.
    pub malformed_examples: Vec<String>,
    pub requests: u64,
    pub wire_bytes: u64,
    /// First few items that nobody planned, in words.
    pub unexpected_examples: Vec<String>,
    /// What was found in what arrived, where the plan has its content checked.
    #[serde(default)]
    pub content: Option<ContentEvidence>,
    /// Requests without the headers that the sink requires.
    #[serde(default)]
    pub unauthenticated: u64,
    /// TLS handshakes with the sink that came to nothing.
    #[serde(default)]
    pub failed_handshakes: u64,
    /// Why the last of them did, in words; empty where none did.
    #[serde(default)]
    pub handshake_failure: String,
    /// Of a client whose items have ids of their own; else empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub foreign: Vec<ForeignSignal>,
}

impl SinkEvidence {
    /// Adds what another process of the same sink saw.
    pub fn absorb(&mut self, other: SinkEvidence) {
        for theirs in other.signals {
            match self.signals.iter_mut().find(|s| s.signal == theirs.signal) {
                Some(ours) => ours.absorb(theirs),
                None => self.signals.push(theirs),
            }
        }
        self.malformed += other.malformed;
        self.malformed_examples.extend(other.malformed_examples);
        self.requests += other.requests;
        self.wire_bytes += other.wire_bytes;
        self.unexpected_examples.extend(other.unexpected_examples);
        self.unauthenticated += other.unauthenticated;
        self.failed_handshakes += other.failed_handshakes;
        if other.failed_handshakes > 0 {
            self.handshake_failure = other.handshake_failure;
        }
        // Such a sink is not started again: there is one that tells.
        self.foreign.extend(other.foreign);
        if let Some(theirs) = other.content {
            self.content.get_or_insert_default().absorb(theirs);
        }
    }
}

impl SinkSignal {
    fn absorb(&mut self, other: SinkSignal) {
        self.copies += other.copies;
        self.unexpected += other.unexpected;
        merge_each(&mut self.by_segment, other.by_segment);
        merge_each(&mut self.by_due_bin, other.by_due_bin);
    }
}

fn merge_each(ours: &mut Vec<Latencies>, theirs: Vec<Latencies>) {
    if ours.len() < theirs.len() {
        ours.resize_with(theirs.len(), Latencies::default);
    }
    for (ours, theirs) in ours.iter_mut().zip(&theirs) {
        ours.merge(theirs);
    }
}

/// What the sink saw of one signal.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SinkSignal {
    pub signal: Signal,
    /// Every copy of an item that the sink accepted, counted apart from its marks.
    pub copies: u64,
    /// Items received and never planned, or without any identity of ours.
    pub unexpected: u64,
    /// Delivery latency (arrival minus due) of first copies, by the segment of the due time.
    pub by_segment: Vec<Latencies>,
    /// Delivery latency by one-second bin of the due time.
    pub by_due_bin: Vec<Latencies>,
}

/// One request that a fault of the sink's answers struck. Faults of whole connections and of TLS strike
/// before a request is read, and leave no line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerLine {
    /// When the request had been read, or, where it never was, when it was struck.
    pub at_ns: u64,
    pub signal: Signal,
    /// Producer and sequence of the request's first item, where it was read and the item has them.
    pub first: Option<(u16, u64)>,
    /// Items in the request; 0 where it was not read.
    pub items: u64,
    /// What the sender was told: `grpc UNAVAILABLE`, `http 503`, or `none` where it was no answer
    /// that the protocol knows.
    pub answer: String,
    /// How long the answer asked the sender to wait.
    pub retry_after_ns: Option<u64>,
    /// Whether the items were received (some of them, for a partial success).
    pub accepted: bool,
}
