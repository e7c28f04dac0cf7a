//! Nothing passes and nothing is said, until the partition heals and what was held flows on.

use super::{Admission, Fault};

/// A handshake needs both directions, so a silence of either holds new connections.
pub const ADMISSION: Admission = Admission::Hold;

/// Silence on one lane.
#[derive(Debug, Clone, Copy)]
pub struct Silence;

impl Fault for Silence {
    fn is_silent(&self) -> bool {
        true
    }

    fn hold_most_ns(&self) -> u64 {
        u64::MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_holds_everything_and_changes_nothing() {
        let mut silence = Silence;
        assert!(silence.is_silent());
        assert_eq!(silence.due_ns(7), 7, "what it held keeps its own due time");
        assert_eq!(silence.slice_bytes(9), 9);
    }
}
