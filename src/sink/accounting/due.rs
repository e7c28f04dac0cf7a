//! When the items of a replay were due.

use super::Accounting;
use crate::otlp::identities::Item;
use crate::signal::Signal;

impl Accounting {
    /// The item with the time at which it was due, which one of a replay does not say itself.
    pub(super) fn timed(&self, signal: Signal, item: Item) -> Item {
        let due_ns = self.timetable.due_ns(signal, item.span_id);
        match (due_ns, self.clock.get()) {
            (Some(due_ns), Some(clock)) => Item {
                time_unix_ns: clock.to_unix_ns(due_ns),
                ..item
            },
            _ => item,
        }
    }
}
