//! The line of a run: what came to each of its stations and went on, where what did not arrive was
//! left, and who made the copies of what arrived more than once.
//!
//! An item was left at the last station to which it came whole. That says where it was, and the
//! ledger's class says who had answered for it: what a target acknowledged and could never hand on is
//! lost silently, and left at the station that did not let it pass.

use std::collections::BTreeMap;

use roaring::RoaringTreemap;

use super::facts::Facts;
use super::measure::Measured;
use super::said::{LossFinding, said_lost};
use crate::evidence::{Evidence, Side};
use crate::ledger::{Class, ProducerLedger};
use crate::plan::expectation::Window;
use crate::plan::line::Line;
use crate::plan::{ClientKind, FaultKind, Plan, ProcessFault, RoleName};
use crate::record::{Flow, HopLatencyResult, OwnedUp, Placed, Seen, Station};
use crate::signal::Signal;
use crate::stats::histogram::Latencies;
use crate::units;

mod passage;
#[cfg(test)]
mod tests;

use passage::{Passage, losses};

/// The line of a run, and what each producer's items did on it.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    line: Line,
    /// In the order of the evidence's producers.
    passages: Vec<Passage<'a>>,
}

impl<'a> Walk<'a> {
    pub fn of(plan: &Plan, evidence: &'a Evidence) -> Self {
        let line = Line::of(plan);
        let producers = evidence.producers.iter();
        let passages = producers.map(|producer| Passage::of(&line, evidence, producer));
        Self {
            passages: passages.collect(),
            line,
        }
    }
}

/// Everything about the line.
pub(super) fn flow(facts: &Facts<'_>) -> Flow {
    let line = &facts.walk().line;
    let mut flow = Flow {
        stations: line
            .stations
            .iter()
            .map(|role| station(facts, line, *role))
            .collect(),
        blurred: blurred(facts),
        ..Flow::default()
    };
    let mut lost_at: BTreeMap<(Signal, Class, usize), u64> = BTreeMap::new();
    let mut duplicated_at: BTreeMap<(Signal, usize), u64> = BTreeMap::new();
    let mut held: BTreeMap<usize, u64> = BTreeMap::new();
    for (passage, ledger) in walked(facts) {
        for (class, items) in losses(ledger) {
            for (at, items) in passage.left(items) {
                *lost_at.entry((ledger.signal, class, at)).or_default() += items.len();
            }
        }
        for (at, items) in passage.copied(ledger.class(Class::Duplicated)).at {
            *duplicated_at.entry((ledger.signal, at)).or_default() += items.len();
        }
        for (at, items) in passage.held_by_targets(ledger.class(Class::LostSilently)) {
            *held.entry(at).or_default() += items.len();
        }
        for (index, station) in flow.stations.iter_mut().enumerate() {
            let seen = station.seen.entry(ledger.signal).or_default();
            add(seen, passage, index);
        }
    }
    if let (Some(sink), false) = (flow.stations.last_mut(), facts.evidence.ends_elsewhere) {
        arrived(facts, sink);
    }
    let name = |at: usize| flow.stations[at].name.clone();
    let placed = |signal: Signal, class: Class, at: usize, items: u64| Placed {
        signal,
        class: class.as_str().to_owned(),
        at: name(at),
        items,
    };
    let lost_at = lost_at.into_iter();
    let lost_at = lost_at.map(|((signal, class, at), items)| placed(signal, class, at, items));
    let duplicated_at = duplicated_at.into_iter();
    let duplicated_at =
        duplicated_at.map(|((signal, at), items)| placed(signal, Class::Duplicated, at, items));
    (flow.lost_at, flow.duplicated_at) = (lost_at.collect(), duplicated_at.collect());
    flow.owned_up = owned_up(facts, line, &held);
    flow
}

fn walked<'f>(facts: &'f Facts<'_>) -> impl Iterator<Item = (&'f Passage<'f>, &'f ProducerLedger)> {
    facts.walk().passages.iter().zip(&facts.ledger.producers)
}

/// Where items of one class of a producer, which has its number, were left or copied, by the name of
/// the station. None on a line without targets, where there is not much to choose from.
pub(super) fn places(
    facts: &Facts<'_>,
    producer: usize,
    class: Class,
) -> Vec<(String, RoaringTreemap)> {
    let walk = facts.walk();
    let (Some(passage), Some(ledger)) = (
        walk.passages.get(producer),
        facts.ledger.producers.get(producer),
    ) else {
        return Vec::new();
    };
    let placed = match class {
        _ if facts.plan.targets.is_empty() => Vec::new(),
        Class::Duplicated => passage.copied(ledger.class(class)).at.into_iter().collect(),
        _ if class.is_loss() => passage.left(ledger.class(class)),
        _ => Vec::new(),
    };
    let name = |at: usize| facts.plan.name_of(walk.line.stations[at]).to_owned();
    let placed = placed.into_iter();
    placed.map(|(at, items)| (name(at), items)).collect()
}

/// Items that targets answered for and that never arrived.
pub(super) fn lost_in_targets(facts: &Facts<'_>) -> u64 {
    let held = walked(facts)
        .flat_map(|(passage, ledger)| passage.held_by_targets(ledger.class(Class::LostSilently)));
    held.map(|(_, items)| items.len()).sum()
}

/// Items of which a target made the second copy.
pub(super) fn duplicated_in_targets(facts: &Facts<'_>) -> Measured {
    let unsure = unsure_copies(facts);
    if !unsure.is_empty() {
        return Err(unsure.join("; "));
    }
    let line = &facts.walk().line;
    let copied = walked(facts)
        .flat_map(|(passage, ledger)| passage.copied(ledger.class(Class::Duplicated)).at);
    let count: u64 = copied
        .filter(|(at, _)| matches!(line.stations[*at], RoleName::Target(_)))
        .map(|(_, items)| items.len())
        .sum();
    Ok(count as f64)
}

/// Second copies that a target may have made or not, in words, by target.
fn unsure_copies(facts: &Facts<'_>) -> Vec<String> {
    let mut by_target: BTreeMap<usize, u64> = BTreeMap::new();
    for (passage, ledger) in walked(facts) {
        for (at, items) in passage.copied(ledger.class(Class::Duplicated)).unsure {
            *by_target.entry(at).or_default() += items.len();
        }
    }
    let line = &facts.walk().line;
    let told = by_target.into_iter().map(|(at, items)| {
        format!(
            "{} items arrived more than once, and nobody saw how often they came out of `{}`",
            units::count(items),
            facts.plan.name_of(line.stations[at])
        )
    });
    told.collect()
}

/// From coming to a target to leaving it, over all targets.
pub(super) fn target_latency(facts: &Facts<'_>, window: &Window) -> Result<Latencies, String> {
    let line = &facts.walk().line;
    let mut all = Latencies::default();
    for (at, role) in line.stations.iter().enumerate() {
        if !matches!(role, RoleName::Target(_)) {
            continue;
        }
        for signal in Signal::ALL {
            all.merge(&latency(facts, line, *role, signal, window));
        }
        let whole = |signal| latency(facts, line, *role, signal, &Window::Whole).count();
        let timed: u64 = Signal::ALL.into_iter().map(whole).sum();
        if timed == 0 && walked(facts).any(|(passage, _)| passage.passed_through(at)) {
            return Err(format!(
                "items passed `{}`, and nobody knows how long they took",
                facts.plan.name_of(*role)
            ));
        }
    }
    Ok(all)
}

fn station(facts: &Facts<'_>, line: &Line, role: RoleName) -> Station {
    let plan = facts.plan;
    let signals = plan.load.signals();
    Station {
        role: role.as_str().to_owned(),
        name: plan.name_of(role).to_owned(),
        kind: kind(plan, role).to_owned(),
        to: line
            .behind(role)
            .into_iter()
            .map(|next| plan.name_of(next).to_owned())
            .collect(),
        seen: BTreeMap::new(),
        latency: signals
            .map(|signal| (signal, latency(facts, line, role, signal, &Window::Whole)))
            .filter(|(_, latencies)| latencies.count() > 0)
            .map(|(signal, latencies)| (signal, shown(&latencies)))
            .collect(),
    }
}

fn kind(plan: &Plan, role: RoleName) -> &'static str {
    match role {
        RoleName::Client => match plan.client.kind {
            ClientKind::Sdk => "sdk",
            ClientKind::Raw => "raw",
            ClientKind::Command => "command",
            ClientKind::Replay => "replay",
        },
        RoleName::Link(index) => {
            let link = plan.links.get(usize::from(index));
            link.map_or("", |link| link.via.as_str())
        }
        RoleName::Target(index) => {
            let target = plan.targets.get(usize::from(index));
            target.map_or("", |target| target.kind.as_str())
        }
        RoleName::Sink => "sink",
    }
}

/// From coming in to going out, by the taps on the links there; for the client, from the due time.
fn latency(
    facts: &Facts<'_>,
    line: &Line,
    role: RoleName,
    signal: Signal,
    window: &Window,
) -> Latencies {
    let side = |links: Vec<RoleName>, side: &str| -> Vec<String> {
        links.iter().map(|link| format!("{link}.{side}")).collect()
    };
    let (from, to) = match role {
        RoleName::Client => (vec!["due".to_owned()], side(line.behind(role), "entry")),
        RoleName::Link(_) => (vec![format!("{role}.entry")], vec![format!("{role}.exit")]),
        RoleName::Target(_) => (
            side(line.before(role), "exit"),
            side(line.behind(role), "entry"),
        ),
        RoleName::Sink => return Latencies::default(),
    };
    let mut all = Latencies::default();
    let hops = facts.evidence.hop_latencies.iter();
    for hop in hops.filter(|h| h.signal == signal && from.contains(&h.from) && to.contains(&h.to)) {
        for (segment, latencies) in facts.segments.iter().zip(&hop.by_segment) {
            if segment.is_in(window) {
                all.merge(latencies);
            }
        }
    }
    all
}

fn shown(latencies: &Latencies) -> HopLatencyResult {
    let seconds = |ns: Option<u64>| ns.unwrap_or(0) as f64 / 1e9;
    HopLatencyResult {
        items: latencies.count(),
        p50_s: seconds(latencies.quantile_ns(0.5)),
        p99_s: seconds(latencies.quantile_ns(0.99)),
        max_s: seconds(latencies.max_ns()),
    }
}

/// What one more producer's items did at a station.
fn add(seen: &mut Seen, passage: &Passage<'_>, station: usize) {
    let more = |known: &mut Option<u64>, count: Option<u64>| {
        if let Some(count) = count {
            *known = Some(known.unwrap_or(0) + count);
        }
    };
    let (came, went) = (passage.came(station), passage.went(station));
    more(&mut seen.came, came.map(|passed| passed.seen.len()));
    more(&mut seen.came_again, came.map(|passed| passed.extra_copies));
    more(&mut seen.went, went.map(|passed| passed.seen.len()));
    more(&mut seen.went_again, went.map(|passed| passed.extra_copies));
}

/// To the sink came what it received: it knows better than what was written towards it.
fn arrived(facts: &Facts<'_>, sink: &mut Station) {
    for signal in facts.ledger.signals() {
        let totals = facts.ledger.totals(signal);
        let seen = sink.seen.entry(signal).or_default();
        seen.went = Some(totals.received);
        seen.went_again = Some(totals.extra_copies);
    }
}

/// Where nobody looked, and what that means for the places.
fn blurred(facts: &Facts<'_>) -> Vec<String> {
    let plan = facts.plan;
    if plan.targets.is_empty() {
        return Vec::new();
    }
    let mut blurred: Vec<String> = plan
        .links
        .iter()
        .filter(|link| !link.tap)
        .map(|link| {
            format!(
                "`{}` has no tap: what was left on it, or at what it leads to, stands at the station before it where that is known",
                link.name
            )
        })
        .collect();
    for tap in &facts.evidence.taps {
        let unread = tap.unread_connections + tap.unread_requests;
        if unread > 0 {
            let link = plan
                .links
                .get(tap.link)
                .map_or("a link", |link| link.name.as_str());
            let why = tap.unread_examples.first().map_or("", String::as_str);
            blurred.push(format!(
                "the tap at the {} of `{link}` could not read {unread} connection(s) or request(s) to the end: {why}",
                tap.side
            ));
        }
    }
    blurred.extend(altered(facts));
    let unsure = unsure_copies(facts).into_iter();
    blurred.extend(unsure.map(|why| format!("{why}: their second copies are put down to it")));
    blurred
}

/// Whether a fault ended it without a warning.
fn was_killed(facts: &Facts<'_>, target: RoleName) -> bool {
    let begun = facts
        .evidence
        .faults
        .iter()
        .filter(|f| f.started_ns.is_some());
    begun
        .filter_map(|fault| facts.planned(fault))
        .any(|fault| match fault.kind {
            FaultKind::Process { role, fault } => {
                let kills = matches!(
                    fault,
                    ProcessFault::Kill | ProcessFault::Restart | ProcessFault::CrashLoop { .. }
                );
                role == target && kills
            }
            _ => false,
        })
}

/// Where points were seen that nobody sent: a target behind which they are no longer known has
/// altered them.
fn altered(facts: &Facts<'_>) -> Option<String> {
    let taps = facts.evidence.taps.iter();
    let altered: Vec<(RoleName, u64)> = taps
        .filter(|tap| tap.side == Side::Entry)
        .map(|tap| {
            let strangers = tap.producers.iter().map(|tapped| tapped.strangers).sum();
            // There are no more links than a number has room for.
            (RoleName::Link(tap.link as u8), strangers)
        })
        .filter(|(_, strangers)| *strangers > 0)
        .collect();
    let line = &facts.walk().line;
    let (link, points) = altered
        .into_iter()
        .min_by_key(|(link, _)| line.position(*link))?;
    let before = line.before(link);
    let before = before.first().map_or("", |role| facts.plan.name_of(*role));
    Some(format!(
        "{} data points that left `{before}` are none that the client sent as they are (their attributes, start or value were altered): \
         which points came to the stations behind it is not known, and a loss at `{before}` was left at it or behind it",
        units::count(points)
    ))
}

/// What the targets say of their losses. That something came to a target behind another one says not
/// that it answered for it; so those that stand behind each other are looked at together.
fn owned_up(facts: &Facts<'_>, line: &Line, held: &BTreeMap<usize, u64>) -> Vec<OwnedUp> {
    let of_chain = |chain: Vec<RoleName>| {
        let lost = chain
            .iter()
            .filter_map(|role| held.get(&line.position(*role)));
        let lost = lost.sum();
        let names: Vec<&str> = chain.iter().map(|role| facts.plan.name_of(*role)).collect();
        let mut asked = chain.iter().filter_map(|role| {
            let RoleName::Target(index) = role else {
                return None;
            };
            let target = facts.plan.targets.get(usize::from(*index))?;
            let names = &target.metrics.as_ref()?.lost;
            (!names.is_empty()).then_some((&target.name, names))
        });
        asked.clone().next()?;
        // What one of several does not tell, nobody can add up.
        let said = asked.try_fold(0, |sum, (target, names)| {
            Some(sum + said_lost(&facts.evidence.series.said, target, names)?)
        });
        let name = names.join(" and ");
        let mut finding = LossFinding::of(&name, lost, said);
        let killed = chain.iter().any(|role| was_killed(facts, *role));
        if killed && !finding.agrees() {
            finding
                .text
                .push_str("; it was killed, and what it had counted went with it");
        }
        Some(OwnedUp {
            agrees: finding.agrees(),
            killed,
            target: name,
            lost,
            said,
            text: finding.text,
        })
    };
    line.chains().into_iter().filter_map(of_chain).collect()
}
