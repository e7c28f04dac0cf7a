//! RetryInfo and Retry-After are honoured: no attempt of the batch earlier than asked. Sections
//! "OTLP/gRPC Throttling" and "OTLP/HTTP Throttling". A batch that is given up instead breaks no rule.

use super::super::facts::Facts;
use super::exchange::{Exchange, Said};
use super::{Tally, name, seconds};
use crate::plan::{Injector, RoleName};
use crate::record::ConformanceCheck;

/// What a timer may round away.
const TOLERANCE_NS: u64 = 1_000_000;

pub(super) fn check(facts: &Facts<'_>, exchanges: &[Exchange<'_>]) -> ConformanceCheck {
    let mut tally = Tally::default();
    let mut given_up = 0_u64;
    let mut least_extra_ns: Option<u64> = None;
    for exchange in exchanges {
        for (index, attempt) in exchange.attempts.iter().enumerate() {
            let (Some(asked_ns), Some(answered_ns)) = (attempt.asked(), attempt.answered_ns) else {
                continue;
            };
            let lost = attempt.said == Said::Nothing
                || (!attempt.told_by_client && disturbed(facts, attempt.sent_ns, answered_ns));
            if lost {
                continue;
            }
            let Some(next) = exchange.attempts.get(index + 1) else {
                given_up += u64::from(exchange.batch.outcome.is_some());
                continue;
            };
            let waited_ns = next.sent_ns.saturating_sub(answered_ns);
            if waited_ns + TOLERANCE_NS >= asked_ns {
                tally.kept();
                let extra_ns = waited_ns.saturating_sub(asked_ns);
                least_extra_ns = Some(least_extra_ns.map_or(extra_ns, |least| least.min(extra_ns)));
            } else {
                tally.violated(format!(
                    "{} was told to wait {} and was sent again after {}",
                    name(exchange.batch),
                    seconds(asked_ns),
                    seconds(waited_ns)
                ));
            }
        }
    }
    let mut observed = format!("{} waits as long as asked", tally.kept);
    if let Some(extra_ns) = least_extra_ns {
        observed.push_str(&format!(", the tightest {} longer", seconds(extra_ns)));
    }
    if given_up > 0 {
        observed.push_str(&format!(", {given_up} batches given up instead"));
    }
    let unexercised = match given_up {
        0 => "no answer asked for a wait".to_owned(),
        n => format!("{n} batches were given up instead of waiting"),
    };
    tally.conclude(
        "Retry-After and RetryInfo are honoured",
        "OTLP: OTLP/gRPC Throttling; OTLP/HTTP Throttling",
        observed,
        &unexercised,
    )
}

/// Whether something other than the sink was at work meanwhile, so that an answer which only the
/// sink knows of may never have reached the client.
fn disturbed(facts: &Facts<'_>, from_ns: u64, until_ns: u64) -> bool {
    let planned = facts.plan.faults.iter().zip(&facts.evidence.faults);
    planned
        .filter(|(fault, _)| fault.kind.injector() != Injector::Role(RoleName::Sink))
        .any(|(_, seen)| {
            let end_ns = seen.ended_ns.unwrap_or(u64::MAX);
            seen.started_ns.is_some_and(|start| start <= until_ns) && end_ns >= from_ns
        })
}
