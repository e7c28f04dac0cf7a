//! Which arrival was due at a time: how the data points of a raw client are known.
//!
//! A point has no identity of its own on the wire. It says its series, and its time is when its request
//! was due; no two requests of a producer are due at the same time.

use std::io;

use super::Arrivals;
use super::shelves::Expected;
use crate::ids::Identity;
use crate::signal::Signal;

/// The arrivals of each producer of data points, and how many items each of them makes.
#[derive(Debug)]
pub struct Timetable {
    producers: Vec<Option<(Arrivals, u64)>>,
}

impl Timetable {
    /// Opens the arrivals of those producers that make data points.
    ///
    /// # Errors
    /// Those of `open`, which is given a producer's number.
    pub fn open(
        expected: &[Expected],
        open: impl Fn(u16) -> io::Result<Arrivals>,
    ) -> io::Result<Self> {
        let mut producers = Vec::new();
        for one in expected.iter().filter(|e| e.signal == Signal::Metrics) {
            let index = usize::from(one.producer);
            if producers.len() <= index {
                producers.resize_with(index + 1, || None);
            }
            let items = u64::from(one.items_per_arrival.max(1));
            producers[index] = Some((open(one.producer)?, items));
        }
        Ok(Self { producers })
    }

    /// Whether data points are known by it at all.
    pub fn is_empty(&self) -> bool {
        self.producers.is_empty()
    }

    /// The request of a producer that was due then; `None` where none was.
    pub fn request(&self, producer: u16, due_ns: u64) -> Option<TimedRequest> {
        let (arrivals, items) = self.producers.get(usize::from(producer))?.as_ref()?;
        let arrival = arrivals.due_at(due_ns)? as u64;
        Some(TimedRequest {
            producer,
            arrival,
            items: *items,
        })
    }
}

/// A request that was due at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimedRequest {
    producer: u16,
    arrival: u64,
    items: u64,
}

impl TimedRequest {
    /// The point at `position` among the series of its producer.
    pub const fn identity(self, position: u32) -> Identity {
        Identity {
            producer: self.producer,
            sequence: self.arrival * self.items + position as u64 % self.items + 1,
        }
    }
}
