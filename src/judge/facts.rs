//! The evidence, arranged for measuring: latencies by segment, the ledger, who sent what.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use super::flow::Walk;
use crate::evidence::{Batch, Evidence, FaultEvidence};
use crate::ledger::Ledger;
use crate::plan::expectation::{Phase, Window};
use crate::plan::windows::{Segment, segment_at, segments};
use crate::plan::{FaultKind, FaultPlan, Plan, ProcessFault, RoleName};
use crate::record::Histograms;
use crate::signal::Signal;
use crate::stats::histogram::Latencies;
use crate::units;

/// The distributions that are kept by segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Distribution {
    Delivery,
    Service,
    Response,
    Lateness,
}

impl Distribution {
    const ALL: [Distribution; 4] = [
        Distribution::Delivery,
        Distribution::Service,
        Distribution::Response,
        Distribution::Lateness,
    ];

    /// The metric's name without its percentile.
    pub const fn name(self) -> &'static str {
        match self {
            Distribution::Delivery => "delivery.latency",
            Distribution::Service => "export.service",
            Distribution::Response => "export.response",
            Distribution::Lateness => "lateness",
        }
    }

    /// The distribution to which a metric such as `delivery.latency.p99` belongs.
    pub fn of_metric(name: &str) -> Option<(Self, &str)> {
        Self::ALL.into_iter().find_map(|distribution| {
            let percentile = name.strip_prefix(distribution.name())?.strip_prefix('.')?;
            Some((distribution, percentile))
        })
    }
}

/// Everything that a measurement may look at.
#[derive(Debug)]
pub struct Facts<'a> {
    pub plan: &'a Plan,
    pub evidence: &'a Evidence,
    pub ledger: Ledger,
    pub segments: Vec<Segment>,
    latencies: BTreeMap<(Distribution, Signal), Vec<Latencies>>,
    walk: OnceCell<Walk<'a>>,
}

impl<'a> Facts<'a> {
    /// Arranges the evidence of a run of `plan`.
    pub fn of(plan: &'a Plan, evidence: &'a Evidence) -> Self {
        // Where a fault waited for a condition, only the run knows the windows.
        let segments = if evidence.segments.is_empty() {
            segments(plan)
        } else {
            evidence.segments.clone()
        };
        let mut facts = Self {
            plan,
            evidence,
            ledger: Ledger::of(evidence),
            latencies: BTreeMap::new(),
            walk: OnceCell::new(),
            segments,
        };
        facts.collect_delivery();
        facts.collect_exports();
        facts.collect_lateness();
        facts
    }

    /// What each item did on the line.
    pub(super) fn walk(&self) -> &Walk<'a> {
        self.walk.get_or_init(|| Walk::of(self.plan, self.evidence))
    }

    /// One distribution over the segments of a window; of every signal when `signal` is `None`.
    pub fn latencies(
        &self,
        distribution: Distribution,
        signal: Option<Signal>,
        window: &Window,
    ) -> Latencies {
        self.latencies_where(distribution, signal, |segment| segment.is_in(window))
    }

    /// What an undisturbed pipeline is like: the steady phase before the first fault, for a fault
    /// from which the pipeline did not recover spoils the rest. All of the steady phase where the
    /// run begins with a fault.
    pub fn undisturbed(&self, distribution: Distribution, signal: Signal) -> Latencies {
        let disturbed = self.segments.iter().find(|s| !s.during.is_empty());
        let disturbed_ns = disturbed.map_or(u64::MAX, |segment| segment.start_ns);
        let before = self.latencies_where(distribution, Some(signal), |segment| {
            segment.phase == Phase::Steady && segment.end_ns <= disturbed_ns
        });
        if before.count() > 0 {
            return before;
        }
        self.latencies(distribution, Some(signal), &Window::In(Phase::Steady))
    }

    fn latencies_where(
        &self,
        distribution: Distribution,
        signal: Option<Signal>,
        wanted: impl Fn(&Segment) -> bool,
    ) -> Latencies {
        let mut merged = Latencies::default();
        for ((_, _), by_segment) in self
            .latencies
            .iter()
            .filter(|((d, s), _)| *d == distribution && signal.is_none_or(|wanted| *s == wanted))
        {
            for (segment, latencies) in self.segments.iter().zip(by_segment) {
                if wanted(segment) {
                    merged.merge(latencies);
                }
            }
        }
        merged
    }

    /// Signals that are sent: those of the plan, or those that a program of the user's own sent.
    pub fn signals(&self) -> Vec<Signal> {
        match self.plan.is_command() {
            true => self.ledger.signals(),
            false => self.plan.load.signals().collect(),
        }
    }

    /// How many times a fault was planned.
    pub fn occurrences(&self, name: &str) -> u32 {
        let named = self.plan.faults.iter().filter(|fault| fault.name == name);
        u32::try_from(named.count()).unwrap_or(u32::MAX)
    }

    /// The fault's name, and which time it was where it came more than once.
    pub fn label(&self, fault: &FaultEvidence) -> String {
        units::occurrence(&fault.name, fault.occurrence, self.occurrences(&fault.name))
    }

    /// What was planned of a fault that was observed.
    pub fn planned(&self, fault: &FaultEvidence) -> Option<&FaultPlan> {
        let mut planned = self.plan.faults.iter();
        planned.find(|plan| plan.name == fault.name && plan.occurrence == fault.occurrence)
    }

    /// All distributions, whole, for the record.
    pub fn histograms(&self) -> Histograms {
        let mut histograms = Histograms::default();
        for distribution in Distribution::ALL {
            histograms.whole_run.insert(
                distribution.name().to_owned(),
                self.latencies(distribution, None, &Window::Whole),
            );
            for signal in self.plan.load.signals() {
                histograms.whole_run.insert(
                    format!("{signal}.{}", distribution.name()),
                    self.latencies(distribution, Some(signal), &Window::Whole),
                );
            }
            for phase in Phase::ALL {
                let latencies = self.latencies(distribution, None, &Window::In(phase));
                if latencies.count() > 0 {
                    histograms.by_phase.insert(
                        format!("{}/{}", phase.as_str(), distribution.name()),
                        latencies,
                    );
                }
            }
        }
        histograms
    }

    /// The parts of the clock's time that a window covers, clipped to the run. Segments that touch
    /// are one interval.
    pub fn intervals(&self, window: &Window) -> Vec<(u64, u64)> {
        let run_end_ns = self.evidence.times.ended_ns;
        let mut intervals: Vec<(u64, u64)> = Vec::new();
        for segment in self.segments.iter().filter(|s| s.is_in(window)) {
            let end_ns = segment.end_ns.min(run_end_ns);
            match intervals.last_mut() {
                _ if segment.start_ns >= run_end_ns => break,
                Some((_, last_end_ns)) if *last_end_ns == segment.start_ns => *last_end_ns = end_ns,
                _ => intervals.push((segment.start_ns, end_ns)),
            }
        }
        intervals
    }

    /// Segments in which the generator was free to keep its schedule: a fault that slows the client, or
    /// all the machine, slows its generator with it.
    pub fn generating(&self) -> impl Iterator<Item = (usize, &Segment)> {
        let slowing: Vec<&str> = self
            .plan
            .faults
            .iter()
            .filter(|fault| match fault.kind {
                FaultKind::Process { role, fault } => {
                    role == RoleName::Client && fault != ProcessFault::Kill
                }
                FaultKind::Stress { .. } => true,
                FaultKind::Link { .. }
                | FaultKind::Answer { .. }
                | FaultKind::Tls(_)
                | FaultKind::Dns(_) => false,
            })
            .map(|fault| fault.name.as_str())
            .collect();
        let slowed =
            move |segment: &Segment| segment.during.iter().any(|n| slowing.contains(&n.as_str()));
        self.segments
            .iter()
            .enumerate()
            .filter(move |(_, segment)| !slowed(segment))
    }

    /// The p99 of how late the generator was, of the signal where it was worst; `None` when it
    /// released nothing.
    pub fn worst_lateness_p99_ns(&self) -> Option<u64> {
        let by_signal = Signal::ALL.into_iter().filter_map(|signal| {
            let by_segment = self.latencies.get(&(Distribution::Lateness, signal))?;
            let mut merged = Latencies::default();
            for (index, _) in self.generating() {
                merged.merge(&by_segment[index]);
            }
            merged.quantile_ns(0.99)
        });
        by_signal.max()
    }

    /// The batches of one signal, or of all.
    pub fn batches(&self, signal: Option<Signal>) -> impl Iterator<Item = &Batch> {
        self.evidence
            .batches
            .iter()
            .filter(move |batch| signal.is_none_or(|signal| batch.signal == signal))
    }

    fn slot(&mut self, distribution: Distribution, signal: Signal, at_ns: u64) -> &mut Latencies {
        let segment = segment_at(&self.segments, at_ns);
        let count = self.segments.len();
        &mut self
            .latencies
            .entry((distribution, signal))
            .or_insert_with(|| vec![Latencies::default(); count])[segment]
    }

    fn collect_delivery(&mut self) {
        for seen in &self.evidence.sink.signals {
            self.latencies.insert(
                (Distribution::Delivery, seen.signal),
                seen.by_segment.clone(),
            );
        }
    }

    fn collect_exports(&mut self) {
        let evidence = self.evidence;
        for batch in &evidence.batches {
            let (Some(outcome), Some(first)) = (&batch.outcome, batch.attempts.first()) else {
                continue;
            };
            let service_ns = outcome.at_ns.saturating_sub(first.sent_ns);
            let mut due_of_batch = None;
            for range in &batch.items {
                let Some(producer) = evidence
                    .producers
                    .iter()
                    .find(|p| p.signal == batch.signal && p.producer == range.producer)
                else {
                    continue;
                };
                for sequence in range.first..=range.last {
                    let Some(due_ns) = producer.due_of(sequence) else {
                        continue;
                    };
                    due_of_batch.get_or_insert(due_ns);
                    let response_ns = outcome.at_ns.saturating_sub(due_ns);
                    self.slot(Distribution::Response, batch.signal, due_ns)
                        .record_ns(response_ns, 1);
                }
            }
            let due_ns = due_of_batch.unwrap_or(batch.handed_ns);
            self.slot(Distribution::Service, batch.signal, due_ns)
                .record_ns(service_ns, 1);
        }
    }

    fn collect_lateness(&mut self) {
        let evidence = self.evidence;
        // A data point is due when it is collected; of metrics it is measurements that can be late.
        let items = evidence
            .producers
            .iter()
            .filter(|producer| self.plan.is_scheduled(producer.signal))
            .map(|producer| (producer.signal, &producer.due_ns, &producer.released_ns));
        let measurements = evidence
            .measurements
            .iter()
            .map(|made| (Signal::Metrics, &made.due_ns, &made.released_ns));
        for (signal, due_ns, released_ns) in items.chain(measurements) {
            for (due_ns, released_ns) in due_ns.iter().zip(released_ns) {
                if *released_ns != 0 {
                    self.slot(Distribution::Lateness, signal, *due_ns)
                        .record_ns(released_ns.saturating_sub(*due_ns), 1);
                }
            }
        }
    }
}
