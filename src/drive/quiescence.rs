//! Whether anything still moves: nothing held, in flight or received for two seconds.

use crate::evidence::Series;

/// How long nothing may have moved.
const QUIET_NS: u64 = 2_000_000_000;

/// Watches the series after the client has shut down. Pure; it is told the time.
#[derive(Debug, Default)]
pub struct Quiescence {
    last_state: Option<(u64, u64)>,
    moved_ns: u64,
    /// Up to when both link and sink have told how they are.
    seen_ns: u64,
}

impl Quiescence {
    /// Looks at the newest samples.
    pub fn observe(&mut self, now_ns: u64, series: &Series) {
        let received = series.sink.last().map_or(0, |s| s.requests + s.in_flight);
        let links = || series.links().map(|samples| samples.last());
        let carried = links().flatten().map(|s| s.up_bytes).sum();
        let under_way = links().flatten().any(|s| s.held_bytes > 0)
            || series.sink.last().is_some_and(|s| s.in_flight > 0);
        let state = Some((received, carried));
        if under_way || self.last_state != state {
            self.moved_ns = now_ns;
        }
        self.last_state = state;
        let link_ns = links().map(|last| last.map_or(0, |s| s.at_ns)).min();
        let sink_ns = series.sink.last().map_or(0, |s| s.at_ns);
        self.seen_ns = link_ns.unwrap_or(0).min(sink_ns);
    }

    /// Whether nothing has moved for two seconds. A link or sink that says nothing may be anything
    /// but quiet.
    pub fn is_quiet(&self) -> bool {
        self.last_state.is_some() && self.seen_ns.saturating_sub(self.moved_ns) >= QUIET_NS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{LinkSample, SinkSample};

    const SECOND_NS: u64 = 1_000_000_000;

    fn series(at_ns: u64, requests: u64, held_bytes: u64) -> Series {
        Series {
            link: vec![LinkSample {
                at_ns,
                held_bytes,
                ..LinkSample::default()
            }],
            sink: vec![SinkSample {
                at_ns,
                requests,
                ..SinkSample::default()
            }],
            ..Series::default()
        }
    }

    #[test]
    fn quiet_is_two_seconds_without_a_receipt_and_nothing_held() {
        let mut quiescence = Quiescence::default();
        assert!(!quiescence.is_quiet());
        // Each step: the second, the sink's requests, the link's bytes held, and whether it is quiet.
        let steps = [
            (1, 5, 0, false),
            (2, 5, 0, false),
            (3, 5, 0, true),
            (4, 6, 0, false),
            (6, 6, 0, true),
            (9, 6, 100, false),
            (10, 6, 0, false),
            (11, 6, 0, true),
        ];
        for (second, requests, held_bytes, quiet) in steps {
            let now_ns = second * SECOND_NS;
            quiescence.observe(now_ns, &series(now_ns, requests, held_bytes));
            assert_eq!(quiescence.is_quiet(), quiet, "at {second} s");
        }
    }

    #[test]
    fn silence_of_link_or_sink_is_not_quiet() {
        let mut quiescence = Quiescence::default();
        let stale = series(SECOND_NS, 5, 0);
        for second in 1..20 {
            quiescence.observe(second * SECOND_NS, &stale);
            assert!(!quiescence.is_quiet());
        }
    }
}
