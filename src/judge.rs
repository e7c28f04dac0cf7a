//! Judgment: from what was observed to a verdict. Pure: plan and evidence in, a result out.

use std::collections::BTreeMap;

use crate::evidence::Evidence;
use crate::metric::{METRICS, Windows};
use crate::plan::Plan;
use crate::plan::expectation::Window;
use crate::record::{
    Calibration, FaultResult, Histograms, MACHINE, PhaseResult, RESULT_FORMAT, RunResult,
};

mod calibration;
mod causes;
mod command;
pub mod comparable;
pub mod compare;
mod conformance;
mod content;
mod cost;
mod expectations;
mod facts;
#[cfg(test)]
pub(crate) mod fixture;
mod flow;
mod growth;
mod harness;
pub mod history;
pub mod live;
mod measure;
pub mod names;
mod packets;
mod recovery;
mod resources;
mod said;
mod series;
mod sums;
mod targets;
#[cfg(test)]
mod tests;
mod verdict;

pub use calibration::{calibration, noise, words};
pub use cost::{cost, cost_run};
pub use facts::Facts;
pub use measure::Measured;
pub use series::stored_series;

/// What the judge cannot know from the evidence, and the result has to say.
#[derive(Debug, Clone, Default)]
pub struct Circumstances {
    /// UTC, RFC 3339.
    pub started: String,
    pub environment: BTreeMap<String, String>,
    pub fingerprint: BTreeMap<String, String>,
    /// The run whose plan was followed again.
    pub replay_of: Option<String>,
    /// What this machine was seen to be capable of.
    pub calibration: Option<Calibration>,
    /// Why the run was made, where that changes how it is read.
    pub notes: Vec<String>,
}

/// Judges a run: the ledger, every metric, the harness's own checks, then the user's.
pub fn judge(
    plan: &Plan,
    evidence: &Evidence,
    circumstances: Circumstances,
) -> (RunResult, Histograms) {
    let facts = Facts::of(plan, evidence);
    let mut checks = harness::checks(&facts);
    let calibration = circumstances.calibration;
    let within = calibration.as_ref();
    checks.extend(within.and_then(|known| calibration::within_limits(plan, known)));
    checks.extend(expectations::steady_state(&facts));
    checks.extend(command::checks(&facts));
    checks.extend(content::checks(&facts));
    checks.extend(expectations::expectations(&facts));
    checks.extend(expectations::aborted(evidence));
    let (verdict, exit, summary) = verdict::conclude(&checks, evidence);
    let cited = within.map(calibration::cited);
    let (metrics, units) = all_metrics(&facts);
    let result = RunResult {
        format: RESULT_FORMAT,
        scenario: plan.scenario.clone(),
        seed: plan.seed,
        verdict,
        exit_code: exit.code(),
        summary,
        started: circumstances.started,
        duration_s: evidence.times.ended_ns as f64 / 1e9,
        ledger: facts
            .ledger
            .signals()
            .into_iter()
            .map(|signal| (signal, facts.ledger.totals(signal)))
            .collect(),
        metrics,
        units,
        checks,
        faults: faults(&facts),
        phases: phases(&facts),
        causes: [causes::causes(&facts), command::causes(&facts)].concat(),
        conformance: conformance::conformance(&facts),
        flow: flow::flow(&facts),
        content: content::result(&facts),
        command: command::result(&facts),
        calibration,
        sums: sums::result(&evidence.sums),
        notes: [
            circumstances.notes,
            notes(plan, evidence, circumstances.replay_of.as_deref()),
            command::notes(&facts),
            cited.into_iter().collect(),
        ]
        .concat(),
        environment: packets::environment(circumstances.environment, evidence),
        fingerprint: circumstances.fingerprint,
        replay_of: circumstances.replay_of,
    };
    (result, facts.histograms())
}

/// Every registered metric of the whole run that could be measured, and its unit.
fn all_metrics(
    facts: &Facts<'_>,
) -> (BTreeMap<String, f64>, BTreeMap<String, crate::metric::Unit>) {
    let mut metrics = BTreeMap::new();
    let mut units = BTreeMap::new();
    for metric in METRICS {
        let mut store = |name: String, measured: Measured| {
            if let Ok(value) = measured {
                units.insert(name.clone(), metric.unit);
                metrics.insert(name, value);
            }
        };
        store(
            metric.name.to_owned(),
            facts.measure(metric, None, &Window::Whole),
        );
        if metric.per_signal {
            for signal in facts.signals() {
                store(
                    format!("{signal}.{}", metric.name),
                    facts.measure(metric, Some(signal), &Window::Whole),
                );
            }
        }
    }
    for (name, value) in said::all(facts) {
        units.insert(name.clone(), crate::metric::Unit::Count);
        metrics.insert(name, value);
    }
    (metrics, units)
}

fn faults(facts: &Facts<'_>) -> Vec<FaultResult> {
    let seconds = |at_ns: Option<u64>| at_ns.map(|at| at as f64 / 1e9);
    facts
        .evidence
        .faults
        .iter()
        .map(|fault| FaultResult {
            name: fault.name.clone(),
            occurrence: fault.occurrence,
            occurrences: facts.occurrences(&fault.name),
            storm: fault.storm.clone(),
            kind: fault.kind.clone(),
            backend: fault.backend.clone(),
            place: place(facts.plan, &fault.name).to_owned(),
            started_s: seconds(fault.started_ns),
            ended_s: seconds(fault.ended_ns),
            proof: fault.proof.clone(),
            healed: fault.healed,
            metrics: METRICS
                .iter()
                .filter(|metric| metric.windows == Windows::AfterFault)
                .filter_map(|metric| {
                    let value = recovery::of_occurrence(facts, metric.name, fault).ok()?;
                    Some((metric.name.to_owned(), value))
                })
                .collect(),
        })
        .collect()
}

/// Where the fault of that name strikes; its occurrences all strike there.
fn place<'a>(plan: &'a Plan, name: &str) -> &'a str {
    let planned = plan.faults.iter().find(|fault| fault.name == name);
    let struck = planned.map(|fault| fault.kind.struck());
    struck.map_or("", |role| role.map_or(MACHINE, |role| plan.name_of(role)))
}

/// Consecutive segments of one phase as one; faults beside them under their own names.
fn phases(facts: &Facts<'_>) -> Vec<PhaseResult> {
    let end_ns = facts.evidence.times.ended_ns;
    let mut phases: Vec<PhaseResult> = Vec::new();
    for segment in facts.segments.iter().filter(|s| s.start_ns < end_ns) {
        let (start_s, end_s) = (
            segment.start_ns as f64 / 1e9,
            segment.end_ns.min(end_ns) as f64 / 1e9,
        );
        let name = segment.phase.as_str();
        match phases.last_mut() {
            Some(last) if last.name == name => last.end_s = end_s,
            _ => phases.push(PhaseResult {
                name: name.to_owned(),
                kind: "phase".to_owned(),
                start_s,
                end_s,
            }),
        }
    }
    phases.extend(facts.evidence.faults.iter().filter_map(|fault| {
        Some(PhaseResult {
            name: facts.label(fault),
            kind: "fault".to_owned(),
            start_s: fault.started_ns? as f64 / 1e9,
            end_s: fault.ended_ns.unwrap_or(end_ns) as f64 / 1e9,
        })
    }));
    phases
}

/// What changes how the numbers are to be read.
fn notes(plan: &Plan, evidence: &Evidence, replay_of: Option<&str>) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(run) = replay_of {
        notes.push(format!("a replay: the plan is that of {run}"));
    }
    for signal in plan.load.signals() {
        if let Some(arrivals) = plan.load.arrivals(signal)
            && matches!(
                arrivals.process,
                crate::plan::ArrivalProcess::ClosedLoop { .. }
            )
        {
            notes.push(format!(
                "{signal}: closed loop. The load waited for the pipeline, so latency hides every stall"
            ));
        }
    }
    if let Some(replay) = &plan.client.replay
        && replay.skipped > 0
    {
        let skipped = replay.skipped;
        notes.push(format!(
            "{skipped} line(s) of the capture cannot be read, and are left out"
        ));
    }
    if !plan.sink.plant.is_empty() {
        notes.push("the sink was told to misbehave (sink.plant)".to_owned());
    }
    notes.extend(targets::note(plan));
    notes.extend(targets::silent(plan, evidence));
    notes.extend(targets::unheard(plan, evidence));
    notes.extend(packets::note(evidence));
    notes
}
