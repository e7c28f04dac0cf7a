//! The line of a run: what came to each of its stations and went on, where what did not arrive was
//! left, and who made the copies of what arrived more than once.
//!
//! An item was left at the last station to which it came whole. That says where it was, and the
//! ledger's class says who had answered for it: what a target acknowledged and could never hand on is
//! lost silently, and left at the station that did not let it pass.

use std::collections::BTreeMap;

use super::facts::Facts;
use super::said::{LossFinding, said_lost};
use crate::ledger::Class;
use crate::plan::expectation::Window;
use crate::plan::{ClientKind, Place, Plan, RoleName};
use crate::record::{Flow, HopLatencyResult, OwnedUp, Placed, Seen, Station};
use crate::signal::Signal;
use crate::stats::histogram::Latencies;

mod passage;
#[cfg(test)]
mod tests;

use passage::{Passage, losses};

/// Who stands where: every role, each behind all that send to it.
#[derive(Debug, Clone)]
pub(super) struct Line {
    stations: Vec<RoleName>,
    /// Who sends to whom.
    ways: Vec<(RoleName, RoleName)>,
}

/// Everything about the line.
pub(super) fn flow(facts: &Facts<'_>) -> Flow {
    let line = Line::of(facts.plan);
    let mut flow = Flow {
        stations: line
            .stations
            .iter()
            .map(|role| station(facts, &line, *role))
            .collect(),
        blurred: blurred(facts),
        ..Flow::default()
    };
    let mut lost_at: BTreeMap<(Signal, Class, usize), u64> = BTreeMap::new();
    let mut duplicated_at: BTreeMap<(Signal, usize), u64> = BTreeMap::new();
    let mut held: BTreeMap<usize, u64> = BTreeMap::new();
    let known = facts.evidence.producers.iter().zip(&facts.ledger.producers);
    for (producer, ledger) in known {
        let passage = Passage::of(&line, facts.evidence, producer);
        for (class, items) in losses(ledger) {
            for (at, items) in passage.left(items) {
                *lost_at.entry((producer.signal, class, at)).or_default() += items.len();
            }
        }
        for (at, items) in passage.copied(ledger.class(Class::Duplicated)) {
            *duplicated_at.entry((producer.signal, at)).or_default() += items.len();
        }
        for (at, items) in passage.held_by_targets(ledger.class(Class::LostSilently)) {
            *held.entry(at).or_default() += items.len();
        }
        for (index, station) in flow.stations.iter_mut().enumerate() {
            let seen = station.seen.entry(producer.signal).or_default();
            add(seen, &passage, index);
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
    let owned_up = owned_up(facts, &line, &held);
    (flow.lost_at, flow.duplicated_at) = (lost_at.collect(), duplicated_at.collect());
    flow.owned_up = owned_up;
    flow
}

/// Items that targets answered for and that never arrived.
pub(super) fn lost_in_targets(facts: &Facts<'_>) -> u64 {
    let line = Line::of(facts.plan);
    let known = facts.evidence.producers.iter().zip(&facts.ledger.producers);
    let held = known.flat_map(|(producer, ledger)| {
        let passage = Passage::of(&line, facts.evidence, producer);
        passage.held_by_targets(ledger.class(Class::LostSilently))
    });
    held.map(|(_, items)| items.len()).sum()
}

/// Items of which a target made the second copy.
pub(super) fn duplicated_in_targets(facts: &Facts<'_>) -> u64 {
    let line = Line::of(facts.plan);
    let known = facts.evidence.producers.iter().zip(&facts.ledger.producers);
    let copied = known.flat_map(|(producer, ledger)| {
        let passage = Passage::of(&line, facts.evidence, producer);
        passage.copied(ledger.class(Class::Duplicated))
    });
    copied
        .filter(|(at, _)| matches!(line.stations[*at], RoleName::Target(_)))
        .map(|(_, items)| items.len())
        .sum()
}

/// From coming to a target to leaving it, over all targets.
pub(super) fn target_latency(facts: &Facts<'_>, window: &Window) -> Latencies {
    let line = Line::of(facts.plan);
    let mut all = Latencies::default();
    for role in &line.stations {
        if matches!(role, RoleName::Target(_)) {
            for signal in Signal::ALL {
                all.merge(&latency(facts, &line, *role, signal, window));
            }
        }
    }
    all
}

impl Line {
    pub fn of(plan: &Plan) -> Self {
        let place = |place: Place| match place {
            Place::Client => RoleName::Client,
            Place::Target(index) => RoleName::Target(index),
            Place::Sink => RoleName::Sink,
        };
        let ways: Vec<(RoleName, RoleName)> = (0_u8..)
            .map(RoleName::Link)
            .zip(&plan.links)
            .flat_map(|(role, link)| [(place(link.from), role), (role, place(link.to))])
            .collect();
        // Each stands one behind the furthest of those before it. A circle, which no checked plan
        // has, ends with the number of stations.
        let roles: Vec<RoleName> = plan.roles().collect();
        let mut depth: BTreeMap<RoleName, usize> = roles.iter().map(|role| (*role, 0)).collect();
        for _ in &roles {
            for (from, to) in &ways {
                let behind = depth.get(from).copied().unwrap_or(0) + 1;
                depth
                    .entry(*to)
                    .and_modify(|known| *known = behind.max(*known));
            }
        }
        let mut stations = roles;
        let last = usize::MAX;
        stations.sort_by_key(|role| match role {
            // Also where nothing leads to it.
            RoleName::Sink => last,
            role => depth.get(role).copied().unwrap_or(0),
        });
        Self { stations, ways }
    }

    /// Those that send to a station.
    fn before(&self, station: RoleName) -> Vec<RoleName> {
        let ways = self.ways.iter().filter(|(_, to)| *to == station);
        ways.map(|(from, _)| *from).collect()
    }

    /// Those to which it sends.
    fn behind(&self, station: RoleName) -> Vec<RoleName> {
        let ways = self.ways.iter().filter(|(from, _)| *from == station);
        ways.map(|(_, to)| *to).collect()
    }

    /// Whether the client sends into it.
    fn is_first(&self, station: RoleName) -> bool {
        self.ways.contains(&(RoleName::Client, station))
    }
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
    blurred
}

fn owned_up(facts: &Facts<'_>, line: &Line, held: &BTreeMap<usize, u64>) -> Vec<OwnedUp> {
    let stations = line.stations.iter().enumerate();
    stations
        .filter_map(|(at, role)| {
            let RoleName::Target(index) = role else {
                return None;
            };
            let target = facts.plan.targets.get(usize::from(*index))?;
            let names = &target.metrics.as_ref()?.lost;
            if names.is_empty() {
                return None;
            }
            let lost = held.get(&at).copied().unwrap_or(0);
            let said = said_lost(&facts.evidence.series.said, &target.name, names);
            let finding = LossFinding::of(&target.name, lost, said);
            Some(OwnedUp {
                agrees: finding.agrees(),
                target: target.name.clone(),
                lost,
                said,
                text: finding.text,
            })
        })
        .collect()
}
