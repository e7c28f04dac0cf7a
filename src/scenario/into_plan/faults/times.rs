//! When a fault starts and ends, how often, and what the seed decides of it.

use super::Setting;
use super::draw::Draws;
use crate::plan::{FaultKind, ProcessFault};
use crate::scenario::file::{FaultFile, Moment};
use crate::scenario::into_plan::Planner;
use crate::scenario::problem::Finding;
use crate::scenario::units::show_ns;

/// Most occurrences of one fault.
const MOST_TIMES: u64 = 1000;

/// Least and most of a time; the same where it is fixed.
pub(super) type Range = (u64, u64);

/// The times of an entry, before anything is drawn.
struct Times {
    at: Range,
    length: Option<Range>,
    every: Option<Range>,
    times: Option<u32>,
}

impl Planner<'_> {
    /// Start and end of each occurrence, in order.
    pub(super) fn fault_times(
        &mut self,
        path: &str,
        file: &FaultFile,
        name: &str,
        kind: Option<&FaultKind>,
        setting: &Setting<'_>,
    ) -> Vec<(u64, Option<u64>)> {
        let key = |key: &str| format!("{path}.{key}");
        let first = self.range(&key("at"), file.at.as_ref()).unwrap_or_else(|| {
            let from_ns = match file.when {
                Some(_) => setting.run().warmup_ns.saturating_sub(setting.start_ns),
                None => 0,
            };
            (from_ns, from_ns)
        });
        let times = Times {
            at: (
                first.0.saturating_add(setting.start_ns),
                first.1.saturating_add(setting.start_ns),
            ),
            length: self.range(&key("for"), file.length.as_ref()),
            every: self.range(&key("every"), file.every.as_ref()),
            times: file.times,
        };
        if times.length.is_some_and(|(least, _)| least == 0) {
            self.problem(&key("for"), "the fault takes no time", "more than 0s");
        }
        let length = self.length_of_kind(path, file, times.length, kind);
        let times = Times { length, ..times };
        let repeats = self.repetition(path, file, &times, kind, setting);
        if setting.storm.is_none() {
            self.within_the_run(path, &times, repeats, setting);
        } else if length.is_none() && !is_kill(kind) && !self.document.has(&key("for")) {
            let help = "say how long it lasts with `for`";
            self.problem(path, "a fault of a storm has an end", help);
        }
        occurrences(&times, name, repeats, setting)
    }

    /// Least and most of a time that is written at `path`.
    pub(super) fn range(&mut self, path: &str, moment: Option<&Moment>) -> Option<Range> {
        let between = match moment? {
            Moment::Fixed(time) => return Some((time.0, time.0)),
            Moment::Drawn(drawn) => drawn.between.as_deref(),
        };
        let path = format!("{path}.between");
        let ends = self.required(&path, between, "two durations: `between: [5s, 10s]`")?;
        match *ends {
            [least, most] if least.0 <= most.0 => Some((least.0, most.0)),
            [least, most] => {
                let help = format!(
                    "the smaller one first: `between: [{}, {}]`",
                    show_ns(most.0),
                    show_ns(least.0)
                );
                self.problem(&path, "`between` is the wrong way round", help);
                None
            }
            _ if self.document.is_damaged(&path) => None,
            _ => {
                let help = "the least and the most: `between: [5s, 10s]`";
                self.problem(&path, "`between` takes two durations", help);
                None
            }
        }
    }

    /// The length as far as the kind has one.
    fn length_of_kind(
        &mut self,
        path: &str,
        file: &FaultFile,
        length: Option<Range>,
        kind: Option<&FaultKind>,
    ) -> Option<Range> {
        let key = format!("{path}.for");
        match kind {
            Some(FaultKind::Process {
                fault: ProcessFault::Kill,
                ..
            }) => {
                if self.document.has(&key) {
                    let span = self.document.key_span(&key);
                    let finding =
                        Finding::new(span, "a kill has no length").help("leave `for` out");
                    self.findings.push(finding);
                }
                None
            }
            Some(FaultKind::Process { fault, .. }) => {
                let must_end = match fault {
                    ProcessFault::Pause => Some("a pause must end: say how long it lasts"),
                    ProcessFault::Restart => Some("how long the process is down"),
                    ProcessFault::CrashLoop { .. } => Some("a crash loop must end"),
                    _ => None,
                };
                if let Some(help) = must_end {
                    self.required(&key, file.length.as_ref(), help);
                }
                length
            }
            _ => length,
        }
    }

    /// How often the fault comes: what is wrong with it is said, and then it comes once.
    fn repetition(
        &mut self,
        path: &str,
        file: &FaultFile,
        times: &Times,
        kind: Option<&FaultKind>,
        setting: &Setting<'_>,
    ) -> u64 {
        let key = |key: &str| format!("{path}.{key}");
        if times.times == Some(0) {
            let help = "1 or more; leave the whole fault out where it is not wanted";
            self.problem(&key("times"), "the fault never comes", help);
            return 1;
        }
        if file.every.is_none() {
            if times.times.is_some_and(|times| times > 1) {
                let help = "add `every`: the time from one start to the next";
                self.problem(&key("times"), "how far apart is not said", help);
            }
            return 1;
        }
        let Some(every) = times.every else { return 1 };
        if file.when.is_some() {
            let help = "leave `every` out";
            let message = "a fault that waits for a condition comes once";
            self.problem(&key("every"), message, help);
            return 1;
        }
        if is_kill(kind) {
            let help = "leave `every` out: what was killed is gone";
            self.problem(&key("every"), "a kill comes once", help);
            return 1;
        }
        let Some(length) = times.length else {
            if !self.document.has(&key("for")) {
                let help = "say how long each lasts with `for`";
                self.problem(path, "a fault that comes again must end before", help);
            }
            return 1;
        };
        if every.0 <= length.1 {
            let help = format!(
                "each lasts {}, so `every` has to be longer than that",
                shown(length)
            );
            let message = "the fault would come again before it has ended";
            self.problem(&key("every"), message, help);
            return 1;
        }
        if setting.storm.is_some() && times.times.is_none() {
            let help = "say how often with `times`";
            self.problem(&key("every"), "a storm has an end", help);
            return 1;
        }
        let most = times.times.map_or(MOST_TIMES, u64::from);
        let fitting = setting.run().duration_ns / every.0 + 1;
        if most > MOST_TIMES || (times.times.is_none() && fitting > MOST_TIMES) {
            let help = format!("at most {MOST_TIMES} times: a longer `every`, or fewer `times`");
            self.problem(&key("every"), "the fault comes too often", help);
            return 1;
        }
        most
    }

    /// What is asked for fits into the run, whatever is drawn.
    fn within_the_run(&mut self, path: &str, times: &Times, repeats: u64, setting: &Setting<'_>) {
        let duration_ns = setting.run().duration_ns;
        let run_end = show_ns(duration_ns);
        let verb = |range: Range, verb: &str| match range.0 == range.1 {
            true => format!("{verb}s"),
            false => format!("may {verb}"),
        };
        let end_ns = times
            .length
            .map(|length| times.at.1.saturating_add(length.1));
        if times.at.1 >= duration_ns {
            self.problem(
                &format!("{path}.at"),
                format!(
                    "the fault {} at {} and the run ends at {run_end}",
                    verb(times.at, "start"),
                    show_ns(times.at.1)
                ),
                "start it earlier, or make `run.duration` longer",
            );
        } else if let Some(end_ns) = end_ns.filter(|end| *end > duration_ns) {
            let both = times.length.map_or(times.at, |length| {
                (times.at.0.saturating_add(length.0), end_ns)
            });
            self.problem(
                &format!("{path}.for"),
                format!(
                    "the fault {} at {} and the run ends at {run_end}",
                    verb(both, "end"),
                    show_ns(end_ns)
                ),
                "end it earlier, leave `for` out, or make `run.duration` longer",
            );
        } else if let (Some(every), Some(end_ns), Some(_)) = (times.every, end_ns, times.times) {
            let length = times.length.unwrap_or_default();
            let both = (
                times.at.0 + every.0 + length.0,
                times.at.1 + every.1 + length.1,
            );
            let last_ns = every.1.saturating_mul(repeats - 1).saturating_add(end_ns);
            if last_ns > duration_ns {
                self.problem(
                    &format!("{path}.times"),
                    format!(
                        "the last of {repeats} {} at {} and the run ends at {run_end}",
                        verb(both, "end"),
                        show_ns(last_ns)
                    ),
                    "leave `times` out for as many as fit, or make `run.duration` longer",
                );
            }
        }
    }
}

/// Start and end of each of at most `repeats` occurrences. Without `times`, those that end within
/// the run; the first one stays in any case.
fn occurrences(
    times: &Times,
    name: &str,
    repeats: u64,
    setting: &Setting<'_>,
) -> Vec<(u64, Option<u64>)> {
    let seed = setting.plan.seed;
    let draws = |key| Draws::of(seed, name, key);
    let (mut length, mut every) = (draws("for"), draws("every"));
    let mut start_ns = draws("at").next(times.at);
    let mut found: Vec<(u64, Option<u64>)> = Vec::new();
    for _ in 0..repeats {
        let end_ns = times
            .length
            .map(|range| start_ns.saturating_add(length.next(range)));
        let outside = end_ns.is_some_and(|end_ns| end_ns > setting.run().duration_ns);
        if outside && times.times.is_none() && !found.is_empty() {
            break;
        }
        found.push((start_ns, end_ns));
        let gap_ns = times.every.map_or(0, |range| every.next(range));
        start_ns = start_ns.saturating_add(gap_ns);
    }
    found
}

fn is_kill(kind: Option<&FaultKind>) -> bool {
    matches!(
        kind,
        Some(FaultKind::Process {
            fault: ProcessFault::Kill,
            ..
        })
    )
}

fn shown(range: Range) -> String {
    match range.0 == range.1 {
        true => show_ns(range.0),
        false => format!("up to {}", show_ns(range.1)),
    }
}
