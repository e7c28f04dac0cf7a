//! What outlives a link's listener and connections: the active faults, the draws, the counters.

use std::sync::Arc;

use super::active::Begin;
use super::counters::{Counters, Traffic};
use super::rules::{Changed, FaultError, Rules};
use super::toxic::Toxic;
use crate::evidence::LinkSample;
use crate::plan::Toxicity;

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

    /// Ends some faults and begins others behind those that stay, at one moment for all connections,
    /// existing and new; returns that moment of [`crate::clock::monotonic_ns`], and later what the
    /// ended ones did. What they held flows on at once.
    ///
    /// # Errors
    /// When a fault that is to end is not active, or one that is to begin is; then nothing changes.
    pub fn change(&self, end: &[usize], begin: Vec<Begin>) -> Result<Changed, FaultError> {
        self.rules.change(end, begin)
    }

    /// Gives a fault new settings in its place; returns once every connection has them.
    ///
    /// # Errors
    /// When no fault of this number is active.
    pub async fn settle(
        &self,
        id: usize,
        toxic: Toxic,
        toxicity: Toxicity,
    ) -> Result<(), FaultError> {
        self.rules.settle(id, toxic, toxicity).await
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
