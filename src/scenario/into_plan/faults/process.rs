//! Faults of processes.

use super::Kinds;
use crate::plan::{FaultKind, ProcessFault, RoleName};
use crate::scenario::file::FaultFile;
use crate::scenario::into_plan::Planner;

/// Their keys.
pub(super) const KINDS: [&str; 2] = ["kill", "pause"];

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
    }
}
