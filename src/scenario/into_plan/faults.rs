//! Faults: one kind each, within the run, and no two of a kind at once in one place.

use super::super::file::{FaultFile, PartitionFile};
use super::super::problem::{Finding, quoted};
use super::super::units::show_ns;
use super::{HOUR, Planner, is_name};
use crate::plan::{Direction, FaultKind, FaultPlan, LinkFault, ProcessFault, RoleName, RunPlan};

const KINDS: &[&str] = &[
    "partition",
    "latency",
    "bandwidth",
    "slow_close",
    "kill",
    "pause",
];

impl Planner<'_> {
    pub(super) fn faults(&mut self, files: &[FaultFile], run: &RunPlan) -> Vec<FaultPlan> {
        let paths = self.document.elements("faults");
        let mut faults: Vec<(String, FaultPlan)> = Vec::new();
        for (path, file) in paths.iter().zip(files) {
            let name = self.fault_name(path, file, &faults);
            let kind = self.fault_kind(path, file);
            let (start_ns, end_ns) = self.fault_times(path, file, kind.as_ref(), run);
            let Some(kind) = kind else { continue };
            let fault = FaultPlan {
                name,
                start_ns,
                end_ns,
                kind,
            };
            if let Some((_, other)) = faults.iter().find(|(_, other)| collide(other, &fault)) {
                let message = format!(
                    "`{}` and `{}` are both {} at once in one place",
                    other.name,
                    fault.name,
                    family(&fault.kind)
                );
                let help = format!(
                    "`{}` lasts {}; move one of them, or give them different directions",
                    other.name,
                    lasts(other)
                );
                let at = format!("{path}.at");
                let place = if self.document.has(&at) {
                    at
                } else {
                    path.clone()
                };
                self.problem(&place, message, help);
            }
            faults.push((path.clone(), fault));
        }
        faults.into_iter().map(|(_, fault)| fault).collect()
    }

    fn fault_name(
        &mut self,
        path: &str,
        file: &FaultFile,
        faults: &[(String, FaultPlan)],
    ) -> String {
        const HELP: &str = "a name of lower-case letters, digits, hyphens and underscores";
        let key = format!("{path}.name");
        let name = self.required(&key, file.name.clone(), HELP);
        let Some(name) = name else {
            return path.to_owned();
        };
        if !is_name(&name, "-_") {
            self.problem(&key, format!("`{name}` cannot be a name"), HELP);
        } else if faults.iter().any(|(_, fault)| fault.name == name) {
            self.problem(
                &key,
                format!("a second fault is called `{name}`"),
                "expectations know faults by their names: give it another",
            );
        }
        name
    }

    fn fault_kind(&mut self, path: &str, file: &FaultFile) -> Option<FaultKind> {
        let direction = file.direction.unwrap_or(Direction::Both);
        let link = |fault: LinkFault| Some(FaultKind::Link { direction, fault });
        let process = |role, fault| Some(FaultKind::Process { role, fault });
        let mut kinds: Vec<(&str, Option<FaultKind>)> = Vec::new();
        if let Some(partition) = file.partition {
            let fault = match partition {
                PartitionFile::Silence => LinkFault::PartitionSilence,
                PartitionFile::Reset => LinkFault::PartitionReset,
            };
            kinds.push(("partition", link(fault)));
        }
        if let Some(latency) = file.latency {
            let jitter_ns = latency.jitter.map_or(0, |time| time.0);
            let fault = latency.delay.map(|delay| {
                let key = format!("{path}.latency.delay");
                let delay_ns = self.time(&key, Some(delay), 0, 0..=HOUR);
                if jitter_ns > delay_ns {
                    self.problem(
                        &format!("{path}.latency.jitter"),
                        "the jitter is larger than the delay",
                        "bytes cannot arrive before they were sent: at most `delay`",
                    );
                }
                LinkFault::Latency {
                    delay_ns,
                    jitter_ns,
                }
            });
            kinds.push(("latency.delay", fault.and_then(link)));
        }
        if let Some(bandwidth) = file.bandwidth {
            if bandwidth.0 == 0 {
                self.problem(
                    &format!("{path}.bandwidth"),
                    "nothing would pass at all",
                    "say `partition: silence` for that",
                );
            }
            let fault = LinkFault::Bandwidth {
                bytes_per_second: bandwidth.0,
            };
            kinds.push(("bandwidth", link(fault)));
        }
        if let Some(delay) = file.slow_close {
            let delay_ns = delay.0;
            kinds.push(("slow_close", link(LinkFault::SlowClose { delay_ns })));
        }
        if let Some(role) = file.kill {
            if role != RoleName::Client {
                self.problem(
                    &format!("{path}.kill"),
                    format!("the {} cannot be killed", role.as_str()),
                    "only `client`: the run could not be measured without the others",
                );
            }
            kinds.push(("kill", process(role, ProcessFault::Kill)));
        }
        if let Some(role) = file.pause {
            kinds.push(("pause", process(role, ProcessFault::Pause)));
        }
        let kind = self.only_one(path, KINDS, kinds)?;
        if matches!(kind, FaultKind::Process { .. }) && file.direction.is_some() {
            let span = self.document.key_span(&format!("{path}.direction"));
            let finding = Finding::new(span, "a process has no direction")
                .help(format!("only {} have one", quoted(&KINDS[..4])));
            self.findings.push(finding);
        }
        Some(kind)
    }

    fn fault_times(
        &mut self,
        path: &str,
        file: &FaultFile,
        kind: Option<&FaultKind>,
        run: &RunPlan,
    ) -> (u64, Option<u64>) {
        let start_ns = file.at.map_or(0, |time| time.0);
        let end_ns = file.length.map(|time| start_ns.saturating_add(time.0));
        let (at, length) = (format!("{path}.at"), format!("{path}.for"));
        let run_end = show_ns(run.duration_ns);
        if start_ns >= run.duration_ns {
            self.problem(
                &at,
                format!(
                    "the fault starts at {} and the run ends at {run_end}",
                    show_ns(start_ns)
                ),
                "start it earlier, or make `run.duration` longer",
            );
        } else if let Some(end_ns) = end_ns.filter(|end| *end > run.duration_ns) {
            self.problem(
                &length,
                format!(
                    "the fault ends at {} and the run ends at {run_end}",
                    show_ns(end_ns)
                ),
                "end it earlier, leave `for` out, or make `run.duration` longer",
            );
        }
        if file.length.is_some_and(|time| time.0 == 0) {
            self.problem(&length, "the fault takes no time", "more than 0s");
        }
        match kind {
            Some(FaultKind::Process {
                fault: ProcessFault::Kill,
                ..
            }) if self.document.has(&length) => {
                let span = self.document.key_span(&length);
                let finding = Finding::new(span, "a kill has no length").help("leave `for` out");
                self.findings.push(finding);
                (start_ns, None)
            }
            Some(FaultKind::Process {
                fault: ProcessFault::Pause,
                ..
            }) => {
                self.required(
                    &length,
                    file.length,
                    "a pause must end: say how long it lasts",
                );
                (start_ns, end_ns)
            }
            _ => (start_ns, end_ns),
        }
    }
}

/// What kind of fault it is where overlaps count: both partitions are one kind.
fn family(kind: &FaultKind) -> &'static str {
    match kind {
        FaultKind::Link { fault, .. } => match fault {
            LinkFault::PartitionSilence | LinkFault::PartitionReset => "a partition",
            LinkFault::Latency { .. } => "latency",
            LinkFault::Bandwidth { .. } => "a bandwidth",
            LinkFault::SlowClose { .. } => "a slow close",
        },
        FaultKind::Process { .. } => "a fault of one process",
    }
}

fn collide(a: &FaultPlan, b: &FaultPlan) -> bool {
    let end = |fault: &FaultPlan| fault.end_ns.unwrap_or(u64::MAX);
    let at_once = a.start_ns < end(b) && b.start_ns < end(a);
    let one_place = match (&a.kind, &b.kind) {
        (FaultKind::Link { direction: a, .. }, FaultKind::Link { direction: b, .. }) => {
            (a.covers_up() && b.covers_up()) || (a.covers_down() && b.covers_down())
        }
        (FaultKind::Process { role: a, .. }, FaultKind::Process { role: b, .. }) => a == b,
        _ => false,
    };
    at_once && one_place && family(&a.kind) == family(&b.kind)
}

fn lasts(fault: &FaultPlan) -> String {
    let start = show_ns(fault.start_ns);
    match fault.end_ns {
        Some(end) => format!("from {start} to {}", show_ns(end)),
        None => format!("from {start} to the end"),
    }
}
