//! What outlives a link's listener and connections: the active faults, the draws, the counters.

use std::sync::Arc;

use super::counters::{Counters, Traffic};
use super::rules::{FaultError, Rules};
use super::toxic::Toxic;
use crate::evidence::{FaultProof, LinkSample};
use crate::plan::Direction;

/// The weather over one place. Cloning it gives another handle on the same.
#[derive(Debug, Clone)]
pub struct Weather {
    pub(super) rules: Arc<Rules>,
    pub(super) counters: Arc<Counters>,
}

impl Weather {
    /// Fair weather. Everything random is drawn from `seed`: from it, the number of the connection
    /// in the order of their coming, its direction and the fault's number.
    pub fn new(seed: u64) -> Self {
        Self {
            rules: Arc::new(Rules::new(seed)),
            counters: Arc::default(),
        }
    }

    /// Begins a fault behind those that are active, on the `toxicity` share (0 to 1) of all
    /// connections, existing and new; returns the moment of [`crate::clock::monotonic_ns`] from
    /// which it is in force.
    ///
    /// # Errors
    /// When a fault of this number is active.
    pub fn start(
        &self,
        id: usize,
        direction: Direction,
        toxic: impl Into<Toxic>,
        toxicity: f64,
    ) -> Result<u64, FaultError> {
        self.rules.start(id, direction, toxic, toxicity)
    }

    /// Gives a fault new settings in its place; returns once every connection has them.
    ///
    /// # Errors
    /// When no fault of this number is active.
    pub async fn change(&self, id: usize, toxic: Toxic, toxicity: f64) -> Result<(), FaultError> {
        self.rules.change(id, toxic, toxicity).await
    }

    /// Ends a fault; returns the moment of its end and what it did. What it held flows on at once.
    ///
    /// # Errors
    /// When no fault of this number is active.
    pub async fn end(&self, id: usize) -> Result<(u64, FaultProof), FaultError> {
        self.rules.end(id).await
    }

    /// The live counters, stamped with `at_ns`.
    pub fn sample(&self, at_ns: u64) -> LinkSample {
        self.counters.sample(at_ns)
    }

    /// Bytes that came and went, up and down, counted as they move.
    pub fn traffic(&self) -> [Traffic; 2] {
        self.counters.traffic()
    }
}
