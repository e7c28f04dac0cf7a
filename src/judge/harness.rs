//! squall's checks on itself. They run first and always: a harness that was the bottleneck, or
//! whose faults did not bite, has nothing to say about the pipeline.

use std::collections::BTreeSet;

use super::{facts::Facts, names, packets};
use crate::evidence::FaultEvidence;
use crate::metric;
use crate::plan::expectation::Window;
use crate::plan::windows::segment_at;
use crate::plan::{InstrumentKind, Plan, RoleName};
use crate::record::{CheckGroup, CheckResult, Verdict};
use crate::signal::Signal;
use crate::units;

/// Share of the machine's cores that the sink may use before it counts as saturated.
const SINK_CPU_LIMIT: f64 = 0.8;
/// Cores that a link that reads what passes may use: it has one thread.
const TAP_CPU_LIMIT: f64 = 0.9;
/// Cores that the controller may use.
const CONTROLLER_CPU_LIMIT: f64 = 0.25;

/// Every check, in the order in which they are shown.
pub(super) fn checks(facts: &Facts<'_>) -> Vec<CheckResult> {
    let mut checks = vec![roles(facts)];
    // A program of the user's own keeps no schedule, and its items are no strangers.
    let has_plan = !facts.plan.is_command();
    if has_plan {
        checks.extend([lateness(facts), missed(facts)]);
    }
    checks.extend(something_happened(facts));
    checks.extend(ledgers(facts));
    checks.extend(has_plan.then(|| no_strangers(facts)));
    if adds_up(facts.plan) {
        checks.push(sums(facts));
    }
    checks.extend(super::content::harness(facts));
    checks.push(drained(facts));
    checks.push(sink_saturation(facts));
    checks.extend(tap_saturation(facts));
    checks.push(controller_cpu(facts));
    checks.extend(packets::checks(facts));
    checks.extend(super::targets::checks(facts));
    checks.extend(faults(facts));
    checks
}

pub(super) fn check(
    name: impl Into<String>,
    holds: bool,
    observed: String,
    limit: impl Into<String>,
    why: impl Into<String>,
) -> CheckResult {
    CheckResult {
        name: name.into(),
        group: CheckGroup::Harness,
        verdict: if holds {
            Verdict::Pass
        } else {
            Verdict::Inconclusive
        },
        observed,
        limit: limit.into(),
        why: if holds { String::new() } else { why.into() },
    }
}

fn roles(facts: &Facts<'_>) -> CheckResult {
    let incidents = &facts.evidence.incidents;
    check(
        "every role did its work",
        incidents.is_empty(),
        format!("{} incident(s)", incidents.len()),
        "none",
        incidents.join("; "),
    )
}

fn lateness(facts: &Facts<'_>) -> CheckResult {
    let limit_ns = facts.plan.run.lateness_limit_ns;
    let limit = format!("p99 <= {}", units::seconds(limit_ns as f64 / 1e9));
    match facts.worst_lateness_p99_ns() {
        None => check(
            names::KEPT_SCHEDULE,
            false,
            "not measured".into(),
            limit,
            "the generator released nothing",
        ),
        Some(p99_ns) => {
            let observed = units::seconds(p99_ns as f64 / 1e9);
            check(
                names::KEPT_SCHEDULE,
                p99_ns <= limit_ns,
                observed.clone(),
                limit,
                format!(
                    "it was {observed} late (p99): this machine could not generate the load on time"
                ),
            )
        }
    }
}

fn missed(facts: &Facts<'_>) -> CheckResult {
    let items: u64 = facts
        .generating()
        .filter_map(|(_, segment)| {
            let span = (segment.start_ns, segment.end_ns);
            facts
                .ledger
                .count_due_within(facts.evidence, None, span, "missed")
        })
        .sum();
    let generating: BTreeSet<usize> = facts.generating().map(|(index, _)| index).collect();
    let measurements = facts
        .evidence
        .measurements
        .iter()
        .flat_map(|made| made.due_ns.iter().zip(&made.released_ns))
        .filter(|(_, released_ns)| **released_ns == 0)
        .filter(|(due_ns, _)| generating.contains(&segment_at(&facts.segments, **due_ns)))
        .count();
    let observed = if measurements == 0 {
        format!("{items} items")
    } else {
        format!("{items} items, {measurements} measurements")
    };
    check(
        names::NOTHING_MISSED,
        items == 0 && measurements == 0,
        observed.clone(),
        "0 items",
        format!("{observed} came due and were not released in time"),
    )
}

fn something_happened(facts: &Facts<'_>) -> Vec<CheckResult> {
    facts
        .plan
        .load
        .signals()
        .map(|signal| {
            let totals = facts.ledger.totals(signal);
            check(
                format!("{signal}: something was sent"),
                totals.generated > 0,
                format!(
                    "{} generated, {} received",
                    totals.generated, totals.received
                ),
                "> 0 generated",
                "nothing was generated, so there is nothing to judge",
            )
        })
        .chain(looks_for_receipts(facts).then(|| {
            let received = received(facts);
            check(
                "something was received",
                received > 0,
                format!("{received} items"),
                "> 0 items",
                nothing_came(facts),
            )
        }))
        .collect()
}

/// Why the sink received nothing, as far as it knows.
fn nothing_came(facts: &Facts<'_>) -> String {
    let sink = &facts.evidence.sink;
    let mut why = "nothing at all reached the sink".to_owned();
    if sink.failed_handshakes > 0 {
        why.push_str(&format!(
            ": {} TLS handshakes with it failed, the last one because of {}",
            sink.failed_handshakes, sink.handshake_failure
        ));
    }
    if sink.unauthenticated > 0 {
        why.push_str(&format!(
            ": {} requests came without the headers that `sink.require` asks for",
            sink.unauthenticated
        ));
    }
    why
}

/// Targets that keep all to themselves are at fault, and not the harness: see [`super::targets`].
fn looks_for_receipts(facts: &Facts<'_>) -> bool {
    facts.plan.ends_at_sink() && !super::targets::keep_all(facts)
}

/// Different items that reached the sink.
pub(super) fn received(facts: &Facts<'_>) -> u64 {
    let signals = facts.ledger.signals().into_iter();
    signals
        .map(|signal| facts.ledger.totals(signal).received)
        .sum()
}

fn ledgers(facts: &Facts<'_>) -> Vec<CheckResult> {
    facts
        .ledger
        .signals()
        .into_iter()
        // Where a program does not say what it made, there are no books to close.
        .filter(|signal| facts.ledger.has_books(*signal))
        .map(|signal| {
            let totals = facts.ledger.totals(signal);
            let observed = if totals.closes {
                "closes"
            } else {
                "does not close"
            };
            check(
                format!("{signal}: the ledger closes"),
                totals.closes,
                observed.to_owned(),
                "closes",
                totals.why_not.join("; "),
            )
        })
        .collect()
}

fn no_strangers(facts: &Facts<'_>) -> CheckResult {
    let unexpected = facts.ledger.unexpected(None);
    let examples = facts.evidence.sink.unexpected_examples.join("; ");
    check(
        "nothing unexpected was received",
        unexpected == 0,
        format!("{unexpected} items"),
        "0 items",
        format!("the sink received items that nobody generated: {examples}"),
    )
}

/// Whether measurements are recorded whose values add up; a gauge's do not.
fn adds_up(plan: &Plan) -> bool {
    !plan.is_scheduled(Signal::Metrics)
        && plan.load.metrics.as_ref().is_some_and(|metrics| {
            let instruments = &metrics.payload.instruments;
            instruments.iter().any(|i| *i != InstrumentKind::Gauge)
        })
}

fn sums(facts: &Facts<'_>) -> CheckResult {
    let sums = super::sums::result(&facts.evidence.sums);
    if sums.series == 0 {
        return check(
            "metric sums add up",
            false,
            "no series".to_owned(),
            "every difference explained",
            "what the series recorded is not known",
        );
    }
    check(
        "metric sums add up",
        sums.unexplained == 0,
        format!(
            "{} of {} series equal, {} explained by what was lost with points or a killed client",
            sums.equal, sums.series, sums.explained
        ),
        "every difference explained",
        format!(
            "{} series differ and no lost point explains it: {}",
            sums.unexplained,
            sums.examples.join("; ")
        ),
    )
}

fn drained(facts: &Facts<'_>) -> CheckResult {
    let times = &facts.evidence.times;
    let observed = match times.quiescent_ns {
        Some(at_ns) => format!(
            "quiescent {} after the load",
            units::seconds(at_ns.saturating_sub(times.load_ended_ns) as f64 / 1e9)
        ),
        None => "items were still under way".to_owned(),
    };
    check(
        names::DRAINED,
        times.quiescent_ns.is_some() || facts.evidence.stopped.is_some(),
        observed,
        format!(
            "within {}",
            units::seconds(facts.plan.run.drain_ns as f64 / 1e9)
        ),
        "items were still under way at the drain's deadline; a longer run.drain would tell what became of them",
    )
}

fn sink_saturation(facts: &Facts<'_>) -> CheckResult {
    let cores = cores(facts);
    let limit = SINK_CPU_LIMIT * cores;
    let busiest = busiest_second(facts, "sink");
    check(
        names::SINK_NOT_SATURATED,
        busiest.is_some_and(|cpu| cpu <= limit),
        busiest.map_or("not sampled".to_owned(), |cpu| {
            format!("{cpu:.2} cores in its busiest second")
        }),
        format!("<= {limit:.2} cores"),
        "the sink itself may have been the bottleneck, as far as anybody can tell",
    )
}

/// Whether reading along held up what passes.
fn tap_saturation(facts: &Facts<'_>) -> Option<CheckResult> {
    let links = (0_u8..).map(RoleName::Link).zip(&facts.plan.links);
    let tapped = links.filter(|(_, link)| link.tap);
    let (busiest, name) = tapped
        .filter_map(|(role, link)| Some((busiest_second(facts, role.as_str())?, &link.name)))
        .max_by(|a, b| a.0.total_cmp(&b.0))?;
    Some(check(
        "no link was saturated by its tap",
        busiest <= TAP_CPU_LIMIT,
        format!("{name}: {busiest:.2} cores in its busiest second"),
        format!("<= {TAP_CPU_LIMIT} cores"),
        format!(
            "`{name}`, which reads what passes, may have been the bottleneck; without a tap it has less to do (`tap: false`)"
        ),
    ))
}

fn controller_cpu(facts: &Facts<'_>) -> CheckResult {
    let cpu = metric::find("controller.cpu")
        .map(|metric| facts.measure(metric, None, &Window::Whole))
        .and_then(Result::ok);
    check(
        "the controller stayed out of the way",
        cpu.is_some_and(|cpu| cpu <= CONTROLLER_CPU_LIMIT),
        cpu.map_or("not sampled".to_owned(), |cpu| format!("{cpu:.3} cores")),
        format!("<= {CONTROLLER_CPU_LIMIT} cores"),
        "the controller's own work may have disturbed the run",
    )
}

fn cores(facts: &Facts<'_>) -> f64 {
    f64::from(facts.evidence.cores.max(1))
}

/// Most CPU that a role used within any second, in cores.
fn busiest_second(facts: &Facts<'_>, role: &str) -> Option<f64> {
    let samples = &facts
        .evidence
        .roles
        .iter()
        .find(|r| r.role == role)?
        .samples;
    let cpu = |sample: &crate::evidence::ProcessSample| sample.cpu_user_ns + sample.cpu_system_ns;
    let mut busiest: Option<f64> = None;
    let mut first = 0;
    for last in samples {
        while samples[first].at_ns + 1_000_000_000 < last.at_ns {
            first += 1;
        }
        let length_ns = last.at_ns - samples[first].at_ns;
        if length_ns >= 500_000_000 {
            let cores = cpu(last).saturating_sub(cpu(&samples[first])) as f64 / length_ns as f64;
            busiest = Some(busiest.map_or(cores, |b| b.max(cores)));
        }
    }
    busiest
}

fn faults(facts: &Facts<'_>) -> Vec<CheckResult> {
    let mut checks = Vec::new();
    for fault in &facts.evidence.faults {
        let never_due = facts.evidence.stopped.is_some() && fault.started_ns.is_none();
        let name = facts.label(fault);
        let condition = facts.planned(fault).and_then(|plan| plan.when.as_ref());
        if let (Some(condition), false) = (condition, never_due) {
            let started = fault.started_ns.is_some();
            checks.push(check(
                format!("{name}: the condition held"),
                started,
                if started { "it held" } else { "it never held" }.to_owned(),
                condition.text.clone(),
                "so the fault never started: the run shows nothing of it",
            ));
            if !started {
                continue;
            }
        }
        checks.push(check(
            format!("{name}: the fault took effect"),
            fault.proof.is_some() || never_due,
            fault.proof.clone().unwrap_or_else(|| match never_due {
                true => "not reached".to_owned(),
                false => "no proof".to_owned(),
            }),
            "counted at the injector",
            format!(
                "{} was not seen to do anything{}",
                fault.kind,
                why_unseen(facts, fault)
            ),
        ));
        if let Some(healed) = fault.healed {
            checks.push(check(
                format!("{name}: the fault healed"),
                healed,
                if healed { "healed" } else { "not healed" }.to_owned(),
                "healed",
                "its effect went on after its end",
            ));
        }
    }
    checks
}

/// Most faults are met by requests alone, and an SDK that flushes every few seconds may send none.
fn why_unseen(facts: &Facts<'_>, fault: &FaultEvidence) -> &'static str {
    if let Some(command) = &facts.evidence.command {
        let ended_ns = command.ended_ns.unwrap_or(u64::MAX);
        return match fault.started_ns.is_none_or(|at_ns| at_ns > ended_ns) {
            true => ": the program had ended by then",
            false => ": the program may have sent nothing while it lasted",
        };
    }
    let (Some(start_ns), end_ns) = (fault.started_ns, fault.ended_ns.unwrap_or(u64::MAX)) else {
        return "";
    };
    let mut attempts = facts.batches(None).flat_map(|batch| &batch.attempts);
    let met = attempts.any(|attempt| {
        let answered_ns = attempt.answer.as_ref().map_or(u64::MAX, |a| a.at_ns);
        attempt.sent_ns < end_ns && answered_ns > start_ns
    });
    if met {
        return "";
    }
    ": the client sent nothing while it lasted; make it longer, or the SDK's flush intervals shorter (for spans, OTEL_BSP_SCHEDULE_DELAY)"
}
