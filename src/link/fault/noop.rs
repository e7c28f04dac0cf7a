//! Nothing happens: a fault that is there and does nothing.

use super::Fault;

/// Lets everything pass.
#[derive(Debug, Clone, Copy)]
pub struct Noop;

impl Fault for Noop {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_changes_nothing() {
        let mut noop = Noop;
        assert_eq!(noop.due_ns(7), 7);
        assert_eq!(noop.slice_bytes(9), 9);
        assert!(!noop.swallows() && noop.cut().is_none());
    }
}
