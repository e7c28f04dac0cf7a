//! The link's live counters: atomics that every connection adds to.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::evidence::LinkSample;
use crate::plan::Direction;

/// Counters since the link's start, and what is open and held now.
#[derive(Debug, Default)]
pub struct Counters {
    up_bytes: AtomicU64,
    down_bytes: AtomicU64,
    connections_open: AtomicU64,
    connections_total: AtomicU64,
    held_bytes: AtomicU64,
}

impl Counters {
    /// Bytes that were passed on.
    pub fn passed(&self, direction: Direction, bytes: usize) {
        let counter = match direction {
            Direction::Up => &self.up_bytes,
            Direction::Down | Direction::Both => &self.down_bytes,
        };
        counter.fetch_add(bytes as u64, Ordering::Relaxed);
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
