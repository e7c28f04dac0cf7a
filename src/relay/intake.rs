//! What comes in: judged by the bugs, put into the queue, answered for.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use super::bug::Bug;
use super::counters::Counters;
use super::edit::{self, Fate, Subject};
use super::oracle::Oracle;
use super::queue::{Queue, Rejected};
use crate::otlp::Malformed;
use crate::otlp::points;
use crate::otlp::walk::{Found, walk};
use crate::signal::Signal;
use crate::sink::{Answer, Receiver, Request, Taken};

/// The ledger's class of what a bug did, and to which item.
type Struck = (&'static str, String);

/// The relay's receiver.
#[derive(Debug)]
pub struct Intake {
    /// Bugs that strike single items, each with the number of items that it has counted.
    on_items: Vec<(Bug, AtomicU64)>,
    accepts_when_full: bool,
    forwards_nothing: bool,
    queue: Arc<Queue>,
    counters: Arc<Counters>,
    oracle: Arc<Oracle>,
}

impl Intake {
    pub fn new(
        bugs: Vec<Bug>,
        queue: Arc<Queue>,
        counters: Arc<Counters>,
        oracle: Arc<Oracle>,
    ) -> Self {
        let on_items = bugs.iter().copied().filter(|bug| {
            matches!(
                bug,
                Bug::Lose { .. } | Bug::CorruptAttribute { .. } | Bug::StripParents { .. }
            )
        });
        Self {
            on_items: on_items.map(|bug| (bug, AtomicU64::new(0))).collect(),
            accepts_when_full: bugs.contains(&Bug::AcceptWhenFull),
            forwards_nothing: bugs.contains(&Bug::Zombie),
            queue,
            counters,
            oracle,
        }
    }

    /// What the first bug that wants this item does to it.
    fn judge(&self, subject: Subject) -> Fate {
        for (bug, counted) in &self.on_items {
            let (every, fate, can_be) = match *bug {
                Bug::Lose { every } => (every, Fate::Removed, true),
                Bug::CorruptAttribute { every } => (every, Fate::Corrupted, subject.has_attributes),
                Bug::StripParents { every } => (every, Fate::Orphaned, subject.has_parent),
                _ => continue,
            };
            if can_be && (counted.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(every) {
                return fate;
            }
        }
        Fate::Kept
    }

    /// The request as the bugs leave it, and what they did: a class, and an item.
    fn bend(&self, signal: Signal, body: Bytes) -> io::Result<(Bytes, Vec<Struck>)> {
        if self.on_items.is_empty() {
            return Ok((body, Vec::new()));
        }
        let mut fates = Vec::new();
        let edited = edit::edit(signal, &body, &mut |subject| {
            let fate = self.judge(subject);
            fates.push(fate);
            fate
        });
        if fates.iter().all(|fate| *fate == Fate::Kept) {
            return Ok((body, Vec::new()));
        }
        let names = edit::names(signal, &body);
        let class = |fate| match fate {
            Fate::Kept => None,
            Fate::Removed => Some("lost_silently"),
            Fate::Corrupted => Some("corrupted"),
            Fate::Orphaned => Some("orphaned"),
        };
        let struck = names
            .into_iter()
            .zip(fates)
            .filter_map(|(name, fate)| Some((class(fate)?, name)))
            .collect();
        Ok((edited.map_err(io::Error::other)?, struck))
    }

    /// Gives the request its place, or says why it has none.
    fn enqueue(&self, signal: Signal, whole: &Bytes, items: u64) -> io::Result<Answer> {
        let (body, struck) = self.bend(signal, whole.clone())?;
        match self.queue.push(signal, body, items) {
            Ok(()) => {
                // A request that was refused comes again: nothing has been done to it.
                for (class, item) in &struck {
                    self.oracle.note(class, signal, std::iter::once(item))?;
                }
                if self.forwards_nothing {
                    let names = edit::names(signal, whole);
                    self.oracle.note("lost_silently", signal, names.iter())?;
                }
                self.counters.add_accepted(signal, items);
                Ok(Answer::Accepted)
            }
            Err(Rejected::Full) if self.accepts_when_full => {
                let names = edit::names(signal, whole);
                self.oracle.note("lost_silently", signal, names.iter())?;
                self.counters.add_accepted(signal, items);
                Ok(Answer::Accepted)
            }
            Err(rejected) => {
                self.counters.add_refused(signal, items);
                Ok(Answer::Unavailable(rejected.to_string()))
            }
        }
    }
}

impl Receiver for Intake {
    fn accept(&self, request: Request<'_>) -> Result<Taken, Malformed> {
        let mut items: u64 = 0;
        let mut found = Vec::new();
        walk(
            request.signal,
            request.body,
            &mut |landmark| match landmark {
                Found::Span(..) | Found::LogRecord(..) => items += 1,
                Found::Metric(bytes) => points::of_metric(bytes, &mut found),
                Found::Resource(_) => {}
            },
        )?;
        items += found.len() as u64;
        let whole = Bytes::copy_from_slice(request.body);
        let enqueued = self.enqueue(request.signal, &whole, items);
        Ok(Taken {
            answer: enqueued.unwrap_or_else(|error| Answer::Unavailable(error.to_string())),
            first: None,
            items,
        })
    }
}
