//! One producer of one signal: what it sends, and where it is.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::RunClock;
use crate::evidence::ItemRange;
use crate::mapped::Arrivals;
use crate::raw::body::Laid;
#[cfg(test)]
use crate::raw::template::Template;
use crate::signal::Signal;

/// One producer of one signal.
pub struct Lane {
    pub signal: Signal,
    pub producer: u16,
    pub arrivals: Arrivals,
    pub requests: Requests,
    /// High half of its trace ids: records and spans have identities alike, and must not share traces.
    pub trace_high: u64,
    /// Of a closed loop only.
    next: Mutex<Next>,
}

/// What a lane sends in turn.
pub enum Requests {
    /// An arrival is a request, and they are all of one size.
    Even { templates: Vec<Laid>, items: u64 },
    /// An arrival is an item of a captured request.
    Captured(Round),
}

/// All requests of one signal of a capture.
pub struct Round {
    templates: Vec<Laid>,
    /// The number of each request's first item, from 0, and after the last one how many there are.
    starts: Vec<u64>,
}

/// Where a closed loop is.
struct Next {
    arrival: usize,
    /// When the arrival before that one was released.
    before_ns: u64,
    /// Nothing more is released.
    ended: bool,
}

/// A request that is to be sent.
pub struct Outgoing<'a> {
    pub laid: &'a Laid,
    pub items: ItemRange,
    /// The sequence from which the template counts.
    pub counted_from: u64,
}

impl Round {
    pub fn new(templates: Vec<Laid>) -> Self {
        let mut next = 0;
        let mut starts = vec![0];
        starts.extend(templates.iter().map(|laid| {
            next += u64::from(laid.template.items);
            next
        }));
        Self { templates, starts }
    }

    fn items(&self) -> u64 {
        self.starts.last().copied().unwrap_or(0).max(1)
    }

    /// The request that holds an item, and the first of the arrivals that are its items.
    fn request_of(&self, arrival: u64) -> (usize, u64) {
        let within = arrival % self.items();
        let index = self.starts.partition_point(|start| *start <= within) - 1;
        (index, arrival - within + self.starts[index])
    }
}

impl Requests {
    /// The arrivals that are released with this one, which is the first of them.
    pub fn together(&self, arrival: u64) -> u64 {
        match self {
            Requests::Even { .. } => 1,
            Requests::Captured(round) => {
                let (index, first) = round.request_of(arrival);
                first + u64::from(round.templates[index].template.items) - arrival
            }
        }
    }

    /// Whether an arrival begins a request.
    fn begins(&self, arrival: u64) -> bool {
        match self {
            Requests::Even { .. } => true,
            Requests::Captured(round) => round.request_of(arrival).1 == arrival,
        }
    }
}

impl Lane {
    pub fn new(
        signal: Signal,
        producer: u16,
        arrivals: Arrivals,
        requests: Requests,
        trace_high: u64,
    ) -> Self {
        Self {
            signal,
            producer,
            next: Mutex::new(Next {
                arrival: arrivals.resume_at(0),
                before_ns: 0,
                ended: false,
            }),
            arrivals,
            requests,
            trace_high,
        }
    }

    /// Items of the arrivals that are released with this one.
    pub fn items(&self, arrival: u64) -> ItemRange {
        let (first, count) = match &self.requests {
            Requests::Even { items, .. } => (arrival * items, *items),
            captured @ Requests::Captured(_) => (arrival, captured.together(arrival)),
        };
        ItemRange {
            producer: self.producer,
            first: first + 1,
            last: first + count,
        }
    }

    /// The request whose first arrival this is.
    pub fn outgoing(&self, arrival: u64) -> Outgoing<'_> {
        let items = self.items(arrival);
        match &self.requests {
            Requests::Even { templates, .. } => Outgoing {
                laid: &templates[arrival as usize % templates.len()],
                items,
                counted_from: items.first,
            },
            Requests::Captured(round) => {
                let (index, _) = round.request_of(arrival);
                Outgoing {
                    laid: &round.templates[index],
                    items,
                    counted_from: arrival - round.starts[index] + 1,
                }
            }
        }
    }

    /// The first arrival from that one on that begins a request: a killed client may have released a part
    /// of one.
    pub fn whole_from(&self, arrival: usize) -> usize {
        let begins = |arrival: &usize| self.requests.begins(*arrival as u64);
        let found = (arrival..self.arrivals.len()).find(begins);
        found.unwrap_or(self.arrivals.len())
    }

    /// A closed loop's next arrival, due now. No two are due at the same time.
    pub fn take(&self, clock: &RunClock) -> Option<(u64, u64)> {
        let mut next = self.next();
        if next.ended || next.arrival >= self.arrivals.len() {
            return None;
        }
        let arrival = next.arrival;
        let due_ns = clock.now_ns().max(next.before_ns + 1);
        self.arrivals.release_unscheduled(arrival, due_ns);
        (next.arrival, next.before_ns) = (arrival + 1, due_ns);
        Some((arrival as u64, due_ns))
    }

    /// How many arrivals have begun.
    pub fn begun(&self) -> usize {
        self.next().arrival
    }

    /// Ends the loop; how many arrivals had begun.
    pub fn end(&self) -> usize {
        let mut next = self.next();
        next.ended = true;
        next.arrival
    }

    fn next(&self) -> MutexGuard<'_, Next> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otlp::Encoding;

    fn lane(folder: &std::path::Path, sizes: &[u32], arrivals: u64) -> Lane {
        let template = |items: &u32| Template {
            signal: Signal::Logs,
            encoding: Encoding::Protobuf,
            bytes: vec![*items as u8],
            patches: Default::default(),
            items: *items,
        };
        let due: Vec<u64> = (0..arrivals).collect();
        let arrivals = Arrivals::create(&folder.join("a"), &due).unwrap();
        let round = Round::new(sizes.iter().map(template).map(Laid::once).collect());
        Lane::new(Signal::Logs, 0, arrivals, Requests::Captured(round), 1)
    }

    #[test]
    fn requests_follow_each_other_round_after_round() {
        let folder = tempfile::tempdir().unwrap();
        let lane = lane(folder.path(), &[2, 1, 3], 12);
        let mut arrival = 0;
        let mut sent = Vec::new();
        while arrival < 12 {
            let out = lane.outgoing(arrival);
            let first = (out.items.first, out.items.last);
            sent.push((out.laid.template.bytes[0], first, out.counted_from));
            arrival += lane.requests.together(arrival);
        }
        let expected = [
            (2, (1, 2), 1),
            (1, (3, 3), 1),
            (3, (4, 6), 1),
            (2, (7, 8), 7),
            (1, (9, 9), 7),
            (3, (10, 12), 7),
        ];
        assert_eq!(sent, expected);
    }

    #[test]
    fn what_a_killed_client_released_in_part_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let lane = lane(folder.path(), &[2, 1, 3], 12);
        let from = [0, 1, 2, 3, 4, 5, 6, 10, 11, 12].map(|arrival| lane.whole_from(arrival));
        assert_eq!(from, [0, 2, 2, 3, 6, 6, 6, 12, 12, 12]);
    }
}
