//! The connection is closed after so many bytes; not one more passes.

use super::{Cut, Fault};

/// What one lane may still pass.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    left_bytes: u64,
    /// When something came that was the last, or too much.
    reached_ns: Option<u64>,
}

impl Limit {
    /// Passes the first `bytes`.
    pub const fn new(bytes: u64) -> Self {
        Self {
            left_bytes: bytes,
            reached_ns: None,
        }
    }
}

impl Fault for Limit {
    fn slice_bytes(&mut self, bytes: usize) -> usize {
        match usize::try_from(self.left_bytes) {
            Ok(left @ 1..) => bytes.min(left),
            // Nothing is left: the whole chunk is swallowed at once.
            Ok(0) | Err(_) => bytes,
        }
    }

    fn swallows(&self) -> bool {
        self.left_bytes == 0
    }

    fn slice_left(&mut self, bytes: usize, now_ns: u64) {
        self.left_bytes = self.left_bytes.saturating_sub(bytes as u64);
        if self.left_bytes == 0 {
            self.reached_ns.get_or_insert(now_ns);
        }
    }

    fn cut(&self) -> Option<(Cut, u64)> {
        Some((Cut::AfterData, self.reached_ns?))
    }

    fn cut_on_removal(&self) -> Option<Cut> {
        self.reached_ns.map(|_| Cut::AfterData)
    }

    fn acts(&self, _now_ns: u64) -> u64 {
        u64::from(self.reached_ns.is_some())
    }

    fn resume(&mut self, left_bytes: u64, now_ns: u64) {
        self.left_bytes = self.left_bytes.saturating_sub(left_bytes);
        if self.left_bytes == 0 {
            self.reached_ns = Some(now_ns);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_so_many_bytes_pass() {
        let mut limit = Limit::new(100);
        assert_eq!(limit.slice_bytes(60), 60);
        limit.slice_left(60, 1);
        assert_eq!(limit.cut(), None);
        assert_eq!(limit.slice_bytes(60), 40);
        assert!(!limit.swallows());
        limit.slice_left(40, 2);
        assert_eq!(limit.cut(), Some((Cut::AfterData, 2)));
        assert_eq!(limit.cut_on_removal(), Some(Cut::AfterData));
        assert_eq!(limit.acts(2), 1);
        assert!(limit.swallows());
        assert_eq!(limit.slice_bytes(60), 60);
    }

    #[test]
    fn no_bytes_at_all_closes_at_the_first_chunk() {
        let mut limit = Limit::new(0);
        assert!(limit.swallows() && limit.cut().is_none());
        limit.slice_left(5, 9);
        assert_eq!(limit.cut(), Some((Cut::AfterData, 9)));
    }

    #[test]
    fn new_settings_count_what_has_passed() {
        let mut limit = Limit::new(100);
        limit.resume(70, 1);
        assert_eq!(limit.slice_bytes(60), 30);
        let mut lowered = Limit::new(50);
        lowered.resume(70, 1);
        assert_eq!(lowered.cut(), Some((Cut::AfterData, 1)));
    }
}
