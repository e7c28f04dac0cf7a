//! Starts and ends faults, and keeps what proves that each took effect and healed.

use std::io;

use rustix::process::Signal;

use super::live::Live;
use crate::clock::RunClock;
use crate::evidence::{FaultEvidence, LinkSample, Series};
use crate::plan::{FaultKind, FaultPlan, Injector, Plan, ProcessFault, RoleName};
use crate::role::control::Command;
use crate::topology::Topology;
use crate::units;

/// Backend of link faults.
const PROXY: &str = "proxy";
/// Backend of process faults.
const SIGNAL: &str = "signal";

#[derive(Debug)]
struct Entry {
    plan: FaultPlan,
    evidence: FaultEvidence,
    active: bool,
    /// The role that injects it has been told to end it.
    ending: bool,
    seen_stopped: bool,
}

/// What became of each planned fault.
#[derive(Debug)]
pub struct FaultLog {
    entries: Vec<Entry>,
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
                        FaultKind::Link { .. } => PROXY,
                        FaultKind::Process { .. } => SIGNAL,
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
            })
            .collect();
        Self { entries }
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
            let command = Command::StartFault { fault, kind };
            return topology.role_mut(role).send_line(&command).await;
        }
        match entry.plan.kind {
            FaultKind::Process {
                role,
                fault: ProcessFault::Pause,
            } => {
                topology.role_mut(role).signal(Signal::STOP)?;
                entry.active = true;
                entry.evidence.started_ns = Some(clock.now_ns());
                Ok(())
            }
            FaultKind::Process {
                role,
                fault: ProcessFault::Kill,
            } => {
                let process = topology.role_mut(role);
                entry.evidence.started_ns = Some(clock.now_ns());
                let exit = process.kill().await;
                entry.evidence.ended_ns = Some(clock.now_ns());
                if exit.contains("signal 9") {
                    entry.evidence.proof = Some(format!("process {} {exit}", process.pid));
                }
                Ok(())
            }
            FaultKind::Link { .. } => Ok(()),
        }
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
            let command = Command::EndFault { fault };
            return topology.role_mut(role).send_line(&command).await;
        }
        if let FaultKind::Process { role, .. } = entry.plan.kind {
            topology.role_mut(role).signal(Signal::CONT)?;
            entry.active = false;
            entry.evidence.ended_ns = Some(clock.now_ns());
        }
        Ok(())
    }

    /// Ends everything that is active.
    pub async fn end_all(&mut self, topology: &mut Topology, clock: RunClock) {
        for fault in 0..self.entries.len() {
            // A link that cannot be told has ended, and its faults with it.
            let _ = self.end(fault, topology, clock).await;
        }
    }

    /// A role has started a fault.
    pub fn started(&mut self, fault: usize, at_ns: u64) {
        if let Some(entry) = self.entries.get_mut(fault) {
            entry.evidence.started_ns = Some(at_ns);
        }
    }

    /// A role has ended a fault, and says what proves it.
    pub fn ended(&mut self, fault: usize, at_ns: u64, proof: Option<String>) {
        let Some(entry) = self.entries.get_mut(fault) else {
            return;
        };
        entry.active = false;
        entry.evidence.ended_ns = Some(at_ns);
        entry.evidence.proof = proof;
    }

    /// Looks at the newest samples for the proof of a pause, and of its healing.
    pub fn observe(&mut self, live: &Live) {
        for entry in &mut self.entries {
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

    /// A link has healed when bytes passed after the fault's end, the way in which it lay. Where
    /// nothing was sent any more, or another fault was still to end, there is nothing to tell.
    pub fn judge_healing(&mut self, series: &Series) {
        let ends_ns: Vec<Option<u64>> = self.entries.iter().map(|e| e.evidence.ended_ns).collect();
        for entry in &mut self.entries {
            let (FaultKind::Link { direction, .. }, Some(end_ns)) =
                (&entry.plan.kind, entry.evidence.ended_ns)
            else {
                continue;
            };
            let passed = |bytes: fn(&LinkSample) -> u64| {
                let before = series.link.iter().rfind(|s| s.at_ns <= end_ns);
                let last = series.link.last();
                last.map_or(0, bytes) > before.map_or(0, bytes)
            };
            let healed = (!direction.covers_up() || passed(|s| s.up_bytes))
                && (!direction.covers_down() || passed(|s| s.down_bytes));
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

    /// The evidence of every fault, in the plan's order.
    pub fn into_evidence(self) -> Vec<FaultEvidence> {
        self.entries
            .into_iter()
            .map(|entry| entry.evidence)
            .collect()
    }
}

#[cfg(test)]
mod tests;
