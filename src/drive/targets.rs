//! What the targets' roles report, and what their queues may still hold.

use std::collections::BTreeMap;

use super::Run;
use crate::evidence::{ProcessSample, SaidSample, Silence, TargetExit};
use crate::plan::{Place, Plan, RoleName, TargetKind};

impl Run<'_> {
    pub(super) fn program_started(&mut self, role: RoleName, pid: u32, at_ns: u64) {
        if let Some(process) = self.topology.role_mut(role) {
            process.program = Some(pid);
        }
        self.faults.program_started(role, pid, at_ns);
    }

    /// An end that nobody brought about is the target's own, and no trouble of the run's.
    pub(super) fn program_ended(
        &mut self,
        role: RoleName,
        exit: Option<String>,
        asked: bool,
        at_ns: u64,
    ) {
        let pid = match self.topology.role_mut(role) {
            Some(process) => process.program.take(),
            None => None,
        };
        if asked {
            self.faults.program_ended(role, pid, exit.as_deref(), at_ns);
            return;
        }
        let Some(exit) = exit else {
            return;
        };
        let called = crate::topology::called(self.plan, role);
        let of_limit = self.faults.died(role, &called, &exit);
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
        let living: Vec<u8> = (0_u8..)
            .zip(&self.plan.targets)
            .map(|(index, _)| index)
            .filter(|index| self.lives(*index))
            .collect();
        let series = &self.live.series;
        let total = |slots: &[u64; 3]| slots.iter().sum::<u64>();
        let acknowledged = match &self.command {
            None => series.client.last().map_or(0, |s| total(&s.acknowledged)),
            // What it made may be on its way; where it does not say how much that is, anything may.
            Some(command) => {
                let made = command.made.iter().flatten();
                made.copied()
                    .reduce(u64::saturating_add)
                    .unwrap_or(u64::MAX)
            }
        };
        let received = series.sink.last().map_or(0, |s| total(&s.received));
        received < acknowledged && can_deliver(self.plan, &living)
    }

    /// Whether a target lives, or will again. squall did not start an external one and cannot know.
    fn lives(&mut self, index: u8) -> bool {
        let role = RoleName::Target(index);
        let target = self.plan.targets.get(usize::from(index));
        let external = target.is_some_and(|target| matches!(target.kind, TargetKind::External(_)));
        let process = self.topology.role_mut(role);
        external
            || process.is_some_and(|process| process.program.is_some())
            || self.faults.brings_back(role)
    }
}

/// Whether one of the targets that live reaches the sink, through none that is dead.
fn can_deliver(plan: &Plan, living: &[u8]) -> bool {
    let reaches_sink = |from: &u8| {
        let mut at = Some(Place::Target(*from));
        // A circle, which no checked plan has, is left after as many steps as there are targets.
        for _ in 0..=plan.targets.len() {
            match at {
                Some(Place::Target(index)) if living.contains(&index) => {
                    let target = plan.targets.get(usize::from(index));
                    at = target.and_then(|target| target.to);
                }
                Some(Place::Sink) => return true,
                Some(Place::Target(_) | Place::Client) | None => return false,
            }
        }
        false
    };
    living.iter().any(reaches_sink)
}

/// Whether what a target takes is to arrive at the sink.
fn is_awaited(plan: &Plan) -> bool {
    !plan.targets.is_empty() && plan.ends_at_sink()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture::plan_with_target;

    /// Two targets, each with what follows it.
    fn plan(follow: [Place; 2]) -> Plan {
        let mut plan = plan_with_target();
        let target = plan.targets[0].clone();
        plan.targets = follow
            .map(|to| crate::plan::TargetPlan {
                to: Some(to),
                ..target.clone()
            })
            .into();
        plan
    }

    #[test]
    fn one_target_that_lives_may_still_deliver_beside_a_dead_one() {
        let side_by_side = plan([Place::Sink, Place::Sink]);
        assert!(can_deliver(&side_by_side, &[0, 1]));
        assert!(can_deliver(&side_by_side, &[1]));
        assert!(!can_deliver(&side_by_side, &[]));
    }

    #[test]
    fn nothing_comes_through_a_target_that_is_dead() {
        let chain = plan([Place::Target(1), Place::Sink]);
        assert!(can_deliver(&chain, &[0, 1]));
        assert!(can_deliver(&chain, &[1]));
        assert!(!can_deliver(&chain, &[0]));
        let circle = plan([Place::Target(1), Place::Target(0)]);
        assert!(!can_deliver(&circle, &[0, 1]));
    }
}
