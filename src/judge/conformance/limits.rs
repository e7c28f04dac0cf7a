//! Limits of time. `OTEL_EXPORTER_OTLP_TIMEOUT` is the longest that the exporter waits for a batch
//! ("Configuration Options" of the exporter's specification); a shutdown may take
//! `client.shutdown_timeout` ("OTLP/gRPC Concurrent Requests": until a time-out expires), and what
//! it has time for it flushes.

use super::super::causes::BatchIndex;
use super::super::facts::Facts;
use super::exchange::Exchange;
use super::{Tally, name, seconds};
use crate::evidence::{Batch, Evidence};
use crate::ledger::Class;
use crate::plan::{FaultKind, Plan, RoleName};
use crate::record::ConformanceCheck;
use crate::signal::Signal;

/// By how much a limit may be passed: timers, threads and a busy machine.
const TOLERANCE_NS: u64 = 250_000_000;
/// The larger tolerance of long limits: one tenth.
const TOLERANCE_SHARE: u64 = 10;

const OPTIONS: &str = "OTLP exporter: Configuration Options, Timeout";

/// The time-out that the client was given for a signal.
pub(super) fn timeout_ns(plan: &Plan, signal: Signal) -> Option<u64> {
    let own = format!(
        "OTEL_EXPORTER_OTLP_{}_TIMEOUT",
        signal.as_str().to_uppercase()
    );
    let ms: u64 = plan.client.sdk.get(&own)?.parse().ok()?;
    ms.checked_mul(1_000_000)
}

fn tolerated(limit_ns: u64) -> u64 {
    limit_ns.saturating_add(TOLERANCE_NS.max(limit_ns / TOLERANCE_SHARE))
}

/// No attempt may outlive the time-out.
pub(super) fn attempts(facts: &Facts<'_>, exchanges: &[Exchange<'_>]) -> ConformanceCheck {
    let mut limit = Limit::new(facts);
    for exchange in exchanges {
        let last = exchange.attempts.len() - 1;
        for (index, attempt) in exchange.attempts.iter().enumerate() {
            let end_ns = attempt.answered_ns.or_else(|| {
                // Of the last one alone it is known that it was still waited for.
                (index == last && exchange.batch.outcome.is_none())
                    .then_some(facts.evidence.times.ended_ns)
            });
            let Some(end_ns) = end_ns else { continue };
            limit.see(exchange.batch, attempt.sent_ns, end_ns, "an attempt of ");
        }
    }
    limit.conclude("no attempt outlives its time-out", "no attempt")
}

/// No export, all attempts and waits together, may outlive the time-out.
pub(super) fn exports(facts: &Facts<'_>) -> ConformanceCheck {
    let mut limit = Limit::new(facts);
    for batch in facts.batches(None) {
        if let Some(outcome) = &batch.outcome {
            limit.see(batch, batch.handed_ns, outcome.at_ns, "");
        }
    }
    limit.conclude("no export outlives its time-out", "no export")
}

/// Things that may last as long as their signal's time-out.
struct Limit<'a> {
    plan: &'a Plan,
    evidence: &'a Evidence,
    tally: Tally,
    longest_ns: u64,
}

impl<'a> Limit<'a> {
    fn new(facts: &Facts<'a>) -> Self {
        Self {
            plan: facts.plan,
            evidence: facts.evidence,
            tally: Tally::default(),
            longest_ns: 0,
        }
    }

    /// An occasion is what came near its limit. Nothing that a fault of the client's own process
    /// stretched is judged.
    fn see(&mut self, batch: &crate::evidence::Batch, from_ns: u64, end_ns: u64, what: &str) {
        let Some(limit_ns) = timeout_ns(self.plan, batch.signal) else {
            return;
        };
        let lasted_ns = end_ns.saturating_sub(from_ns);
        if lasted_ns < limit_ns - limit_ns / TOLERANCE_SHARE
            || client_disturbed(self.plan, self.evidence, from_ns, end_ns)
        {
            return;
        }
        self.longest_ns = self.longest_ns.max(lasted_ns);
        if lasted_ns <= tolerated(limit_ns) {
            self.tally.kept();
        } else {
            self.tally.violated(format!(
                "{what}{} lasted {}, and its time-out is {}",
                name(batch),
                seconds(lasted_ns),
                seconds(limit_ns)
            ));
        }
    }

    fn conclude(self, check: &str, none: &str) -> ConformanceCheck {
        let reached = self.tally.kept + self.tally.violations;
        let observed = format!(
            "{reached} reached it, the longest took {}",
            seconds(self.longest_ns)
        );
        let unexercised = format!("{none} came near it");
        self.tally.conclude(check, OPTIONS, observed, &unexercised)
    }
}

/// Whether the client itself was paused, starved or killed meanwhile.
fn client_disturbed(plan: &Plan, evidence: &Evidence, from_ns: u64, until_ns: u64) -> bool {
    let planned = plan.faults.iter().zip(&evidence.faults);
    planned
        .filter(|(fault, _)| {
            let role = RoleName::Client;
            matches!(fault.kind, FaultKind::Process { role: r, .. } if r == role)
        })
        .any(|(_, seen)| {
            let end_ns = seen.ended_ns.unwrap_or(u64::MAX);
            seen.started_ns.is_some_and(|start| start <= until_ns) && end_ns >= from_ns
        })
}

/// The shutdown ends within its limit, and leaves nothing queued while it has time.
pub(super) fn shutdown(facts: &Facts<'_>) -> ConformanceCheck {
    let limit_ns = facts.plan.client.shutdown_timeout_ns;
    let times = &facts.evidence.times;
    let mut tally = Tally::default();
    let mut observed = String::new();
    if let Some(done_ns) = times.client_done_ns
        && !client_disturbed(facts.plan, facts.evidence, times.load_ended_ns, done_ns)
    {
        let took_ns = done_ns.saturating_sub(times.load_ended_ns);
        let left = queued_at_the_end(facts);
        observed = format!(
            "it took {} of {}, and {left} items stayed in the queue",
            seconds(took_ns),
            seconds(limit_ns)
        );
        let in_time = took_ns <= tolerated(limit_ns);
        let used_up = took_ns >= limit_ns - limit_ns / TOLERANCE_SHARE;
        if in_time && (left == 0 || used_up) {
            tally.kept();
        } else {
            tally.violated(observed.clone());
        }
    }
    tally.conclude(
        "shutdown flushes within its limit",
        "OTLP: OTLP/gRPC Concurrent Requests",
        observed,
        "the client did not live to shut down undisturbed",
    )
}

/// Items that entered after everything that was ever handed over, and never left. A queue that may
/// have been full when they came may have dropped them: then nobody knows, and none counts.
fn queued_at_the_end(facts: &Facts<'_>) -> u64 {
    let producers = facts.evidence.producers.iter();
    producers
        .zip(&facts.ledger.producers)
        .map(|(producer, ledger)| {
            let last_handed = BatchIndex::of(facts, producer).last_handed_order(producer);
            let left: Vec<u64> = ledger
                .class(Class::DroppedByClient)
                .iter()
                .filter(|item| last_handed.is_none_or(|last| producer.entry_order(*item) > last))
                .collect();
            let came_ns = left.first().and_then(|item| producer.due_of(*item));
            let held: u64 = facts
                .batches(Some(producer.signal))
                .filter(|batch| came_ns.is_some_and(|came| batch.handed_ns >= came))
                .map(Batch::len)
                .sum();
            let left = left.len() as u64;
            // Of the queue of its own instance.
            let instances = u64::from(facts.plan.client.instances.max(1));
            let size = facts.plan.client.queue_size(producer.signal);
            let size = size.map(|size| size / instances);
            match size {
                Some(size) if held + left >= size => 0,
                _ => left,
            }
        })
        .sum()
}
