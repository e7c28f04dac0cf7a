//! The receiver of `squall sink`: it counts, and where it is told to, sends requests on and records
//! them. A request is recorded once it is accepted, by the next hop where there is one, so that a
//! recording holds what senders were told is safe.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};

use async_trait::async_trait;
use bytes::Bytes;
use hyper::HeaderMap;
use tokio::sync::Notify;

use super::counts::Counts;
use super::traffic::lock;
use super::{Answer, Receiver, Request, Taken};
use crate::otlp::Malformed;
use crate::signal::Signal;

/// Where requests are recorded.
pub trait Recording: fmt::Debug + Send + Sync + 'static {
    /// Records a valid request before it is answered.
    ///
    /// # Errors
    /// When it cannot be recorded; in words.
    fn keep(&self, signal: Signal, body: &[u8]) -> Result<(), String>;
}

/// Where requests are sent on to.
#[async_trait]
pub trait Onward: fmt::Debug + Send + Sync + 'static {
    /// Sends a valid request on, with its sender's headers, and waits for the answer.
    async fn ask(&self, signal: Signal, body: Bytes, headers: &HeaderMap) -> Answer;
}

/// What to do about a request that cannot be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// Nothing more is accepted.
    Stop,
    /// It is accepted and counted as not recorded.
    Continue,
}

/// Counts, sends on and records.
#[derive(Debug, Default)]
pub struct Passing {
    pub counts: Counts,
    onward: Option<Box<dyn Onward>>,
    recording: Option<(Box<dyn Recording>, OnFailure)>,
    passed: AtomicU64,
    not_passed: AtomicU64,
    unrecorded: AtomicU64,
    /// The last thing that went wrong.
    trouble: Mutex<Option<String>>,
    /// Why nothing more is accepted.
    failure: OnceLock<String>,
    failed: Notify,
}

/// What became of requests beside being counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Passed {
    /// Requests that the next hop accepted, in part at least.
    pub passed: u64,
    /// Requests that it did not accept, or was not reached with.
    pub not_passed: u64,
    /// Requests that were accepted and could not be recorded.
    pub unrecorded: u64,
}

impl Passing {
    pub fn new(
        onward: Option<Box<dyn Onward>>,
        recording: Option<(Box<dyn Recording>, OnFailure)>,
    ) -> Self {
        Self {
            onward,
            recording,
            ..Self::default()
        }
    }

    pub fn passed(&self) -> Passed {
        Passed {
            passed: self.passed.load(Ordering::Relaxed),
            not_passed: self.not_passed.load(Ordering::Relaxed),
            unrecorded: self.unrecorded.load(Ordering::Relaxed),
        }
    }

    /// The last request that was not sent on or not recorded, in words.
    pub fn trouble(&self) -> Option<String> {
        lock(&self.trouble).clone()
    }

    /// Returns once nothing more is accepted, with the reason. For one task alone.
    pub async fn until_failed(&self) -> &str {
        loop {
            if let Some(why) = self.failure.get() {
                return why;
            }
            self.failed.notified().await;
        }
    }

    fn record(&self, signal: Signal, body: &[u8]) -> Result<(), String> {
        let Some((recording, on_failure)) = &self.recording else {
            return Ok(());
        };
        let Err(why) = recording.keep(signal, body) else {
            return Ok(());
        };
        self.unrecorded.fetch_add(1, Ordering::Relaxed);
        *lock(&self.trouble) = Some(why.clone());
        match on_failure {
            OnFailure::Continue => Ok(()),
            OnFailure::Stop => {
                let _ = self.failure.set(why.clone());
                self.failed.notify_one();
                Err(why)
            }
        }
    }
}

impl Receiver for Passing {
    fn accept(&self, request: Request<'_>) -> Result<Taken, Malformed> {
        if let Some(why) = self.failure.get() {
            return Ok(Taken {
                answer: Answer::Unavailable(why.clone()),
                first: None,
                items: 0,
            });
        }
        let mut taken = self.counts.accept(request)?;
        let is_whole = taken.answer == Answer::Accepted;
        if is_whole && (self.onward.is_some() || self.recording.is_some()) {
            taken.answer = Answer::Pending(Bytes::copy_from_slice(request.body));
        }
        Ok(taken)
    }

    async fn settle(&self, signal: Signal, body: Bytes, headers: &HeaderMap) -> Answer {
        let Some(onward) = &self.onward else {
            return match self.record(signal, &body) {
                Ok(()) => Answer::Accepted,
                Err(why) => Answer::Unavailable(why),
            };
        };
        let answer = onward.ask(signal, body.clone(), headers).await;
        match &answer {
            Answer::Accepted | Answer::Partial { .. } => {
                self.passed.fetch_add(1, Ordering::Relaxed);
                // The next hop has it: that is what the sender is told, whatever the recording says.
                let _ = self.record(signal, &body);
            }
            Answer::Told(told) => {
                self.not_passed.fetch_add(1, Ordering::Relaxed);
                *lock(&self.trouble) = Some(told.why.clone());
            }
            Answer::Pending(_) | Answer::Unavailable(_) | Answer::Refused(_) => {
                self.not_passed.fetch_add(1, Ordering::Relaxed);
            }
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::otlp::json::to_protobuf;

    /// Has room for so many requests.
    #[derive(Debug)]
    struct Small(Mutex<(usize, Vec<Signal>)>);

    impl Recording for Arc<Small> {
        fn keep(&self, signal: Signal, _: &[u8]) -> Result<(), String> {
            let (room, kept) = &mut *lock(&self.0);
            if kept.len() == *room {
                return Err("no space left".to_owned());
            }
            kept.push(signal);
            Ok(())
        }
    }

    fn small(room: usize) -> Arc<Small> {
        Arc::new(Small(Mutex::new((room, Vec::new()))))
    }

    #[derive(Debug)]
    struct Says(Answer);

    #[async_trait]
    impl Onward for Says {
        async fn ask(&self, _: Signal, _: Bytes, _: &HeaderMap) -> Answer {
            self.0.clone()
        }
    }

    async fn answer(passing: &Passing) -> Answer {
        let body = to_protobuf(Signal::Logs, br#"{"resourceLogs":[]}"#).unwrap();
        let request = Request {
            signal: Signal::Logs,
            body: &body,
            arrived_monotonic_ns: 0,
            treatment: None,
        };
        match passing.accept(request).unwrap().answer {
            Answer::Pending(body) => passing.settle(Signal::Logs, body, &HeaderMap::new()).await,
            known => known,
        }
    }

    #[tokio::test]
    async fn without_anything_to_do_it_counts() {
        let passing = Passing::default();
        assert_eq!(answer(&passing).await, Answer::Accepted);
        assert_eq!(passing.counts.snapshot()[2].requests, 1);
    }

    #[tokio::test]
    async fn a_recording_that_fails_stops_everything_or_nothing() {
        let tape = small(1);
        let stops = Passing::new(None, Some((Box::new(Arc::clone(&tape)), OnFailure::Stop)));
        assert_eq!(answer(&stops).await, Answer::Accepted);
        for _ in 0..2 {
            assert!(matches!(answer(&stops).await, Answer::Unavailable(_)));
        }
        assert_eq!(stops.until_failed().await, "no space left");
        assert_eq!(stops.passed().unrecorded, 1);

        let goes_on = Passing::new(None, Some((Box::new(small(1)), OnFailure::Continue)));
        for _ in 0..3 {
            assert_eq!(answer(&goes_on).await, Answer::Accepted);
        }
        assert_eq!(goes_on.passed().unrecorded, 2);
        assert_eq!(goes_on.trouble().as_deref(), Some("no space left"));
    }

    #[tokio::test]
    async fn what_the_next_hop_says_is_the_answer_and_only_what_it_took_is_recorded() {
        let refusal = Answer::Told(super::super::Told::nothing("nobody".to_owned()));
        for (says, recorded) in [
            (Answer::Accepted, 1),
            (
                Answer::Partial {
                    rejected: 2,
                    why: "two".to_owned(),
                },
                1,
            ),
            (refusal, 0),
        ] {
            let tape = small(9);
            let passing = Passing::new(
                Some(Box::new(Says(says.clone()))),
                Some((Box::new(Arc::clone(&tape)), OnFailure::Stop)),
            );
            assert_eq!(answer(&passing).await, says);
            assert_eq!(lock(&tape.0).1.len(), recorded);
            let passed = passing.passed();
            assert_eq!(
                (passed.passed, passed.not_passed),
                (recorded as u64, 1 - recorded as u64)
            );
        }
    }

    #[tokio::test]
    async fn what_was_sent_on_is_acknowledged_though_the_recording_fails() {
        let passing = Passing::new(
            Some(Box::new(Says(Answer::Accepted))),
            Some((Box::new(small(0)), OnFailure::Stop)),
        );
        assert_eq!(answer(&passing).await, Answer::Accepted);
        assert!(matches!(answer(&passing).await, Answer::Unavailable(_)));
    }
}
