//! What an expectation's words mean in a scenario: metric, signal, limit, window.

use super::super::problem::{did_you_mean, nearest, quoted};
use super::super::units::show_ns;
use super::grammar::{Relation, Term, Window as WindowText, Word};
use super::limit::{certain, limit};
use super::{Fault, Scope, Section, said};
use crate::metric::{METRICS, Metric, Unit, Windows, find};
use crate::plan::expectation::{Comparison, MetricRef, Op, Phase, Window};
use crate::plan::windows::possible_segments;
use crate::plan::{COUNTED, FaultPlan, can_be_known};
use crate::signal::Signal;

/// Live metrics that the roles sample for all signals together.
const LIVE_OF_ALL_SIGNALS: &[&str] = &["delivery.latency.p99", "lateness.max"];
/// How full the SDK's queue is.
const QUEUE: &str = "client.queue";
/// Of a program of the user's own alone.
const ORPHANS: &str = "orphans";
/// Recovery is seen in three bins of one second.
const RECOVERY_NS: u64 = 3_000_000_000;

/// Looks one term up; what is wrong goes to `faults`.
pub fn comparison(
    term: &Term<'_>,
    scope: &Scope<'_>,
    section: Section,
    faults: &mut Vec<Fault>,
) -> Option<Comparison> {
    let before = faults.len();
    if let Some(fault) = said::fault(&term.metric, scope, section) {
        faults.push(fault);
        return None;
    }
    let (signal, metric) = match metric(&term.metric, scope) {
        Ok(found) => found,
        Err(fault) => {
            faults.push(fault);
            return None;
        }
    };
    if let Some(target) = out_of_sight(metric, scope) {
        faults.push(fault(
            term.metric.place.clone(),
            format!("what `{target}` delivers does not come back to squall"),
            "say where its exports return with `external.returns_to`, or look at what the client knows: `refused`, `given_up`, `dropped_by_client`, `export.*`",
        ));
    }
    match section {
        Section::AbortIf | Section::When
            if !metric.live || (scope.plan.is_command() && metric.name == "generated") =>
        {
            faults.push(not_live(&term.metric, section));
        }
        Section::AbortIf | Section::When
            if signal.is_some() && LIVE_OF_ALL_SIGNALS.contains(&metric.name) =>
        {
            faults.push(fault(
                term.metric.place.clone(),
                format!(
                    "`{}` is known for all signals together while the run goes on",
                    metric.name
                ),
                format!("write `{}`", metric.name),
            ));
        }
        Section::SteadyState
            if term.window.is_none()
                && (metric.windows != Windows::Any || undated(metric, scope)) =>
        {
            faults.push(fault(
                term.metric.place.clone(),
                format!("`{}` cannot be measured over the steady phase", metric.name),
                "`steady_state` looks at the steady phase; put this line under `expect`",
            ));
        }
        _ => {}
    }
    if let (Section::When, Some(window)) = (section, &term.window) {
        faults.push(fault(
            window.name.place.clone(),
            "a condition has no window",
            "it looks at the value of the moment: leave the window out",
        ));
    }
    let limit = match limit(term, metric) {
        Ok(limit) => Some(limit),
        Err(fault) => {
            faults.push(fault);
            None
        }
    };
    if metric.estimated && term.op.value == Op::Equal {
        faults.push(fault(
            term.op.place.clone(),
            format!("`{}` is an estimate, which equals nothing", metric.name),
            "compare with `<`, `<=`, `>` or `>=`",
        ));
    }
    if let Some(outcome) = limit.and_then(|limit| certain(metric, term.op.value, limit)) {
        let (message, help) = if outcome {
            (
                "this always holds, so it can never fail",
                "compare with something that can happen",
            )
        } else {
            (
                "this can never hold",
                "no metric is negative, and no part is more than the whole",
            )
        };
        faults.push(fault(term.place(), message, help));
    }
    let window = match term.window.as_ref().filter(|_| section == Section::When) {
        // Said above.
        Some(_) => Ok(Window::Whole),
        None => window(term, metric, scope),
    };
    let window = match window {
        Ok(window) => Some(window),
        Err(fault) => {
            faults.push(fault);
            None
        }
    };
    if faults.len() > before {
        return None;
    }
    Some(Comparison {
        metric: MetricRef {
            signal,
            name: bare(term.metric.value).1.to_owned(),
        },
        op: term.op.value,
        limit: limit?,
        window: window?,
    })
}

/// The target behind which nothing is seen, where the metric needs what the sink receives.
fn out_of_sight<'a>(metric: &Metric, scope: &Scope<'a>) -> Option<&'a str> {
    const AT_THE_SINK: [&str; 13] = [
        "delivered",
        "delivery",
        "duplicated",
        "extra_copies",
        "late",
        "lost",
        "lost_silently",
        "received",
        "recovered",
        "recovery",
        "backlog",
        "unexpected",
        "content",
    ];
    let first = metric.name.split('.').next().unwrap_or_default();
    let of_sink = AT_THE_SINK.contains(&first) || metric.name == "wire.bytes.per_item";
    let mut ends = scope
        .plan
        .targets
        .iter()
        .filter(|target| target.to.is_none());
    let end = ends.next()?;
    (of_sink && !scope.plan.ends_at_sink()).then_some(end.name.as_str())
}

fn fault(
    place: std::ops::Range<usize>,
    message: impl Into<String>,
    help: impl Into<String>,
) -> Fault {
    Fault {
        place,
        message: message.into(),
        help: help.into(),
    }
}

/// The signal that a name begins with, and the rest.
fn bare(name: &str) -> (Option<Signal>, &str) {
    let prefixed = name
        .split_once('.')
        .and_then(|(prefix, rest)| Some((prefix.parse::<Signal>().ok()?, rest)));
    match prefixed {
        Some((signal, rest)) => (Some(signal), rest),
        None => (None, name),
    }
}

fn metric(
    word: &Word<&str>,
    scope: &Scope<'_>,
) -> Result<(Option<Signal>, &'static Metric), Fault> {
    let (signal, name) = bare(word.value);
    let Some(metric) = find(name) else {
        let near = nearest(name, METRICS.iter().map(|metric| metric.name));
        let help = if near.is_empty() {
            "`squall metrics` lists them".to_owned()
        } else {
            format!("the nearest names are {}", quoted(&near))
        };
        let message = format!("there is no metric `{name}`");
        return Err(fault(word.place.clone(), message, help));
    };
    if scope.plan.is_command() != is_of_command(metric, scope) {
        return Err(match scope.plan.is_command() {
            true => fault(
                word.place.clone(),
                format!("`{name}` cannot be known of a program of your own"),
                format!(
                    "its items are known by {}; and there is what the processes and the machine use",
                    quoted(COUNTED)
                ),
            ),
            false => fault(
                word.place.clone(),
                format!("`{name}` is counted of a program of your own alone"),
                "ask for one with `client: { kind: command }`; of this client `content.orphans` is known, with `validate: content`",
            ),
        });
    }
    if name.starts_with("content.") && scope.plan.content.is_none() {
        return Err(fault(
            word.place.clone(),
            format!("`{name}` needs content to be checked"),
            "add `validate: content` to the scenario",
        ));
    }
    if let Some(signal) = signal {
        if !metric.per_signal {
            return Err(fault(
                word.place.clone(),
                format!("`{name}` is not counted by signal"),
                format!("write `{name}`"),
            ));
        }
        if name == QUEUE && signal == Signal::Metrics {
            return Err(fault(
                word.place.clone(),
                "the SDK keeps no queue of metrics",
                format!("write `traces.{QUEUE}`, `logs.{QUEUE}`, or `{QUEUE}` for the fuller one"),
            ));
        }
        if scope.plan.load.arrivals(signal).is_none() && !scope.plan.is_command() {
            return Err(fault(
                word.place.clone(),
                format!("this scenario sends no {signal}"),
                format!("add `load.{signal}`, or write `{name}` for every signal that is sent"),
            ));
        }
    }
    Ok((signal, metric))
}

/// Whether it is a metric for a program of the user's own, where the client is one; else whether it is one
/// for nobody else.
fn is_of_command(metric: &Metric, scope: &Scope<'_>) -> bool {
    match scope.plan.is_command() {
        true => can_be_known(metric.name),
        false => metric.name == ORPHANS,
    }
}

/// Whether it counts items of which nobody knows when they were due.
fn undated(metric: &Metric, scope: &Scope<'_>) -> bool {
    scope.plan.is_command() && COUNTED.contains(&metric.name)
}

fn not_live(word: &Word<&str>, section: Section) -> Fault {
    let key = match section {
        Section::When => "when",
        _ => "abort_if",
    };
    let live: Vec<&str> = METRICS
        .iter()
        .filter(|metric| metric.live)
        .map(|metric| metric.name)
        .collect();
    fault(
        word.place.clone(),
        format!("`{}` is not known while the run goes on", word.value),
        format!("`{key}` can use {}", quoted(&live)),
    )
}

fn window(term: &Term<'_>, metric: &Metric, scope: &Scope<'_>) -> Result<Window, Fault> {
    let Some(text) = &term.window else {
        let recovers = metric.windows == Windows::AfterFault;
        if recovers && scope.plan.faults.iter().all(|fault| fault.end_ns.is_none()) {
            // Where a fault has problems of its own, those come first.
            if scope.is_whole() {
                return Err(fault(
                    term.metric.place.clone(),
                    format!("no fault ends here, so there is no `{}`", metric.name),
                    "give a fault an end with `for`",
                ));
            }
        }
        if metric.name == "recovery.time" {
            for cause in &scope.plan.faults {
                time_to_recover(cause, scope, &term.metric.place)?;
            }
        }
        return Ok(Window::Whole);
    };
    fits(text, metric)?;
    if undated(metric, scope) {
        return Err(fault(
            text.name.place.clone(),
            format!(
                "`{}` has no such window: nobody knows when your program's items were due",
                metric.name
            ),
            "leave the window out",
        ));
    }
    match text.relation {
        Relation::In => phase(&text.name, metric, scope),
        Relation::During => {
            windowed_faults(&text.name, scope)?;
            Ok(Window::During(text.name.value.to_owned()))
        }
        Relation::After => {
            let name = &text.name;
            let causes = windowed_faults(name, scope)?;
            let ends = |cause: &&FaultPlan| {
                let end_ns = cause.end_ns.unwrap_or(u64::MAX);
                end_ns < scope.plan.run.duration_ns
            };
            if !causes.is_empty() {
                if !causes.iter().any(ends) {
                    return Err(fault(
                        name.place.clone(),
                        format!(
                            "`{}` lasts until the end: nothing comes after it",
                            name.value
                        ),
                        "end it earlier with `for`, or look at it with `during`",
                    ));
                }
                if metric.name == "recovery.time" {
                    // After a storm, recovery begins when all of it is over.
                    let is_storm = causes.iter().all(|cause| cause.name != name.value);
                    let last = causes.iter().max_by_key(|cause| cause.end_ns);
                    for cause in causes.iter().filter(|_| !is_storm).chain(last) {
                        time_to_recover(cause, scope, &name.place)?;
                    }
                }
            }
            Ok(Window::After(name.value.to_owned()))
        }
    }
}

fn fits(text: &WindowText<'_>, metric: &Metric) -> Result<(), Fault> {
    let wrong = |allowed: &str| {
        Err(fault(
            text.name.place.clone(),
            format!("`{}` has no such window", metric.name),
            allowed,
        ))
    };
    match (metric.windows, text.relation) {
        (Windows::Any, _) | (Windows::AfterFault, Relation::After) => Ok(()),
        (Windows::AfterFault, _) => wrong("it is measured `after FAULT`, or over all faults"),
        (Windows::WholeRun, _) => wrong("it is known only for the run as a whole"),
    }
}

fn phase(name: &Word<&str>, metric: &Metric, scope: &Scope<'_>) -> Result<Window, Fault> {
    let Some(phase) = Phase::ALL
        .into_iter()
        .find(|phase| phase.as_str() == name.value)
    else {
        if scope.fault_names.iter().any(|fault| fault == name.value) {
            return Err(fault(
                name.place.clone(),
                format!("`{}` is a fault, not a phase", name.value),
                format!("write `during {0}` or `after {0}`", name.value),
            ));
        }
        let names = Phase::ALL.map(Phase::as_str);
        return Err(fault(
            name.place.clone(),
            format!("there is no phase `{}`", name.value),
            did_you_mean(name.value, &names),
        ));
    };
    // What belongs to items has the phase of their due time, and none is due in the drain.
    let of_items = metric.ledger || (metric.per_signal && metric.unit == Unit::Seconds);
    if phase == Phase::Drain && of_items {
        return Err(fault(
            name.place.clone(),
            "no item is due in the drain",
            "rates and resources are known there; for what came too late there is `late`",
        ));
    }
    let empty = !possible_segments(scope.plan)
        .iter()
        .any(|segment| segment.phase == phase);
    if empty && scope.is_whole() {
        return Err(fault(
            name.place.clone(),
            format!("this scenario has no {} phase", phase.as_str()),
            "nothing could be measured there: look at `squall plan`",
        ));
    }
    Ok(Window::In(phase))
}

/// Every occurrence of the fault of that name, or every fault of the storm; none where it exists
/// and has problems of its own.
fn windowed_faults<'a>(name: &Word<&str>, scope: &Scope<'a>) -> Result<Vec<&'a FaultPlan>, Fault> {
    let faults = scope.plan.faults.iter();
    let causes: Vec<&FaultPlan> = faults
        .filter(|fault| fault.name == name.value || fault.storm.as_deref() == Some(name.value))
        .collect();
    if causes.is_empty() {
        let names: Vec<&str> = scope.fault_names.iter().map(String::as_str).collect();
        if names.contains(&name.value) {
            return Ok(Vec::new());
        }
        let help = if Phase::ALL.iter().any(|phase| phase.as_str() == name.value) {
            format!("write `in {}` for the phase", name.value)
        } else if names.is_empty() {
            "this scenario has no faults".to_owned()
        } else {
            did_you_mean(name.value, &names)
        };
        let message = format!("there is no fault `{}`", name.value);
        return Err(fault(name.place.clone(), message, help));
    }
    if causes.iter().any(|cause| cause.lasts_all_run()) {
        return Err(fault(
            name.place.clone(),
            format!("`{}` lasts all the run and is no window", name.value),
            "leave the window out",
        ));
    }
    Ok(causes)
}

fn time_to_recover(
    cause: &FaultPlan,
    scope: &Scope<'_>,
    place: &std::ops::Range<usize>,
) -> Result<(), Fault> {
    let duration_ns = scope.plan.run.duration_ns;
    let Some(end_ns) = cause.end_ns.filter(|end| *end <= duration_ns) else {
        return Ok(());
    };
    let needed_ns = end_ns.saturating_add(RECOVERY_NS);
    if needed_ns <= duration_ns {
        return Ok(());
    }
    Err(fault(
        place.clone(),
        format!(
            "recovery from `{}` is seen at {} at the earliest, and the run ends at {}",
            cause.name,
            show_ns(needed_ns),
            show_ns(duration_ns)
        ),
        "end the fault three seconds before the run does, or make `run.duration` longer",
    ))
}
