//! How late this machine lets a producer be that has nothing else to do.

use std::io;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use super::producer::{Offered, Producer};
use crate::clock::RunClock;
use crate::mapped::Arrivals;
use crate::plan::Pacer;
use crate::stats::histogram::Latencies;

/// Time to get ready before the first arrival.
const LEAD: Duration = Duration::from_millis(20);

/// Paces `per_s` arrivals a second for `length` with the loop that runs use, on a thread of its own,
/// and returns how late each was released.
///
/// # Errors
/// When the schedule's file cannot be made.
pub fn lateness(per_s: u32, length: Duration) -> io::Result<Latencies> {
    let folder = tempfile::tempdir()?;
    let count = length.as_secs_f64() * f64::from(per_s);
    let due_ns = (0..count as u64).map(|index| index * 1_000_000_000 / u64::from(per_s.max(1)));
    let due_ns: Vec<u64> = due_ns.collect();
    let arrivals = Arrivals::create(&folder.path().join("arrivals"), &due_ns)?;
    let mut late = Latencies::default();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let producer = Producer {
                clock: RunClock::starting_in(LEAD),
                arrivals: &arrivals,
                first: 0,
                items_per_arrival: 1,
                offered: &Offered::default(),
                stop_at_ns: &AtomicU64::new(u64::MAX),
                pacer: Pacer::Sleep,
            };
            producer.run_open(u64::MAX, |_, _| {});
        });
    });
    for (index, due_ns) in due_ns.iter().enumerate() {
        late.record_ns(arrivals.released_ns(index).saturating_sub(*due_ns), 1);
    }
    Ok(late)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_arrival_is_measured() {
        let late = lateness(1000, Duration::from_millis(100)).unwrap();
        assert_eq!(late.count(), 100);
    }
}
