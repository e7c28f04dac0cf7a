//! Where each expected item is marked, by signal and producer.

use std::io;
use std::path::Path;

use super::{Bitmap, Words};
use crate::ids::Identity;
use crate::signal::Signal;

/// A producer whose items are expected.
#[derive(Debug, Clone, Copy)]
pub struct Expected {
    pub signal: Signal,
    pub producer: u16,
    /// Sequences that it may use: `1..=sequences`.
    pub sequences: u64,
}

/// Where one producer's items are marked at one place.
#[derive(Debug)]
pub struct Marks {
    seen: Bitmap,
    seen_again: Bitmap,
    extra_copies: Words,
}

impl Marks {
    /// # Errors
    /// When a file cannot be opened.
    pub fn open(seen: &Path, seen_again: &Path, extra_copies: &Path) -> io::Result<Self> {
        Ok(Self {
            seen: Bitmap::open(seen)?,
            seen_again: Bitmap::open(seen_again)?,
            extra_copies: Words::open(extra_copies)?,
        })
    }

    /// Marks one copy; whether it is the first.
    pub fn mark(&self, sequence: u64) -> bool {
        // The bitmaps have room for every expected sequence.
        let first = self.seen.mark(sequence) != Some(true);
        if !first {
            let third = self.seen_again.mark(sequence) == Some(true);
            self.extra_copies.add(0, 1);
            self.extra_copies.add(1, u64::from(third));
        }
        first
    }
}

/// What is kept of each expected producer, by signal and producer.
#[derive(Debug)]
pub struct Shelves<M>([Vec<Option<(u64, M)>>; 3]);

impl<M> Shelves<M> {
    /// # Errors
    /// Those of `open`, which is called for each producer.
    pub fn open(
        expected: &[Expected],
        open: impl Fn(&Expected) -> io::Result<M>,
    ) -> io::Result<Self> {
        let mut shelves = [const { Vec::new() }; 3];
        for expected in expected {
            let shelf = &mut shelves[expected.signal.index()];
            let index = usize::from(expected.producer);
            if shelf.len() <= index {
                shelf.resize_with(index + 1, || None);
            }
            shelf[index] = Some((expected.sequences, open(expected)?));
        }
        Ok(Self(shelves))
    }

    /// Whose item this is; `None` for one that nobody planned.
    pub fn find(&self, signal: Signal, span_id: u64) -> Option<(Identity, &M)> {
        let identity = Identity::from_span_id(span_id)?;
        let shelf = &self.0[signal.index()];
        let (sequences, marks) = shelf.get(usize::from(identity.producer))?.as_ref()?;
        (identity.sequence <= *sequences).then_some((identity, marks))
    }
}
