//! Everything that comes is thrown away, and the connection is closed after a time.

use super::{Cut, End, Fault};

/// A line that leads nowhere. Its time runs from when it began on this lane, whatever comes.
#[derive(Debug, Clone, Copy)]
pub struct Timeout {
    close_ns: Option<u64>,
}

impl Timeout {
    /// Closes `timeout_ns` after `now_ns`; with `None`, only when it is removed.
    pub fn new(timeout_ns: Option<u64>, now_ns: u64) -> Self {
        Self {
            close_ns: timeout_ns.map(|timeout_ns| now_ns.saturating_add(timeout_ns)),
        }
    }
}

impl Fault for Timeout {
    fn swallows(&self) -> bool {
        true
    }

    fn end_due_ns(&self, _end: End, _ready_ns: u64) -> u64 {
        u64::MAX
    }

    fn cut(&self) -> Option<(Cut, u64)> {
        Some((Cut::Close, self.close_ns?))
    }

    fn acts(&self, now_ns: u64) -> u64 {
        u64::from(self.close_ns.is_some_and(|close_ns| close_ns <= now_ns))
    }

    /// Bytes are missing by now: the stream cannot go on as if nothing had been.
    fn cut_on_removal(&self) -> Option<Cut> {
        Some(Cut::Close)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_swallows_everything_and_closes_on_time_and_on_removal() {
        let mut timeout = Timeout::new(Some(50), 100);
        assert!(timeout.swallows());
        timeout.slice_left(10, 140);
        assert_eq!(timeout.cut(), Some((Cut::Close, 150)), "data is no excuse");
        assert_eq!(timeout.cut_on_removal(), Some(Cut::Close));
        assert_eq!(timeout.end_due_ns(End::Fin, 7), u64::MAX);
        assert_eq!((timeout.acts(149), timeout.acts(150)), (0, 1));
        assert_eq!(Timeout::new(None, 100).cut(), None);
    }
}
