//! The loops of a producer thread: they decide when, a closure decides what.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use super::pace::{Pace, pace};
use crate::clock::RunClock;
use crate::mapped::Arrivals;
use crate::plan::Pacer;

/// Longest sleep, so that a stop is obeyed soon.
const NAP: Duration = Duration::from_millis(20);
/// The last part of a wait that a spinning producer does not sleep.
const SPIN: Duration = Duration::from_micros(100);
/// Sleep of a closed loop whose items are all unfinished.
const CLOSED_NAP: Duration = Duration::from_micros(200);

/// What the producers of one signal have done so far, for live samples.
#[derive(Debug, Default)]
pub struct Offered {
    /// Items that became due.
    pub offered: AtomicU64,
    /// Items that were skipped because they were too late.
    pub missed: AtomicU64,
    /// Largest lateness of a release since it was last taken.
    pub lateness_max_ns: AtomicU64,
}

/// One producer's part of the schedule.
#[derive(Debug)]
pub struct Producer<'a> {
    pub clock: RunClock,
    pub arrivals: &'a Arrivals,
    /// The first arrival that is this producer's.
    pub first: usize,
    pub items_per_arrival: u64,
    pub offered: &'a Offered,
    /// Nothing is owed from then on; [`u64::MAX`] while the load goes on.
    pub stop_at_ns: &'a AtomicU64,
    pub pacer: Pacer,
}

impl Producer<'_> {
    /// Open loop: releases each arrival when it is due, whatever became of the earlier ones.
    ///
    /// `release` is given the arrival's index and due time, and is called after the release was noted.
    pub fn run_open(&self, miss_after_ns: u64, release: impl FnMut(u64, u64)) {
        self.run_together(miss_after_ns, |_| 1, release);
    }

    /// As [`Self::run_open`], where `together` tells how many arrivals, this one and those that follow, are
    /// released at once: `release` is called for the first of them.
    pub fn run_together(
        &self,
        miss_after_ns: u64,
        together: impl Fn(u64) -> u64,
        mut release: impl FnMut(u64, u64),
    ) {
        self.wait_for_start();
        let mut index = self.first;
        while index < self.arrivals.len() {
            let count = together(index as u64).max(1);
            let end = index
                .saturating_add(count as usize)
                .min(self.arrivals.len());
            let items = (end - index) as u64 * self.items_per_arrival;
            let due_ns = self.arrivals.due_ns(index);
            loop {
                if due_ns >= self.stop_at_ns() {
                    return;
                }
                let now_ns = self.clock.now_ns();
                match pace(now_ns, due_ns, miss_after_ns) {
                    Pace::Wait(left) => self.wait(left),
                    Pace::Release => {
                        let late_ns = now_ns - due_ns;
                        self.offered
                            .lateness_max_ns
                            .fetch_max(late_ns, Ordering::Relaxed);
                        self.count_offered(items);
                        (index..end).for_each(|index| self.arrivals.release(index, now_ns));
                        release(index as u64, due_ns);
                        break;
                    }
                    Pace::Miss => {
                        self.count_offered(items);
                        self.offered.missed.fetch_add(items, Ordering::Relaxed);
                        break;
                    }
                }
            }
            index = end;
        }
    }

    /// Closed loop until `end_ns`: goes on as soon as fewer than `outstanding` items are unfinished.
    ///
    /// `finished` tells how many items, in the order of their entry into the client, are known to be
    /// finished; `release` tells whether the arrival entered the client at all.
    pub fn run_closed(
        &self,
        outstanding: u32,
        end_ns: u64,
        finished: impl Fn() -> u64,
        mut release: impl FnMut(u64, u64) -> bool,
    ) {
        self.wait_for_start();
        let outstanding = u64::from(outstanding.max(1));
        // Per unfinished arrival: how many items must be finished for it to be.
        let mut unfinished: VecDeque<u64> = VecDeque::new();
        let mut index = self.first;
        while index < self.arrivals.len() {
            let now_ns = self.clock.now_ns();
            if now_ns >= end_ns.min(self.stop_at_ns()) {
                return;
            }
            let finished = finished();
            while unfinished.front().is_some_and(|last| *last <= finished) {
                unfinished.pop_front();
            }
            if unfinished.len() as u64 * self.items_per_arrival >= outstanding {
                thread::sleep(CLOSED_NAP);
                continue;
            }
            self.count_offered(self.items_per_arrival);
            self.arrivals.release_unscheduled(index, now_ns);
            if release(index as u64, now_ns) {
                unfinished.push_back((index as u64 + 1) * self.items_per_arrival);
            }
            index += 1;
        }
    }

    fn wait(&self, left: Duration) {
        match (self.pacer, left.checked_sub(SPIN)) {
            (Pacer::Sleep, _) => thread::sleep(left.min(NAP)),
            (Pacer::Spin, Some(left)) => thread::sleep(left.min(NAP)),
            (Pacer::Spin, None) => std::hint::spin_loop(),
        }
    }

    fn wait_for_start(&self) {
        precise_sleep();
        loop {
            let left = self.clock.until(0);
            if left.is_zero() || self.stop_at_ns() == 0 {
                return;
            }
            thread::sleep(left.min(NAP));
        }
    }

    fn stop_at_ns(&self) -> u64 {
        self.stop_at_ns.load(Ordering::Relaxed)
    }

    fn count_offered(&self, items: u64) {
        self.offered.offered.fetch_add(items, Ordering::Relaxed);
    }
}

/// Asks the kernel to wake this thread on time. By default it may wake it 50 us late.
fn precise_sleep() {
    #[cfg(target_os = "linux")]
    {
        // Without the right the sleep is only less precise, and lateness is measured anyway.
        let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    fn files(due_ns: &[u64]) -> (tempfile::TempDir, Arrivals) {
        let folder = tempfile::tempdir().unwrap();
        let arrivals = Arrivals::create(&folder.path().join("a"), due_ns).unwrap();
        (folder, arrivals)
    }

    #[test]
    fn an_open_loop_releases_what_is_due_and_misses_what_is_too_late() {
        const LATE_NS: u64 = 60_000_000_000;
        // The run began two minutes ago; the last arrival is due in 5 ms.
        let mut clock = RunClock::starting_in(Duration::ZERO);
        clock.start_monotonic_ns = clock.start_monotonic_ns.saturating_sub(LATE_NS);
        let soon_ns = clock.now_ns() + 5_000_000;
        let (_folder, arrivals) = files(&[0, 1, soon_ns]);
        let offered = Offered::default();
        let mut released = Vec::new();
        Producer {
            clock,
            arrivals: &arrivals,
            first: 0,
            items_per_arrival: 3,
            offered: &offered,
            stop_at_ns: &AtomicU64::new(u64::MAX),
            pacer: Pacer::Spin,
        }
        .run_open(30_000_000_000, |index, due_ns| {
            released.push((index, due_ns));
        });
        assert_eq!(released, vec![(2, soon_ns)]);
        assert_eq!(offered.offered.load(Ordering::Relaxed), 9);
        assert_eq!(offered.missed.load(Ordering::Relaxed), 6);
        assert_eq!(arrivals.released_ns(0), 0);
        assert!(arrivals.released_ns(2) >= soon_ns);
    }

    #[test]
    fn a_closed_loop_keeps_its_bound() {
        let folder = tempfile::tempdir().unwrap();
        let arrivals = Arrivals::create_unscheduled(&folder.path().join("a"), 20).unwrap();
        let released = Cell::new(0_u64);
        let finished = Cell::new(0_u64);
        Producer {
            clock: RunClock::starting_in(Duration::ZERO),
            arrivals: &arrivals,
            first: 0,
            items_per_arrival: 2,
            offered: &Offered::default(),
            stop_at_ns: &AtomicU64::new(u64::MAX),
            pacer: Pacer::Sleep,
        }
        .run_closed(
            4,
            u64::MAX,
            || {
                finished.set(released.get() * 2);
                finished.get()
            },
            |_, _| {
                released.set(released.get() + 1);
                assert!(released.get() * 2 - finished.get() <= 4);
                true
            },
        );
        assert_eq!(released.get(), 20);
        assert!(arrivals.released_ns(19) > 0);
    }

    #[test]
    fn arrivals_that_belong_together_are_released_or_missed_together() {
        let mut clock = RunClock::starting_in(Duration::ZERO);
        clock.start_monotonic_ns = clock.start_monotonic_ns.saturating_sub(60_000_000_000);
        let now_ns = clock.now_ns();
        let (_folder, arrivals) = files(&[0, 1, 2, now_ns, now_ns + 1]);
        let offered = Offered::default();
        let mut released = Vec::new();
        Producer {
            clock,
            arrivals: &arrivals,
            first: 0,
            items_per_arrival: 1,
            offered: &offered,
            stop_at_ns: &AtomicU64::new(u64::MAX),
            pacer: Pacer::Sleep,
        }
        .run_together(
            30_000_000_000,
            |index| if index == 0 { 3 } else { 2 },
            |index, due_ns| released.push((index, due_ns)),
        );
        assert_eq!(released, [(3, now_ns)]);
        let released = [0, 1, 2, 3, 4].map(|index| arrivals.released_ns(index) > 0);
        assert_eq!(released, [false, false, false, true, true]);
        assert_eq!(arrivals.released_ns(3), arrivals.released_ns(4));
        assert_eq!(offered.offered.load(Ordering::Relaxed), 5);
        assert_eq!(offered.missed.load(Ordering::Relaxed), 3);
    }

    /// So that what the load's end says of a schedule is what its producers kept of it.
    #[test]
    fn what_was_due_before_a_stop_is_released_and_nothing_else() {
        let mut clock = RunClock::starting_in(Duration::ZERO);
        clock.start_monotonic_ns = clock.start_monotonic_ns.saturating_sub(1_000_000_000);
        let (_folder, arrivals) = files(&[10, 20, 30]);
        Producer {
            clock,
            arrivals: &arrivals,
            first: 0,
            items_per_arrival: 1,
            offered: &Offered::default(),
            stop_at_ns: &AtomicU64::new(30),
            pacer: Pacer::Sleep,
        }
        .run_open(u64::MAX, |_, _| {});
        let released = [0, 1, 2].map(|index| arrivals.released_ns(index) > 0);
        assert_eq!(released, [true, true, false]);
    }

    #[test]
    fn a_stop_ends_the_wait_for_what_is_due_later() {
        let (_folder, arrivals) = files(&[u64::MAX / 2]);
        Producer {
            clock: RunClock::starting_in(Duration::ZERO),
            arrivals: &arrivals,
            first: 0,
            items_per_arrival: 1,
            offered: &Offered::default(),
            stop_at_ns: &AtomicU64::new(0),
            pacer: Pacer::Sleep,
        }
        .run_open(0, |_, _| panic!("nothing is due"));
        assert_eq!(arrivals.released_ns(0), 0);
    }
}
