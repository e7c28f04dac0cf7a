//! The turns of a connection, whatever is spoken on it: a request and its answer are one.
//!
//! A turn begins with the first byte up after bytes have come down. That is right where requests
//! follow one another: HTTP/1.1, and unary gRPC one at a time, under TLS as well. A server that
//! speaks in the middle of a request (HTTP/2 widens its window during a large one) begins another.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::plan::Direction;

/// Counts the turns of one connection; both its lanes, which are of one task, tell it what comes.
#[derive(Debug, Default)]
pub struct Turns {
    /// Twice the number of turns that have begun, and one while the latest waits for its answer.
    state: AtomicU64,
}

impl Turns {
    /// Bytes came, going in `direction`.
    pub fn came(&self, direction: Direction) {
        let state = self.state.load(Ordering::Relaxed);
        let waits = state % 2 == 1;
        match direction {
            Direction::Up if !waits => self.state.store(state + 3, Ordering::Relaxed),
            Direction::Down if waits => self.state.store(state - 1, Ordering::Relaxed),
            _ => {}
        }
    }

    /// The turn to which what came last belongs: 0 before the first.
    pub fn number(&self) -> u64 {
        self.state.load(Ordering::Relaxed) / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Direction::{Down, Up};

    #[test]
    fn a_turn_begins_when_the_client_speaks_after_the_server() {
        let turns = Turns::default();
        let numbers: Vec<u64> = [Down, Up, Up, Down, Down, Up, Down, Up]
            .into_iter()
            .map(|direction| {
                turns.came(direction);
                turns.number()
            })
            .collect();
        assert_eq!(numbers, [0, 1, 1, 1, 1, 2, 2, 3], "a greeting is no turn");
    }
}
