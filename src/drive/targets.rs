//! What the targets' roles report, and what their queues may still hold.

use super::Run;
use crate::evidence::TargetExit;
use crate::plan::{Plan, RoleName};

impl Run<'_> {
    pub(super) fn program_started(&mut self, role: RoleName, pid: u32, at_ns: u64) {
        if let Some(process) = self.topology.role_mut(role) {
            process.program = Some(pid);
        }
        self.faults.program_started(role, pid, at_ns);
    }

    /// An end that nobody brought about is the target's own, and no trouble of the run's.
    pub(super) fn program_ended(&mut self, role: RoleName, exit: String, asked: bool, at_ns: u64) {
        let pid = match self.topology.role_mut(role) {
            Some(process) => process.program.take(),
            None => None,
        };
        if asked {
            self.faults.program_ended(role, pid, &exit, at_ns);
            return;
        }
        let of_limit = self.faults.died(role, &exit);
        self.target_exits.push(TargetExit {
            target: self.plan.name_of(role).to_owned(),
            exit,
            at_ns,
            of_limit,
        });
    }

    /// Whether a target that lives may still hold what it has answered for: a quiet line says nothing of
    /// its queue, and it may be waiting between two tries.
    pub(super) fn more_may_come(&mut self) -> bool {
        if !is_awaited(self.plan) {
            return false;
        }
        let targets = self.topology.roles();
        let lives = targets
            .filter(|role| matches!(role.role, RoleName::Target(_)))
            .all(|role| role.program.is_some());
        let series = &self.live.series;
        let total = |slots: &[u64; 3]| slots.iter().sum::<u64>();
        let acknowledged = series.client.last().map_or(0, |s| total(&s.acknowledged));
        let received = series.sink.last().map_or(0, |s| total(&s.received));
        lives && received < acknowledged
    }
}

/// Whether what a target takes is to arrive at the sink.
fn is_awaited(plan: &Plan) -> bool {
    !plan.targets.is_empty() && plan.ends_at_sink()
}
