//! The shape of a trace: which span is whose parent.

use super::mix::{Use, mix};

/// Shapes among which the traces of a run choose.
const SHAPES: u64 = 32;

/// Trees of one size, built before the run.
#[derive(Debug)]
pub struct Shapes {
    seed: u64,
    /// Per shape: the parent of span `i + 1`, an index below `i + 1`. Span 0 is the root.
    parents: Vec<Vec<usize>>,
}

impl Shapes {
    /// Random recursive trees of `spans` nodes: each span hangs below any of the earlier ones.
    pub fn new(seed: u64, spans: u32) -> Self {
        let tree = |shape: u64| -> Vec<usize> {
            (1..u64::from(spans.max(1)))
                .map(|span| (mix(seed, Use::Shape, shape, span) % span) as usize)
                .collect()
        };
        Self {
            seed,
            parents: (0..SHAPES).map(tree).collect(),
        }
    }

    /// Parents of the spans after the root, for one arrival of a producer.
    pub fn of(&self, producer: u16, arrival: u64) -> &[usize] {
        let shape = mix(self.seed, Use::Shape, u64::from(producer), !arrival) % SHAPES;
        &self.parents[shape as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parent_comes_before_its_child() {
        let shapes = Shapes::new(3, 12);
        for arrival in 0..100 {
            let parents = shapes.of(1, arrival);
            assert_eq!(parents.len(), 11);
            assert!(parents.iter().enumerate().all(|(i, parent)| *parent <= i));
        }
    }

    #[test]
    fn a_single_span_has_no_parents() {
        assert!(Shapes::new(3, 1).of(0, 0).is_empty());
    }
}
