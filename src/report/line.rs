//! The line of a run, in the words and the order that every report shares.

use std::collections::BTreeMap;

use crate::record::{FaultResult, Flow, MACHINE, Placed, Record, Seen, Station};
use crate::units;

/// What the section is about.
pub const HELP: &str = "The stations that items pass, what was seen of them there, and where those that did not arrive were left.";

/// Most ways from an end to the other that are told.
const WAYS: usize = 16;

/// A run's stations with what befell each.
#[derive(Debug)]
pub struct Line<'a> {
    pub flow: &'a Flow,
    /// In the order of the flow's.
    pub stops: Vec<Stop<'a>>,
    /// Faults that struck no station.
    pub elsewhere: Vec<Struck<'a>>,
}

/// A station with what befell it.
#[derive(Debug)]
pub struct Stop<'a> {
    pub station: &'a Station,
    pub faults: Vec<Struck<'a>>,
    /// Items that were left here, by class, in the ledger's order.
    pub left: Vec<Left<'a>>,
    /// Items of which the second copy was made here.
    pub copied: Vec<Left<'a>>,
}

/// A fault with all its occurrences.
#[derive(Debug)]
pub struct Struck<'a> {
    pub name: &'a str,
    pub kind: &'a str,
    /// `8 to 12 s`, or `3×, 3 to 9.5 s`.
    pub when: String,
}

/// Items of one class at one station.
#[derive(Debug)]
pub struct Left<'a> {
    pub class: &'a str,
    pub items: u64,
    /// `traces 412, logs 3`
    pub by_signal: String,
}

impl<'a> Line<'a> {
    /// `None` for a run that was stored before there was a flow.
    pub fn new(record: &'a Record) -> Option<Self> {
        let flow = &record.result.flow;
        let faults = &record.result.faults;
        let stops = flow.stations.iter().map(|station| Stop {
            station,
            faults: struck(faults, &station.name),
            left: at(&flow.lost_at, &station.name),
            copied: at(&flow.duplicated_at, &station.name),
        });
        let stops: Vec<Stop> = stops.collect();
        (!stops.is_empty()).then(|| Self {
            flow,
            stops,
            elsewhere: struck(faults, MACHINE),
        })
    }

    /// Whether there is more on it than a client, a link and the sink.
    pub fn has_targets(&self) -> bool {
        let mut stops = self.stops.iter();
        stops.any(|stop| stop.station.role.starts_with("target"))
    }

    /// Numbers of the stations to which one sends.
    pub fn next(&self, stop: &Stop) -> Vec<usize> {
        let number = |name: &String| {
            let mut stops = self.stops.iter();
            stops.position(|other| other.station.name == *name)
        };
        stop.station.to.iter().filter_map(number).collect()
    }

    /// Each way from a station to which nobody sends, as `client -> link -> sink`.
    pub fn ways(&self) -> Vec<String> {
        let reached: Vec<usize> = self.stops.iter().flat_map(|stop| self.next(stop)).collect();
        let mut under_way: Vec<Vec<usize>> = (0..self.stops.len())
            .rev()
            .filter(|number| !reached.contains(number))
            .map(|number| vec![number])
            .collect();
        let mut ways = Vec::new();
        while let Some(way) = under_way.pop() {
            let next: Vec<usize> = way.last().map_or(Vec::new(), |last| {
                let next = self.next(&self.stops[*last]);
                next.into_iter().filter(|n| !way.contains(n)).collect()
            });
            if next.is_empty() {
                let names = way.iter().map(|n| self.stops[*n].station.name.as_str());
                ways.push(names.collect::<Vec<_>>().join(" -> "));
                if ways.len() == WAYS {
                    ways.push("and more".to_owned());
                    break;
                }
            }
            for number in next.into_iter().rev() {
                let mut longer = way.clone();
                longer.push(number);
                under_way.push(longer);
            }
        }
        ways
    }

    /// The whole picture in words.
    pub fn description(&self) -> String {
        let mut sentences = self.ways();
        for stop in &self.stops {
            sentences.extend(stop.told());
            let name = &stop.station.name;
            let faults = stop.faults.iter();
            sentences.extend(faults.map(|fault| format!("fault at {name}: {}", fault.text())));
        }
        let elsewhere = self.elsewhere.iter();
        sentences.extend(elsewhere.map(|fault| format!("fault of the machine: {}", fault.text())));
        sentences.join(". ") + "."
    }
}

impl Stop<'_> {
    /// `relay: 412 lost silently (traces 412), 64 duplicated (logs 64)`; `None` where nothing was.
    pub fn told(&self) -> Option<String> {
        let left = self.left.iter().map(|left| left.text());
        let copied = self.copied.iter().map(|left| left.text());
        let all: Vec<String> = left.chain(copied).collect();
        let name = &self.station.name;
        (!all.is_empty()).then(|| format!("{name}: {}", all.join(", ")))
    }

    /// Items of all signals that came in and went out; `None` where nobody looked.
    pub fn came_and_went(&self) -> (Option<u64>, Option<u64>) {
        let sum = |of: fn(&Seen) -> Option<u64>| {
            let known = self.station.seen.values().filter_map(of);
            known.reduce(u64::saturating_add)
        };
        (sum(|seen| seen.came), sum(|seen| seen.went))
    }
}

impl Struck<'_> {
    /// `cut, partition.reset, 8 to 12 s`
    pub fn text(&self) -> String {
        format!("{}, {}, {}", self.name, self.kind, self.when)
    }
}

impl Left<'_> {
    /// `412 lost silently (traces 412)`
    pub fn text(&self) -> String {
        format!("{} ({})", self.headline(), self.by_signal)
    }

    /// `412 lost silently`
    pub fn headline(&self) -> String {
        format!("{} {}", units::count(self.items), title(self.class))
    }
}

/// A class as people read it.
pub fn title(class: &str) -> String {
    class.replace('_', " ")
}

/// When a fault was in effect.
pub fn when(started_s: Option<f64>, ended_s: Option<f64>) -> String {
    match (started_s.map(units::moment), ended_s.map(units::moment)) {
        (Some(start), Some(end)) => format!("{start} to {end}"),
        (Some(start), None) => format!("from {start}, without an end"),
        (None, _) => "never started".to_owned(),
    }
}

/// The same, short enough for a picture: to the hundredth of a second.
fn span(started_s: Option<f64>, ended_s: Option<f64>) -> String {
    let short = |at_s: f64| units::moment((at_s * 100.0).round() / 100.0);
    match (started_s.map(short), ended_s.map(short)) {
        (Some(start), Some(end)) => format!("{} to {end}", start.trim_end_matches(" s")),
        (Some(start), None) => format!("from {start} on"),
        (None, _) => "never started".to_owned(),
    }
}

/// Occurrences of one fault as one, in the order in which the first of each started.
fn struck<'a>(faults: &'a [FaultResult], place: &str) -> Vec<Struck<'a>> {
    let mut here: Vec<Vec<&FaultResult>> = Vec::new();
    for fault in faults.iter().filter(|fault| fault.place == place) {
        match here.iter_mut().find(|known| known[0].name == fault.name) {
            Some(known) => known.push(fault),
            None => here.push(vec![fault]),
        }
    }
    let first = |known: &[&FaultResult]| {
        let started = known.iter().filter_map(|fault| fault.started_s);
        started.fold(f64::INFINITY, f64::min)
    };
    here.sort_by(|a, b| first(a).total_cmp(&first(b)));
    let one = |known: Vec<&'a FaultResult>| {
        let started = known.iter().filter_map(|fault| fault.started_s);
        let ended = known.iter().map(|fault| fault.ended_s);
        // Without an end where one of them has none.
        let end_s = ended.reduce(|a, b| Some(a?.max(b?))).flatten();
        let when = span(started.clone().reduce(f64::min), end_s);
        Struck {
            name: &known[0].name,
            kind: &known[0].kind,
            when: match started.count() {
                0 | 1 => when,
                times => format!("{times}×, {when}"),
            },
        }
    };
    here.into_iter().map(one).collect()
}

/// What stands there of each class, signals together.
fn at<'a>(placed: &'a [Placed], name: &str) -> Vec<Left<'a>> {
    let mut classes: BTreeMap<usize, Left> = BTreeMap::new();
    let here = || {
        placed
            .iter()
            .filter(|part| part.at == name && part.items > 0)
    };
    for part in here() {
        // In the order in which the first of each class is told: the ledger's.
        let first = here().position(|other| other.class == part.class);
        let left = classes.entry(first.unwrap_or(0)).or_insert_with(|| Left {
            class: &part.class,
            items: 0,
            by_signal: String::new(),
        });
        left.items += part.items;
        if !left.by_signal.is_empty() {
            left.by_signal.push_str(", ");
        }
        let more = format!("{} {}", part.signal, units::count(part.items));
        left.by_signal.push_str(&more);
    }
    classes.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Signal;

    fn fault(name: &str, occurrence: u32, start_s: Option<f64>) -> FaultResult {
        FaultResult {
            name: name.to_owned(),
            occurrence,
            occurrences: 2,
            storm: None,
            kind: "target.kill".to_owned(),
            backend: "signals".to_owned(),
            place: "relay".to_owned(),
            started_s: start_s,
            ended_s: start_s.map(|start_s| start_s + 1.0),
            proof: None,
            healed: None,
            metrics: BTreeMap::new(),
        }
    }

    #[test]
    fn occurrences_are_one_fault_and_only_those_of_the_place_are_told() {
        let mut faults = vec![
            fault("late", 1, Some(9.0)),
            fault("cut", 2, Some(5.0)),
            fault("cut", 1, Some(3.0)),
            fault("never", 1, None),
        ];
        let told = |faults: &[FaultResult]| -> Vec<String> {
            let here = struck(faults, "relay");
            here.iter().map(Struck::text).collect()
        };
        let (late, never) = (
            "late, target.kill, 9 to 10 s",
            "never, target.kill, never started",
        );
        let both = "cut, target.kill, 2×, 3 to 6 s";
        assert_eq!(told(&faults), [both, late, never]);
        faults[2].ended_s = None;
        let open = "cut, target.kill, 2×, from 3 s on";
        assert_eq!(told(&faults), [open, late, never]);
        faults[1].place = MACHINE.to_owned();
        let one = "cut, target.kill, from 3 s on";
        assert_eq!(told(&faults), [one, late, never]);
    }

    #[test]
    fn what_is_left_is_told_by_class_and_signal() {
        let part = |signal, class: &str, at: &str, items| Placed {
            signal,
            class: class.to_owned(),
            at: at.to_owned(),
            items,
        };
        let placed = [
            part(Signal::Traces, "refused", "relay", 2),
            part(Signal::Traces, "lost_silently", "relay", 400),
            part(Signal::Traces, "lost_silently", "sink", 7),
            part(Signal::Logs, "lost_silently", "relay", 12),
            part(Signal::Logs, "given_up", "relay", 0),
        ];
        let texts: Vec<String> = at(&placed, "relay").iter().map(Left::text).collect();
        let silently = "412 lost silently (traces 400, logs 12)";
        assert_eq!(texts, ["2 refused (traces 2)", silently]);
    }
}
