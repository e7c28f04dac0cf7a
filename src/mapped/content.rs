//! What each item of one producer said when the client handed it to its exporter, part by part.

use std::io;
use std::path::Path;
use std::sync::atomic::Ordering;

use super::Words;

/// Parts of an item, each with a hash that is never 0.
pub const PARTS: usize = 6;
/// A word that the sink fills: the parent's span id as it arrived.
const PARENT: usize = 6;
/// A word of marks: what is known of the copies that have arrived.
const MARKS: usize = 7;
/// Words per item: one cache line.
const STRIDE: u64 = 8;

/// One line of hashes per sequence, from 1.
#[derive(Debug)]
pub struct Contents {
    words: Words,
}

impl Contents {
    /// Makes room for the sequences `1..=sequences`. Room on the disk is taken only where something
    /// is written.
    ///
    /// # Errors
    /// As [`Words::create_sparse`].
    pub fn create_sparse(path: &Path, sequences: u64) -> io::Result<Self> {
        let len = usize::try_from(sequences * STRIDE).map_err(io::Error::other)?;
        Words::create_sparse(path, len).map(|words| Self { words })
    }

    /// The same, with its room taken at once.
    ///
    /// # Errors
    /// As [`Words::create`].
    pub fn create(path: &Path, sequences: u64) -> io::Result<Self> {
        let len = usize::try_from(sequences * STRIDE).map_err(io::Error::other)?;
        Words::create(path, len).map(|words| Self { words })
    }

    /// # Errors
    /// As [`Words::open`].
    pub fn open(path: &Path) -> io::Result<Self> {
        Words::open(path).map(|words| Self { words })
    }

    /// Where the line of a sequence begins.
    fn at(sequence: u64) -> Option<usize> {
        usize::try_from(sequence.checked_sub(1)?.checked_mul(STRIDE)?).ok()
    }

    /// Notes what an item says; nothing beyond the end.
    pub fn write(&self, sequence: u64, parts: &[u64; PARTS]) {
        let line = Self::at(sequence).and_then(|at| self.words.as_slice().get(at..at + PARTS));
        for (word, part) in line.unwrap_or_default().iter().zip(parts) {
            word.store(*part, Ordering::Relaxed);
        }
    }

    /// What an item says; `None` where it was never noted.
    pub fn read(&self, sequence: u64) -> Option<[u64; PARTS]> {
        let at = Self::at(sequence)?;
        let parts = std::array::from_fn(|part| self.words.get(at + part));
        parts.iter().all(|part| *part != 0).then_some(parts)
    }

    /// Adds marks to an item's, and gives those that it had before.
    pub fn mark(&self, sequence: u64, marks: u64) -> u64 {
        Self::at(sequence)
            .and_then(|at| self.words.as_slice().get(at + MARKS))
            .map_or(0, |word| word.fetch_or(marks, Ordering::Relaxed))
    }

    /// Notes the parent with which a span arrived.
    pub fn set_parent(&self, sequence: u64, span_id: u64) {
        let word = Self::at(sequence).and_then(|at| self.words.as_slice().get(at + PARENT));
        if let Some(word) = word {
            word.store(span_id, Ordering::Relaxed);
        }
    }

    /// The parent with which a span arrived; 0 for none.
    pub fn parent(&self, sequence: u64) -> u64 {
        Self::at(sequence).map_or(0, |at| self.words.get(at + PARENT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_process_notes_another_reads() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c");
        let client = Contents::create(&path, 3).unwrap();
        let sink = Contents::open(&path).unwrap();
        assert_eq!(sink.read(3), None);
        client.write(3, &[1, 2, 3, 4, 5, 6]);
        client.write(4, &[1; PARTS]);
        client.write(0, &[1; PARTS]);
        assert_eq!(sink.read(3), Some([1, 2, 3, 4, 5, 6]));
        assert_eq!(
            (sink.read(2), sink.read(4), sink.read(0)),
            (None, None, None)
        );
        assert_eq!(
            (sink.mark(3, 1), sink.mark(3, 2), sink.mark(3, 0)),
            (0, 1, 3)
        );
        sink.set_parent(3, 9);
        assert_eq!((client.parent(3), client.parent(2)), (9, 0));
    }
}
