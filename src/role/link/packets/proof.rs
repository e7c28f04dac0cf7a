//! What proves that a fault of packets took effect.

use crate::netns::Tally;
use crate::plan::{LinkFault, Loss, PacketFault};

/// A line that never held a packet for longer was wide enough, and did nothing.
const BITE_NS: u64 = 1_000_000;

/// What was counted of one fault.
#[derive(Debug, Clone, Copy, Default)]
pub struct Effect {
    pub tally: Tally,
    /// Packets that the receivers' kernels threw away as broken meanwhile.
    pub rejected: u64,
    /// Directions in which it lay: 1 or 2.
    pub lanes: u64,
}

/// What the relay counted, in words; `None` where that does not prove the fault.
pub fn prove(fault: &LinkFault, effect: &Effect) -> Option<String> {
    let tally = &effect.tally;
    let of = |count: u64, what: &str| {
        let share = 100.0 * count as f64 / tally.seen.max(1) as f64;
        format!("{count} of {} packets {what} ({share:.2} %)", tally.seen)
    };
    let ms = |ns: u64| format!("{:.1} ms", ns as f64 / 1e6);
    let mean_ms = |count: u64| ms(tally.delayed_ns / count.max(1));
    let dropped = (tally.dropped > 0).then_some(tally.dropped);
    match fault {
        LinkFault::Latency(delay) => {
            (tally.delayed > 0 && tally.delayed_max_ns >= delay.least_ns()).then(|| {
                format!(
                    "{} packets ({} bytes) delayed, {} on average, {} at most",
                    tally.delayed,
                    tally.seen_bytes,
                    mean_ms(tally.delayed),
                    ms(tally.delayed_max_ns)
                )
            })
        }
        LinkFault::PartitionSilence => dropped
            .filter(|dropped| *dropped == tally.seen)
            .map(|dropped| format!("{dropped} packets dropped, none passed")),
        LinkFault::Packets(fault) => match fault {
            PacketFault::Loss(Loss::Exact { packets }) => {
                let listed = packets.len() as u64 * effect.lanes;
                dropped
                    .filter(|dropped| *dropped == listed)
                    .map(|_| format!("all {listed} listed packets lost, of {} seen", tally.seen))
            }
            PacketFault::Loss(_) => dropped.map(|dropped| of(dropped, "lost")),
            PacketFault::Reorder { .. } => (tally.held_back > 0).then(|| {
                let held_back = of(tally.held_back, "held back");
                format!("{held_back}, {} on average", mean_ms(tally.held_back))
            }),
            PacketFault::Duplicate { .. } => {
                (tally.duplicated > 0).then(|| of(tally.duplicated, "duplicated"))
            }
            PacketFault::Corrupt { .. } => (tally.corrupted > 0).then(|| {
                let corrupted = of(tally.corrupted, "corrupted");
                format!("{corrupted}, {} rejected by checksums", effect.rejected)
            }),
            PacketFault::Rate { .. } => (tally.delayed_max_ns >= BITE_NS).then(|| {
                format!(
                    "{} packets ({} bytes) paced, held up to {}; {} dropped from the full queue",
                    tally.delayed,
                    tally.seen_bytes - tally.dropped_bytes,
                    ms(tally.delayed_max_ns),
                    tally.dropped
                )
            }),
            PacketFault::Mtu { .. } => dropped.map(|dropped| of(dropped, "too long and lost")),
            PacketFault::Flap { .. } => {
                dropped.map(|dropped| of(dropped, "lost while it was down"))
            }
        },
        // The packet link has refused it.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Delay, Queue};

    fn kinds() -> Vec<LinkFault> {
        let packets = [
            PacketFault::Loss(Loss::Independent { share: 0.1 }),
            PacketFault::Loss(Loss::Exact {
                packets: vec![1, 2],
            }),
            PacketFault::Reorder {
                share: 0.1,
                by_ns: 1,
            },
            PacketFault::Duplicate { share: 0.1 },
            PacketFault::Corrupt { share: 0.1 },
            PacketFault::Rate {
                bytes_per_second: 1,
                queue: Queue::Packets(1),
            },
            PacketFault::Mtu { bytes: 100 },
            PacketFault::Flap {
                up_ns: 1,
                down_ns: 1,
            },
        ];
        let latency = LinkFault::Latency(Delay {
            jitter_ns: 5_000_000,
            ..Delay::fixed(50_000_000)
        });
        let mut kinds = vec![latency, LinkFault::PartitionSilence];
        kinds.extend(packets.map(LinkFault::Packets));
        kinds
    }

    #[test]
    fn a_fault_that_did_nothing_has_no_proof() {
        let bit = Effect {
            tally: Tally {
                seen: 4,
                seen_bytes: 400,
                dropped: 4,
                dropped_bytes: 400,
                delayed: 4,
                held_back: 4,
                delayed_ns: 184_000_000,
                delayed_max_ns: 46_000_000,
                corrupted: 4,
                duplicated: 4,
            },
            rejected: 4,
            lanes: 2,
        };
        // Packets came by, and nothing was done to them.
        let idle = Effect {
            tally: Tally {
                seen: 4,
                seen_bytes: 400,
                ..Tally::default()
            },
            ..bit
        };
        for kind in kinds() {
            assert!(prove(&kind, &bit).is_some(), "{kind:?}");
            assert_eq!(prove(&kind, &idle), None, "{kind:?}");
            assert_eq!(prove(&kind, &Effect::default()), None, "{kind:?}");
        }
    }

    #[test]
    fn half_of_an_exact_fault_is_none() {
        let effect = |dropped, delayed_max_ns| Effect {
            tally: Tally {
                seen: 9,
                dropped,
                delayed: 9,
                delayed_max_ns,
                ..Tally::default()
            },
            rejected: 0,
            lanes: 1,
        };
        let [latency, silence, _, exact] = &kinds()[..4] else {
            panic!("four kinds");
        };
        assert!(prove(exact, &effect(2, 0)).is_some());
        assert_eq!(prove(exact, &effect(1, 0)), None);
        assert_eq!(prove(silence, &effect(8, 0)), None, "one passed");
        assert_eq!(prove(latency, &effect(0, 44_000_000)), None);
    }
}
