//! The connection is reset some time after something came: data, or the end of the stream.

use super::{Cut, End, Fault};

/// A reset that the first chunk sets off. What comes meanwhile is thrown away.
#[derive(Debug, Clone, Copy)]
pub struct ResetPeer {
    timeout_ns: u64,
    reset_ns: Option<u64>,
}

impl ResetPeer {
    /// Resets `timeout_ns` after the first chunk.
    pub const fn new(timeout_ns: u64) -> Self {
        Self {
            timeout_ns,
            reset_ns: None,
        }
    }
}

impl Fault for ResetPeer {
    fn swallows(&self) -> bool {
        true
    }

    fn slice_left(&mut self, _bytes: usize, now_ns: u64) {
        let reset_ns = now_ns.saturating_add(self.timeout_ns);
        self.reset_ns.get_or_insert(reset_ns);
    }

    /// What came is lost already: new settings change when, and no longer whether.
    fn resume(&mut self, left_bytes: u64, now_ns: u64) {
        if left_bytes > 0 {
            self.reset_ns = Some(now_ns.saturating_add(self.timeout_ns));
        }
    }

    fn end_as(&self, _end: End) -> End {
        End::Reset
    }

    fn end_due_ns(&self, _end: End, ready_ns: u64) -> u64 {
        ready_ns.saturating_add(self.timeout_ns)
    }

    fn cut(&self) -> Option<(Cut, u64)> {
        Some((Cut::Reset, self.reset_ns?))
    }

    fn acts(&self, now_ns: u64) -> u64 {
        u64::from(self.reset_ns.is_some_and(|reset_ns| reset_ns <= now_ns))
    }

    /// What was swallowed is missing; a connection that brought nothing goes on.
    fn cut_on_removal(&self) -> Option<Cut> {
        self.reset_ns.map(|_| Cut::Reset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_chunk_sets_it_off_and_the_next_do_not_put_it_off() {
        let mut reset = ResetPeer::new(50);
        assert_eq!((reset.cut(), reset.cut_on_removal()), (None, None));
        reset.slice_left(1, 100);
        reset.slice_left(1, 120);
        assert_eq!(reset.cut(), Some((Cut::Reset, 150)));
        assert_eq!((reset.acts(149), reset.acts(150)), (0, 1));
        assert_eq!(reset.cut_on_removal(), Some(Cut::Reset));
    }

    #[test]
    fn a_good_end_becomes_a_reset() {
        let reset = ResetPeer::new(50);
        assert_eq!(reset.end_as(End::Fin), End::Reset);
        assert_eq!(reset.end_due_ns(End::Reset, 7), 57);
    }
}
