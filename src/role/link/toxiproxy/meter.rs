//! Counts what goes into Toxiproxy and what comes out of it, with a thin link of our own at either
//! side: its own counters move only when a connection ends.

use std::collections::BTreeMap;

use super::crossing::Crossing;
use super::proof::Seen;
use crate::evidence::LinkSample;
use crate::link::counters::Traffic;
use crate::link::weather::Weather;
use crate::plan::Direction;

/// The counters at one moment, up and down.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    front: LinkSample,
    back: LinkSample,
    bytes: [Way; 2],
    ends: [Way; 2],
}

/// What went in and what came out.
#[derive(Debug, Clone, Copy, Default)]
struct Way {
    entered: u64,
    left: u64,
}

impl Way {
    /// Inside, or lost there.
    fn missing(self) -> u64 {
        self.entered.saturating_sub(self.left)
    }
}

/// The links before and behind Toxiproxy, and what was seen between them.
#[derive(Debug)]
pub struct Meter {
    front: Weather,
    back: Weather,
    /// What vanished in Toxiproxy with its connections, as far as can be told: never more than is
    /// missing now.
    lost: [u64; 2],
    watches: BTreeMap<usize, Watch>,
    closed: u64,
    closed_ns: u64,
}

/// What happened under one fault.
#[derive(Debug)]
struct Watch {
    direction: Direction,
    began_ns: u64,
    began: Reading,
    bytes: [Crossing; 2],
    ends: [Crossing; 2],
    connections_most: u64,
}

impl Meter {
    pub fn new(front: Weather, back: Weather) -> Self {
        Self {
            front,
            back,
            lost: [0; 2],
            watches: BTreeMap::new(),
            closed: 0,
            closed_ns: 0,
        }
    }

    fn read(&self) -> Reading {
        // What came out first: what enters meanwhile is then missing, never what left too much.
        let (back_up, front_down) = (self.back.traffic()[0], self.front.traffic()[1]);
        let (front_up, back_down) = (self.front.traffic()[0], self.back.traffic()[1]);
        let way = |into: Traffic, out: Traffic, count: fn(&Traffic) -> u64| Way {
            entered: count(&into),
            left: count(&out),
        };
        let both = |count| {
            [
                way(front_up, back_up, count),
                way(back_down, front_down, count),
            ]
        };
        Reading {
            front: self.front.sample(0),
            back: self.back.sample(0),
            bytes: both(|traffic| traffic.sent_bytes),
            ends: both(|traffic| traffic.ends),
        }
    }

    /// Looks at the counters; to be done every [`super::TICK`] while a fault is active.
    pub fn observe(&mut self, now_ns: u64) {
        let reading = self.read();
        let open = reading.front.connections_open;
        let closed = reading.front.connections_total.saturating_sub(open);
        if closed != self.closed {
            (self.closed, self.closed_ns) = (closed, now_ns);
        }
        if open == 0 && reading.back.connections_open == 0 {
            self.lost = reading.bytes.map(Way::missing);
        }
        for (way, lost) in self.lost.iter_mut().enumerate() {
            *lost = (*lost).min(reading.bytes[way].missing());
        }
        for watch in self.watches.values_mut() {
            watch.connections_most = watch.connections_most.max(open);
            for (way, lost) in self.lost.iter().enumerate() {
                let (bytes, ends) = (reading.bytes[way], reading.ends[way]);
                watch.bytes[way].observe(now_ns, bytes.entered, bytes.left + lost);
                // Since the fault began: a connection that was reset has one end without the other.
                let began = watch.began.ends[way];
                watch.ends[way].observe(
                    now_ns,
                    ends.entered - began.entered,
                    ends.left - began.left,
                );
            }
        }
    }

    /// What is missing now is lost, or comes out in a moment, which is seen then. To be called before
    /// the first fault begins, and after one that ends connections.
    pub fn settle(&mut self) {
        self.lost = self.read().bytes.map(Way::missing);
    }

    /// Whether a fault is watched.
    pub fn is_watching(&self) -> bool {
        !self.watches.is_empty()
    }

    /// Watches a fault, which is in force.
    pub fn watch(&mut self, id: usize, direction: Direction, now_ns: u64) {
        let began = self.read();
        let watch = Watch {
            direction,
            began_ns: now_ns,
            began,
            bytes: began.bytes.map(|way| Crossing::from(way.entered)),
            ends: [(); 2].map(|()| Crossing::from(0)),
            connections_most: began.front.connections_open,
        };
        self.watches.insert(id, watch);
    }

    /// What was seen under a fault, which is still in force, and watches it no longer.
    pub fn unwatch(&mut self, id: usize, now_ns: u64) -> Option<Seen> {
        self.observe(now_ns);
        let watch = self.watches.remove(&id)?;
        let now = self.read();
        let closed = |reading: &Reading| {
            let front = &reading.front;
            front
                .connections_total
                .saturating_sub(front.connections_open)
        };
        let covered = [watch.direction.covers_up(), watch.direction.covers_down()];
        let ways = || [0, 1].into_iter().filter(|way| covered[*way]);
        let slowest = ways().max_by_key(|way| watch.bytes[*way].timed());
        let slowest = slowest.map(|way| &watch.bytes[way]);
        Some(Seen {
            elapsed_ns: now_ns.saturating_sub(watch.began_ns),
            entered_bytes: ways()
                .map(|way| now.bytes[way].entered - watch.began.bytes[way].entered)
                .sum(),
            left_bytes: ways()
                .map(|way| now.bytes[way].left - watch.began.bytes[way].left)
                .sum(),
            ways: ways().count() as u64,
            connections: watch.connections_most,
            closed: closed(&now) - closed(&watch.began),
            timed: slowest.map_or(0, Crossing::timed),
            median_ns: slowest.map_or(0, Crossing::median_ns),
            longest_ns: slowest.map_or(0, Crossing::longest_ns),
            ends: ways().map(|way| watch.ends[way].timed()).sum(),
            end_longest_ns: ways()
                .map(|way| watch.ends[way].longest_ns())
                .max()
                .unwrap_or(0),
        })
    }

    /// When a connection was last seen to have ended.
    pub fn closed_ns(&self) -> u64 {
        self.closed_ns
    }

    /// The whole way as one link.
    pub fn sample(&self, at_ns: u64) -> LinkSample {
        let reading = self.read();
        let inside = |way: usize| {
            let missing = reading.bytes[way].missing();
            missing.saturating_sub(self.lost[way])
        };
        let inside = if self.is_watching() {
            inside(0) + inside(1)
        } else {
            0
        };
        LinkSample {
            at_ns,
            up_bytes: reading.bytes[0].left,
            down_bytes: reading.bytes[1].left,
            held_bytes: inside + reading.front.held_bytes + reading.back.held_bytes,
            ..reading.front
        }
    }
}
