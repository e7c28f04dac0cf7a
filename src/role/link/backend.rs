//! What a link is made of: the one thing that the role commands, whatever moves the bytes.

use async_trait::async_trait;

use crate::clock::RunClock;
use crate::evidence::{LinkSample, PacketEvidence, TapEvidence};
use crate::plan::{Direction, LinkFault, Toxicity};
use crate::role::control::Ready;

/// A link that is up. Dropped, it is gone with everything that it made, at the latest a moment later.
#[async_trait]
pub trait Backend: Send {
    /// Where the client finds it.
    fn ready(&self) -> Ready;

    /// Begins a fault; returns the moment of [`crate::clock::monotonic_ns`] from which it is in
    /// force, or says why it cannot.
    async fn start_fault(
        &mut self,
        id: usize,
        direction: Direction,
        fault: LinkFault,
        toxicity: Toxicity,
    ) -> Result<u64, String>;

    /// Ends a fault; returns the moment of its end, and what proves that it took effect, in words.
    async fn end_fault(&mut self, id: usize) -> Result<(u64, Option<String>), String>;

    /// The live counters, stamped with `at_ns`.
    fn sample(&self, at_ns: u64) -> LinkSample;

    /// What a link of packets has to tell of the whole run, or why it cannot; `None` for any other.
    fn packets(&self) -> Option<Result<PacketEvidence, String>> {
        None
    }

    /// The run begins.
    fn start(&mut self, _clock: RunClock) {}

    /// Why it cannot go on, if it cannot.
    fn failure(&self) -> Option<String> {
        None
    }

    /// What its tap counted, where it has one.
    fn taps(&self) -> Option<Vec<TapEvidence>> {
        None
    }

    /// Stops: when this returns, nothing of it is left.
    async fn shutdown(self: Box<Self>);
}
