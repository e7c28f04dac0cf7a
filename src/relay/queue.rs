//! What waits to be sent on: bounded, in order, on disk as well where a spool is given.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

use super::bug::Bug;
use super::spool::Spool;
use super::{RelayError, Settings};
use crate::signal::Signal;

/// One request that was answered for.
#[derive(Debug, Clone)]
pub struct Message {
    /// Order of coming, which names its file in the spool.
    pub number: u64,
    pub signal: Signal,
    /// The export request, as protobuf.
    pub body: Bytes,
    pub items: u64,
}

/// Why a message does not get a place.
#[derive(Debug, thiserror::Error)]
pub enum Rejected {
    #[error("the queue is full")]
    Full,
    #[error("it is shutting down")]
    Closed,
    #[error("the spool cannot be written: {0}")]
    Spool(#[from] std::io::Error),
}

/// The queue.
#[derive(Debug)]
pub struct Queue {
    state: Mutex<State>,
    arrived: Notify,
    capacity: usize,
    spool: Option<Spool>,
    /// Every second message is taken from the back.
    reorders: bool,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Message>,
    next_number: u64,
    taken: u64,
    is_closed: bool,
    /// A request of data points has been taken, and is not done with.
    points_under_way: bool,
}

impl State {
    /// Takes the next one out: the oldest, except that no data points are taken while others are under
    /// way. Points that overtake older ones of their series are worth nothing to most backends.
    fn take_oldest(&mut self) -> Option<Message> {
        let points_under_way = self.points_under_way;
        let may_go = |message: &Message| message.signal != Signal::Metrics || !points_under_way;
        let index = self.waiting.iter().position(may_go)?;
        self.waiting.remove(index)
    }
}

impl Queue {
    /// An empty queue, or what the spool still holds.
    ///
    /// # Errors
    /// When the spool cannot be read.
    pub fn open(settings: &Settings) -> Result<Self, RelayError> {
        let mut state = State::default();
        let spool = match &settings.spool {
            None => None,
            Some(folder) => {
                let failed = |error| RelayError::Spool {
                    path: folder.display().to_string(),
                    error,
                };
                let spool = Spool::open(folder).map_err(failed)?;
                state.waiting = spool.load().map_err(failed)?.into();
                state.next_number = state.waiting.back().map_or(0, |last| last.number + 1);
                Some(spool)
            }
        };
        let unbounded = settings.bugs.contains(&Bug::UnboundedQueue);
        Ok(Self {
            state: Mutex::new(state),
            arrived: Notify::new(),
            capacity: if unbounded {
                usize::MAX
            } else {
                settings.queue_requests.max(1)
            },
            spool,
            reorders: settings.bugs.contains(&Bug::Reorder),
        })
    }

    /// Gives a request its place. It is on disk when this returns, where there is a spool.
    ///
    /// # Errors
    /// When there is no place for it.
    pub fn push(&self, signal: Signal, body: Bytes, items: u64) -> Result<(), Rejected> {
        let mut state = self.state();
        if state.is_closed {
            return Err(Rejected::Closed);
        }
        if state.waiting.len() >= self.capacity {
            return Err(Rejected::Full);
        }
        let message = Message {
            number: state.next_number,
            signal,
            body,
            items,
        };
        if let Some(spool) = &self.spool {
            spool.write(&message)?;
        }
        state.next_number += 1;
        state.waiting.push_back(message);
        drop(state);
        self.arrived.notify_one();
        Ok(())
    }

    /// The next message, as soon as there is one; `None` once it is closed and empty.
    pub async fn next(&self) -> Option<Message> {
        loop {
            // Registered before looking, so that nothing can come in between unseen.
            let arrived = self.arrived.notified();
            {
                let mut state = self.state();
                state.taken += 1;
                let from_back = self.reorders && state.taken.is_multiple_of(2);
                let message = if from_back {
                    state.waiting.pop_back()
                } else {
                    state.take_oldest()
                };
                if let Some(message) = message {
                    state.points_under_way |= message.signal == Signal::Metrics;
                    return Some(message);
                }
                state.taken -= 1;
                if state.is_closed && state.waiting.is_empty() {
                    // Whoever else waits is to see this as well.
                    self.arrived.notify_one();
                    return None;
                }
            }
            arrived.await;
        }
    }

    /// The message has been dealt with: the spool forgets it.
    ///
    /// # Errors
    /// When its file cannot be removed.
    pub fn done(&self, message: &Message) -> std::io::Result<()> {
        if message.signal == Signal::Metrics {
            self.state().points_under_way = false;
            self.arrived.notify_one();
        }
        match &self.spool {
            Some(spool) => spool.remove(message),
            None => Ok(()),
        }
    }

    /// Takes nothing more.
    pub fn close(&self) {
        self.state().is_closed = true;
        self.arrived.notify_one();
    }

    /// Takes out everything that waits. A spool keeps its files.
    pub fn drain(&self) -> Vec<Message> {
        self.state().waiting.drain(..).collect()
    }

    /// Requests that wait.
    pub fn len(&self) -> usize {
        self.state().waiting.len()
    }

    /// Requests that may wait.
    pub const fn capacity(&self) -> usize {
        self.capacity
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is whole, whatever became of the thread that made it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::fixture::settings;

    fn push(queue: &Queue, text: &'static str) -> Result<(), Rejected> {
        queue.push(Signal::Logs, Bytes::from_static(text.as_bytes()), 1)
    }

    #[tokio::test]
    async fn it_is_bounded_and_in_order() {
        let queue = Queue::open(&settings(vec![])).unwrap();
        push(&queue, "a").unwrap();
        push(&queue, "b").unwrap();
        assert!(matches!(push(&queue, "c"), Err(Rejected::Full)));
        assert_eq!(queue.next().await.unwrap().body, "a");
        queue.close();
        assert!(matches!(push(&queue, "d"), Err(Rejected::Closed)));
        assert_eq!(queue.next().await.unwrap().body, "b");
        assert!(queue.next().await.is_none());
    }

    #[tokio::test]
    async fn data_points_do_not_overtake_each_other() {
        let queue = Queue::open(&settings(vec![Bug::UnboundedQueue])).unwrap();
        for (signal, text) in [
            (Signal::Metrics, "a"),
            (Signal::Metrics, "b"),
            (Signal::Logs, "c"),
        ] {
            queue
                .push(signal, Bytes::from_static(text.as_bytes()), 1)
                .unwrap();
        }
        queue.close();
        let first = queue.next().await.unwrap();
        assert_eq!(first.body, "a");
        assert_eq!(queue.next().await.unwrap().body, "c");
        // Closed and not empty: there is more to come once the first is done with.
        let (second, _) = tokio::join!(queue.next(), async { queue.done(&first).unwrap() });
        assert_eq!(second.unwrap().body, "b");
    }

    #[tokio::test]
    async fn the_bug_takes_every_second_from_the_back() {
        let mut settings = settings(vec![Bug::Reorder, Bug::UnboundedQueue]);
        settings.queue_requests = 1;
        let queue = Queue::open(&settings).unwrap();
        for text in ["a", "b", "c"] {
            push(&queue, text).unwrap();
        }
        let mut order = Vec::new();
        for _ in 0..3 {
            order.push(queue.next().await.unwrap().body);
        }
        assert_eq!(order, ["a", "c", "b"]);
    }

    #[tokio::test]
    async fn a_spool_survives() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = settings(vec![]);
        settings.spool = Some(folder.path().to_owned());
        {
            let queue = Queue::open(&settings).unwrap();
            push(&queue, "a").unwrap();
            push(&queue, "b").unwrap();
            let first = queue.next().await.unwrap();
            queue.done(&first).unwrap();
        }
        let queue = Queue::open(&settings).unwrap();
        assert_eq!(queue.len(), 1);
        let message = queue.next().await.unwrap();
        assert_eq!((message.body.as_ref(), message.items), (&b"b"[..], 1));
        assert_eq!(message.signal, Signal::Logs);
    }
}
