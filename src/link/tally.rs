//! What one fault did to one lane.

/// Counts of one fault on one lane; the fields mean what those of the link's proof mean.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub chunks: u64,
    pub bytes: u64,
    pub held_max_ns: u64,
    pub held_total_ns: u64,
    pub leaked_bytes: u64,
    pub acts: u64,
}

impl Tally {
    /// One chunk of `bytes`, or the rest of one, was held for `held_ns`.
    pub fn held(&mut self, bytes: usize, held_ns: u64) {
        self.chunks += 1;
        self.bytes += bytes as u64;
        self.held_max_ns = self.held_max_ns.max(held_ns);
        self.held_total_ns = self.held_total_ns.saturating_add(held_ns);
    }

    /// Whether the fault did anything to the lane.
    pub fn applied(&self) -> bool {
        self.chunks > 0 || self.acts > 0
    }

    /// Adds what another lane counted.
    pub fn merge(&mut self, other: &Tally) {
        self.chunks += other.chunks;
        self.bytes += other.bytes;
        self.held_max_ns = self.held_max_ns.max(other.held_max_ns);
        self.held_total_ns = self.held_total_ns.saturating_add(other.held_total_ns);
        self.leaked_bytes += other.leaked_bytes;
        self.acts += other.acts;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_add_up_and_the_longest_hold_stays() {
        let (mut one, mut other) = (Tally::default(), Tally::default());
        assert!(!one.applied());
        one.held(10, 5);
        other.held(20, 7);
        other.leaked_bytes = 3;
        other.acts = 1;
        one.merge(&other);
        let expected = Tally {
            chunks: 2,
            bytes: 30,
            held_max_ns: 7,
            held_total_ns: 12,
            leaked_bytes: 3,
            acts: 1,
        };
        assert_eq!(one, expected);
    }
}
