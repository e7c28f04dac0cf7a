//! The pacing decision, as a plain value that is told the time.

use std::time::Duration;

/// What to do with the next arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// It is not due yet.
    Wait(Duration),
    /// It is due, or late by no more than is allowed.
    Release,
    /// It is too late: skip it and count it.
    Miss,
}

/// Decides at `now_ns` about an arrival that is due at `due_ns`.
pub const fn pace(now_ns: u64, due_ns: u64, miss_after_ns: u64) -> Pace {
    if now_ns < due_ns {
        Pace::Wait(Duration::from_nanos(due_ns - now_ns))
    } else if now_ns - due_ns > miss_after_ns {
        Pace::Miss
    } else {
        Pace::Release
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn early_waits_late_releases_too_late_misses() {
        assert_eq!(pace(10, 15, 100), Pace::Wait(Duration::from_nanos(5)));
        assert_eq!(pace(15, 15, 100), Pace::Release);
        assert_eq!(pace(115, 15, 100), Pace::Release);
        assert_eq!(pace(116, 15, 100), Pace::Miss);
        assert_eq!(pace(15, 15, 0), Pace::Release);
    }
}
