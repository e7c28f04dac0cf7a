//! Faults of processes, and of the machine on which they run.

use super::Kinds;
use crate::plan::{FaultKind, ProcessFault, RoleName};
use crate::scenario::file::FaultFile;
use crate::scenario::into_plan::{HOUR, MS, Planner};

/// Their keys.
pub(super) const KINDS: [&str; 8] = [
    "kill",
    "pause",
    "restart",
    "crash_loop",
    "cpu_limit",
    "memory_limit",
    "descriptors",
    "stress",
];

/// Least of a core: one hundredth, which is a tick of the kernel's in a second.
const CORES_MIN: f64 = 0.01;
const CORES_MAX: f64 = 1024.0;
/// A process takes about that long to be up.
const EVERY_MIN: u64 = 500 * MS;
const DOWN_DEFAULT: u64 = 500 * MS;
const MEMORY_MIN: u64 = 1 << 20;
const DESCRIPTORS_MAX: u64 = 1 << 20;

impl Planner<'_> {
    pub(super) fn process_kinds(&mut self, path: &str, file: &FaultFile, kinds: &mut Kinds) {
        let process = |role, fault| Some(FaultKind::Process { role, fault });
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
        if let Some(role) = file.restart {
            self.can_restart(&format!("{path}.restart"), role);
            kinds.push(("restart", process(role, ProcessFault::Restart)));
        }
        if let Some(looped) = file.crash_loop {
            let every_ns = self.time(
                &format!("{path}.crash_loop.every"),
                looped.every,
                EVERY_MIN,
                EVERY_MIN..=HOUR,
            );
            let key = format!("{path}.crash_loop.down");
            let down_ns = self.time(
                &key,
                looped.down,
                DOWN_DEFAULT.min(every_ns - MS),
                MS..=HOUR,
            );
            if looped.every.is_some() && down_ns >= every_ns {
                self.problem(
                    &key,
                    "the process would be killed before it is started again",
                    "less than `every`",
                );
            }
            if let Some(role) = looped.role {
                self.can_restart(&format!("{path}.crash_loop.role"), role);
            }
            let fault = ProcessFault::CrashLoop { every_ns, down_ns };
            let key = match looped.role {
                None => "crash_loop.role",
                Some(_) => "crash_loop.every",
            };
            let role = looped.role.filter(|_| looped.every.is_some());
            kinds.push((key, role.and_then(|role| process(role, fault))));
        }
        self.limit_kinds(path, file, kinds);
        if let Some(stress) = file.stress {
            let cpu = stress.cpu.map_or(0.0, |share| share.0);
            if cpu > 1.0 {
                self.problem(
                    &format!("{path}.stress.cpu"),
                    "that is more than the machine has",
                    "at most 100%, which is every core",
                );
            }
            let memory_bytes = stress.memory.map_or(0, |bytes| bytes.0);
            let cpu_permille = (cpu.clamp(0.0, 1.0) * 1000.0).round() as u32;
            if cpu_permille == 0 && memory_bytes == 0 {
                self.problem(
                    &format!("{path}.stress"),
                    "it takes nothing of the machine",
                    "say `cpu: 50%` or `memory: 1GiB`, or both",
                );
            }
            let kind = FaultKind::Stress {
                cpu_permille,
                memory_bytes,
            };
            kinds.push(("stress", Some(kind)));
        }
    }

    fn limit_kinds(&mut self, path: &str, file: &FaultFile, kinds: &mut Kinds) {
        let process = |role: Option<RoleName>, fault: Option<ProcessFault>| {
            Some(FaultKind::Process {
                role: role?,
                fault: fault?,
            })
        };
        if let Some(limit) = file.cpu_limit {
            let fault = limit.cores.map(|cores| {
                let key = format!("{path}.cpu_limit.cores");
                let cores = self.count(&key, Some(cores), CORES_MAX, CORES_MIN..=CORES_MAX);
                let millicores = (cores * 1000.0).round() as u32;
                ProcessFault::CpuLimit { millicores }
            });
            let key = match limit.role {
                None => "cpu_limit.role",
                Some(_) => "cpu_limit.cores",
            };
            kinds.push((key, process(limit.role, fault)));
        }
        if let Some(limit) = file.memory_limit {
            let fault = limit.bytes.map(|bytes| {
                if bytes.0 < MEMORY_MIN {
                    self.problem(
                        &format!("{path}.memory_limit.bytes"),
                        "no process can live with so little",
                        "at least 1MiB; it is the memory that it may have in all",
                    );
                }
                ProcessFault::MemoryLimit { bytes: bytes.0 }
            });
            let key = match limit.role {
                None => "memory_limit.role",
                Some(_) => "memory_limit.bytes",
            };
            kinds.push((key, process(limit.role, fault)));
        }
        if let Some(limit) = file.descriptors {
            let key = format!("{path}.descriptors.left");
            let left = self.count(&key, limit.left, 0, 0..=DESCRIPTORS_MAX);
            let fault = Some(ProcessFault::Descriptors { left });
            kinds.push(("descriptors.role", process(limit.role, fault)));
        }
    }

    fn can_restart(&mut self, path: &str, role: RoleName) {
        if role == RoleName::Link {
            self.problem(
                path,
                "the link cannot be restarted",
                "`client` or `sink`; `partition: reset` is what a restart of the link would show",
            );
        }
    }
}
