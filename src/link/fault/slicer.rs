//! Chunks are cut into small pieces, each written on its own, with a delay between them.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Fault;

/// How late a piece may be made up for: what a timer's resolution costs, and no more.
const CATCH_UP_NS: u64 = 50_000_000;

/// The pieces of one lane, with its own draws.
#[derive(Debug)]
pub struct Slicer {
    average_bytes: u64,
    variation_bytes: u64,
    delay_ns: u64,
    rng: ChaCha8Rng,
    /// Size drawn for the next piece, kept until it has left.
    drawn_bytes: Option<usize>,
    /// When the next piece may leave, once there was one.
    free_ns: u64,
    /// When the piece that was asked about could leave at the earliest, kept until it has left.
    begun_ns: Option<u64>,
    /// When that piece may leave.
    due_ns: u64,
    pieces: u64,
}

impl Slicer {
    /// Pieces of `average_bytes ± variation_bytes`, at least one byte, `delay_ns` apart.
    pub fn new(average_bytes: u64, variation_bytes: u64, delay_ns: u64, seed: u64) -> Self {
        Self {
            average_bytes,
            variation_bytes,
            delay_ns,
            rng: ChaCha8Rng::seed_from_u64(seed),
            drawn_bytes: None,
            free_ns: 0,
            begun_ns: None,
            due_ns: 0,
            pieces: 0,
        }
    }
}

impl Fault for Slicer {
    fn slice_bytes(&mut self, bytes: usize) -> usize {
        let least = self.average_bytes.saturating_sub(self.variation_bytes);
        let most = self.average_bytes.saturating_add(self.variation_bytes);
        let drawn = match self.drawn_bytes {
            Some(drawn) => drawn,
            None => usize::try_from(self.rng.random_range(least..=most)).unwrap_or(usize::MAX),
        };
        self.drawn_bytes = Some(drawn);
        bytes.min(drawn).max(1)
    }

    fn slice_due_ns(&mut self, ready_ns: u64, _bytes: usize, now_ns: u64) -> u64 {
        let earliest_ns = self.free_ns.max(now_ns.saturating_sub(CATCH_UP_NS));
        self.due_ns = ready_ns.max(*self.begun_ns.get_or_insert(earliest_ns));
        self.due_ns
    }

    fn separates(&self) -> bool {
        true
    }

    fn slice_left(&mut self, _bytes: usize, _now_ns: u64) {
        self.free_ns = self.due_ns.saturating_add(self.delay_ns);
        self.begun_ns = None;
        self.drawn_bytes = None;
        self.pieces += 1;
    }

    fn acts(&self, _now_ns: u64) -> u64 {
        self.pieces
    }

    fn hold_most_ns(&self) -> u64 {
        u64::MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn pieces_stay_within_the_variation_and_come_from_the_seed() {
        let draw = |seed| {
            let mut slicer = Slicer::new(100, 20, 0, seed);
            let mut sizes = Vec::new();
            for _ in 0..1_000 {
                let bytes = slicer.slice_bytes(10_000);
                assert_eq!(bytes, slicer.slice_bytes(10_000), "asked again");
                slicer.slice_left(bytes, 0);
                sizes.push(bytes);
            }
            sizes
        };
        let sizes = draw(1);
        assert!(sizes.iter().all(|bytes| (80..=120).contains(bytes)));
        assert!(sizes.contains(&80) && sizes.contains(&120));
        assert_eq!(sizes, draw(1));
        assert_ne!(sizes, draw(2));
    }

    #[test]
    fn a_piece_has_a_byte_and_is_no_longer_than_its_chunk() {
        assert_eq!(Slicer::new(0, 0, 0, 1).slice_bytes(10), 1);
        assert_eq!(Slicer::new(u64::MAX, u64::MAX, 0, 1).slice_bytes(10), 10);
    }

    #[test]
    fn the_delay_is_between_pieces() {
        let mut slicer = Slicer::new(10, 0, 5 * MS, 1);
        let now_ns = 1_000 * MS;
        for piece in 0..10 {
            let due_ns = now_ns + piece * 5 * MS;
            assert_eq!(slicer.slice_due_ns(now_ns, 10, due_ns), due_ns);
            slicer.slice_left(10, due_ns + MS);
        }
        let later_ns = now_ns + 5_000 * MS;
        assert_eq!(slicer.slice_due_ns(later_ns, 10, later_ns), later_ns);
        slicer.slice_left(10, later_ns);
        assert_eq!(
            slicer.slice_due_ns(later_ns, 10, later_ns),
            later_ns + 5 * MS,
            "an idle time saves nothing up"
        );
    }
}
