//! The end of a stream is passed on late; its data is left alone.

use super::{End, Fault};

/// How late one lane passes on the end of its stream.
#[derive(Debug, Clone, Copy)]
pub struct SlowClose {
    delay_ns: u64,
}

impl SlowClose {
    /// Passes the end on `delay_ns` late.
    pub const fn new(delay_ns: u64) -> Self {
        Self { delay_ns }
    }
}

impl Fault for SlowClose {
    fn end_due_ns(&self, end: End, ready_ns: u64) -> u64 {
        match end {
            End::Fin => ready_ns.saturating_add(self.delay_ns),
            End::Reset => ready_ns,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_is_late() {
        let mut slow = SlowClose::new(1_000);
        assert_eq!(slow.end_due_ns(End::Fin, 5), 1_005);
        assert_eq!(slow.end_due_ns(End::Reset, 5), 5, "a reset is no close");
        assert_eq!(slow.due_ns(5), 5);
        assert_eq!(slow.slice_due_ns(5, 100, 5), 5);
        assert!(!slow.is_silent());
    }
}
