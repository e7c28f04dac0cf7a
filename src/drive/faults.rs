//! Starts and ends faults, and keeps what proves that each took effect and healed.

use std::io;

use rustix::process::Signal;

use self::restart::Restart;
use self::stress::Stress;
use super::live::Live;
use crate::clock::RunClock;
use crate::evidence::{FaultEvidence, LinkSample, Series, SinkSample};
use crate::limits::{self, Limit};
use crate::plan::{FaultKind, FaultPlan, Injector, Plan, ProcessFault, RoleName};
use crate::role::control::{Command, StressSetup};
use crate::topology::Topology;
use crate::units;

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
                    kind: fault.kind.name(),
                    backend: match fault.kind {
                        FaultKind::Link { .. } => plan.link.via.as_str(),
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
            return topology.role_mut(role).send_line(&command).await;
        }
        let now_ns = clock.now_ns();
        entry.active = true;
        match entry.plan.kind {
            FaultKind::Process { role, fault } => match fault {
                ProcessFault::Pause => topology.role_mut(role).signal(Signal::STOP)?,
                ProcessFault::Kill => {
                    let process = topology.role_mut(role);
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
        self.restarts().filter_map(Restart::next_at_ns).min()
    }

    /// Does everything that is due for the faults that are under way.
    pub async fn act(&mut self, topology: &mut Topology, clock: RunClock) -> io::Result<()> {
        for entry in &mut self.entries {
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
    pub fn died(&mut self, role: RoleName, exit: &str) -> bool {
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
                entry.evidence.proof = Some(format!("the {} {exit} at {limit}", role.as_str()));
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
            let told = topology.role_mut(role).send_line(&command).await;
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
                let proof = limit.lift()?;
                entry.evidence.healed = Some(true);
                // A process that died of it has proven it already.
                entry.evidence.proof = entry.evidence.proof.take().or(proof);
            }
            Work::Stress(stress) => {
                entry.evidence.proof = stress.end().await?;
                entry.evidence.healed = Some(true);
            }
            Work::None => {
                if let FaultKind::Process { role, .. } = entry.plan.kind {
                    topology.role_mut(role).signal(Signal::CONT)?;
                }
            }
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
                Work::Restart(_) | Work::None => {}
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
                entry.evidence.proof = Some("process seen stopped (state T)".to_owned());
            }
            if !entry.active && entry.seen_stopped {
                entry.evidence.healed = Some(!sample.stopped);
            }
        }
    }

    /// A link has healed when bytes passed after the fault's end, the way in which it lay; a sink when
    /// items were received. Where nothing was sent any more, or another fault was still to end,
    /// there is nothing to tell.
    pub fn judge_healing(&mut self, series: &Series) {
        self.judge_restarts(series);
        let ends_ns: Vec<Option<u64>> = self.entries.iter().map(|e| e.evidence.ended_ns).collect();
        for entry in &mut self.entries {
            let Some(end_ns) = entry.evidence.ended_ns else {
                continue;
            };
            let passed = |bytes: fn(&LinkSample) -> u64| {
                let before = series.link.iter().rfind(|s| s.at_ns <= end_ns);
                let last = series.link.last();
                last.map_or(0, bytes) > before.map_or(0, bytes)
            };
            let healed = match &entry.plan.kind {
                FaultKind::Link { direction, .. } => {
                    (!direction.covers_up() || passed(|s| s.up_bytes))
                        && (!direction.covers_down() || passed(|s| s.down_bytes))
                }
                FaultKind::Dns(_) => passed(|s| s.up_bytes) && passed(|s| s.down_bytes),
                FaultKind::Answer { .. } | FaultKind::Tls(_) => {
                    let received = |s: &SinkSample| s.received.iter().sum::<u64>();
                    let before = series.sink.iter().rfind(|s| s.at_ns <= end_ns);
                    series.sink.last().map_or(0, received) > before.map_or(0, received)
                }
                FaultKind::Process { .. } | FaultKind::Stress { .. } => continue,
            };
            // A request that the first sample after the end knows may have been sent before it.
            let first = series.client.iter().find(|s| s.at_ns > end_ns);
            let last = series.client.last();
            let sent = last.map_or(0, |s| s.requests) > first.map_or(u64::MAX, |s| s.requests);
            let others = ends_ns.iter().flatten().any(|other| *other > end_ns);
            if healed {
                entry.evidence.healed = Some(true);
            } else if sent && !others {
                entry.evidence.healed = Some(false);
            }
        }
    }

    /// A process that was started again has healed when it worked again: the client sent, or the sink
    /// was reached. Where nothing was sent any more there is nothing to tell.
    fn judge_restarts(&mut self, series: &Series) {
        for entry in &mut self.entries {
            let (FaultKind::Process { role, fault }, Some(end_ns)) =
                (&entry.plan.kind, entry.evidence.ended_ns)
            else {
                continue;
            };
            if !fault.restarts() {
                continue;
            }
            let sent = grew(&series.client, end_ns, |s| (s.at_ns, s.requests));
            let received = grew(&series.sink, end_ns, |s| (s.at_ns, s.requests));
            entry.evidence.healed = match role {
                RoleName::Sink => (received || sent).then_some(received),
                RoleName::Client | RoleName::Link => sent.then_some(true),
            };
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

/// Puts a limit on a role. A control group is made known to the guard first.
fn limit(
    fault: ProcessFault,
    topology: &mut Topology,
    role: RoleName,
) -> io::Result<Box<dyn Limit>> {
    let process = topology.role_mut(role);
    if process.has_ended() {
        return Err(io::Error::other("its process has ended"));
    }
    let pid = process.pid;
    let mut announce = |folder: &std::path::Path| topology.guard()?.watch(folder);
    match fault {
        ProcessFault::CpuLimit { millicores } => limits::cpu(pid, millicores, &mut announce),
        ProcessFault::MemoryLimit { bytes } => limits::memory(pid, bytes, &mut announce),
        ProcessFault::Descriptors { left } => limits::descriptors(pid, left),
        _ => Err(io::Error::other("it is not a limit")),
    }
}

/// Whether a counter rose after `end_ns`.
fn grew<S>(samples: &[S], end_ns: u64, read: impl Fn(&S) -> (u64, u64)) -> bool {
    let mut after = samples
        .iter()
        .map(read)
        .filter(|(at_ns, _)| *at_ns > end_ns);
    let first = after.next().map_or(u64::MAX, |(_, value)| value);
    after.last().is_some_and(|(_, value)| value > first)
}

#[cfg(test)]
mod tests;
