//! What happened around a fault: the gap in delivery, the time to recover, the backlog.

use super::facts::{Distribution, Facts};
use super::measure::{Measured, pick, within};
use crate::evidence::FaultEvidence;
use crate::plan::FaultPlan;
use crate::plan::expectation::{Phase, Window};
use crate::signal::Signal;

const SECOND_NS: u64 = 1_000_000_000;
/// Bins in a row that must be healthy.
const HEALTHY_BINS: usize = 3;
/// Share of the offered items at which a bin counts as healthy.
const HEALTHY_SHARE: f64 = 0.95;
/// A bin's p99 may be this many times the steady one.
const HEALTHY_P99_FACTOR: f64 = 2.0;
/// How far into a bin a fault's end may reach for the bin to count as after it.
const BIN_TOLERANCE_NS: u64 = 100_000_000;

/// Measures a metric that belongs to a fault: after a fault, the worst over its occurrences; after a
/// storm, from the end of all of it; without a window, the worst over all faults.
pub(super) fn measure(
    facts: &Facts<'_>,
    name: &str,
    signal: Option<Signal>,
    window: &Window,
) -> Measured {
    let faults = &facts.evidence.faults;
    match window {
        Window::After(after) => {
            let occurrences: Vec<&FaultEvidence> =
                faults.iter().filter(|fault| fault.name == *after).collect();
            if !occurrences.is_empty() {
                return worst(facts, name, signal, &occurrences)
                    .unwrap_or_else(|| Err(format!("{after} did not end while there was load")));
            }
            of_fault(facts, name, signal, &storm(facts, after)?)
        }
        _ => worst(facts, name, signal, &faults.iter().collect::<Vec<_>>())
            .unwrap_or_else(|| Err("no fault ended while there was load".to_owned())),
    }
}

/// Measures a metric of one occurrence of a fault.
pub(super) fn of_occurrence(facts: &Facts<'_>, name: &str, fault: &FaultEvidence) -> Measured {
    worst(facts, name, None, &[fault])
        .unwrap_or_else(|| Err(format!("{} did not end while there was load", fault.name)))
}

/// `None` where none of them ended while there was load.
fn worst(
    facts: &Facts<'_>,
    name: &str,
    signal: Option<Signal>,
    faults: &[&FaultEvidence],
) -> Option<Measured> {
    faults
        .iter()
        .filter(|fault| ends_under_load(facts, fault))
        .map(|fault| of_fault(facts, name, signal, fault))
        .reduce(|worst, next| Ok(worst?.max(next?)))
}

/// A storm as one fault: from its first start to its last end. A kill has no end to wait for.
///
/// # Errors
/// When there is none of that name, or not all of it ended while there was load.
fn storm(facts: &Facts<'_>, name: &str) -> Result<FaultEvidence, String> {
    let faults = facts.evidence.faults.iter();
    let parts: Vec<&FaultEvidence> = faults
        .filter(|fault| fault.storm.as_deref() == Some(name))
        .collect();
    let first = *parts
        .first()
        .ok_or_else(|| format!("there was no fault {name}"))?;
    let ended: Vec<&FaultEvidence> = parts
        .iter()
        .copied()
        .filter(|fault| {
            facts
                .planned(fault)
                .is_some_and(|plan| plan.end_ns.is_some())
        })
        .collect();
    if !ended.iter().all(|fault| ends_under_load(facts, fault)) {
        return Err(format!("{name} did not end while there was load"));
    }
    Ok(FaultEvidence {
        name: name.to_owned(),
        started_ns: parts.iter().filter_map(|fault| fault.started_ns).min(),
        ended_ns: ended.iter().filter_map(|fault| fault.ended_ns).max(),
        ..first.clone()
    })
}

/// Whether there was anything to recover: the fault was to end before the load, and did. A kill has
/// no end, and a fault that ends with the load ends a moment before or after it by chance.
fn ends_under_load(facts: &Facts<'_>, fault: &FaultEvidence) -> bool {
    let planned = facts.planned(fault);
    let began_ns = |plan: &FaultPlan| match plan.when {
        Some(_) => fault.started_ns,
        None => Some(plan.start_ns),
    };
    planned
        .and_then(|plan| plan.end_from(began_ns(plan)?))
        .is_some_and(|end_ns| end_ns < facts.plan.run.duration_ns)
        && fault.ended_ns.is_some_and(|end| end < load_end_ns(facts))
}

fn load_end_ns(facts: &Facts<'_>) -> u64 {
    facts.evidence.times.load_ended_ns
}

fn of_fault(
    facts: &Facts<'_>,
    name: &str,
    signal: Option<Signal>,
    fault: &FaultEvidence,
) -> Measured {
    let (Some(start_ns), Some(end_ns)) = (fault.started_ns, fault.ended_ns) else {
        return Err(format!("{} did not start and end", fault.name));
    };
    match name {
        "recovery.time" => recovery_time(facts, signal, end_ns),
        "backlog.drain.time" => backlog_drain_time(facts, start_ns, end_ns),
        "delivery.gap.outage" => {
            let last = last_receipt_before(facts, end_ns)
                .ok_or_else(|| "nothing was received before the fault's end".to_owned())?;
            Ok(seconds(end_ns - last))
        }
        "delivery.gap.backoff" => {
            let first = first_receipt_after(facts, end_ns)
                .ok_or_else(|| "nothing was received after the fault's end".to_owned())?;
            Ok(seconds(first - end_ns))
        }
        other => Err(format!("squall has no measurement for {other}")),
    }
}

/// From `end_ns` to the start of the first one-second bin from which three bins are healthy; the
/// worst over the signals.
///
/// Items belong to the bin of their due time, as they belong to phases. A bin is healthy when at
/// least 95 % of what was due in it, and not sampled out, was received and the p99 of their delivery
/// latency is at most twice the steady one before the first fault. A bin in which nothing was due tells nothing and is
/// passed over. Counting receipts by their arrival instead would make a client that
/// flushes five times a second look ill in every bin that happens to see four flushes. The bins
/// are those of the run's clock, so the resolution is one second.
fn recovery_time(facts: &Facts<'_>, signal: Option<Signal>, end_ns: u64) -> Measured {
    let mut worst = 0.0_f64;
    for signal in judged_signals(facts, signal) {
        worst = worst.max(recovery_of_signal(facts, signal, end_ns)?);
    }
    Ok(worst)
}

/// Spans and logs follow a schedule of their own; data points only stand in where there are none.
fn judged_signals(facts: &Facts<'_>, signal: Option<Signal>) -> Vec<Signal> {
    if let Some(signal) = signal {
        return vec![signal];
    }
    let all: Vec<Signal> = facts.plan.load.signals().collect();
    let scheduled: Vec<Signal> = all
        .iter()
        .copied()
        .filter(|signal| facts.plan.is_scheduled(*signal))
        .collect();
    if scheduled.is_empty() { all } else { scheduled }
}

fn recovery_of_signal(facts: &Facts<'_>, signal: Signal, end_ns: u64) -> Measured {
    let steady_p99_ns = facts
        .undisturbed(Distribution::Delivery, signal)
        .quantile_ns(0.99)
        .ok_or_else(|| format!("{signal}: nothing was received in the steady phase"))?;
    let Some(seen) = facts
        .evidence
        .sink
        .signals
        .iter()
        .find(|seen| seen.signal == signal)
    else {
        return Err(format!("{signal}: nothing was received"));
    };
    // A fault that ends a few milliseconds late still leaves its bin to recover in.
    let first_bin = end_ns.saturating_sub(BIN_TOLERANCE_NS).div_ceil(SECOND_NS);
    let bins_of_load = load_end_ns(facts) / SECOND_NS;
    let mut healthy = Vec::new();
    for bin in first_bin..bins_of_load {
        let start_ns = bin * SECOND_NS;
        let due = |name: &str| {
            let span = (start_ns, start_ns + SECOND_NS);
            let count = facts
                .ledger
                .count_due_within(facts.evidence, Some(signal), span, name);
            count.unwrap_or(0)
        };
        let wanted = due("offered").saturating_sub(due("sampled_out"));
        if wanted == 0 {
            continue;
        }
        let p99_ns = usize::try_from(bin)
            .ok()
            .and_then(|bin| seen.by_due_bin.get(bin)?.quantile_ns(0.99));
        let arrived = due("received") as f64 >= HEALTHY_SHARE * wanted as f64;
        let fast =
            p99_ns.is_none_or(|p99_ns| p99_ns as f64 <= HEALTHY_P99_FACTOR * steady_p99_ns as f64);
        if !(arrived && fast) {
            healthy.clear();
            continue;
        }
        healthy.push(start_ns);
        if healthy.len() == HEALTHY_BINS {
            return Ok(seconds(healthy[0].saturating_sub(end_ns)));
        }
    }
    Err(format!(
        "{signal}: never {HEALTHY_BINS} healthy seconds in a row between the fault's end and the load's"
    ))
}

/// From the fault's end until what the client holds is back at its steady maximum.
fn backlog_drain_time(facts: &Facts<'_>, start_ns: u64, end_ns: u64) -> Measured {
    let samples = &facts.evidence.series.client;
    let backlog = |sample: &crate::evidence::ClientSample| {
        let in_flight = pick(&sample.handed, None).saturating_sub(pick(&sample.finished, None));
        pick(&sample.queued, None) + in_flight
    };
    let steady: Vec<(u64, u64)> = facts
        .intervals(&Window::In(Phase::Steady))
        .into_iter()
        .filter(|(from, _)| *from < start_ns)
        .collect();
    let steady_level = samples
        .iter()
        .filter(|sample| within(&steady, sample.at_ns))
        .map(backlog)
        .max()
        .ok_or_else(|| "there was no steady phase before the fault".to_owned())?;
    samples
        .iter()
        .find(|sample| sample.at_ns >= end_ns && backlog(sample) <= steady_level)
        .map(|sample| seconds(sample.at_ns - end_ns))
        .ok_or_else(|| format!("the backlog never fell back to {steady_level} items"))
}

/// The longest stretch of an interval without a receipt, in nanoseconds. The resolution is that of
/// the sink's samples, 100 ms.
pub(super) fn longest_gap_ns(
    facts: &Facts<'_>,
    signal: Option<Signal>,
    intervals: &[(u64, u64)],
) -> Option<u64> {
    let receipts = receipts(facts, signal);
    let mut longest = None;
    for (start_ns, end_ns) in intervals {
        // Only what could still be sent can be missing.
        let end_ns = (*end_ns).min(load_end_ns(facts));
        if *start_ns >= end_ns || receipts.is_empty() {
            continue;
        }
        let inside: Vec<u64> = receipts
            .iter()
            .copied()
            .filter(|at| (*start_ns..=end_ns).contains(at))
            .collect();
        let edges = std::iter::once(*start_ns)
            .chain(inside)
            .chain(std::iter::once(end_ns));
        let mut last = *start_ns;
        for at in edges {
            longest = longest.max(Some(at - last));
            last = at;
        }
    }
    longest
}

/// Sample times at which the sink had received more than at the sample before.
fn receipts(facts: &Facts<'_>, signal: Option<Signal>) -> Vec<u64> {
    let mut received = 0;
    facts
        .evidence
        .series
        .sink
        .iter()
        .filter_map(|sample| {
            let now = pick(&sample.received, signal);
            let grew = now > received;
            received = now;
            grew.then_some(sample.at_ns)
        })
        .collect()
}

fn last_receipt_before(facts: &Facts<'_>, at_ns: u64) -> Option<u64> {
    receipts(facts, None)
        .into_iter()
        .rfind(|receipt| *receipt <= at_ns)
}

fn first_receipt_after(facts: &Facts<'_>, at_ns: u64) -> Option<u64> {
    receipts(facts, None)
        .into_iter()
        .find(|receipt| *receipt > at_ns)
}

fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

#[cfg(test)]
mod tests;
