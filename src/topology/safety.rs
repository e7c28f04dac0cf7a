//! How much of the machine a run may take: looked at before anything is started.

use crate::observe;
use crate::plan::{FaultKind, Plan};
use crate::units;

/// Share of the memory that is free for use, in hundredths, that stress may hold.
const MEMORY_PERCENT_MAX: u64 = 80;

/// Says what is too much, if anything is.
pub(super) fn check(plan: &Plan) -> Result<(), String> {
    let Some(free) = observe::available_memory() else {
        return Ok(());
    };
    within(plan, free)
}

fn within(plan: &Plan, free_bytes: u64) -> Result<(), String> {
    let limit = free_bytes / 100 * MEMORY_PERCENT_MAX;
    // Stress never lies on stress, so the largest is the most at once.
    let largest = plan.faults.iter().filter_map(|fault| match fault.kind {
        FaultKind::Stress { memory_bytes, .. } => Some((memory_bytes, &fault.name)),
        _ => None,
    });
    match largest.max() {
        Some((bytes, name)) if bytes > limit => Err(format!(
            "`{name}` would hold {} of memory; {MEMORY_PERCENT_MAX} % of what this machine has free now is {}",
            units::bytes(bytes as f64),
            units::bytes(limit as f64),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture::{cut, plan};

    #[test]
    fn stress_may_take_four_fifths_of_what_is_free() {
        let mut plan = plan();
        plan.faults = vec![cut("eater", 1, 2)];
        plan.faults[0].kind = FaultKind::Stress {
            cpu_permille: 0,
            memory_bytes: 80,
        };
        assert_eq!(within(&plan, 100), Ok(()));
        let why = within(&plan, 99).unwrap_err();
        assert!(why.contains("`eater`"), "{why}");
    }
}
