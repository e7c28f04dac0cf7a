//! Files mapped into memory, in which a role marks what happened to each item.
//!
//! A mark is one store into shared memory: it costs no system call, and a SIGKILL cannot take it
//! back. The controller makes each file before the run, sparse and zero, and reads it afterwards.

use std::fs::OpenOptions;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use memmap2::MmapRaw;
use roaring::RoaringTreemap;

pub mod content;
pub mod shelves;
pub mod timetable;

/// Names of the mapped files in the evidence folder.
pub mod names {
    use crate::evidence::Side;
    use crate::signal::Signal;

    /// [`super::Arrivals`]: due and release time of each arrival.
    pub fn arrivals(signal: Signal, producer: u16) -> String {
        format!("arrivals.{signal}.{producer}")
    }
    /// [`super::Bitmap`]: sequences that entered the client's processor.
    pub fn entered(signal: Signal, producer: u16) -> String {
        format!("entered.{signal}.{producer}")
    }
    /// [`super::Bitmap`]: sequences that the sampler left out.
    pub fn sampled_out(signal: Signal, producer: u16) -> String {
        format!("sampled_out.{signal}.{producer}")
    }
    /// [`super::Bitmap`]: sequences that the sink saw.
    pub fn received(signal: Signal, producer: u16) -> String {
        format!("received.{signal}.{producer}")
    }
    /// [`super::Bitmap`]: sequences that the sink saw again.
    pub fn received_again(signal: Signal, producer: u16) -> String {
        format!("received_again.{signal}.{producer}")
    }
    /// [`super::Words`], two slots: copies beyond the first, and among them copies beyond the second.
    pub fn extra_copies(signal: Signal, producer: u16) -> String {
        format!("extra_copies.{signal}.{producer}")
    }
    /// [`super::Bitmap`]: sequences that the tap on a side of a link saw.
    pub fn tapped(link: usize, side: Side, signal: Signal, producer: u16) -> String {
        format!("tap.{link}.{side}.seen.{signal}.{producer}")
    }
    /// [`super::Bitmap`]: sequences that it saw again.
    pub fn tapped_again(link: usize, side: Side, signal: Signal, producer: u16) -> String {
        format!("tap.{link}.{side}.seen_again.{signal}.{producer}")
    }
    /// [`super::Words`], two slots as in [`extra_copies`].
    pub fn tapped_extra_copies(link: usize, side: Side, signal: Signal, producer: u16) -> String {
        format!("tap.{link}.{side}.extra_copies.{signal}.{producer}")
    }
    /// [`super::Words`], one slot per sequence: when it was first seen, in nanoseconds since the
    /// run's start, and one; 0 for never.
    pub fn tapped_first(link: usize, side: Side, signal: Signal, producer: u16) -> String {
        format!("tap.{link}.{side}.first.{signal}.{producer}")
    }
    /// [`crate::journal::PointsLine`]s: data points that it saw.
    pub fn tapped_points(link: usize, side: Side) -> String {
        format!("tap.{link}.{side}.points.jsonl")
    }
    /// [`super::content::Contents`]: what each item said. Only where content is checked.
    pub fn content(signal: Signal, producer: u16) -> String {
        format!("content.{signal}.{producer}")
    }
    /// [`super::Words`], one slot per metric series: sum of the whole numbers recorded into it.
    pub fn recorded() -> String {
        "recorded".to_owned()
    }
}

/// A file of 64-bit words, shared between processes.
#[derive(Debug)]
pub struct Words {
    map: MmapRaw,
    len: usize,
}

impl Words {
    /// Makes a file of `len` zero words, at least one, with its room on the disk taken at once:
    /// a mapped page for which there is none would kill whoever touches it.
    ///
    /// # Errors
    /// When the file cannot be made, sized or mapped, for instance on a full disk.
    pub fn create(path: &Path, len: usize) -> io::Result<Self> {
        let words = Self::create_sparse(path, len)?;
        reserve(path, len.max(1) as u64 * 8)?;
        Ok(words)
    }

    /// As [`Self::create`], and takes room only where something is written: for files of which
    /// hardly anybody uses the whole.
    ///
    /// # Errors
    /// When the file cannot be made, sized or mapped.
    pub fn create_sparse(path: &Path, len: usize) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)?;
        file.set_len(len.max(1) as u64 * 8)?;
        Self::map(&file, len.max(1))
    }

    /// Opens a file that [`Self::create`] made.
    ///
    /// # Errors
    /// When the file is missing or cannot be mapped.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let len = usize::try_from(file.metadata()?.len() / 8).map_err(io::Error::other)?;
        Self::map(&file, len)
    }

    fn map(file: &std::fs::File, len: usize) -> io::Result<Self> {
        let map = MmapRaw::map_raw(file)?;
        Ok(Self { map, len })
    }

    /// The words.
    pub fn as_slice(&self) -> &[AtomicU64] {
        // SAFETY: the mapping is page aligned, at least `len * 8` bytes long (the file was sized
        // so, and nobody shrinks it during a run), lives as long as `self`, and every access by
        // every process is an atomic one.
        unsafe { std::slice::from_raw_parts(self.map.as_ptr().cast::<AtomicU64>(), self.len) }
    }

    /// Adds to a word; does nothing beyond the end.
    pub fn add(&self, index: usize, value: u64) {
        if let Some(word) = self.as_slice().get(index) {
            word.fetch_add(value, Ordering::Relaxed);
        }
    }

    /// Sets a word that is still 0; does nothing beyond the end.
    pub fn set_first(&self, index: usize, value: u64) {
        if let Some(word) = self.as_slice().get(index) {
            // Somebody who was earlier keeps the word.
            let _ = word.compare_exchange(0, value, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// A word's value; 0 beyond the end.
    pub fn get(&self, index: usize) -> u64 {
        self.as_slice()
            .get(index)
            .map_or(0, |word| word.load(Ordering::Relaxed))
    }
}

/// Takes the room of a whole file on its disk; where the file system cannot, nothing is taken.
#[cfg(target_os = "linux")]
fn reserve(path: &Path, bytes: u64) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    use rustix::io::Errno;
    let file = OpenOptions::new().write(true).open(path)?;
    match fallocate(&file, FallocateFlags::empty(), 0, bytes) {
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn reserve(_path: &Path, _bytes: u64) -> io::Result<()> {
    Ok(())
}

/// A run of sequences as whole words: the number of each, and the bits that are in the run.
pub fn words_of(sequences: Range<u64>) -> impl Iterator<Item = (usize, u64)> {
    let mut at = sequences.start;
    std::iter::from_fn(move || {
        if at >= sequences.end {
            return None;
        }
        let end = ((at / 64 + 1) * 64).min(sequences.end);
        let bits = u64::MAX >> (64 - (end - at)) << (at % 64);
        // No file in memory has more words than can be counted.
        let index = usize::try_from(at / 64).unwrap_or(usize::MAX);
        at = end;
        Some((index, bits))
    })
}

/// One bit per sequence, from 1.
#[derive(Debug)]
pub struct Bitmap {
    words: Words,
}

impl Bitmap {
    /// Makes room for the sequences `1..=sequences`, all clear.
    ///
    /// # Errors
    /// As [`Words::create`].
    pub fn create(path: &Path, sequences: u64) -> io::Result<Self> {
        let len = usize::try_from(sequences / 64 + 1).map_err(io::Error::other)?;
        Words::create(path, len).map(|words| Self { words })
    }

    /// As [`Self::create`], without taking the room.
    ///
    /// # Errors
    /// As [`Words::create_sparse`].
    pub fn create_sparse(path: &Path, sequences: u64) -> io::Result<Self> {
        let len = usize::try_from(sequences / 64 + 1).map_err(io::Error::other)?;
        Words::create_sparse(path, len).map(|words| Self { words })
    }

    /// # Errors
    /// As [`Words::open`].
    pub fn open(path: &Path) -> io::Result<Self> {
        Words::open(path).map(|words| Self { words })
    }

    /// Marks a sequence. `Some(true)`: it was marked before; `None`: there is no such sequence.
    pub fn mark(&self, sequence: u64) -> Option<bool> {
        let index = usize::try_from(sequence / 64).ok()?;
        let bit = 1_u64 << (sequence % 64);
        let before = self
            .words
            .as_slice()
            .get(index)?
            .fetch_or(bit, Ordering::Relaxed);
        Some(before & bit != 0)
    }

    /// Marks the sequences `64 * index + n` for each set bit `n`; which of them were marked before.
    /// Those beyond the end are not marked, and never were.
    pub fn mark_word(&self, index: usize, bits: u64) -> u64 {
        let word = self.words.as_slice().get(index);
        word.map_or(0, |word| word.fetch_or(bits, Ordering::Relaxed) & bits)
    }

    /// Marks a run of sequences.
    pub fn mark_run(&self, sequences: Range<u64>) {
        for (index, bits) in words_of(sequences) {
            self.mark_word(index, bits);
        }
    }

    /// How many of these sequences are marked.
    pub fn count(&self, sequences: Range<u64>) -> u64 {
        let words = self.words.as_slice();
        let (mut at, mut marked) = (sequences.start, 0);
        while at < sequences.end {
            let word = usize::try_from(at / 64)
                .ok()
                .and_then(|index| words.get(index));
            let Some(word) = word else { break };
            let bits = 64 - at % 64;
            let wanted = bits.min(sequences.end - at);
            let shifted = word.load(Ordering::Relaxed) >> (at % 64);
            let unwanted = 64 - wanted;
            marked += u64::from((shifted << unwanted).count_ones());
            at += wanted;
        }
        marked
    }

    /// All marked sequences.
    pub fn to_set(&self) -> RoaringTreemap {
        let mut set = RoaringTreemap::new();
        for (index, word) in self.words.as_slice().iter().enumerate() {
            let mut bits = word.load(Ordering::Relaxed);
            while bits != 0 {
                set.insert(index as u64 * 64 + u64::from(bits.trailing_zeros()));
                bits &= bits - 1;
            }
        }
        set
    }
}

/// Due and release time of each arrival of one producer, in nanoseconds since the run's start.
#[derive(Debug)]
pub struct Arrivals {
    words: Words,
}

impl Arrivals {
    /// Makes the file with the due times of a schedule; no arrival is released yet.
    ///
    /// # Errors
    /// As [`Words::create`].
    pub fn create(path: &Path, due_ns: &[u64]) -> io::Result<Self> {
        let words = Words::create(path, due_ns.len() * 2)?;
        for (pair, due) in words.as_slice().chunks_exact(2).zip(due_ns) {
            pair[0].store(*due, Ordering::Relaxed);
        }
        Ok(Self { words })
    }

    /// Makes the file for a closed loop, where arrivals become due only when they are released.
    ///
    /// # Errors
    /// As [`Words::create_sparse`].
    pub fn create_unscheduled(path: &Path, arrivals: usize) -> io::Result<Self> {
        Words::create_sparse(path, arrivals * 2).map(|words| Self { words })
    }

    /// # Errors
    /// As [`Words::open`].
    pub fn open(path: &Path) -> io::Result<Self> {
        Words::open(path).map(|words| Self { words })
    }

    /// Number of arrivals.
    pub fn len(&self) -> usize {
        self.words.len / 2
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// When arrival `index` is due.
    pub fn due_ns(&self, index: usize) -> u64 {
        self.words.get(index * 2)
    }

    /// The arrival that is due at exactly that time, if one is.
    pub fn due_at(&self, due_ns: u64) -> Option<usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            // What a closed loop has not released comes after everything.
            if !self.is_unscheduled(middle) && self.due_ns(middle) < due_ns {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        (low < self.len() && self.due_ns(low) == due_ns).then_some(low)
    }

    /// When it was released; 0 if it was not.
    pub fn released_ns(&self, index: usize) -> u64 {
        self.words.get(index * 2 + 1)
    }

    /// Notes the release of an arrival. A release at offset 0 is stored as 1, for 0 means never.
    pub fn release(&self, index: usize, at_ns: u64) {
        if let Some(word) = self.words.as_slice().get(index * 2 + 1) {
            word.store(at_ns.max(1), Ordering::Relaxed);
        }
    }

    /// The first arrival after the last released one that is due at `from_ns` or later; a closed
    /// loop's, which has no due time yet, counts as due.
    pub fn resume_at(&self, from_ns: u64) -> usize {
        let last_released = (0..self.len()).rposition(|index| self.released_ns(index) != 0);
        let after = last_released.map_or(0, |last| last + 1);
        (after..self.len())
            .find(|index| self.due_ns(*index) >= from_ns || self.is_unscheduled(*index))
            .unwrap_or(self.len())
    }

    /// Only the very first arrival of a schedule can be due at 0.
    fn is_unscheduled(&self, index: usize) -> bool {
        index > 0 && self.due_ns(index) == 0
    }

    /// In a closed loop: due now, and released now.
    pub fn release_unscheduled(&self, index: usize, at_ns: u64) {
        if let Some(word) = self.words.as_slice().get(index * 2) {
            word.store(at_ns, Ordering::Relaxed);
        }
        self.release(index, at_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_seen_through_another_mapping() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b");
        let writer = Bitmap::create(&path, 200).unwrap();
        let reader = Bitmap::open(&path).unwrap();
        assert_eq!(writer.mark(1), Some(false));
        assert_eq!(writer.mark(200), Some(false));
        assert_eq!(writer.mark(200), Some(true));
        assert_eq!(writer.mark(100_000), None);
        assert_eq!(reader.to_set().iter().collect::<Vec<_>>(), vec![1, 200]);
    }

    #[test]
    fn a_count_is_that_of_the_set() {
        let folder = tempfile::tempdir().unwrap();
        let bitmap = Bitmap::create(&folder.path().join("b"), 200).unwrap();
        for sequence in [1, 2, 63, 64, 65, 127, 128, 200] {
            bitmap.mark(sequence);
        }
        let set = bitmap.to_set();
        for start in 0..=200 {
            for end in start..=210 {
                assert_eq!(
                    bitmap.count(start..end),
                    set.iter().filter(|s| (start..end).contains(s)).count() as u64,
                    "{start}..{end}"
                );
            }
        }
    }

    #[test]
    fn a_schedule_goes_on_after_what_was_released_and_what_is_past() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let arrivals = Arrivals::create(&path, &[0, 10, 20, 30]).unwrap();
        assert_eq!(arrivals.resume_at(0), 0);
        arrivals.release(1, 11);
        assert_eq!(arrivals.resume_at(0), 2);
        assert_eq!(arrivals.resume_at(21), 3);
        assert_eq!(arrivals.resume_at(31), 4);
        let closed = Arrivals::create_unscheduled(&path, 4).unwrap();
        closed.release_unscheduled(0, 7);
        assert_eq!(closed.resume_at(1000), 1);
    }

    #[test]
    fn an_arrival_is_found_by_its_due_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let arrivals = Arrivals::create(&path, &[0, 10, 20, 30]).unwrap();
        let found = [0, 10, 20, 30, 5, 31].map(|due_ns| arrivals.due_at(due_ns));
        assert_eq!(found, [Some(0), Some(1), Some(2), Some(3), None, None]);
        let closed = Arrivals::create_unscheduled(&path, 5).unwrap();
        closed.release_unscheduled(0, 7);
        closed.release_unscheduled(1, 9);
        let found = [7, 9, 8, 10].map(|due_ns| closed.due_at(due_ns));
        assert_eq!(found, [Some(0), Some(1), None, None]);
    }

    #[test]
    fn arrivals_keep_due_and_release() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let arrivals = Arrivals::create(&path, &[0, 10, 20]).unwrap();
        arrivals.release(0, 0);
        arrivals.release(2, 25);
        let again = Arrivals::open(&path).unwrap();
        assert_eq!(again.len(), 3);
        assert_eq!((again.due_ns(1), again.released_ns(1)), (10, 0));
        assert_eq!((again.due_ns(2), again.released_ns(2)), (20, 25));
        assert_eq!(again.released_ns(0), 1);
    }
}
