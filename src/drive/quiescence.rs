//! Whether anything still moves: nothing held, in flight or received for two seconds.

use crate::evidence::Series;

/// How long nothing may have moved.
const QUIET_NS: u64 = 2_000_000_000;

/// Watches the series after the client has shut down. Pure; it is told the time.
#[derive(Debug, Default)]
pub struct Quiescence {
    last_state: Option<(u64, u64)>,
    moved_ns: u64,
}

impl Quiescence {
    /// Looks at the newest samples.
    pub fn observe(&mut self, now_ns: u64, series: &Series) {
        let received = series.sink.last().map_or(0, |s| s.requests + s.in_flight);
        let carried = series.link.last().map_or(0, |s| s.up_bytes);
        let under_way = series.link.last().is_some_and(|s| s.held_bytes > 0)
            || series.sink.last().is_some_and(|s| s.in_flight > 0);
        let state = Some((received, carried));
        if under_way || self.last_state != state {
            self.moved_ns = now_ns;
        }
        self.last_state = state;
    }

    /// Whether nothing has moved for two seconds.
    pub fn is_quiet(&self, now_ns: u64) -> bool {
        self.last_state.is_some() && now_ns.saturating_sub(self.moved_ns) >= QUIET_NS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{LinkSample, SinkSample};

    const SECOND_NS: u64 = 1_000_000_000;

    fn series(requests: u64, held_bytes: u64) -> Series {
        Series {
            link: vec![LinkSample {
                held_bytes,
                ..LinkSample::default()
            }],
            sink: vec![SinkSample {
                requests,
                ..SinkSample::default()
            }],
            ..Series::default()
        }
    }

    #[test]
    fn quiet_is_two_seconds_without_a_receipt_and_nothing_held() {
        let mut quiescence = Quiescence::default();
        assert!(!quiescence.is_quiet(9 * SECOND_NS));
        quiescence.observe(SECOND_NS, &series(5, 0));
        quiescence.observe(2 * SECOND_NS, &series(5, 0));
        assert!(!quiescence.is_quiet(2 * SECOND_NS));
        quiescence.observe(3 * SECOND_NS, &series(5, 0));
        assert!(quiescence.is_quiet(3 * SECOND_NS));
        quiescence.observe(3 * SECOND_NS, &series(6, 0));
        assert!(!quiescence.is_quiet(4 * SECOND_NS));
        quiescence.observe(9 * SECOND_NS, &series(6, 100));
        assert!(!quiescence.is_quiet(9 * SECOND_NS));
    }
}
