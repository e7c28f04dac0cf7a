//! What is counted of one signal.

use std::collections::HashSet;

use crate::clock::RunClock;
use crate::ids::{Identity, PointKey};
use crate::otlp::identities::Item;
use crate::plan::windows::Segment;
use crate::signal::Signal;
use crate::sink::latency::DeliveryLatency;
use crate::sink::plant::Plants;

/// Unplanned items that are kept in words, per signal; further ones are only counted.
const UNEXPECTED_EXAMPLES_MAX: usize = 10;

/// What is counted of one signal.
#[derive(Debug)]
pub struct Book {
    /// First copies.
    pub received: u64,
    /// Every copy that was accepted, counted apart from the marks.
    pub copies: u64,
    pub unexpected: u64,
    /// Nothing more is counted.
    pub frozen: bool,
    pub unexpected_examples: Vec<String>,
    pub latency: DeliveryLatency,
    pub plants: Plants,
    /// Points seen so far; the controller finds duplicates in the journal.
    pub points: HashSet<PointKey>,
}

impl Book {
    pub fn new(segments: usize, plants: Plants) -> Self {
        Self {
            received: 0,
            copies: 0,
            unexpected: 0,
            frozen: false,
            unexpected_examples: Vec::new(),
            latency: DeliveryLatency::new(segments),
            plants,
            points: HashSet::new(),
        }
    }

    /// Counts the first copies of so many items that were due at the same time.
    pub fn first_copies(
        &mut self,
        segments: &[Segment],
        due_unix_ns: u64,
        arrival: Arrival<'_>,
        count: u64,
    ) {
        if count == 0 {
            return;
        }
        self.received += count;
        let due_ns = arrival.clock.from_unix_ns(due_unix_ns);
        self.latency.record(segments, due_ns, arrival.at_ns, count);
    }

    pub fn unexpected(&mut self, signal: Signal, item: Item) {
        self.copies += 1;
        self.unexpected += 1;
        if self.unexpected_examples.len() < UNEXPECTED_EXAMPLES_MAX {
            self.unexpected_examples
                .push(match Identity::from_span_id(item.span_id) {
                    Some(identity) => format!("{signal}: {identity}, which nobody planned"),
                    None => format!(
                        "{signal}: span id {:016x}, which is not one of squall's",
                        item.span_id
                    ),
                });
        }
    }
}

/// When a request arrived, in nanoseconds since the run's start, and the clock that says so.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    pub clock: &'a RunClock,
    pub at_ns: u64,
}
