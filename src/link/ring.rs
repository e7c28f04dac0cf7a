//! The bytes of one lane, in one ring that the socket reads into and writes from: no byte is copied
//! in between.

use std::ops::Range;

/// The largest read, and what a ring begins with. Four times as much made gRPC dearer: it is too
/// much for the nearest caches.
const ROOM_BYTES: usize = 64 << 10;

/// Bytes in order, with room for more behind them.
#[derive(Debug, Default)]
pub struct Ring {
    memory: Box<[u8]>,
    /// Where the first byte is.
    head: usize,
    len: usize,
}

impl Ring {
    pub const fn len(&self) -> usize {
        self.len
    }

    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Where the next bytes may be read into; never empty. [`Self::take`] makes them part of the ring.
    pub fn room(&mut self) -> &mut [u8] {
        if self.memory.len() - self.len < ROOM_BYTES {
            self.grow();
        }
        let free = self.free();
        let end = free.end.min(free.start + ROOM_BYTES);
        &mut self.memory[free.start..end]
    }

    /// The first `bytes` of the room.
    pub fn peek(&self, bytes: usize) -> &[u8] {
        &self.memory[self.free()][..bytes]
    }

    /// The first `bytes` of the room join the ring.
    pub const fn take(&mut self, bytes: usize) {
        self.len += bytes;
    }

    /// The first bytes of the ring, those up to the end of its memory.
    pub fn front(&self) -> &[u8] {
        let end = self.memory.len().min(self.head + self.len);
        &self.memory[self.head..end]
    }

    /// The first `bytes` go.
    pub const fn drop_front(&mut self, bytes: usize) {
        self.head += bytes;
        self.len -= bytes;
        if self.len == 0 {
            // The same memory again, which the processor still has at hand.
            self.head = 0;
        } else if self.head >= self.memory.len() {
            self.head -= self.memory.len();
        }
    }

    /// All but the first `bytes` go.
    pub fn truncate(&mut self, bytes: usize) {
        self.len = self.len.min(bytes);
    }

    /// The bytes of `range`, in two parts where it goes over the end of the memory.
    pub fn parts_mut(&mut self, range: Range<usize>) -> [&mut [u8]; 2] {
        let size = self.memory.len();
        let (from, to) = (self.head + range.start, self.head + range.end);
        if from >= size {
            [&mut self.memory[from - size..to - size], &mut []]
        } else {
            let (before, after) = self.memory.split_at_mut(from);
            let inside = after.len().min(to - from);
            let over = to.saturating_sub(size);
            [&mut after[..inside], &mut before[..over]]
        }
    }

    /// The bytes of `range` go; those before it move up.
    pub fn drop_range(&mut self, range: Range<usize>) {
        let size = self.memory.len();
        for at in (0..range.start).rev() {
            let from = (self.head + at) % size;
            self.memory[(from + range.len()) % size] = self.memory[from];
        }
        self.drop_front(range.len());
    }

    /// Gives back memory beyond what it began with, if it is empty.
    pub fn shrink(&mut self) {
        if self.is_empty() && self.memory.len() > ROOM_BYTES {
            *self = Self::default();
        }
    }

    /// The room: what is free behind the last byte, up to the end of the memory or the first byte.
    fn free(&self) -> Range<usize> {
        let (size, tail) = (self.memory.len(), self.head + self.len);
        if tail < size {
            tail..size
        } else {
            tail - size..self.head
        }
    }

    fn grow(&mut self) {
        let size = (self.memory.len() * 2).max(ROOM_BYTES);
        let mut memory = vec![0; size].into_boxed_slice();
        let (front, len) = (self.front(), self.len);
        memory[..front.len()].copy_from_slice(front);
        memory[front.len()..len].copy_from_slice(&self.memory[..len - front.len()]);
        *self = Self {
            memory,
            head: 0,
            len,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    fn contents(ring: &mut Ring) -> Vec<u8> {
        let all = 0..ring.len();
        ring.parts_mut(all).concat()
    }

    #[test]
    fn an_empty_ring_uses_the_same_memory_again() {
        let mut ring = Ring::default();
        let first = ring.room().as_ptr();
        ring.take(1000);
        ring.drop_front(1000);
        assert_eq!(ring.room().as_ptr(), first);
        assert_eq!(ring.room().len(), ROOM_BYTES);
    }

    #[test]
    fn memory_beyond_the_first_is_given_back() {
        let mut ring = Ring::default();
        for _ in 0..8 {
            let bytes = ring.room().len();
            ring.take(bytes);
        }
        ring.shrink();
        assert!(ring.memory.len() > ROOM_BYTES);
        ring.drop_front(ring.len());
        ring.shrink();
        assert_eq!(ring.memory.len(), 0);
    }

    proptest! {
        // Each goes through megabytes, byte by byte.
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn it_is_a_queue(steps in prop::collection::vec((0_u8..4, 0_usize..200_000), 1..20)) {
            let (mut ring, mut model) = (Ring::default(), VecDeque::<u8>::new());
            let mut next = 0_u64;
            for (kind, bytes) in steps {
                let some = bytes.min(model.len());
                match kind {
                    0 | 1 => {
                        let room = ring.room();
                        prop_assert!(!room.is_empty());
                        let bytes = bytes.min(room.len());
                        for byte in &mut room[..bytes] {
                            next += 1;
                            *byte = (next % 251) as u8;
                        }
                        model.extend(ring.peek(bytes));
                        ring.take(bytes);
                    }
                    2 => {
                        let front = ring.front().len();
                        prop_assert!(front > 0 || model.is_empty());
                        ring.drop_front(some);
                        model.drain(..some);
                    }
                    _ => {
                        let range = some / 3..some;
                        ring.drop_range(range.clone());
                        model.drain(range);
                    }
                }
                prop_assert_eq!(ring.len(), model.len());
                prop_assert_eq!(ring.is_empty(), model.is_empty());
                prop_assert!(model.make_contiguous() == contents(&mut ring).as_slice());
                prop_assert!(model.iter().copied().take(ring.front().len()).eq(ring.front().iter().copied()));
            }
            let half = model.len() / 2;
            ring.truncate(half);
            model.truncate(half);
            prop_assert!(model.make_contiguous() == contents(&mut ring).as_slice());
        }
    }
}
