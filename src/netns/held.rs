//! Packets that wait for their time, in buffers that are used again and again.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What a waiting frame takes besides its bytes.
const OVERHEAD_BYTES: usize = 128;

/// Due time, number of arrival, buffer.
type Waiting = (u64, u64, Vec<u8>);

/// Frames by the time they are due; those due at the same time in the order they came.
#[derive(Debug)]
pub struct Held {
    waiting: BinaryHeap<Reverse<Waiting>>,
    /// Buffers for the next frames, so that nothing is allocated once they have been used.
    spare: Vec<Vec<u8>>,
    spare_bytes: usize,
    arrivals: u64,
    bytes: usize,
    bytes_max: usize,
}

impl Held {
    /// Holds `bytes_max` bytes of frames altogether, with 128 more for each, and keeps as much ready.
    pub const fn new(bytes_max: usize) -> Self {
        Self {
            waiting: BinaryHeap::new(),
            spare: Vec::new(),
            spare_bytes: 0,
            arrivals: 0,
            bytes: 0,
            bytes_max,
        }
    }

    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Bytes of the waiting frames, without `header_bytes` of each.
    pub fn bytes(&self, header_bytes: usize) -> u64 {
        let apart = self.len() * (OVERHEAD_BYTES + header_bytes);
        self.bytes.saturating_sub(apart) as u64
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes a copy of a frame and changes it; says no when it would be too much.
    pub fn push(&mut self, due_ns: u64, frame: &[u8], change: impl FnOnce(&mut [u8])) -> bool {
        let needed = frame.len() + OVERHEAD_BYTES;
        if self.bytes.saturating_add(needed) > self.bytes_max {
            return false;
        }
        let mut buffer = self.spare.pop().unwrap_or_default();
        self.spare_bytes -= buffer.capacity();
        buffer.clear();
        buffer.extend_from_slice(frame);
        change(&mut buffer);
        self.bytes += needed;
        self.waiting.push(Reverse((due_ns, self.arrivals, buffer)));
        self.arrivals += 1;
        true
    }

    /// When the next one is due.
    pub fn next_due_ns(&self) -> Option<u64> {
        self.waiting.peek().map(|Reverse((due_ns, _, _))| *due_ns)
    }

    /// Moves what is due at `now_ns` to `due`, with its time, up to `most` frames.
    pub fn pop_due(&mut self, now_ns: u64, most: usize, due: &mut Vec<(u64, Vec<u8>)>) {
        while due.len() < most && self.next_due_ns().is_some_and(|due_ns| due_ns <= now_ns) {
            let Some(Reverse((due_ns, _, frame))) = self.waiting.pop() else {
                return;
            };
            self.bytes -= frame.len() + OVERHEAD_BYTES;
            due.push((due_ns, frame));
        }
    }

    /// Takes buffers back, as many as may be kept.
    pub fn reuse(&mut self, frames: &mut Vec<(u64, Vec<u8>)>) {
        for (_, frame) in frames.drain(..) {
            if self.spare_bytes.saturating_add(frame.capacity()) <= self.bytes_max {
                self.spare_bytes += frame.capacity();
                self.spare.push(frame);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn memory_is_bounded() {
        let mut held = Held::new(2 * OVERHEAD_BYTES + 10);
        assert!(held.push(1, &[0; 6], |_| {}));
        assert!(!held.push(1, &[0; 5], |_| {}));
        assert!(held.push(1, &[0; 4], |_| {}));
        assert_eq!((held.bytes(0), held.bytes(2)), (10, 6));
        let mut due = Vec::new();
        held.pop_due(1, 9, &mut due);
        assert_eq!(due.len(), 2);
        held.reuse(&mut due);
        assert!(held.push(1, &[0; 10], |_| {}), "what has left makes room");
        assert!(held.spare_bytes <= held.bytes_max);
    }

    proptest! {
        #[test]
        fn frames_leave_in_the_order_of_time_then_arrival(
            dues in proptest::collection::vec(0_u64..20, 0..200),
            now_ns in 0_u64..25,
        ) {
            let mut held = Held::new(usize::MAX);
            for (i, due_ns) in dues.iter().enumerate() {
                held.push(*due_ns, &(i as u64).to_le_bytes(), |_| {});
            }
            let mut expected: Vec<(u64, usize)> = dues
                .iter()
                .enumerate()
                .filter(|(_, due_ns)| **due_ns <= now_ns)
                .map(|(i, due_ns)| (*due_ns, i))
                .collect();
            expected.sort_unstable();
            let mut due = Vec::new();
            held.pop_due(now_ns, usize::MAX, &mut due);
            let left: Vec<(u64, usize)> = due
                .iter()
                .map(|(at, frame)| (*at, u64::from_le_bytes(frame[..8].try_into().unwrap()) as usize))
                .collect();
            prop_assert_eq!(left, expected);
        }
    }
}
