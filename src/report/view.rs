//! The one view model: a record in the order and the words in which every report shows it.

use crate::metric::{self, Unit};
use crate::record::{CheckGroup, CheckResult, FaultResult, Record, SignalLedger, Verdict};
use crate::signal::Signal;

use super::line::{self, Line};
use crate::units::{self, UNKNOWN};

/// A record, arranged for reading.
#[derive(Debug)]
pub struct View<'a> {
    pub record: &'a Record,
    /// Checks that did not pass: failed first, then inconclusive, each in the order they ran.
    pub reasons: Vec<&'a CheckResult>,
    pub figures: Vec<Figure>,
    pub flows: Vec<Flow<'a>>,
    /// `None` for a run that was stored without its line.
    pub line: Option<Line<'a>>,
    pub groups: Vec<(&'static str, Vec<&'a CheckResult>)>,
    pub faults: Vec<FaultView<'a>>,
    /// What the harness itself cost, in one line; `None` where it was not measured.
    pub own_cost: Option<String>,
    /// The second equation of metrics, in words; `None` where no metrics were sent.
    pub sums: Option<String>,
}

/// A key figure: its name, its value, and what belongs under it.
#[derive(Debug)]
pub struct Figure {
    pub title: &'static str,
    pub value: String,
    pub details: Vec<String>,
    pub tone: Tone,
}

/// Whether a figure asks for attention. Only losses and failures do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Good,
    Bad,
}

/// One signal's ledger as a flow from generated to the seven classes.
#[derive(Debug)]
pub struct Flow<'a> {
    pub signal: Signal,
    pub ledger: &'a SignalLedger,
    pub classes: [Class; 7],
}

/// One class of the ledger.
#[derive(Debug, Clone, Copy)]
pub struct Class {
    /// As results name it: `given_up`.
    pub name: &'static str,
    /// As people read it: `given up`.
    pub title: &'static str,
    pub items: u64,
}

impl Flow<'_> {
    /// `12,000 generated = 11,900 delivered + …`, every class spelled out.
    pub fn equation(&self) -> String {
        let terms: Vec<String> = self
            .classes
            .iter()
            .map(|class| format!("{} {}", units::count(class.items), class.title))
            .collect();
        format!(
            "{} generated = {}",
            units::count(self.ledger.generated),
            terms.join(" + ")
        )
    }

    /// Whether the equation holds, and if not, by how much.
    pub fn closing(&self) -> String {
        if self.ledger.closes {
            return "✓ closes".to_owned();
        }
        let sum: u64 = self.classes.iter().map(|class| class.items).sum();
        match sum.abs_diff(self.ledger.generated) {
            0 => "✗ does not close".to_owned(),
            off => format!("✗ does not close: off by {}", units::count(off)),
        }
    }

    /// What is counted besides the classes, as `(name, items)`.
    pub fn overlays(&self) -> [(&'static str, u64); 5] {
        let ledger = self.ledger;
        [
            ("received", ledger.received),
            ("extra copies", ledger.extra_copies),
            ("recovered", ledger.recovered),
            ("late", ledger.late),
            ("unexpected", ledger.unexpected),
        ]
    }
}

/// Most faults whose recovery stands among the key figures.
const RECOVERIES_SHOWN: usize = 4;

/// A fault with its figures in words.
#[derive(Debug)]
pub struct FaultView<'a> {
    pub fault: &'a FaultResult,
    /// Its name, and which time it was: `cut (2 of 3)`.
    pub label: String,
    /// `partition.reset on proxy`, and ` at to-relay` where there is more than one such place.
    pub what: String,
    /// `8 s to 12 s`
    pub when: String,
    pub proof: &'a str,
    pub healed: &'static str,
    /// Name and value.
    pub metrics: Vec<(&'a str, String)>,
}

impl<'a> View<'a> {
    pub fn new(record: &'a Record) -> Self {
        let result = &record.result;
        let with = |verdict| result.checks.iter().filter(move |c| c.verdict == verdict);
        // A program of one's own has no classes but what came and what did not.
        let classed = result.ledger.iter().filter(|_| result.command.is_none());
        let flows: Vec<Flow> = classed
            .map(|(signal, ledger)| flow(*signal, ledger))
            .collect();
        let line = Line::new(record);
        let placed = line.as_ref().is_some_and(Line::has_targets);
        let faults = in_time(&result.faults).into_iter();
        Self {
            record,
            reasons: with(Verdict::Fail)
                .chain(with(Verdict::Inconclusive))
                .collect(),
            figures: figures(record, &flows),
            flows,
            line,
            groups: groups(&result.checks),
            faults: faults.map(|of| fault(of, placed)).collect(),
            own_cost: own_cost(record),
            sums: (result.sums.series > 0).then(|| sums(record)),
        }
    }

    /// The metric's value with its unit.
    pub fn metric(&self, name: &str) -> String {
        metric_text(self.record, name)
    }
}

/// The mark that stands for a verdict beside its word or colour.
pub const fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "✓",
        Verdict::Fail => "✗",
        Verdict::Inconclusive => "?",
    }
}

/// A signal's ledger in the order in which classes are told.
fn flow(signal: Signal, ledger: &SignalLedger) -> Flow<'_> {
    let class = |name, title, items| Class { name, title, items };
    Flow {
        signal,
        ledger,
        classes: [
            class("delivered", "delivered", ledger.delivered),
            class("duplicated", "duplicated", ledger.duplicated),
            class(
                "dropped_by_client",
                "dropped by client",
                ledger.dropped_by_client,
            ),
            class("refused", "refused", ledger.refused),
            class("given_up", "given up", ledger.given_up),
            class("lost_silently", "lost silently", ledger.lost_silently),
            class("unresolved", "unresolved", ledger.unresolved),
        ],
    }
}

/// The unit of a stored metric: as stored, else as registered (a signal's prefix aside).
pub fn unit_of(record: &Record, name: &str) -> Option<Unit> {
    let stored = record.result.units.get(name).copied();
    stored.or_else(|| metric::find_of_signal(name).map(|metric| metric.unit))
}

fn metric_text(record: &Record, name: &str) -> String {
    let value = record.result.metrics.get(name);
    value.map_or(UNKNOWN.to_owned(), |value| {
        units::metric(name, unit_of(record, name), *value)
    })
}

/// In the order in which they started; what never did comes last.
fn in_time(faults: &[FaultResult]) -> Vec<&FaultResult> {
    let mut faults: Vec<&FaultResult> = faults.iter().collect();
    let start = |fault: &FaultResult| fault.started_s.unwrap_or(f64::INFINITY);
    faults.sort_by(|a, b| start(a).total_cmp(&start(b)));
    faults
}

/// The longest recoveries, a fault's occurrences being one; the table of faults has all.
fn recoveries(faults: &[FaultResult]) -> Vec<String> {
    let mut worst: Vec<(&FaultResult, f64)> = Vec::new();
    for fault in faults {
        let Some(time) = fault.metrics.get("recovery.time") else {
            continue;
        };
        match worst.iter_mut().find(|(other, _)| other.name == fault.name) {
            Some((_, longest)) => *longest = longest.max(*time),
            None => worst.push((fault, *time)),
        }
    }
    if worst.len() > RECOVERIES_SHOWN {
        worst.sort_by(|a, b| b.1.total_cmp(&a.1));
    }
    let mut shown: Vec<String> = worst
        .iter()
        .take(RECOVERIES_SHOWN)
        .map(|(fault, time)| {
            let time = units::metric("recovery.time", Some(Unit::Seconds), *time);
            let of = match fault.occurrences {
                1 => String::new(),
                occurrences => format!(" (worst of {occurrences})"),
            };
            format!("after {} {time}{of}", fault.name)
        })
        .collect();
    let more = worst.len() - shown.len();
    if more > 0 {
        shown.push(format!("and less after {more} more"));
    }
    shown
}

fn figures(record: &Record, flows: &[Flow]) -> Vec<Figure> {
    let per_signal = |name: &str| -> Vec<String> {
        flows
            .iter()
            .filter_map(|flow| {
                let full = format!("{}.{name}", flow.signal);
                let value = record.result.metrics.get(&full)?;
                let text = units::metric(&full, unit_of(record, &full), *value);
                Some(format!("{} {text}", flow.signal))
            })
            .collect()
    };
    let figure = |title, name: &str, details, tone| Figure {
        title,
        value: metric_text(record, name),
        details,
        tone,
    };
    let bad_if_any = |name: &str| match record.result.metrics.get(name) {
        Some(value) if *value > 0.0 => Tone::Bad,
        Some(_) => Tone::Good,
        None => Tone::Plain,
    };
    vec![
        figure(
            "Delivered",
            "delivered",
            per_signal("delivered"),
            Tone::Plain,
        ),
        figure("Lost", "lost", per_signal("lost"), bad_if_any("lost")),
        figure(
            "Duplicated",
            "duplicated",
            per_signal("duplicated"),
            Tone::Plain,
        ),
        figure(
            "Delivery p99",
            "delivery.latency.p99",
            per_signal("delivery.latency.p99"),
            Tone::Plain,
        ),
        figure(
            "Recovery",
            "recovery.time",
            recoveries(&record.result.faults),
            Tone::Plain,
        ),
        figure(
            "Retry amplification",
            "retry.amplification",
            per_signal("retry.amplification"),
            Tone::Plain,
        ),
        figure(
            "Client CPU per item",
            "client.cpu.per_item",
            vec![format!(
                "peak RSS {}",
                metric_text(record, "client.rss.max")
            )],
            Tone::Plain,
        ),
    ]
}

fn groups(checks: &[CheckResult]) -> Vec<(&'static str, Vec<&CheckResult>)> {
    [
        (CheckGroup::Harness, "Harness"),
        (CheckGroup::Target, "Targets"),
        (CheckGroup::SteadyState, "Steady state"),
        (CheckGroup::Content, "Content"),
        (CheckGroup::Expectation, "Expectations"),
        (CheckGroup::Abort, "Abort conditions"),
    ]
    .into_iter()
    .map(|(group, title)| {
        let members = checks.iter().filter(|check| check.group == group);
        (title, members.collect::<Vec<_>>())
    })
    .filter(|(_, members)| !members.is_empty())
    .collect()
}

fn fault(fault: &FaultResult, placed: bool) -> FaultView<'_> {
    let at = match fault.place.as_str() {
        place if placed && !place.is_empty() => format!(" at {place}"),
        _ => String::new(),
    };
    FaultView {
        fault,
        label: fault.label(),
        what: format!("{} on {}{at}", fault.kind, fault.backend),
        when: line::when(fault.started_s, fault.ended_s),
        proof: fault
            .proof
            .as_deref()
            .unwrap_or("no proof that it took effect"),
        healed: match fault.healed {
            Some(true) => "healed",
            Some(false) => "did not heal",
            None => "nothing to heal",
        },
        metrics: fault
            .metrics
            .iter()
            .map(|(name, value)| {
                let unit = metric::find(name).map(|metric| metric.unit);
                (name.as_str(), units::metric(name, unit, *value))
            })
            .collect(),
    }
}

fn own_cost(record: &Record) -> Option<String> {
    let names = ["sink.cpu.per_item", "link.cpu.per_byte"];
    names
        .iter()
        .any(|name| record.result.metrics.contains_key(*name))
        .then(|| {
            format!(
                "sink CPU {} per item, link CPU {} per byte",
                metric_text(record, names[0]),
                metric_text(record, names[1])
            )
        })
}

fn sums(record: &Record) -> String {
    let sums = &record.result.sums;
    format!(
        "{} of {} metric series received exactly what was recorded; {} differ by points that were lost, {} without explanation. Recorded {}, received {}.",
        units::count(sums.equal),
        units::count(sums.series),
        units::count(sums.explained),
        units::count(sums.unexplained),
        units::number(sums.recorded_total),
        units::number(sums.received_total),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(
        name: &str,
        (occurrence, occurrences): (u32, u32),
        start: f64,
        recovery: f64,
    ) -> FaultResult {
        FaultResult {
            name: name.to_owned(),
            occurrence,
            occurrences,
            storm: None,
            kind: "partition.silence".to_owned(),
            backend: "proxy".to_owned(),
            place: "link".to_owned(),
            started_s: Some(start),
            ended_s: Some(start + 1.0),
            proof: None,
            healed: None,
            metrics: [("recovery.time".to_owned(), recovery)].into(),
        }
    }

    #[test]
    fn occurrences_are_one_recovery_and_only_the_longest_are_told() {
        let mut faults = vec![
            fault("cut", (1, 2), 1.0, 2.0),
            fault("cut", (2, 2), 9.0, 4.0),
        ];
        assert_eq!(recoveries(&faults), ["after cut 4 s (worst of 2)"]);
        for (index, name) in ["b", "c", "d", "e"].into_iter().enumerate() {
            faults.push(fault(name, (1, 1), 5.0, index as f64));
        }
        let shown = recoveries(&faults);
        assert_eq!(shown[..2], ["after cut 4 s (worst of 2)", "after e 3 s"]);
        assert_eq!(shown[4..], ["and less after 1 more"]);
        let order: Vec<&str> = in_time(&faults).iter().map(|f| f.name.as_str()).collect();
        assert_eq!(order, ["cut", "b", "c", "d", "e", "cut"]);
    }
}
