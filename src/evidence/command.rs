//! What a program of the user's own did as the client, and what the sink saw of it.

use serde::{Deserialize, Serialize};

use crate::signal::Signal;

/// The program's life and words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandEvidence {
    /// When it was started; `None`: it could not be.
    pub started_ns: Option<u64>,
    /// When it was asked to end: at the end of `run.duration`, or when the run was stopped.
    pub asked_ns: Option<u64>,
    /// When it had ended.
    pub ended_ns: Option<u64>,
    /// `exited with 0`, `was killed by signal 11`; empty while it runs.
    pub exit: String,
    /// The end of what it said, as the end of a message; empty where it said nothing.
    #[serde(default)]
    pub last_words: String,
    /// It did not end in the time that it had for it.
    pub killed: bool,
    /// How many items it said that it made, in slots of [`Signal::index`]: the last value of each.
    pub made: [Option<u64>; 3],
    /// A line that begins as one that tells how many, and does not.
    pub unread: Option<String>,
}

/// What the sink saw of items that it knows by the ids that their sender gave them.
///
/// `copies` is the sum of `distinct`, `extra_copies`, `nameless` and `forgotten`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignSignal {
    pub signal: Signal,
    /// Every copy of an item that was accepted, counted apart.
    pub copies: u64,
    /// Different items.
    pub distinct: u64,
    /// Of these, received more than once.
    pub again: u64,
    /// Copies beyond each item's first.
    pub extra_copies: u64,
    /// Items without an id or a time by which they could be told apart.
    pub nameless: u64,
    /// Items that came when as many ids as there is room for were known, and were not among these.
    pub forgotten: u64,
    /// Spans whose parent never came. A parent that is said to be in another process is not awaited.
    pub orphans: u64,
}

impl ForeignSignal {
    /// Why its items cannot be told apart, where they cannot.
    pub fn blurred(&self) -> Option<String> {
        let items = self.signal.items();
        match (self.nameless, self.forgotten) {
            (0, 0) => None,
            (nameless, 0) => Some(format!(
                "{nameless} {items} came without {}, so that nobody can tell them apart",
                match self.signal {
                    Signal::Traces => "trace and span ids",
                    Signal::Metrics | Signal::Logs => "a time",
                }
            )),
            (_, forgotten) => Some(format!(
                "{forgotten} {items} came when as many ids were known as squall has room for: they were only counted"
            )),
        }
    }
}
