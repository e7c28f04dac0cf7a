//! Where each expected item is marked, and what is counted of one signal.

use std::collections::HashSet;
use std::io;
use std::path::Path;

use crate::clock::RunClock;
use crate::ids::{Identity, PointKey};
use crate::mapped::{Bitmap, Words, names};
use crate::otlp::identities::Item;
use crate::plan::windows::Segment;
use crate::signal::Signal;
use crate::sink::latency::DeliveryLatency;
use crate::sink::plant::Plants;

/// Unplanned items that are kept in words, per signal; further ones are only counted.
const UNEXPECTED_EXAMPLES_MAX: usize = 10;

/// A producer whose items are expected, as the role's set-up names it.
#[derive(Debug, Clone, Copy)]
pub struct Expected {
    pub signal: Signal,
    pub producer: u16,
    /// Sequences that it may use: `1..=sequences`.
    pub sequences: u64,
}

/// Where one producer's items are marked.
#[derive(Debug)]
pub struct Marks {
    sequences: u64,
    received: Bitmap,
    received_again: Bitmap,
    extra_copies: Words,
}

impl Marks {
    fn open(expected: &Expected, evidence: &Path) -> io::Result<Self> {
        let path = |name: fn(Signal, u16) -> String| {
            evidence.join(name(expected.signal, expected.producer))
        };
        Ok(Self {
            sequences: expected.sequences,
            received: Bitmap::open(&path(names::received))?,
            received_again: Bitmap::open(&path(names::received_again))?,
            extra_copies: Words::open(&path(names::extra_copies))?,
        })
    }

    /// Marks one copy; whether it is the first.
    pub fn mark(&self, sequence: u64) -> bool {
        // The bitmaps have room for every expected sequence.
        let first = self.received.mark(sequence) != Some(true);
        if !first {
            let third = self.received_again.mark(sequence) == Some(true);
            self.extra_copies.add(0, 1);
            self.extra_copies.add(1, u64::from(third));
        }
        first
    }
}

/// The marks of all expected producers, by signal and producer.
#[derive(Debug, Default)]
pub struct Shelves([Vec<Option<Marks>>; 3]);

impl Shelves {
    /// # Errors
    /// When a file that the controller should have made cannot be opened.
    pub fn open(expected: &[Expected], evidence: &Path) -> io::Result<Self> {
        let mut shelves = Self::default();
        for expected in expected {
            let shelf = &mut shelves.0[expected.signal.index()];
            let index = usize::from(expected.producer);
            if shelf.len() <= index {
                shelf.resize_with(index + 1, || None);
            }
            shelf[index] = Some(Marks::open(expected, evidence)?);
        }
        Ok(shelves)
    }

    /// Whose item this is; `None` for one that nobody planned.
    pub fn find(&self, signal: Signal, item: &Item) -> Option<(Identity, &Marks)> {
        let identity = Identity::from_span_id(item.span_id)?;
        let shelf = &self.0[signal.index()];
        let marks = shelf.get(usize::from(identity.producer))?.as_ref()?;
        (identity.sequence <= marks.sequences).then_some((identity, marks))
    }
}

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

    pub fn first_copy(&mut self, segments: &[Segment], due_unix_ns: u64, arrival: Arrival<'_>) {
        self.received += 1;
        let due_ns = arrival.clock.from_unix_ns(due_unix_ns);
        self.latency.record(segments, due_ns, arrival.at_ns);
    }

    pub fn unexpected(&mut self, signal: Signal, item: &Item) {
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
