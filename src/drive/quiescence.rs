//! Whether anything still moves: nothing held, in flight or received for two seconds, or nobody left to send.

use super::Run;
use crate::evidence::Series;
use crate::plan::{LinkBackend, LinkPlan};

/// How long nothing may have moved.
const QUIET_NS: u64 = 2_000_000_000;
/// How long nobody may have been connected, where no other than the client connects: what it opened last
/// has been accepted by then.
const DESERTED_NS: u64 = 300_000_000;

/// Watches the series after the client has shut down. Pure; it is told the time.
#[derive(Debug, Default)]
pub struct Quiescence {
    last_state: Option<(u64, u64)>,
    moved_ns: u64,
    /// When a connection was last seen open.
    connected_ns: u64,
    /// Up to when both link and sink have told how they are.
    seen_ns: u64,
}

impl Quiescence {
    /// Looks at the newest samples.
    pub fn observe(&mut self, now_ns: u64, series: &Series) {
        let sink = series.sink.last();
        let received = sink.map_or(0, |s| s.requests + s.in_flight);
        let links = || series.links().map(|samples| samples.last());
        let carried = links().flatten().map(|s| s.up_bytes).sum();
        let under_way =
            links().flatten().any(|s| s.held_bytes > 0) || sink.is_some_and(|s| s.in_flight > 0);
        let connected = links().flatten().any(|s| s.connections_open > 0)
            || sink.is_some_and(|s| s.connections_open > 0);
        let state = Some((received, carried));
        if under_way || self.last_state != state {
            self.moved_ns = now_ns;
        }
        if connected {
            self.connected_ns = now_ns;
        }
        self.last_state = state;
        let link_ns = links().map(|last| last.map_or(0, |s| s.at_ns)).min();
        let sink_ns = sink.map_or(0, |s| s.at_ns);
        self.seen_ns = link_ns.unwrap_or(0).min(sink_ns);
    }

    /// Whether nothing has moved for two seconds, or nobody has been connected for a moment and nobody
    /// will be. A link or sink that says nothing may be anything but quiet.
    ///
    /// `closed`: only the client opens connections, and it opens no more.
    pub fn is_quiet(&self, closed: bool) -> bool {
        let still_ns = self.seen_ns.saturating_sub(self.moved_ns);
        let deserted_ns = self.seen_ns.saturating_sub(self.connected_ns).min(still_ns);
        self.last_state.is_some() && (still_ns >= QUIET_NS || closed && deserted_ns >= DESERTED_NS)
    }
}

impl Run<'_> {
    /// Whether, once the client is done, nobody opens another connection: targets do, a packet may be sent
    /// again by a kernel, and what a fault holds up may come after it.
    pub(super) fn is_closed(&self) -> bool {
        let by_proxy = |link: &LinkPlan| link.via == LinkBackend::Proxy;
        self.plan.targets.is_empty()
            && self.plan.links.iter().all(by_proxy)
            && !self.faults.any_active()
            && self.timeline.next_at_ns().is_none()
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
        assert!(!quiescence.is_quiet(false));
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
            assert_eq!(quiescence.is_quiet(false), quiet, "at {second} s");
        }
    }

    #[test]
    fn silence_of_link_or_sink_is_not_quiet() {
        let mut quiescence = Quiescence::default();
        let stale = series(SECOND_NS, 5, 0);
        for second in 1..20 {
            quiescence.observe(second * SECOND_NS, &stale);
            assert!(!quiescence.is_quiet(false));
        }
    }

    #[test]
    fn a_line_that_nobody_can_use_any_more_is_quiet_at_once() {
        let connected = |at_ms: u64, link: u64, sink: u64| {
            let mut series = series(at_ms * 1_000_000, 5, 0);
            series.link[0].connections_open = link;
            series.sink[0].connections_open = sink;
            series
        };
        // Each step: the milliseconds, connections of the link and of the sink, and whether it is quiet.
        let steps = [
            (1000, 0, 0, false),
            (1100, 1, 1, false),
            (1200, 0, 1, false),
            (1300, 0, 0, false),
            (1400, 0, 0, false),
            (1500, 0, 0, true),
            (1600, 1, 0, false),
        ];
        let mut quiescence = Quiescence::default();
        for (ms, link, sink, quiet) in steps {
            quiescence.observe(ms * 1_000_000, &connected(ms, link, sink));
            assert_eq!(quiescence.is_quiet(true), quiet, "at {ms} ms");
            assert!(!quiescence.is_quiet(false));
        }
    }
}
