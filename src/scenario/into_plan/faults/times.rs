//! When a fault starts and ends.

use crate::plan::{FaultKind, ProcessFault, RunPlan};
use crate::scenario::file::FaultFile;
use crate::scenario::into_plan::Planner;
use crate::scenario::problem::Finding;
use crate::scenario::units::show_ns;

impl Planner<'_> {
    pub(super) fn fault_times(
        &mut self,
        path: &str,
        file: &FaultFile,
        kind: Option<&FaultKind>,
        run: &RunPlan,
    ) -> (u64, Option<u64>) {
        let start_ns = file.at.map_or(0, |time| time.0);
        let end_ns = file.length.map(|time| start_ns.saturating_add(time.0));
        let (at, length) = (format!("{path}.at"), format!("{path}.for"));
        let run_end = show_ns(run.duration_ns);
        if start_ns >= run.duration_ns {
            self.problem(
                &at,
                format!(
                    "the fault starts at {} and the run ends at {run_end}",
                    show_ns(start_ns)
                ),
                "start it earlier, or make `run.duration` longer",
            );
        } else if let Some(end_ns) = end_ns.filter(|end| *end > run.duration_ns) {
            self.problem(
                &length,
                format!(
                    "the fault ends at {} and the run ends at {run_end}",
                    show_ns(end_ns)
                ),
                "end it earlier, leave `for` out, or make `run.duration` longer",
            );
        }
        if file.length.is_some_and(|time| time.0 == 0) {
            self.problem(&length, "the fault takes no time", "more than 0s");
        }
        match kind {
            Some(FaultKind::Process {
                fault: ProcessFault::Kill,
                ..
            }) if self.document.has(&length) => {
                let span = self.document.key_span(&length);
                let finding = Finding::new(span, "a kill has no length").help("leave `for` out");
                self.findings.push(finding);
                (start_ns, None)
            }
            Some(FaultKind::Process { fault, .. }) => {
                let must_end = match fault {
                    ProcessFault::Pause => Some("a pause must end: say how long it lasts"),
                    ProcessFault::Restart => Some("how long the process is down"),
                    ProcessFault::CrashLoop { .. } => Some("a crash loop must end"),
                    _ => None,
                };
                if let Some(help) = must_end {
                    self.required(&length, file.length, help);
                }
                (start_ns, end_ns)
            }
            _ => (start_ns, end_ns),
        }
    }
}
