//! What the relay says about itself, as collectors do.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use super::queue::Queue;
use crate::signal::Signal;

/// Items since the start.
#[derive(Debug, Default)]
pub struct Counters {
    accepted: [AtomicU64; 3],
    refused: [AtomicU64; 3],
    sent: [AtomicU64; 3],
    send_failed: [AtomicU64; 3],
    /// Given up at the shutdown.
    dropped: AtomicU64,
    attempts: AtomicU64,
}

impl Counters {
    pub fn add_accepted(&self, signal: Signal, items: u64) {
        self.accepted[signal.index()].fetch_add(items, Ordering::Relaxed);
    }

    pub fn add_refused(&self, signal: Signal, items: u64) {
        self.refused[signal.index()].fetch_add(items, Ordering::Relaxed);
    }

    pub fn add_sent(&self, signal: Signal, items: u64) {
        self.sent[signal.index()].fetch_add(items, Ordering::Relaxed);
    }

    pub fn add_send_failed(&self, signal: Signal, items: u64) {
        self.send_failed[signal.index()].fetch_add(items, Ordering::Relaxed);
    }

    pub fn add_dropped(&self, items: u64) {
        self.dropped.fetch_add(items, Ordering::Relaxed);
    }

    pub fn add_attempt(&self) {
        self.attempts.fetch_add(1, Ordering::Relaxed);
    }

    /// In Prometheus's text format.
    pub fn exposition(&self, queue: &Queue) -> String {
        let mut text = String::new();
        let families = [
            ("relay_accepted_items", &self.accepted),
            ("relay_refused_items", &self.refused),
            ("relay_sent_items", &self.sent),
            ("relay_send_failed_items", &self.send_failed),
        ];
        for (name, values) in families {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "# TYPE {name} counter");
            for signal in Signal::ALL {
                let value = values[signal.index()].load(Ordering::Relaxed);
                let _ = writeln!(text, "{name}{{signal=\"{signal}\"}} {value}");
            }
        }
        let single = [
            (
                "relay_dropped_items",
                "counter",
                self.dropped.load(Ordering::Relaxed),
            ),
            (
                "relay_export_attempts",
                "counter",
                self.attempts.load(Ordering::Relaxed),
            ),
            ("relay_queue_size", "gauge", queue.len() as u64),
            ("relay_queue_capacity", "gauge", queue.capacity() as u64),
        ];
        for (name, kind, value) in single {
            let _ = writeln!(text, "# TYPE {name} {kind}\n{name} {value}");
        }
        text
    }
}
