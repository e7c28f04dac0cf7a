//! How long the machine keeps a thread from running: what a test must not hold against squall.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const TICK: Duration = Duration::from_millis(1);

/// The lateness of a thread that does nothing but sleep for a millisecond at a time, added up.
pub struct Stalls {
    late_ns: AtomicU64,
    ticks: AtomicU64,
}

impl Stalls {
    pub const fn new() -> Self {
        Self {
            late_ns: AtomicU64::new(0),
            ticks: AtomicU64::new(0),
        }
    }

    /// Watches for as long as the process lives.
    pub fn watch(&'static self) {
        thread::spawn(|| {
            loop {
                let begun = Instant::now();
                thread::sleep(TICK);
                let late = begun.elapsed().saturating_sub(TICK);
                self.late_ns
                    .fetch_add(late.as_nanos() as u64, Ordering::SeqCst);
                self.ticks.fetch_add(1, Ordering::SeqCst);
            }
        });
    }

    /// All stalls so far.
    pub fn total(&self) -> Duration {
        Duration::from_nanos(self.late_ns.load(Ordering::SeqCst))
    }

    /// The same, with the one that may be going on.
    pub fn total_after_this(&self) -> Duration {
        let ticks = self.ticks.load(Ordering::SeqCst);
        while self.ticks.load(Ordering::SeqCst) == ticks {
            thread::sleep(TICK);
        }
        self.total()
    }
}
