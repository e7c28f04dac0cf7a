//! One direction's impairments together: what becomes of each packet, and what is counted of it.

use super::LaneCounts;
use super::impair::{self, Impair, Packet, Verdict};
use super::impairment::Impairment;
use super::tally::Tally;

/// One way in which a packet, or a copy of it, passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fate {
    pub due_ns: u64,
    /// The bits to flip, counted from behind the Ethernet header.
    pub flip: [Option<u64>; FLIPS_MAX],
}

/// Bits of one packet that are flipped at most: more corrupting impairments at once change no more.
pub const FLIPS_MAX: usize = 2;
/// Ways that one packet passes at most, however many duplications are active at once.
const COPIES_MAX: usize = 8;

#[derive(Debug)]
struct Active {
    id: usize,
    stage: u8,
    impair: Box<dyn Impair>,
    tally: Tally,
}

/// The active impairments in the order in which packets meet them.
#[derive(Debug)]
pub struct Lane {
    seed: u64,
    active: Vec<Active>,
    counts: LaneCounts,
}

impl Lane {
    /// No impairment yet; each will draw from `seed` and its number.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            active: Vec::new(),
            counts: LaneCounts::default(),
        }
    }

    /// Begins an impairment at `now_ns`. One of the same number must not be active.
    pub fn start(&mut self, id: usize, impairment: &Impairment, now_ns: u64) {
        // An odd factor, so each number gets a seed of its own.
        let seed = self
            .seed
            .wrapping_add((id as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let stage = impair::stage(impairment);
        let at = self.active.partition_point(|active| active.stage <= stage);
        self.active.insert(
            at,
            Active {
                id,
                stage,
                impair: impair::begin(impairment, seed, now_ns),
                tally: Tally::default(),
            },
        );
    }

    /// Ends an impairment; returns what it did. What it held keeps its time.
    pub fn end(&mut self, id: usize) -> Option<Tally> {
        let at = self.active.iter().position(|active| active.id == id)?;
        Some(self.active.remove(at).tally)
    }

    pub const fn counts(&mut self) -> &mut LaneCounts {
        &mut self.counts
    }

    /// What each active impairment did so far, by number.
    pub fn tallies(&self) -> Vec<(usize, Tally)> {
        self.active
            .iter()
            .map(|active| (active.id, active.tally))
            .collect()
    }

    /// Judges a packet that arrived at `arrival_ns`; `fates` becomes the ways in which it passes.
    pub fn judge(&mut self, arrival_ns: u64, bytes: u64, fates: &mut Vec<Fate>) {
        fates.clear();
        self.counts.received += 1;
        self.counts.received_bytes += bytes;
        let untouched = Fate {
            due_ns: arrival_ns,
            flip: [None; FLIPS_MAX],
        };
        self.pass_on(0, untouched, bytes, fates);
    }

    fn pass_on(&mut self, from: usize, mut fate: Fate, bytes: u64, fates: &mut Vec<Fate>) {
        for at in from..self.active.len() {
            let packet = Packet {
                at_ns: fate.due_ns,
                bytes,
            };
            let active = &mut self.active[at];
            let verdict = active.impair.judge(packet);
            active.tally.count(packet, verdict);
            match verdict {
                Verdict::Pass => {}
                Verdict::Drop => {
                    self.counts.dropped += 1;
                    return;
                }
                Verdict::At { due_ns } | Verdict::HeldBack { due_ns } => fate.due_ns = due_ns,
                Verdict::Flip { bit } => {
                    if let Some(free) = fate.flip.iter_mut().find(|flip| flip.is_none()) {
                        *free = Some(bit);
                    }
                }
                Verdict::Twice if fates.len() + 1 < COPIES_MAX => {
                    self.counts.copies += 1;
                    self.pass_on(at + 1, fate, bytes, fates);
                }
                Verdict::Twice => {}
            }
        }
        fates.push(fate);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::{Delay, Distribution, Loss, Queue};

    fn judged(lane: &mut Lane, at_ns: u64) -> Vec<Fate> {
        let mut fates = Vec::new();
        lane.judge(at_ns, 100, &mut fates);
        fates
    }

    #[test]
    fn without_impairments_a_packet_passes_when_it_comes() {
        let mut lane = Lane::new(1);
        let fate = judged(&mut lane, 7)[0];
        assert_eq!((fate.due_ns, fate.flip), (7, [None; FLIPS_MAX]));
    }

    #[test]
    fn impairments_work_together_in_the_order_of_the_way() {
        let mut lane = Lane::new(1);
        lane.start(1, &Impairment::Delay(Delay::fixed(1_000)), 0);
        let rate = Impairment::Rate {
            bytes_per_second: 1_000_000_000,
            queue: Queue::Packets(10),
        };
        lane.start(2, &rate, 0);
        lane.start(3, &Impairment::Duplicate { share: 1.0 }, 0);
        let due: Vec<u64> = judged(&mut lane, 0)
            .iter()
            .map(|fate| fate.due_ns)
            .collect();
        assert_eq!(
            due,
            [1_100, 1_200],
            "both copies take their time on the line, then the delay"
        );
        lane.start(4, &Impairment::Loss(Loss::Exact { packets: vec![1] }), 0);
        assert!(judged(&mut lane, 0).is_empty());
        let counts = lane.counts().clone();
        assert_eq!((counts.received, counts.copies, counts.dropped), (2, 1, 1));
        assert_eq!(lane.end(4).unwrap().dropped, 1);
        assert_eq!(
            lane.end(3).unwrap().duplicated,
            1,
            "a lost packet never came this far"
        );
        let delay = lane.end(1).unwrap();
        assert_eq!(
            (delay.delayed, delay.delayed_ns, delay.delayed_max_ns),
            (2, 2_000, 1_000)
        );
        assert_eq!((delay.seen, delay.seen_bytes), (2, 200));
        assert!(lane.end(1).is_none());
        assert_eq!(lane.tallies().len(), 1);
    }

    #[test]
    fn the_same_seed_and_packets_get_the_same_fates() {
        let run = |seed| {
            let mut lane = Lane::new(seed);
            lane.start(1, &Impairment::Corrupt { share: 0.2 }, 0);
            lane.start(
                2,
                &Impairment::Reorder {
                    share: 0.2,
                    by_ns: 9,
                },
                0,
            );
            (0..500)
                .flat_map(|at| judged(&mut lane, at))
                .collect::<Vec<_>>()
        };
        assert_eq!(run(3), run(3));
        assert_ne!(run(3), run(4));
    }

    fn impairment() -> impl Strategy<Value = Impairment> {
        let share = 0.0..1.0_f64;
        prop_oneof![
            (0_u64..9_000, 0_u64..9_000, 0.0..0.9_f64).prop_map(
                |(delay_ns, jitter_ns, correlation)| {
                    let distribution = Distribution::Pareto { shape: 1.5 };
                    Impairment::Delay(Delay {
                        delay_ns,
                        jitter_ns,
                        distribution,
                        correlation,
                    })
                }
            ),
            share
                .clone()
                .prop_map(|share| Impairment::Loss(Loss::Independent { share })),
            (share.clone(), 1_u64..9_000)
                .prop_map(|(share, by_ns)| Impairment::Reorder { share, by_ns }),
            share
                .clone()
                .prop_map(|share| Impairment::Duplicate { share }),
            share.prop_map(|share| Impairment::Corrupt { share }),
            (1_u64..9_000_000, 1_u64..50).prop_map(|(bytes_per_second, depth)| Impairment::Rate {
                bytes_per_second,
                queue: Queue::Packets(depth),
            }),
            (68_u32..150).prop_map(|bytes| Impairment::Mtu { bytes }),
            (1_u64..9_000, 1_u64..9_000)
                .prop_map(|(up_ns, down_ns)| Impairment::Flap { up_ns, down_ns }),
        ]
    }

    proptest! {
        #[test]
        fn every_packet_passes_or_is_dropped_and_none_is_early(
            seed: u64,
            impairments in proptest::collection::vec(impairment(), 0..5),
            gaps in proptest::collection::vec(0_u64..5_000, 1..200),
        ) {
            let mut lane = Lane::new(seed);
            for (id, impairment) in impairments.iter().enumerate() {
                prop_assert!(impairment.check().is_ok());
                lane.start(id, impairment, 0);
            }
            let (mut at_ns, mut passed) = (0, 0);
            for gap_ns in gaps {
                at_ns += gap_ns;
                let fates = judged(&mut lane, at_ns);
                prop_assert!(fates.iter().all(|fate| fate.due_ns >= at_ns));
                passed += fates.len() as u64;
            }
            let counts = lane.counts().clone();
            prop_assert_eq!(counts.received + counts.copies, passed + counts.dropped);
            let tallies = lane.tallies();
            let dropped: u64 = tallies.iter().map(|(_, tally)| tally.dropped).sum();
            prop_assert_eq!(dropped, counts.dropped, "each drop has one impairment to answer for it");
        }
    }
}
