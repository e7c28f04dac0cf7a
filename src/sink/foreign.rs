//! Accounting by the ids that senders give their own items: what a program of the user's sends.
//!
//! A span is known by its trace and span id. A log record has no id; two with the same bytes, a time to
//! the nanosecond among them, are taken to be one. A data point is known by its series and time.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Mutex;

use super::traffic::lock;
use crate::evidence::ForeignSignal;
use crate::journal::Point;
use crate::otlp::points::of_metric;
use crate::otlp::walk::Found;
use crate::otlp::wire::{Value, checked};
use crate::signal::Signal;

mod ids;

use ids::Ids;

/// Most items of a signal that are told apart. Beyond them items are only counted. An id takes some 15
/// bytes, so this is 300 MB for each signal that has so many.
pub const IDS_MAX: usize = 20_000_000;

/// In a span's `flags`: it is known whether its parent is in another process, and it is.
const PARENT_IS_REMOTE: u32 = 0x300;

/// An item of a request, and whose child it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sighting {
    /// `None`: nothing tells it from another.
    pub id: Option<u64>,
    /// Of a span whose parent may come as well.
    pub parent: Option<u64>,
}

/// Takes what a walk has found to the others of its request. `points` is only for its memory.
pub fn see(found: Found<'_>, points: &mut Vec<Point>, into: &mut Vec<Sighting>) {
    match found {
        Found::Span(_, bytes) => into.push(span(bytes)),
        Found::LogRecord(_, bytes) => into.push(log_record(bytes)),
        Found::Metric(bytes) => {
            points.clear();
            of_metric(bytes, points);
            into.extend(points.iter().map(|point| {
                Sighting {
                    id: (point.key.time_unix_ns != 0)
                        .then(|| id(&(point.key.series, point.key.time_unix_ns))),
                    parent: None,
                }
            }));
            points.clear();
        }
        Found::Resource(_) => {}
    }
}

/// The same keys always have the same id, in every process: 64 bits, so that among 20 million two meet
/// once in some hundred thousand runs.
fn id(key: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

fn span(bytes: &[u8]) -> Sighting {
    let (mut trace, mut own, mut parent, mut flags) = ([0; 16], [0; 8], [0; 8], 0);
    for field in checked(bytes) {
        match (field.number, field.value) {
            (1, Value::Bytes(id)) => trace = id.try_into().unwrap_or_default(),
            (2, Value::Bytes(id)) => own = id.try_into().unwrap_or_default(),
            (4, Value::Bytes(id)) => parent = id.try_into().unwrap_or_default(),
            (16, Value::Fixed32(word)) => flags = word,
            _ => {}
        }
    }
    let of = |span: [u8; 8]| {
        let valid = trace != [0; 16] && span != [0; 8];
        valid.then(|| id(&(trace, span)))
    };
    let awaited = flags & PARENT_IS_REMOTE != PARENT_IS_REMOTE;
    Sighting {
        id: of(own),
        parent: of(parent).filter(|_| awaited),
    }
}

fn log_record(bytes: &[u8]) -> Sighting {
    // `time_unix_nano` and `observed_time_unix_nano`.
    let timed = checked(bytes).any(
        |field| matches!((field.number, field.value), (1 | 11, Value::Fixed64(time)) if time != 0),
    );
    Sighting {
        id: timed.then(|| id(&bytes)),
        parent: None,
    }
}

/// Everything that was seen.
#[derive(Debug)]
pub struct Foreign {
    signals: [Mutex<Ids>; 3],
}

impl Default for Foreign {
    fn default() -> Self {
        Self {
            signals: std::array::from_fn(|_| Mutex::new(Ids::of_at_most(IDS_MAX))),
        }
    }
}

impl Foreign {
    /// Counts the items of a request, all or none; how many of them are seen for the first time.
    pub fn take(&self, signal: Signal, items: &[Sighting]) -> u64 {
        let mut ids = lock(&self.signals[signal.index()]);
        let before = ids.received();
        for item in items {
            ids.take(*item);
        }
        ids.received() - before
    }

    /// What was seen of each signal of which something was.
    pub fn evidence(&self) -> Vec<ForeignSignal> {
        let each = Signal::ALL.into_iter();
        each.map(|signal| lock(&self.signals[signal.index()]).evidence(signal))
            .filter(|seen| seen.copies > 0)
            .collect()
    }
}

#[cfg(test)]
mod tests;
