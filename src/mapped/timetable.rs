//! Which arrival was due at a time, and when an item was: how the data points of a raw client are known,
//! and what a replay sends is timed.
//!
//! A point of a raw client has no identity of its own on the wire. It says its series, and its time is when
//! its request was due; no two requests of a producer are due at the same time. A point of a replay says
//! no series, so that it stays as it was captured: each is an arrival of the only producer, and its
//! time alone tells which. Spans and log records of a replay have identities, and times of their own.

use std::io;

use super::Arrivals;
use super::shelves::Expected;
use crate::ids::Identity;
use crate::signal::Signal;

/// The arrivals of producers of data points, and of what is replayed.
#[derive(Debug)]
pub struct Timetable {
    /// By [`Signal::index`] and producer.
    lanes: [Vec<Option<Lane>>; 3],
}

#[derive(Debug)]
struct Lane {
    arrivals: Arrivals,
    items_per_arrival: u64,
    replayed: bool,
}

impl Timetable {
    /// Opens the arrivals of those producers that make data points or replay.
    ///
    /// # Errors
    /// Those of `open`, which is given a producer.
    pub fn open(
        expected: &[Expected],
        open: impl Fn(Signal, u16) -> io::Result<Arrivals>,
    ) -> io::Result<Self> {
        let mut lanes = [const { Vec::new() }; 3];
        let wanted = |one: &&Expected| one.signal == Signal::Metrics || one.replayed;
        for one in expected.iter().filter(wanted) {
            let lanes: &mut Vec<Option<Lane>> = &mut lanes[one.signal.index()];
            let index = usize::from(one.producer);
            if lanes.len() <= index {
                lanes.resize_with(index + 1, || None);
            }
            lanes[index] = Some(Lane {
                arrivals: open(one.signal, one.producer)?,
                items_per_arrival: u64::from(one.items_per_arrival.max(1)),
                replayed: one.replayed,
            });
        }
        Ok(Self { lanes })
    }

    /// Whether data points are known by it.
    pub fn has_points(&self) -> bool {
        !self.points().is_empty()
    }

    /// Whether they are those of a replay.
    pub fn replays_points(&self) -> bool {
        matches!(self.points(), [Some(lane)] if lane.replayed)
    }

    fn points(&self) -> &[Option<Lane>] {
        &self.lanes[Signal::Metrics.index()]
    }

    /// The request of a producer that was due then; `None` where none was.
    pub fn request(&self, producer: u16, due_ns: u64) -> Option<TimedRequest> {
        let lane = self.points().get(usize::from(producer))?.as_ref()?;
        let arrival = lane.arrivals.due_at(due_ns)? as u64;
        Some(TimedRequest {
            producer,
            arrival,
            items: lane.items_per_arrival,
        })
    }

    /// When an item of a replay was due; `None` for one of anybody else.
    pub fn due_ns(&self, signal: Signal, span_id: u64) -> Option<u64> {
        let lanes = &self.lanes[signal.index()];
        if lanes.is_empty() {
            return None;
        }
        let identity = Identity::from_span_id(span_id)?;
        let lane = lanes.get(usize::from(identity.producer))?.as_ref()?;
        let arrival = usize::try_from(identity.sequence - 1).ok()?;
        (lane.replayed && arrival < lane.arrivals.len()).then(|| lane.arrivals.due_ns(arrival))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_of_a_replay_are_known_by_when_they_were_due_and_the_other_way_round() {
        let folder = tempfile::tempdir().unwrap();
        let lane = |signal, replayed| Expected {
            signal,
            producer: 0,
            sequences: 3,
            items_per_arrival: 1,
            replayed,
        };
        let open = |expected: &[Expected]| {
            Timetable::open(expected, |signal, _| {
                Arrivals::create(&folder.path().join(signal.as_str()), &[5, 6, 90])
            })
            .unwrap()
        };
        let id = |sequence| Identity {
            producer: 0,
            sequence,
        };
        let replay = open(&[lane(Signal::Metrics, true), lane(Signal::Logs, true)]);
        assert!(replay.has_points() && replay.replays_points());
        let found = [5, 6, 7, 90]
            .map(|due_ns| replay.request(0, due_ns).map(|request| request.identity(0)));
        assert_eq!(found, [Some(id(1)), Some(id(2)), None, Some(id(3))]);
        let due = |signal, sequence| replay.due_ns(signal, id(sequence).to_span_id());
        assert_eq!(due(Signal::Logs, 3), Some(90));
        assert_eq!(due(Signal::Logs, 4), None);
        assert_eq!(due(Signal::Traces, 1), None);
        assert_eq!(replay.due_ns(Signal::Logs, 0), None);

        let raw = open(&[lane(Signal::Metrics, false), lane(Signal::Logs, false)]);
        assert!(raw.has_points() && !raw.replays_points());
        assert_eq!(raw.due_ns(Signal::Logs, id(1).to_span_id()), None);
        assert!(!open(&[lane(Signal::Logs, true)]).has_points());
    }
}
