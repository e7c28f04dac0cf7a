//! Faults of processes, and of the machine on which they run.

use super::Kinds;
use crate::plan::{FaultKind, Plan, ProcessFault, ProcessTarget, RoleName, TargetKind};
use crate::scenario::file::FaultFile;
use crate::scenario::into_plan::{HOUR, MS, Planner};

/// Their keys.
pub(super) const KINDS: [&str; 10] = [
    "kill",
    "stop",
    "disk_full",
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
    pub(super) fn process_kinds(
        &mut self,
        path: &str,
        file: &FaultFile,
        plan: &Plan,
        kinds: &mut Kinds,
    ) {
        let simple = [
            ("kill", &file.kill, ProcessFault::Kill),
            ("stop", &file.stop, ProcessFault::Stop),
            ("disk_full", &file.disk_full, ProcessFault::DiskFull),
            ("pause", &file.pause, ProcessFault::Pause),
            ("restart", &file.restart, ProcessFault::Restart),
        ];
        for (key, name, fault) in simple {
            let Some(name) = name else { continue };
            let place = format!("{path}.{key}");
            // A name that nobody has is told of.
            let role = self.role(&place, name, plan);
            if let Some(role) = role {
                self.can_happen(&place, role, fault, plan);
            }
            kinds.push((key, role.map(|role| FaultKind::Process { role, fault })));
        }
        if let Some(looped) = &file.crash_loop {
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
            let fault = ProcessFault::CrashLoop { every_ns, down_ns };
            let role = self.struck(path, "crash_loop", looped.role.as_deref(), fault, plan);
            let key = match looped.role {
                None => "crash_loop.role",
                Some(_) => "crash_loop.every",
            };
            let kind = role.filter(|_| looped.every.is_some());
            let kind = kind.map(|role| FaultKind::Process { role, fault });
            kinds.push((key, kind));
        }
        self.limit_kinds(path, file, plan, kinds);
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

    fn limit_kinds(&mut self, path: &str, file: &FaultFile, plan: &Plan, kinds: &mut Kinds) {
        if let Some(limit) = &file.cpu_limit {
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
            let name = limit.role.as_deref();
            let kind = fault.and_then(|fault| {
                let role = self.struck(path, "cpu_limit", name, fault, plan)?;
                Some(FaultKind::Process { role, fault })
            });
            kinds.push((key, kind));
        }
        if let Some(limit) = &file.memory_limit {
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
            let name = limit.role.as_deref();
            let kind = fault.and_then(|fault| {
                let role = self.struck(path, "memory_limit", name, fault, plan)?;
                Some(FaultKind::Process { role, fault })
            });
            kinds.push((key, kind));
        }
        if let Some(limit) = &file.descriptors {
            let key = format!("{path}.descriptors.left");
            let left = self.count(&key, limit.left, 0, 0..=DESCRIPTORS_MAX);
            let fault = ProcessFault::Descriptors { left };
            let role = self.struck(path, "descriptors", limit.role.as_deref(), fault, plan);
            let kind = role.map(|role| FaultKind::Process { role, fault });
            kinds.push(("descriptors.role", kind));
        }
    }

    /// The role that a fault with more to say strikes; `None` where it does not say which.
    fn struck(
        &mut self,
        path: &str,
        key: &str,
        name: Option<&str>,
        fault: ProcessFault,
        plan: &Plan,
    ) -> Option<RoleName> {
        let place = format!("{path}.{key}.role");
        let role = self.role(&place, name?, plan)?;
        self.can_happen(&place, role, fault, plan);
        Some(role)
    }

    /// What cannot happen to that role, or could not be measured.
    fn can_happen(&mut self, path: &str, role: RoleName, fault: ProcessFault, plan: &Plan) {
        let target = match role {
            RoleName::Target(index) => plan.targets.get(usize::from(index)),
            _ => None,
        };
        let restarts = matches!(
            fault,
            ProcessFault::Restart | ProcessFault::CrashLoop { .. }
        );
        let (message, help) = match (fault, role, target.map(|target| &target.kind)) {
            (_, RoleName::Client, _) if plan.is_command() => (
                "squall does not strike a program of your own".to_owned(),
                "a fault of a link, of answers or of a target can strike its way; to see it struck, run it as a target",
            ),
            (_, RoleName::Sink, _) if restarts && plan.is_command() => (
                "a sink that is started again would have forgotten your program's ids".to_owned(),
                "say `pause: sink`, or cut the link: `partition: reset`",
            ),
            (_, _, Some(TargetKind::External(_))) => (
                "squall did not start it".to_owned(),
                "only what squall starts can be made to suffer; a fault of a link can stand for it",
            ),
            (ProcessFault::Kill, RoleName::Link(_) | RoleName::Sink, _) => (
                format!("the {} cannot be killed", role.kind()),
                "only `client` or a target: the run could not be measured without the others",
            ),
            (ProcessFault::Stop, _, None) => (
                format!("the {} cannot be stopped", role.kind()),
                "only a target: say `kill` or `restart` for the client",
            ),
            (ProcessFault::DiskFull, _, None) => (
                format!("the {} has no disk of its own", role.kind()),
                "only a target has one, where it says `process: { disk: 16MiB }`",
            ),
            (
                ProcessFault::DiskFull,
                _,
                Some(
                    TargetKind::Process(ProcessTarget {
                        disk_bytes: None, ..
                    })
                    | TargetKind::Container(_),
                ),
            ) => (
                "the target has no disk of its own".to_owned(),
                "give it one: `process: { disk: 16MiB }`; it is what `{{ data }}` is on",
            ),
            (
                ProcessFault::CpuLimit { .. }
                | ProcessFault::MemoryLimit { .. }
                | ProcessFault::Descriptors { .. },
                _,
                Some(TargetKind::Container(_)),
            ) => (
                "a container is limited from its start".to_owned(),
                "say `container: { cpus: 0.5, memory: 256MiB }`",
            ),
            (ProcessFault::Restart | ProcessFault::CrashLoop { .. }, RoleName::Link(_), _) => (
                "the link cannot be restarted".to_owned(),
                "`client`, `sink` or a target; `partition: reset` is what a restart of the link would show",
            ),
            _ => return,
        };
        self.problem(path, message, help);
    }
}
