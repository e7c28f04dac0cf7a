//! The link's live counters: atomics that every connection adds to.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::evidence::LinkSample;
use crate::plan::Direction;

/// Counters since the link's start, and what is open and held now.
#[derive(Debug, Default)]
pub struct Counters {
    up_received_bytes: AtomicU64,
    down_received_bytes: AtomicU64,
    up_bytes: AtomicU64,
    down_bytes: AtomicU64,
    up_ends: AtomicU64,
    down_ends: AtomicU64,
    connections_open: AtomicU64,
    connections_total: AtomicU64,
    held_bytes: AtomicU64,
}

/// What has come in and what has gone out, in one direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    pub received_bytes: u64,
    pub sent_bytes: u64,
    /// Ends of streams that were passed on.
    pub ends: u64,
}

impl Counters {
    /// Bytes that were read.
    pub fn received(&self, direction: Direction, bytes: usize) {
        let counter = match direction {
            Direction::Up => &self.up_received_bytes,
            Direction::Down | Direction::Both => &self.down_received_bytes,
        };
        counter.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Bytes read and passed on, and ends, up and down.
    pub fn traffic(&self) -> [Traffic; 2] {
        let of = |received: &AtomicU64, sent: &AtomicU64, ends: &AtomicU64| Traffic {
            received_bytes: received.load(Ordering::Relaxed),
            sent_bytes: sent.load(Ordering::Relaxed),
            ends: ends.load(Ordering::Relaxed),
        };
        [
            of(&self.up_received_bytes, &self.up_bytes, &self.up_ends),
            of(&self.down_received_bytes, &self.down_bytes, &self.down_ends),
        ]
    }

    /// Bytes that were passed on.
    pub fn passed(&self, direction: Direction, bytes: usize) {
        let counter = match direction {
            Direction::Up => &self.up_bytes,
            Direction::Down | Direction::Both => &self.down_bytes,
        };
        counter.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// The end of a stream was passed on.
    pub fn ended(&self, direction: Direction) {
        let counter = match direction {
            Direction::Up => &self.up_ends,
            Direction::Down | Direction::Both => &self.down_ends,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Bytes that a lane has begun to hold.
    pub fn hold(&self, bytes: usize) {
        self.held_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Bytes that a lane holds no longer.
    pub fn let_go(&self, bytes: usize) {
        self.held_bytes.fetch_sub(bytes as u64, Ordering::Relaxed);
    }

    /// A connection was accepted; returns its number, from 0.
    pub fn opened(&self) -> u64 {
        self.connections_open.fetch_add(1, Ordering::Relaxed);
        self.connections_total.fetch_add(1, Ordering::Relaxed)
    }

    /// A connection has ended.
    pub fn closed(&self) {
        self.connections_open.fetch_sub(1, Ordering::Relaxed);
    }

    /// All of them, as of `at_ns`.
    pub fn sample(&self, at_ns: u64) -> LinkSample {
        LinkSample {
            at_ns,
            up_bytes: self.up_bytes.load(Ordering::Relaxed),
            down_bytes: self.down_bytes.load(Ordering::Relaxed),
            connections_open: self.connections_open.load(Ordering::Relaxed),
            connections_total: self.connections_total.load(Ordering::Relaxed),
            held_bytes: self.held_bytes.load(Ordering::Relaxed),
        }
    }
}
