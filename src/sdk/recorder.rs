//! Where the fate of every item is kept: mapped marks, the journal of batches, live counters.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::content::ContentNotes;
use super::{SdkError, ranges};
use crate::clock::RunClock;
use crate::evidence::ItemRange;
use crate::ids::Identity;
use crate::journal::{self, BATCHES_FILE, BatchLine, Journal};
use crate::mapped::{Bitmap, names};
use crate::plan::LoadPlan;
use crate::plan::secret::{REDACTED, Secret};
use crate::signal::Signal;

/// Distinct warnings and errors that are kept.
const NOTES_MAX: usize = 32;

/// Shared by everything that watches the SDK.
#[derive(Debug)]
pub struct Recorder {
    journal: Journal,
    clock: OnceLock<RunClock>,
    next_batch: AtomicU64,
    next_point: AtomicU64,
    requests: AtomicU64,
    signals: [SignalRecord; 3],
    notes: Mutex<BTreeSet<String>>,
    /// Why the journal is not whole: the first failure, until it was told.
    failure: Mutex<Option<String>>,
    failed: AtomicBool,
    /// Values that a peer may echo and nobody may read.
    secrets: Vec<Secret>,
    /// Only where content is checked.
    content: Option<ContentNotes>,
}

/// What is known of one signal. Counters are for live samples, never for the ledger.
#[derive(Debug, Default)]
pub struct SignalRecord {
    pub entered: AtomicU64,
    pub handed: AtomicU64,
    pub acknowledged: AtomicU64,
    pub finished: AtomicU64,
    /// One per producer.
    pub producers: Vec<ProducerRecord>,
    pub items_per_arrival: u64,
    /// Items that have left the queue of a raw client, whose requests leave it in any order.
    left_one_by_one: AtomicU64,
}

/// Up to where a producer's items have left the SDK's queue, which is first in, first out.
#[derive(Debug, Default)]
struct Left {
    /// The arrivals before this one have; `None` before anything was handed over.
    arrivals: Option<u64>,
    /// How many items of these had entered.
    counted: u64,
    /// Items of the arrival at which the last batch ended.
    begun: u64,
}

/// What is known of one producer.
#[derive(Debug, Default)]
pub struct ProducerRecord {
    /// `None` for metrics through an SDK, whose points do not enter one by one.
    entered: Option<Bitmap>,
    /// Measurements recorded; for metrics only.
    pub recorded: AtomicU64,
    /// Items, in the order of their entry, that are finished.
    pub finished_through: AtomicU64,
    left: Mutex<Left>,
}

impl SignalRecord {
    /// A batch has left the SDK's queue, and with it everything that entered before: what of that
    /// was never handed over had been dropped. `reversed` as in [`ranges::entered_through`].
    pub fn leave_queue(&self, items: &[ItemRange], reversed: bool) {
        for range in items {
            let producer = self.producers.get(usize::from(range.producer));
            let Some((producer, entered)) =
                producer.and_then(|one| Some((one, one.entered.as_ref()?)))
            else {
                continue;
            };
            let per_arrival = self.items_per_arrival.max(1);
            let through = ranges::entered_through(*range, per_arrival, reversed);
            let arrival = (through.max(1) - 1) / per_arrival;
            let mut left = producer.left.lock().unwrap_or_else(PoisonError::into_inner);
            // A client that was started again has nothing of before in its queue.
            let before = left.arrivals.unwrap_or((range.first - 1) / per_arrival);
            if arrival >= before {
                let sequences = before * per_arrival + 1..arrival * per_arrival + 1;
                left.counted += entered.count(sequences);
                left.arrivals = Some(arrival);
                let begun = through - arrival * per_arrival;
                left.begun = if arrival == before {
                    left.begun.max(begun)
                } else {
                    begun
                };
            }
        }
    }

    /// A request of a raw client, with so many items, has left its queue: for the wire, or because there was no
    /// room.
    pub fn leave_queue_alone(&self, items: u64) {
        self.left_one_by_one.fetch_add(items, Ordering::Relaxed);
    }

    /// Items in the SDK's queue; those that it has dropped since the last batch count as well.
    pub fn queued(&self) -> u64 {
        let left = self.producers.iter().map(|producer| {
            let left = producer.left.lock().unwrap_or_else(PoisonError::into_inner);
            left.counted + left.begun
        });
        let left = left.sum::<u64>() + self.left_one_by_one.load(Ordering::Relaxed);
        self.entered.load(Ordering::Relaxed).saturating_sub(left)
    }
}

impl Recorder {
    /// Opens the journal and the bitmaps that the controller made in `evidence`: those of signals whose
    /// items enter one by one, as `is_scheduled` tells. No text that is kept will hold any of `secrets`.
    ///
    /// # Errors
    /// When a file is missing or cannot be mapped.
    pub fn open(
        evidence: &Path,
        load: &LoadPlan,
        is_scheduled: impl Fn(Signal) -> bool,
        secrets: Vec<Secret>,
    ) -> Result<Self, SdkError> {
        let at = |name: &str, error: io::Error| SdkError::Evidence {
            path: evidence.join(name).display().to_string(),
            error,
        };
        let path = evidence.join(BATCHES_FILE);
        let journal = Journal::open(&path).map_err(|error| at(BATCHES_FILE, error))?;
        let (batches, points) = numbered(&path).map_err(|error| at(BATCHES_FILE, error))?;
        let mut signals: [SignalRecord; 3] = Default::default();
        for signal in load.signals() {
            let Some(arrivals) = load.arrivals(signal) else {
                continue;
            };
            let record = &mut signals[signal.index()];
            record.items_per_arrival = u64::from(arrivals.items_per_arrival.max(1));
            for producer in 0..arrivals.producers.max(1) {
                let entered = match is_scheduled(signal) {
                    false => None,
                    true => {
                        let name = names::entered(signal, producer);
                        let bitmap = Bitmap::open(&evidence.join(&name));
                        Some(bitmap.map_err(|error| at(&name, error))?)
                    }
                };
                record.producers.push(ProducerRecord {
                    entered,
                    ..ProducerRecord::default()
                });
            }
        }
        Ok(Self {
            journal,
            clock: OnceLock::new(),
            next_batch: AtomicU64::new(batches + 1),
            next_point: AtomicU64::new(points + 1),
            requests: AtomicU64::new(0),
            signals,
            notes: Mutex::default(),
            failure: Mutex::default(),
            failed: AtomicBool::new(false),
            secrets,
            content: None,
        })
    }

    /// From now on notes what every item says that is handed over.
    ///
    /// # Errors
    /// When a file that the controller made is missing or cannot be mapped.
    pub fn note_content(mut self, evidence: &Path, load: &LoadPlan) -> Result<Self, SdkError> {
        let notes = ContentNotes::open(evidence, load).map_err(|error| SdkError::Evidence {
            path: evidence.display().to_string(),
            error,
        })?;
        self.content = Some(notes);
        Ok(self)
    }

    /// Where what items say is noted, if it is.
    pub(super) fn content(&self) -> Option<&ContentNotes> {
        self.content.as_ref()
    }

    /// From now on times are offsets of this clock; before, they are 0. The first call counts.
    pub fn start(&self, clock: RunClock) {
        // A second start is not something that the controller does.
        let _ = self.clock.set(clock);
    }

    pub fn now_ns(&self) -> u64 {
        self.clock.get().map_or(0, RunClock::now_ns)
    }

    pub fn signal(&self, signal: Signal) -> &SignalRecord {
        &self.signals[signal.index()]
    }

    /// Requests sent so far.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    pub fn count_request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Marks an item as entered into the client.
    pub fn mark_entered(&self, signal: Signal, span_id: u64) {
        let Some(item) = Identity::from_span_id(span_id) else {
            return;
        };
        let record = self.signal(signal);
        let bitmap = record
            .producers
            .get(usize::from(item.producer))
            .and_then(|producer| producer.entered.as_ref());
        if let Some(bitmap) = bitmap {
            bitmap.mark(item.sequence);
            record.entered.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The same for a run of items, which a raw client makes at once.
    pub fn mark_run(&self, signal: Signal, items: ItemRange) {
        let record = self.signal(signal);
        let bitmap = record
            .producers
            .get(usize::from(items.producer))
            .and_then(|producer| producer.entered.as_ref());
        if let Some(bitmap) = bitmap {
            bitmap.mark_run(items.first..items.last + 1);
            let count = items.last - items.first + 1;
            record.entered.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// A number for a batch, unique over all signals and over a restart, from 1.
    pub fn next_batch(&self) -> u64 {
        self.next_batch.fetch_add(1, Ordering::Relaxed)
    }

    /// The first of `count` fresh sequences for data points.
    pub(super) fn next_points(&self, count: u64) -> u64 {
        self.next_point.fetch_add(count, Ordering::Relaxed)
    }

    /// Appends to the journal. The first failure is kept for [`Self::take_failure`].
    pub fn journal(&self, line: &BatchLine) {
        self.journal_all(std::slice::from_ref(line));
    }

    /// The same for lines that belong together, with one write.
    pub fn journal_all(&self, lines: &[BatchLine]) {
        self.noted(BATCHES_FILE, self.journal.append_all(lines));
    }

    /// The same for any of the client's files.
    pub(super) fn noted(&self, file: &str, written: io::Result<()>) {
        if let Err(error) = written
            && !self.failed.swap(true, Ordering::Relaxed)
        {
            let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
            *failure = Some(format!("cannot write {file}: {error}"));
        }
    }

    /// Why the journal is not whole, once: the load goes on, but nobody can judge the run.
    pub fn take_failure(&self) -> Option<String> {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.take()
    }

    /// The text without the secrets that a peer may have echoed.
    pub fn redacted(&self, mut text: String) -> String {
        for secret in &self.secrets {
            if !secret.reveal().is_empty() && text.contains(secret.reveal()) {
                text = text.replace(secret.reveal(), REDACTED);
            }
        }
        text
    }

    /// Keeps a distinct warning or error, while there is room.
    pub fn note(&self, text: String) {
        let text = self.redacted(text);
        // A poisoned set is still a set.
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if notes.len() < NOTES_MAX {
            notes.insert(text);
        }
    }

    /// The notes so far, sorted.
    pub fn notes(&self) -> Vec<String> {
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        notes.iter().cloned().collect()
    }
}

/// The last batch and the last data point that a client before this one has numbered; 0 for none.
fn numbered(journal: &Path) -> io::Result<(u64, u64)> {
    let lines: Vec<BatchLine> = journal::read(journal)?;
    let handed = lines.iter().filter_map(|line| match line {
        BatchLine::Handed { batch, points, .. } => Some((*batch, points.len() as u64)),
        _ => None,
    });
    Ok(handed.fold((0, 0), |(last, total), (batch, points)| {
        (last.max(batch), total + points)
    }))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_on_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let open =
            || Recorder::open(folder.path(), &LoadPlan::default(), |_| true, Vec::new()).unwrap();
        let first = open();
        assert_eq!((first.next_batch(), first.next_points(2)), (1, 1));
        let point = journal::Point {
            key: crate::ids::PointKey {
                series: 1,
                time_unix_ns: 1,
            },
            start_unix_ns: 0,
            value: 1.0,
            kind: journal::PointKind::Last,
        };
        first.journal(&BatchLine::Handed {
            batch: 1,
            signal: Signal::Metrics,
            at_ns: 0,
            items: Vec::new(),
            points: vec![point, point],
        });
        let second = open();
        assert_eq!((second.next_batch(), second.next_points(2)), (2, 3));
    }

    #[test]
    fn requests_that_leave_a_raw_clients_queue_in_any_order_leave_nothing_behind() {
        let record = SignalRecord {
            items_per_arrival: 64,
            ..SignalRecord::default()
        };
        record.entered.fetch_add(3 * 64, Ordering::Relaxed);
        // The second request is handed over before the first; of the third nothing has been heard.
        record.leave_queue_alone(64);
        assert_eq!(record.queued(), 128);
        record.leave_queue_alone(64);
        assert_eq!(record.queued(), 64);
        record.leave_queue_alone(64);
        assert_eq!(record.queued(), 0);
    }

    /// Two producers of traces of four spans, which enter the root last.
    #[test]
    fn what_a_full_queue_dropped_is_in_it_until_something_behind_it_left() {
        let folder = tempfile::tempdir().unwrap();
        let record = |entered: &[(u16, u64)]| {
            let mut record = SignalRecord {
                items_per_arrival: 4,
                ..SignalRecord::default()
            };
            for producer in 0..2_u16 {
                let path = folder.path().join(producer.to_string());
                record.producers.push(ProducerRecord {
                    entered: Some(Bitmap::create(&path, 1000).unwrap()),
                    ..ProducerRecord::default()
                });
            }
            for (producer, sequence) in entered {
                let bitmap = record.producers[usize::from(*producer)].entered.as_ref();
                bitmap.unwrap().mark(*sequence);
                record.entered.fetch_add(1, Ordering::Relaxed);
            }
            record
        };
        let range = |producer, first, last| ItemRange {
            producer,
            first,
            last,
        };
        let first: Vec<(u16, u64)> = (1..=400).map(|sequence| (0, sequence)).collect();
        let all = [&first[..], &[(1, 1), (1, 2), (1, 3), (1, 4)]].concat();
        let spans = record(&all);
        assert_eq!(spans.queued(), 404);
        // Two of the second trace are handed over, and then the rest of it.
        spans.leave_queue(&[range(0, 1, 4), range(0, 7, 8)], true);
        assert_eq!(spans.queued(), 398);
        spans.leave_queue(&[range(0, 5, 6), range(1, 1, 4)], true);
        assert_eq!(spans.queued(), 392);
        // The traces before the last were dropped; of that one a span is still to come.
        spans.leave_queue(&[range(0, 398, 400)], true);
        assert_eq!(spans.queued(), 1);
        spans.leave_queue(&[range(0, 397, 397)], true);
        assert_eq!(spans.queued(), 0);
        // A sampler lets one trace of ten in.
        let sampled: Vec<(u16, u64)> = first
            .into_iter()
            .filter(|(_, s)| (s - 1) / 4 % 10 == 0)
            .collect();
        let spans = record(&sampled);
        spans.leave_queue(&[range(0, 1, 4), range(0, 41, 44)], true);
        assert_eq!(spans.queued(), 32);
        // A client that goes on where another was killed has only its own in its queue.
        let spans = record(&[(0, 801), (0, 802), (0, 803), (0, 804)]);
        spans.leave_queue(&[range(0, 803, 804)], true);
        assert_eq!(spans.queued(), 2);
    }

    #[test]
    fn a_journal_that_cannot_be_written_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        // A disk that is always full.
        std::os::unix::fs::symlink("/dev/full", folder.path().join(BATCHES_FILE)).unwrap();
        let recorder =
            Recorder::open(folder.path(), &LoadPlan::default(), |_| true, Vec::new()).unwrap();
        assert_eq!(recorder.take_failure(), None);
        for batch in 1..4 {
            recorder.journal(&BatchLine::Sent { batch, at_ns: 0 });
        }
        let why = recorder.take_failure().unwrap();
        assert!(why.starts_with("cannot write batches.jsonl: "), "{why}");
        recorder.journal(&BatchLine::Sent { batch: 4, at_ns: 0 });
        assert_eq!(recorder.take_failure(), None);
    }
}
