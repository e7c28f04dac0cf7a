//! What gave out in a run whose rate was not held.
//!
//! Whoever is too slow has what waits before it, and all behind it is idle; those before it may be
//! full as well, for it pushes back. So the line is gone through from its far end, and the first
//! station with evidence against it is where the line gave out. Without evidence nobody is named.

use super::seen::Steady;
use crate::judge::names;
use crate::metric::Unit;
use crate::plan::{Place, RoleName};
use crate::record::{CheckGroup, CheckResult, GaveOut, Part, Station, Verdict};
use crate::units;

/// Requests in the sink's hands from which on it is never without one, on average.
const SINK_BUSY: f64 = 0.9;
/// Cores from which on what runs in one thread has none left.
const CORE_FULL: f64 = 0.9;
/// Share of the time from which on the exporter is always at it.
const ALWAYS: f64 = 0.9;
/// Share of a link's buffer from which on it is full.
const BUFFER_FULL: f64 = 0.5;
/// Share of the delivery's p99 from which on one hop makes most of it.
const MOST: f64 = 0.5;
/// Share of the machine's cores from which on there is none left.
const MACHINE_FULL: f64 = 0.95;
/// Share of them from which on other processes use much of a full machine.
const OTHERS_SHARE: f64 = 0.25;
/// Share of the time in which a role could have run, from which on it waited too long for a core.
const STARVED: f64 = 0.25;
/// Threads waiting, on average: less does not matter to anybody.
const STARVED_MIN: f64 = 0.05;
/// Share of them that squall's own roles may have while a target is to be judged that lacks CPU.
const OWN_SHARE: f64 = 0.5;

/// What gave out, from the far end of the line; the first has the items before it.
pub fn blame(steady: &Steady<'_>) -> Vec<GaveOut> {
    let case = Case { steady };
    let stations = steady.record.result.flow.stations.iter().rev();
    let mut found: Vec<GaveOut> = stations
        .filter_map(|station| {
            let role = RoleName::from_name(&station.role)?;
            let (part, evidence) = match role {
                RoleName::Sink => (Part::Sink, case.against_sink()),
                RoleName::Link(_) => (Part::Link, case.against_link(role, station)),
                RoleName::Target(index) => (Part::Target, case.against_target(index, station)),
                RoleName::Client => (Part::Client, Vec::new()),
            };
            given_out(part, &station.name, evidence)
        })
        .collect();
    let upstream = found.is_empty();
    found.extend(given_out(
        Part::Client,
        RoleName::Client.as_str(),
        case.against_client(upstream),
    ));
    let starved = case.target_was_starved(&found);
    if let Some(squall) = given_out(Part::Squall, "squall", starved) {
        found.insert(0, squall);
    }
    if let Some(others) = given_out(Part::Machine, "the machine", case.starved_by_others()) {
        found.insert(0, others);
    }
    let of_its_own = case.against_squall(found.is_empty());
    found.extend(given_out(Part::Squall, "squall", of_its_own));
    found
}

fn given_out(part: Part, name: &str, evidence: Vec<String>) -> Option<GaveOut> {
    (!evidence.is_empty()).then(|| GaveOut {
        part,
        name: name.to_owned(),
        evidence,
    })
}

struct Case<'a> {
    steady: &'a Steady<'a>,
}

impl Case<'_> {
    fn against_sink(&self) -> Vec<String> {
        let mut evidence = Vec::new();
        if let Some(requests) = self.steady.in_the_sinks_hands().filter(|n| *n >= SINK_BUSY) {
            evidence.push(format!(
                "it had {} requests in hand on average, read and not answered",
                units::number(requests)
            ));
        }
        evidence.extend(
            self.failed(names::SINK_NOT_SATURATED)
                .map(|check| format!("it used {}", check.observed)),
        );
        evidence
    }

    fn against_link(&self, role: RoleName, station: &Station) -> Vec<String> {
        let mut evidence = Vec::new();
        if let Some(cores) = self.steady.cores(role.as_str()).filter(|c| *c >= CORE_FULL) {
            evidence.push(format!(
                "it used {} cores, and has one thread",
                units::number(cores)
            ));
        }
        let plan = &self.steady.record.plan;
        let link = match role {
            RoleName::Link(index) => plan.links.get(usize::from(index)),
            _ => None,
        };
        let full = link.map(|link| (link.buffer_bytes as f64 * BUFFER_FULL) as u64);
        if let (Some(held), Some(full)) = (self.steady.held_by(role), full)
            && held >= full.max(1)
        {
            let held = units::bytes(held as f64);
            evidence.push(format!("it never held less than {held} in the last third"));
        }
        evidence.extend(self.left_at(station));
        evidence.extend(self.most_of_latency(station));
        evidence
    }

    fn against_target(&self, index: u8, station: &Station) -> Vec<String> {
        let mut evidence = Vec::new();
        let inside = self.steady.backlog_behind_client();
        if let Some(growth) = inside.filter(|growth| growth.is_real())
            && self.is_slowest_target(station)
        {
            let share = units::metric("share", Some(Unit::Ratio), growth.share);
            evidence.push(format!(
                "what it had acknowledged and not passed on grew by {share} of the load"
            ));
        }
        if let Some(share) = self.waited_for(index) {
            let share = units::metric("share", Some(Unit::Ratio), share);
            evidence.push(format!(
                "the client waited for its answers {share} of the time, and had CPU to spare"
            ));
        }
        evidence.extend(self.left_at(station));
        evidence.extend(self.most_of_latency(station));
        let stayed = self.checks(CheckGroup::Target);
        let stayed = stayed.filter(|check| check.name.starts_with(&station.name));
        evidence.extend(stayed.map(|check| check.observed.clone()));
        let cores = self.steady.cores(&station.role);
        if let Some(cores) = cores.filter(|cores| *cores >= CORE_FULL) {
            let client = self.steady.cores(RoleName::Client.as_str()).unwrap_or(0.0);
            if !evidence.is_empty() || cores > client {
                evidence.push(format!("it used {} cores", units::number(cores)));
            }
        }
        evidence
    }

    /// `alone`: nobody behind the client is suspected of pushing back.
    fn against_client(&self, alone: bool) -> Vec<String> {
        let late = [names::KEPT_SCHEDULE, names::NOTHING_MISSED];
        let late = late.into_iter().filter_map(|name| self.failed(name));
        let mut evidence: Vec<String> = late.map(|check| check.why.clone()).collect();
        if !alone {
            return evidence;
        }
        let result = &self.steady.record.result;
        let dropped: u64 = result.ledger.values().map(|l| l.dropped_by_client).sum();
        if dropped > 0 {
            evidence.push(format!(
                "it dropped {} items while nothing behind it pushed back",
                units::count(dropped)
            ));
        }
        let grown = self.steady.backlog_of_client();
        if let Some(growth) = grown.filter(|growth| growth.is_real()) {
            let share = units::metric("share", Some(Unit::Ratio), growth.share);
            evidence.push(format!(
                "what stood in it grew by {share} of the load while nothing behind it pushed back"
            ));
        }
        let client = result.flow.stations.first();
        evidence.extend(client.and_then(|client| self.most_of_latency(client)));
        let cores = self.steady.cores(RoleName::Client.as_str());
        if let (Some(cores), false) = (cores.filter(|c| *c >= CORE_FULL), evidence.is_empty()) {
            evidence.push(format!("it used {} cores", units::number(cores)));
        }
        evidence
    }

    /// `alone`: nobody else is suspected.
    fn against_squall(&self, alone: bool) -> Vec<String> {
        let told_elsewhere = [
            names::KEPT_SCHEDULE,
            names::NOTHING_MISSED,
            names::SINK_NOT_SATURATED,
            names::DRAINED,
        ];
        let own = self.checks(CheckGroup::Harness);
        let own = own.filter(|check| !told_elsewhere.contains(&check.name.as_str()));
        let mut evidence: Vec<String> = own
            .map(|check| format!("{}: {}", check.name, check.why))
            .collect();
        let busy = self.steady.machine_busy();
        if let (Some(busy), true) = (busy.filter(|busy| *busy >= MACHINE_FULL), alone) {
            let busy = units::metric("share", Some(Unit::Ratio), busy);
            evidence.push(format!("{busy} of the machine's cores were in use"));
        }
        evidence
    }

    /// Whoever is kept from running by programs that are no part of the line is not slow, but starved. Threads
    /// that wake up together wait for each other on an idle machine too: only on a full one somebody
    /// else is to blame.
    fn starved_by_others(&self) -> Vec<String> {
        let record = self.steady.record;
        let machine = self.machine_cores();
        let roles = || record.plan.roles();
        let cores = |role: RoleName| self.steady.cores(role.as_str()).unwrap_or(0.0);
        let of_line: f64 = roles().map(cores).sum();
        let busy = self.steady.machine_busy().unwrap_or(0.0);
        let others = busy * machine - of_line;
        if busy < MACHINE_FULL || others < machine * OTHERS_SHARE {
            return Vec::new();
        }
        let starved = roles().filter_map(|role| {
            let waiting = self.steady.waiting(role.as_str())?;
            let share = waiting / (waiting + cores(role));
            (waiting >= STARVED_MIN && share >= STARVED).then(|| {
                let share = units::metric("share", Some(Unit::Ratio), share);
                format!(
                    "{} waited for a core in {share} of the time in which it could have run, while other processes used {} of the machine's {machine}",
                    record.plan.name_of(role),
                    units::number(others)
                )
            })
        });
        starved.collect()
    }

    fn machine_cores(&self) -> f64 {
        let cores = self.steady.record.result.environment.get("cores");
        cores.and_then(|cores| cores.parse().ok()).unwrap_or(1.0)
    }

    /// A target on a machine without CPU to spare, most of which squall's own roles took, was not
    /// measured but starved.
    fn target_was_starved(&self, found: &[GaveOut]) -> Vec<String> {
        let record = self.steady.record;
        let busy = self.steady.machine_busy().unwrap_or(0.0);
        let is_target = found
            .first()
            .is_some_and(|first| first.part == Part::Target);
        let machine = self.machine_cores();
        let (mut own, mut theirs) = (0.0, 0.0);
        for role in record.plan.roles() {
            let cores = self.steady.cores(role.as_str()).unwrap_or(0.0);
            match role {
                RoleName::Target(_) => theirs += cores,
                _ => own += cores,
            }
        }
        if !is_target || busy < MACHINE_FULL || own < machine * OWN_SHARE || own < theirs {
            return Vec::new();
        }
        vec![format!(
            "all {machine} cores were busy, and squall's own roles took {} of them, the targets {}",
            units::number(own),
            units::number(theirs)
        )]
    }

    /// Share of the time in which the client's exporter waited for a target, where it did nearly always,
    /// fell behind by it, and was not itself out of CPU.
    fn waited_for(&self, target: u8) -> Option<f64> {
        let plan = &self.steady.record.plan;
        let mut first = plan.first_links();
        let is_next = first.any(|(_, link)| link.to == Place::Target(target));
        let share = self.steady.exporting().filter(|share| *share >= ALWAYS)?;
        let behind = self.steady.backlog_of_client()?.is_real();
        let idle = self.steady.cores(RoleName::Client.as_str())? < CORE_FULL;
        (is_next && behind && idle).then_some(share)
    }

    /// Of several targets, the one in which items stay longest.
    fn is_slowest_target(&self, station: &Station) -> bool {
        let stations = self.steady.record.result.flow.stations.iter();
        let targets = stations.filter(|s| RoleName::is_of_kind(&s.role, "target"));
        let longest = targets.map(stay_s).fold(0.0, f64::max);
        stay_s(station) >= longest
    }

    /// Items that were left at a station, but for those that it still had when nobody waited longer.
    fn left_at(&self, station: &Station) -> Option<String> {
        let placed = self.steady.record.result.flow.lost_at.iter();
        let lost = placed.filter(|p| p.at == station.name && p.class != "unresolved");
        let items: u64 = lost.map(|placed| placed.items).sum();
        (items > 0).then(|| format!("{} items were lost at it", units::count(items)))
    }

    /// Where latency left its bound: whether most of it is made here.
    fn most_of_latency(&self, station: &Station) -> Option<String> {
        let mut own = self.checks(CheckGroup::Expectation);
        own.find(|check| check.name.contains("latency"))?;
        let metrics = &self.steady.record.result.metrics;
        let whole_s = *metrics.get("delivery.latency.p99")?;
        let here_s = station
            .latency
            .values()
            .map(|hop| hop.p99_s)
            .reduce(f64::max)?;
        (here_s >= whole_s * MOST).then(|| {
            format!(
                "of the {} (p99) that delivery took, {} were spent in it",
                units::seconds(whole_s),
                units::seconds(here_s)
            )
        })
    }

    fn failed(&self, name: &str) -> Option<&CheckResult> {
        let mut checks = self.steady.record.result.checks.iter();
        checks.find(|check| check.name == name && check.verdict != Verdict::Pass)
    }

    fn checks(&self, group: CheckGroup) -> impl Iterator<Item = &CheckResult> {
        let checks = self.steady.record.result.checks.iter();
        checks.filter(move |check| check.group == group && check.verdict != Verdict::Pass)
    }
}

fn stay_s(station: &Station) -> f64 {
    let hops = station.latency.values();
    hops.map(|hop| hop.p50_s).fold(0.0, f64::max)
}
