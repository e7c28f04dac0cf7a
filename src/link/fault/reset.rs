//! Every connection is reset, and every new one as soon as it is accepted.

use super::{Admission, Fault};

/// Nobody gets through, and everybody is told.
pub const ADMISSION: Admission = Admission::Reset;

/// A reset as a lane sees it in the moment before its connection is gone: nothing passes any more.
#[derive(Debug, Clone, Copy)]
pub struct Reset;

impl Fault for Reset {
    fn is_silent(&self) -> bool {
        true
    }

    fn hold_most_ns(&self) -> u64 {
        u64::MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_passes_before_the_connection_is_gone() {
        assert!(Reset.is_silent());
        assert_eq!(
            ADMISSION.max(Admission::Hold),
            Admission::Reset,
            "a reset beats a silence"
        );
    }
}
