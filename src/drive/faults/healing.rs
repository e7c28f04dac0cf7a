//! Whether what a fault did was seen gone after its end.

use super::FaultLog;
use crate::evidence::{LinkSample, Series, SinkSample};
use crate::plan::{FaultKind, ProcessFault, RoleName};

impl FaultLog {
    /// A link has healed when bytes passed after the fault's end, the way in which it lay; a sink when
    /// items were received. Where nothing was sent any more, or another fault was still to end,
    /// there is nothing to tell.
    pub fn judge_healing(&mut self, series: &Series) {
        self.judge_restarts(series);
        let ends_ns: Vec<Option<u64>> = self.entries.iter().map(|e| e.evidence.ended_ns).collect();
        for entry in &mut self.entries {
            let Some(end_ns) = entry.evidence.ended_ns else {
                continue;
            };
            let link = match &entry.plan.kind {
                FaultKind::Link { link, .. } => RoleName::Link(*link),
                _ => RoleName::Link(0),
            };
            let samples = series.link_of(link.as_str());
            let passed = |bytes: fn(&LinkSample) -> u64| {
                let before = samples.iter().rfind(|s| s.at_ns <= end_ns);
                samples.last().map_or(0, bytes) > before.map_or(0, bytes)
            };
            let healed = match &entry.plan.kind {
                FaultKind::Link { direction, .. } => {
                    (!direction.covers_up() || passed(|s| s.up_bytes))
                        && (!direction.covers_down() || passed(|s| s.down_bytes))
                }
                FaultKind::Dns(_) => passed(|s| s.up_bytes) && passed(|s| s.down_bytes),
                FaultKind::Answer { .. } | FaultKind::Tls(_) => {
                    let received = |s: &SinkSample| s.received.iter().sum::<u64>();
                    let before = series.sink.iter().rfind(|s| s.at_ns <= end_ns);
                    series.sink.last().map_or(0, received) > before.map_or(0, received)
                }
                FaultKind::Process { .. } | FaultKind::Stress { .. } => continue,
            };
            // A request that the first sample after the end knows may have been sent before it.
            let first = series.client.iter().find(|s| s.at_ns > end_ns);
            let last = series.client.last();
            let sent = last.map_or(0, |s| s.requests) > first.map_or(u64::MAX, |s| s.requests);
            let others = ends_ns.iter().flatten().any(|other| *other > end_ns);
            if healed {
                entry.evidence.healed = Some(true);
            } else if sent && !others {
                entry.evidence.healed = Some(false);
            }
        }
    }

    /// A process that was started again has healed when it worked again: the client sent, or the sink
    /// was reached. Where nothing was sent any more there is nothing to tell.
    fn judge_restarts(&mut self, series: &Series) {
        for entry in &mut self.entries {
            let (FaultKind::Process { role, fault }, Some(end_ns)) =
                (&entry.plan.kind, entry.evidence.ended_ns)
            else {
                continue;
            };
            let stops = *fault == ProcessFault::Stop;
            if !fault.restarts() && !stops {
                continue;
            }
            let sent = grew(&series.client, end_ns, |s| (s.at_ns, s.requests));
            let received = grew(&series.sink, end_ns, |s| (s.at_ns, s.requests));
            entry.evidence.healed = match role {
                // A target that is not started again has nothing to heal.
                RoleName::Target(_) if entry.plan.end_ns.is_none() => None,
                RoleName::Sink | RoleName::Target(_) => (received || sent).then_some(received),
                RoleName::Client | RoleName::Link(_) => sent.then_some(true),
            };
        }
    }
}

/// Whether a counter rose after `end_ns`.
fn grew<S>(samples: &[S], end_ns: u64, read: impl Fn(&S) -> (u64, u64)) -> bool {
    let mut after = samples
        .iter()
        .map(read)
        .filter(|(at_ns, _)| *at_ns > end_ns);
    let first = after.next().map_or(u64::MAX, |(_, value)| value);
    after.last().is_some_and(|(_, value)| value > first)
}
