//! Where each expected item is marked, by signal and producer.

use std::io;
use std::ops::Range;
use std::path::Path;

use super::{Bitmap, Words, words_of};
use crate::ids::Identity;
use crate::signal::Signal;

/// A producer whose items are expected.
#[derive(Debug, Clone, Copy)]
pub struct Expected {
    pub signal: Signal,
    pub producer: u16,
    /// Sequences that it may use: `1..=sequences`.
    pub sequences: u64,
    /// Items that one arrival makes at once.
    pub items_per_arrival: u32,
    /// What it sends is a capture, whose own times do not say when it was due.
    pub replayed: bool,
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

    /// Marks one copy of each of these sequences, by whole words; how many are first copies.
    pub fn mark_run(&self, sequences: Range<u64>) -> u64 {
        let mut firsts = 0;
        for (index, bits) in words_of(sequences) {
            let again = self.seen.mark_word(index, bits);
            if again != 0 {
                let third = self.seen_again.mark_word(index, again);
                self.extra_copies.add(0, u64::from(again.count_ones()));
                self.extra_copies.add(1, u64::from(third.count_ones()));
            }
            firsts += u64::from((bits & !again).count_ones());
        }
        firsts
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
        let (identity, _, marks) = self.find_run(signal, span_id, 1)?;
        Some((identity, marks))
    }

    /// Whose `count` items these are, the first of them with that id and the others with the ids
    /// after it; `None` where one of them was not planned.
    pub fn find_run(
        &self,
        signal: Signal,
        span_id: u64,
        count: u64,
    ) -> Option<(Identity, Range<u64>, &M)> {
        let first = Identity::from_span_id(span_id)?;
        let shelf = &self.0[signal.index()];
        let (sequences, marks) = shelf.get(usize::from(first.producer))?.as_ref()?;
        let end = first.sequence.checked_add(count)?;
        // Then the sequences do not run over into the bits of the producer either.
        (end - 1 <= *sequences).then_some((first, first.sequence..end, marks))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn marks(folder: &Path) -> Marks {
        let file = |name: &str| folder.join(name);
        Bitmap::create(&file("seen"), 200).unwrap();
        Bitmap::create(&file("again"), 200).unwrap();
        Words::create(&file("extra"), 2).unwrap();
        Marks::open(&file("seen"), &file("again"), &file("extra")).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_run_is_marked_as_each_of_its_items_would_be(
            runs in prop::collection::vec((1_u64..=200, 1_u64..=200), 1..8)
        ) {
            let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
            let [one, run] = folders.each_ref().map(|folder| marks(folder.path()));
            for (start, count) in runs {
                let sequences = start..(start + count).min(201);
                let firsts = sequences.clone().filter(|sequence| one.mark(*sequence)).count();
                prop_assert_eq!(run.mark_run(sequences), firsts as u64);
            }
            prop_assert_eq!(run.seen.to_set(), one.seen.to_set());
            prop_assert_eq!(run.seen_again.to_set(), one.seen_again.to_set());
            prop_assert_eq!(run.extra_copies.get(0), one.extra_copies.get(0));
            prop_assert_eq!(run.extra_copies.get(1), one.extra_copies.get(1));
        }
    }

    #[test]
    fn a_run_with_an_item_that_nobody_planned_is_nobodys() {
        let expected = Expected {
            signal: Signal::Logs,
            producer: 1,
            sequences: 10,
            items_per_arrival: 1,
            replayed: false,
        };
        let shelves = Shelves::open(&[expected], |_| Ok(())).unwrap();
        let found = |sequence, count| {
            let identity = Identity {
                producer: 1,
                sequence,
            };
            let span_id = identity.to_span_id();
            let run = shelves.find_run(Signal::Logs, span_id, count);
            run.map(|(_, sequences, ())| sequences)
        };
        assert_eq!(found(1, 10), Some(1..11));
        assert_eq!(found(10, 1), Some(10..11));
        assert_eq!(found(10, 2), None);
        assert_eq!(found(1, u64::MAX), None);
        assert_eq!(shelves.find(Signal::Traces, 1 << 48 | 1), None);
    }
}
