//! The end of a run: every role says what is left, and ends.

use std::time::Duration;

use tokio::time::timeout;

use super::{FINISH_DEADLINE, Run};
use crate::plan::{RoleName, TargetKind};
use crate::role::control::Command;
use crate::topology::EndOrWords;

impl Run<'_> {
    /// Client first, then targets, so that nothing is sent into a link that is gone and what a target
    /// still holds arrives; the sink's last word last.
    pub(super) async fn end_roles(&mut self) -> Vec<(RoleName, String)> {
        let mut exits = Vec::new();
        let mut order: Vec<RoleName> = self.plan.roles().collect();
        order.sort_by_key(|role| match role {
            RoleName::Client => 0,
            RoleName::Target(_) => 1,
            RoleName::Link(_) => 2,
            RoleName::Sink => 3,
        });
        for role in order {
            let Some(process) = self.topology.role_mut(role) else {
                continue;
            };
            if !process.has_ended() {
                // A role that no longer reads has ended, or is killed below.
                let _ = process.send_line(&Command::Finish).await;
            }
            if role == RoleName::Sink {
                self.hear_until(|run| run.sink_done, FINISH_DEADLINE).await;
            }
            let deadline = FINISH_DEADLINE + self.grace(role);
            let waited = timeout(deadline, self.hear_until_ended(role)).await;
            let Some(process) = self.topology.role_mut(role) else {
                continue;
            };
            process.let_go();
            let exit = match waited {
                Ok(exit) => exit.unwrap_or_else(|| process.exit_text()),
                Err(_) => {
                    let exit = process.kill().await;
                    let called = crate::topology::called(self.plan, role);
                    self.incidents
                        .push(format!("{called} did not end when it was told to"));
                    exit
                }
            };
            exits.push((role, exit));
        }
        exits
    }

    /// Waits for a role's end. What the roles say meanwhile is heard: a role whose words nobody takes
    /// stands still, and a target may take long to end.
    async fn hear_until_ended(&mut self, role: RoleName) -> Option<String> {
        loop {
            match self.topology.end_or_words(role).await? {
                EndOrWords::End(exit) => return Some(exit),
                EndOrWords::Words(said) => self.hear(*said),
            }
        }
    }

    /// How long a target's program may take to end.
    fn grace(&self, role: RoleName) -> Duration {
        let RoleName::Target(index) = role else {
            return Duration::ZERO;
        };
        let kind = self.plan.targets.get(usize::from(index)).map(|t| &t.kind);
        let stop = match kind {
            Some(TargetKind::Process(process)) => Some(process.stop),
            Some(TargetKind::Container(container)) => Some(container.stop),
            Some(TargetKind::External(_)) | None => None,
        };
        stop.map_or(Duration::ZERO, |stop| Duration::from_nanos(stop.grace_ns))
    }
}
