//! The batch that a thread is exporting. The SDK's batch threads drive the exporter to its end on
//! one thread, so what happens there meanwhile belongs to that batch.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};

use super::outcome::{LastAnswer, of_failure};
use super::ranges;
use super::recorder::Recorder;
use crate::evidence::{ItemRange, OutcomeKind};
use crate::journal::{BatchLine, Point};
use crate::signal::Signal;

/// What gRPC's intermediate failures are called: the SDK retries without telling the code.
const GRPC_RETRYABLE: &str = "grpc, retryable (code not told by the SDK)";

#[derive(Debug)]
struct Open {
    recorder: Arc<Recorder>,
    signal: Signal,
    batch: u64,
    items: Vec<ItemRange>,
    /// Per producer of metrics: measurements that this batch covers.
    covered: Vec<u64>,
    /// A request is out and not answered.
    waiting: bool,
    /// What the HTTP client saw of the last request.
    last_http: Option<LastAnswer>,
    rejected: u64,
    partial_message: String,
    told_permanent: bool,
}

thread_local! {
    static OPEN: RefCell<Option<Open>> = const { RefCell::new(None) };
}

fn with(act: impl FnOnce(&mut Open)) {
    OPEN.with_borrow_mut(|open| {
        if let Some(open) = open {
            act(open);
        }
    });
}

/// Journals that the SDK handed over a batch, and makes it this thread's.
pub(super) fn open(
    recorder: &Arc<Recorder>,
    signal: Signal,
    items: Vec<ItemRange>,
    points: Vec<Point>,
) {
    let batch = recorder.next_batch();
    let record = recorder.signal(signal);
    let count = ranges::count(&items);
    record.handed.fetch_add(count, Ordering::Relaxed);
    record.leave_queue(&items, signal == Signal::Traces);
    let covered = match signal {
        Signal::Metrics => record
            .producers
            .iter()
            .map(|producer| producer.recorded.load(Ordering::Relaxed))
            .collect(),
        Signal::Traces | Signal::Logs => Vec::new(),
    };
    recorder.journal(&BatchLine::Handed {
        batch,
        signal,
        at_ns: recorder.now_ns(),
        items: items.clone(),
        points,
    });
    OPEN.set(Some(Open {
        recorder: Arc::clone(recorder),
        signal,
        batch,
        items,
        covered,
        waiting: false,
        last_http: None,
        rejected: 0,
        partial_message: String::new(),
        told_permanent: false,
    }));
}

/// The current batch goes by that of several ways.
pub(super) fn goes(way: u8) {
    if way > 0 {
        with(|open| {
            open.recorder.journal(&BatchLine::Way {
                batch: open.batch,
                way,
            });
        });
    }
}

/// A request with the current batch goes out.
pub(super) fn sent() {
    with(|open| {
        open.recorder.count_request();
        open.waiting = true;
        open.last_http = None;
        open.recorder.journal(&BatchLine::Sent {
            batch: open.batch,
            at_ns: open.recorder.now_ns(),
        });
    });
}

/// The last HTTP request was answered, or failed.
pub(super) fn http_answered(ok: bool, answer: LastAnswer) {
    with(|open| {
        open.answered(ok, answer.text());
        open.last_http = Some(answer);
    });
}

/// The SDK is about to send the batch again.
pub(super) fn retrying() {
    with(|open| {
        if open.waiting {
            open.answered(false, GRPC_RETRYABLE.to_owned());
        }
    });
}

/// The answer was a partial success.
pub(super) fn partial_success(rejected: u64, message: &str) {
    with(|open| {
        open.rejected = rejected;
        message.clone_into(&mut open.partial_message);
    });
}

/// The SDK said that the last answer is not to be retried.
pub(super) fn told_permanent() {
    with(|open| open.told_permanent = true);
}

/// The signal of the current batch.
pub(super) fn current_signal() -> Option<Signal> {
    OPEN.with_borrow(|open| open.as_ref().map(|open| open.signal))
}

/// Journals how the current batch ended.
pub(super) fn close(result: &OTelSdkResult) {
    if let Some(open) = OPEN.take() {
        open.close(result);
    }
}

impl Open {
    fn answered(&mut self, ok: bool, text: String) {
        self.waiting = false;
        self.recorder.journal(&BatchLine::Answered {
            batch: self.batch,
            at_ns: self.recorder.now_ns(),
            ok,
            text: self.recorder.redacted(text),
        });
    }

    fn close(mut self, result: &OTelSdkResult) {
        let (kind, message) = match result {
            Ok(()) => {
                if self.waiting {
                    self.answered(true, "ok".to_owned());
                }
                let message = std::mem::take(&mut self.partial_message);
                (OutcomeKind::Acknowledged, message)
            }
            Err(error) => {
                let message = match error {
                    OTelSdkError::InternalFailure(message) => message.clone(),
                    other => other.to_string(),
                };
                let last = match self.last_http.take() {
                    Some(answer) => answer,
                    None => LastAnswer::of_grpc_error(&message),
                };
                if self.waiting {
                    self.answered(false, last.text());
                }
                (of_failure(&last, self.told_permanent), message)
            }
        };
        let rejected = match kind {
            OutcomeKind::Acknowledged => self.rejected,
            OutcomeKind::Refused | OutcomeKind::GivenUp => 0,
        };
        self.recorder.journal(&BatchLine::Ended {
            batch: self.batch,
            at_ns: self.recorder.now_ns(),
            result: kind,
            rejected,
            message: self.recorder.redacted(message),
        });
        self.count(kind, rejected);
    }

    /// Live counters, and how far the closed loop may go on.
    fn count(&self, kind: OutcomeKind, rejected: u64) {
        let record = self.recorder.signal(self.signal);
        let count = ranges::count(&self.items);
        record.finished.fetch_add(count, Ordering::Relaxed);
        if kind == OutcomeKind::Acknowledged {
            let accepted = count.saturating_sub(rejected);
            record.acknowledged.fetch_add(accepted, Ordering::Relaxed);
        }
        for (producer, covered) in record.producers.iter().zip(&self.covered) {
            producer
                .finished_through
                .fetch_max(*covered, Ordering::Relaxed);
        }
        if self.signal == Signal::Metrics {
            return;
        }
        let reversed = self.signal == Signal::Traces;
        for range in &self.items {
            if let Some(producer) = record.producers.get(usize::from(range.producer)) {
                let through = ranges::entered_through(*range, record.items_per_arrival, reversed);
                producer
                    .finished_through
                    .fetch_max(through, Ordering::Relaxed);
            }
        }
    }
}
