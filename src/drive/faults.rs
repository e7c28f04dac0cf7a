//! Starts and ends faults, and keeps what proves that each took effect and healed.

use std::io;

use self::process::{limit, pause, resume};
use self::program::Downtime;
use self::restart::Restart;
use self::stress::Stress;
use super::live::Live;
use crate::clock::RunClock;
use crate::evidence::FaultEvidence;
use crate::limits::Limit;
use crate::plan::{FaultKind, FaultPlan, Injector, Plan, ProcessFault, RoleName};
use crate::role::control::{Command, ProgramCommand, StressSetup};
use crate::topology::Topology;
use crate::units;

mod healing;
mod process;
mod program;
mod restart;
mod stress;

/// Backend of faults of answers and of TLS.
const SINK: &str = "sink";
/// Backend of process faults.
const SIGNAL: &str = "signal";
/// Backend of pressure on the machine.
const PROCESS: &str = "process";
/// Backend of faults of names.
const NAME_SERVER: &str = "name server";

#[derive(Debug)]
struct Entry {
    plan: FaultPlan,
    evidence: FaultEvidence,
    active: bool,
    /// The role that injects it has been told to end it.
    ending: bool,
    seen_stopped: bool,
    /// What the controller itself is doing for it.
    work: Work,
}

#[derive(Debug, Default)]
enum Work {
    #[default]
    None,
    Restart(Restart),
    /// Of a target's program.
    Downtime(Downtime),
    Limit(Box<dyn Limit>),
    Stress(Box<Stress>),
}

/// What became of each planned fault.
#[derive(Debug)]
pub struct FaultLog {
    entries: Vec<Entry>,
    /// When the client was dead, each time that it was killed.
    pub client_kills: Vec<u64>,
}

impl FaultLog {
    pub fn of(plan: &Plan) -> Self {
        let entries = plan
            .faults
            .iter()
            .map(|fault| Entry {
                plan: fault.clone(),
                evidence: FaultEvidence {
                    name: fault.name.clone(),
                    occurrence: fault.occurrence,
                    storm: fault.storm.clone(),
                    kind: plan.kind_of(&fault.kind),
                    backend: match fault.kind {
                        FaultKind::Link { link, .. } => {
                            let link = plan.links.get(usize::from(link));
                            link.map_or("", |link| link.via.as_str())
                        }
                        FaultKind::Process { .. } => SIGNAL,
                        FaultKind::Stress { .. } => PROCESS,
                        FaultKind::Answer { .. } | FaultKind::Tls(_) => SINK,
                        FaultKind::Dns(_) => NAME_SERVER,
                    }
                    .to_owned(),
                    started_ns: None,
                    ended_ns: None,
                    proof: None,
                    healed: None,
                },
                active: false,
                ending: false,
                seen_stopped: false,
                work: Work::None,
            })
            .collect();
        Self {
            entries,
            client_kills: Vec::new(),
        }
    }

    /// Whether the fault kills that role.
    pub fn kills(&self, fault: usize, role: RoleName) -> bool {
        matches!(
            self.entries[fault].plan.kind,
            FaultKind::Process { role: r, fault: ProcessFault::Kill } if r == role
        )
    }

    /// Names of the faults that are active, and which time each is.
    pub fn active(&self) -> Vec<String> {
        let active = self.entries.iter().filter(|entry| entry.active);
        active.map(|entry| self.label(&entry.plan)).collect()
    }

    pub fn any_active(&self) -> bool {
        self.entries.iter().any(|entry| entry.active)
    }

    fn label(&self, fault: &FaultPlan) -> String {
        let named = self.entries.iter().map(|entry| &entry.plan.name);
        let of = named.filter(|name| **name == fault.name).count();
        let of = u32::try_from(of).unwrap_or(u32::MAX);
        units::occurrence(&fault.name, fault.occurrence, of)
    }

    /// Starts a fault. A role's answer comes back as [`Self::started`].
    pub async fn begin(
        &mut self,
        fault: usize,
        topology: &mut Topology,
        clock: RunClock,
    ) -> io::Result<()> {
        let entry = &mut self.entries[fault];
        if let Injector::Role(role) = entry.plan.kind.injector() {
            entry.active = true;
            let kind = entry.plan.kind.clone();
            let fault = entry.plan.number();
            let command = Command::StartFault { fault, kind };
            return topology.tell(role, &command).await;
        }
        let now_ns = clock.now_ns();
        entry.active = true;
        match entry.plan.kind {
            FaultKind::Process { role, fault } => match fault {
                ProcessFault::Pause => pause(topology, role).await?,
                ProcessFault::Kill
                | ProcessFault::Stop
                | ProcessFault::Restart
                | ProcessFault::CrashLoop { .. }
                    if matches!(role, RoleName::Target(_)) =>
                {
                    entry.work = Work::Downtime(Downtime::of(&entry.plan, role, fault, now_ns));
                }
                ProcessFault::DiskFull => {
                    let command = Command::Program(ProgramCommand::FillDisk);
                    topology.tell(role, &command).await?;
                }
                // Only a target's program can be stopped.
                ProcessFault::Stop => {}
                ProcessFault::Kill => {
                    let process = topology.role(role)?;
                    let exit = process.kill().await;
                    entry.active = false;
                    entry.evidence.ended_ns = Some(clock.now_ns());
                    if exit.contains("signal 9") {
                        entry.evidence.proof = Some(format!("process {} {exit}", process.pid));
                    }
                }
                ProcessFault::Restart | ProcessFault::CrashLoop { .. } => {
                    entry.work = Work::Restart(Restart::of(&entry.plan, role, fault, now_ns));
                }
                ProcessFault::CpuLimit { .. }
                | ProcessFault::MemoryLimit { .. }
                | ProcessFault::Descriptors { .. } => {
                    let limit = limit(fault, topology, role)?;
                    entry.evidence.backend = limit.backend().to_owned();
                    entry.work = Work::Limit(limit);
                }
            },
            FaultKind::Stress {
                cpu_permille,
                memory_bytes,
            } => {
                let setup = StressSetup {
                    cpu_permille,
                    memory_bytes,
                };
                entry.work = Work::Stress(Box::new(Stress::start(setup, topology).await?));
            }
            FaultKind::Link { .. }
            | FaultKind::Answer { .. }
            | FaultKind::Tls(_)
            | FaultKind::Dns(_) => {}
        }
        entry.evidence.started_ns = Some(now_ns);
        self.act(topology, clock).await
    }

    /// When something is to be done for a fault that is under way.
    pub fn next_at_ns(&self) -> Option<u64> {
        let restarts = self.restarts().filter_map(Restart::next_at_ns);
        restarts
            .chain(self.downtimes().filter_map(Downtime::next_at_ns))
            .min()
    }

    /// Does everything that is due for the faults that are under way.
    pub async fn act(&mut self, topology: &mut Topology, clock: RunClock) -> io::Result<()> {
        for entry in &mut self.entries {
            if let Work::Downtime(downtime) = &mut entry.work {
                while downtime.act(clock.now_ns(), topology).await? {}
            }
            let Work::Restart(restart) = &mut entry.work else {
                continue;
            };
            loop {
                let was_down = restart.is_down();
                if !restart.act(clock.now_ns(), topology, clock).await? {
                    break;
                }
                if restart.role == RoleName::Client && restart.is_down() && !was_down {
                    self.client_kills.push(clock.now_ns());
                }
            }
        }
        Ok(())
    }

    fn restarts(&self) -> impl Iterator<Item = &Restart> {
        self.entries.iter().filter_map(|entry| match &entry.work {
            Work::Restart(restart) => Some(restart),
            _ => None,
        })
    }

    fn downtimes(&self) -> impl Iterator<Item = &Downtime> {
        self.entries.iter().filter_map(|entry| match &entry.work {
            Work::Downtime(downtime) => Some(downtime),
            _ => None,
        })
    }

    /// Whether a fault keeps that role dead for the moment.
    pub fn keeps_down(&self, role: RoleName) -> bool {
        self.restarts().any(|r| r.role == role && r.is_down())
    }

    /// The sink has said what it counted, and counts no more.
    pub fn checkpointed(&mut self) {
        for entry in &mut self.entries {
            if let Work::Restart(restart) = &mut entry.work {
                restart.checkpointed();
            }
        }
    }

    /// A role that was started again is ready.
    pub fn is_ready(&mut self, role: RoleName, topology: &mut Topology, now_ns: u64) {
        for entry in &mut self.entries {
            if let Work::Restart(restart) = &mut entry.work
                && restart.role == role
                && restart.is_ready()
            {
                entry.restarted(topology, now_ns);
            }
        }
    }

    /// A role has ended; whether that is what a limit on its memory does, which is then proven.
    pub fn died(&mut self, role: RoleName, called: &str, exit: &str) -> bool {
        let mut of_limit = false;
        for entry in &mut self.entries {
            let FaultKind::Process {
                role: limited,
                fault: ProcessFault::MemoryLimit { bytes },
            } = entry.plan.kind
            else {
                continue;
            };
            if entry.active && limited == role {
                let limit = crate::units::bytes(bytes as f64);
                entry.evidence.proof = Some(format!("{called} {exit} at {limit}"));
                of_limit = true;
            }
        }
        of_limit
    }

    /// Ends a fault. A role's answer comes back as [`Self::ended`].
    pub async fn end(
        &mut self,
        fault: usize,
        topology: &mut Topology,
        clock: RunClock,
    ) -> io::Result<()> {
        let entry = &mut self.entries[fault];
        if !entry.active || entry.ending {
            return Ok(());
        }
        if let Injector::Role(role) = entry.plan.kind.injector() {
            // Once: a role takes it amiss to be told to end what it has ended.
            entry.ending = true;
            let fault = entry.plan.number();
            let command = Command::EndFault { fault };
            let told = topology.tell(role, &command).await;
            // A role that cannot be told has ended, and its faults with it: nobody is to wait for them.
            entry.active = told.is_ok();
            return told;
        }
        match std::mem::take(&mut entry.work) {
            Work::Restart(mut restart) => {
                entry.ending = true;
                let over = restart.end();
                entry.work = Work::Restart(restart);
                if over {
                    entry.restarted(topology, clock.now_ns());
                }
                return self.act(topology, clock).await;
            }
            Work::Limit(limit) => {
                let lifted = limit.lift();
                entry.active = false;
                entry.evidence.ended_ns = Some(clock.now_ns());
                entry.evidence.healed = Some(lifted.is_ok());
                // A process that died of it has proven it already.
                entry.evidence.proof = match entry.evidence.proof.take() {
                    Some(proof) => Some(proof),
                    None => lifted?,
                };
                return Ok(());
            }
            Work::Stress(stress) => {
                let ended = stress.end().await;
                entry.active = false;
                entry.evidence.ended_ns = Some(clock.now_ns());
                entry.evidence.healed = Some(ended.is_ok());
                entry.evidence.proof = ended?;
                return Ok(());
            }
            Work::Downtime(mut downtime) => {
                entry.ending = true;
                let over = downtime.end();
                entry.work = Work::Downtime(downtime);
                if over {
                    entry.program_is_up_for_good(clock.now_ns());
                }
                return self.act(topology, clock).await;
            }
            Work::None => match entry.plan.kind {
                FaultKind::Process {
                    role,
                    fault: ProcessFault::DiskFull,
                } => {
                    // Over when the role says that it is.
                    entry.ending = true;
                    let command = Command::Program(ProgramCommand::FreeDisk);
                    return topology.tell(role, &command).await;
                }
                FaultKind::Process { role, .. } => resume(topology, role).await?,
                _ => {}
            },
        }
        entry.active = false;
        entry.evidence.ended_ns = Some(clock.now_ns());
        Ok(())
    }

    /// Ends everything that is active.
    pub async fn end_all(&mut self, topology: &mut Topology, clock: RunClock) {
        for fault in 0..self.entries.len() {
            // What could not be ended has no proof.
            let _ = self.end(fault, topology, clock).await;
        }
    }

    fn numbered(&mut self, number: usize) -> Option<&mut Entry> {
        let mut entries = self.entries.iter_mut();
        entries.find(|entry| entry.plan.number() == number)
    }

    /// A role has started the fault of this number.
    pub fn started(&mut self, number: usize, at_ns: u64) {
        if let Some(entry) = self.numbered(number) {
            entry.evidence.started_ns = Some(at_ns);
        }
    }

    /// A role has ended the fault of this number, and says what proves it.
    pub fn ended(&mut self, number: usize, at_ns: u64, proof: Option<String>) {
        let Some(entry) = self.numbered(number) else {
            return;
        };
        entry.active = false;
        entry.evidence.ended_ns = Some(at_ns);
        entry.evidence.proof = proof;
    }

    /// Looks at the newest samples for the proof of a pause, and of its healing.
    pub fn observe(&mut self, live: &Live) {
        for entry in &mut self.entries {
            match &mut entry.work {
                Work::Limit(limit) => limit.observe(),
                Work::Stress(stress) => stress.observe(),
                Work::Restart(_) | Work::Downtime(_) | Work::None => {}
            }
            let FaultKind::Process {
                role,
                fault: ProcessFault::Pause,
            } = entry.plan.kind
            else {
                continue;
            };
            let Some(sample) = live.processes.get(role.as_str()).and_then(|s| s.last()) else {
                continue;
            };
            if entry.active && sample.stopped {
                entry.seen_stopped = true;
                let seen = match role {
                    RoleName::Target(_) => "the whole of it seen stopped",
                    _ => "process seen stopped (state T)",
                };
                entry.evidence.proof = Some(seen.to_owned());
            }
            if !entry.active && entry.seen_stopped {
                entry.evidence.healed = Some(!sample.stopped);
            }
        }
    }

    /// The evidence of every fault, in the plan's order.
    pub fn into_evidence(self) -> Vec<FaultEvidence> {
        self.entries
            .into_iter()
            .map(|entry| entry.evidence)
            .collect()
    }
}

impl Entry {
    /// The process is up again for good.
    fn restarted(&mut self, topology: &mut Topology, now_ns: u64) {
        if let Work::Restart(restart) = std::mem::take(&mut self.work) {
            self.evidence.proof = restart.proof(topology);
        }
        self.active = false;
        self.evidence.ended_ns = Some(now_ns);
    }
}

#[cfg(test)]
mod tests;
