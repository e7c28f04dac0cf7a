//! What the targets' roles report, and what their queues may still hold.

use std::collections::BTreeMap;

use super::Run;
use crate::evidence::{ProcessSample, SaidSample, Silence, TargetExit};
use crate::plan::{Plan, RoleName, TargetKind};

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

    /// A target's program with all that it has started, over its restarts.
    pub(super) fn program_sampled(&mut self, role: RoleName, sample: ProcessSample) {
        let samples = self.live.processes.entry(role.as_str()).or_default();
        samples.push(sample);
    }

    /// What a target says of itself.
    pub(super) fn scraped(&mut self, role: RoleName, at_ns: u64, values: BTreeMap<String, f64>) {
        // Also where it has none of the series: a counter that is not there yet stands at zero.
        let target = self.plan.name_of(role).to_owned();
        self.live.series.said.push(SaidSample {
            at_ns,
            target,
            values,
        });
    }

    /// How many scrapes of a target have failed by now.
    pub(super) fn was_silent(&mut self, role: RoleName, failed: u64, last: Option<String>) {
        let Some(why) = last.filter(|_| !self.ending) else {
            return;
        };
        let target = self.plan.name_of(role).to_owned();
        let silence = Silence {
            target,
            failed,
            why,
        };
        self.silences.insert(role, silence);
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
            .all(|role| role.program.is_some() || self.is_external(role.role));
        let series = &self.live.series;
        let total = |slots: &[u64; 3]| slots.iter().sum::<u64>();
        let acknowledged = series.client.last().map_or(0, |s| total(&s.acknowledged));
        let received = series.sink.last().map_or(0, |s| total(&s.received));
        lives && received < acknowledged
    }
}

impl Run<'_> {
    /// squall did not start it, and cannot know whether it lives.
    fn is_external(&self, role: RoleName) -> bool {
        let RoleName::Target(index) = role else {
            return false;
        };
        let target = self.plan.targets.get(usize::from(index));
        matches!(
            target.map(|target| &target.kind),
            Some(TargetKind::External(_))
        )
    }
}

/// Whether what a target takes is to arrive at the sink.
fn is_awaited(plan: &Plan) -> bool {
    !plan.targets.is_empty() && plan.ends_at_sink()
}
