//! A line of so many bytes per second, with a drop-tail queue before it.

use std::collections::VecDeque;

use super::{Impair, Packet, Verdict};
use crate::plan::Queue;

#[derive(Debug)]
pub struct Line {
    bytes_per_second: u64,
    queue: Queue,
    /// When the line has sent all that it took.
    free_ns: u64,
    /// When each packet in the queue will have left, oldest first; for a queue of packets only.
    leaving_ns: VecDeque<u64>,
}

impl Line {
    pub const fn new(bytes_per_second: u64, queue: Queue) -> Self {
        Self {
            bytes_per_second,
            queue,
            free_ns: 0,
            leaving_ns: VecDeque::new(),
        }
    }

    /// Time that so many bytes take on the line.
    fn time_ns(&self, bytes: u64) -> u64 {
        let ns = u128::from(bytes) * 1_000_000_000 / u128::from(self.bytes_per_second.max(1));
        u64::try_from(ns).unwrap_or(u64::MAX)
    }

    /// Whether the queue takes this packet.
    fn has_room(&mut self, packet: Packet) -> bool {
        match self.queue {
            Queue::Packets(depth) => {
                while self
                    .leaving_ns
                    .front()
                    .is_some_and(|left| *left <= packet.at_ns)
                {
                    self.leaving_ns.pop_front();
                }
                (self.leaving_ns.len() as u64) < depth
            }
            Queue::Bytes(depth) => {
                let backlog_ns = u128::from(self.free_ns.saturating_sub(packet.at_ns));
                let backlog = backlog_ns * u128::from(self.bytes_per_second) / 1_000_000_000;
                backlog + u128::from(packet.bytes) <= u128::from(depth)
            }
        }
    }
}

impl Impair for Line {
    fn judge(&mut self, packet: Packet) -> Verdict {
        if !self.has_room(packet) {
            return Verdict::Drop;
        }
        let begun_ns = self.free_ns.max(packet.at_ns);
        self.free_ns = begun_ns.saturating_add(self.time_ns(packet.bytes));
        if matches!(self.queue, Queue::Packets(_)) {
            self.leaving_ns.push_back(self.free_ns);
        }
        Verdict::At {
            due_ns: self.free_ns,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn packet(at_ns: u64, bytes: u64) -> Packet {
        Packet { at_ns, bytes }
    }

    #[test]
    fn a_packet_leaves_when_its_last_byte_has() {
        let mut line = Line::new(1_000, Queue::Packets(10));
        assert_eq!(
            line.judge(packet(0, 100)),
            Verdict::At {
                due_ns: SECOND / 10
            }
        );
        assert_eq!(
            line.judge(packet(0, 100)),
            Verdict::At { due_ns: SECOND / 5 }
        );
        let idle = line.judge(packet(SECOND, 100));
        assert_eq!(
            idle,
            Verdict::At {
                due_ns: SECOND + SECOND / 10
            },
            "idle time is not saved up"
        );
    }

    #[test]
    fn the_queue_drops_its_tail() {
        let mut packets = Line::new(1_000, Queue::Packets(2));
        let mut bytes = Line::new(1_000, Queue::Bytes(250));
        for line in [&mut packets, &mut bytes] {
            assert_ne!(line.judge(packet(0, 100)), Verdict::Drop);
            assert_ne!(line.judge(packet(0, 100)), Verdict::Drop);
            assert_eq!(line.judge(packet(0, 100)), Verdict::Drop, "{line:?}");
            assert_ne!(
                line.judge(packet(SECOND / 10, 100)),
                Verdict::Drop,
                "one has left"
            );
        }
    }

    proptest! {
        #[test]
        fn never_faster_than_the_line_and_never_more_than_the_queue(
            rate in 1_000_u64..10_000_000,
            depth in 1_u64..50,
            arrivals in proptest::collection::vec((0..2_000_000_u64, 20_u64..1500), 1..300),
        ) {
            let mut line = Line::new(rate, Queue::Packets(depth));
            let (mut at_ns, mut sent, mut left_ns) = (0, 0_u128, Vec::new());
            for (gap_ns, bytes) in arrivals {
                at_ns += gap_ns;
                if let Verdict::At { due_ns } = line.judge(packet(at_ns, bytes)) {
                    sent += u128::from(bytes);
                    left_ns.push(due_ns);
                    // A nanosecond for each rounding.
                    let line_ns = sent * 1_000_000_000 / u128::from(rate);
                    prop_assert!(u128::from(due_ns) + left_ns.len() as u128 >= line_ns);
                    let queued = left_ns.iter().filter(|left| **left > at_ns).count();
                    prop_assert!(queued as u64 <= depth);
                }
            }
        }
    }
}
