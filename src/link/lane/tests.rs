//! The lane, chunk by chunk.

use super::*;
use crate::link::active::Begin;
use crate::link::toxic::Toxic;
use crate::plan::{Delay, Per, Toxicity};

const MS: u64 = 1_000_000;

/// A lane with its rules, driven by hand: the clock is what the test says.
struct Bench {
    rules: Rules,
    lane: Lane,
    counters: Arc<Counters>,
}

impl Bench {
    fn new(buffer_bytes: usize) -> Self {
        let counters = Arc::new(Counters::default());
        Self {
            rules: Rules::new(1),
            lane: Lane::new(
                0,
                Direction::Up,
                buffer_bytes,
                Arc::clone(&counters),
                Arc::default(),
            ),
            counters,
        }
    }

    /// Starts a fault; returns its moment, from which the tests count.
    fn start(&mut self, id: usize, toxic: Toxic) -> u64 {
        self.begin(Begin::all(id, Direction::Up, toxic))
    }

    fn begin(&mut self, begin: Begin) -> u64 {
        let started_ns = self.rules.change(&[], vec![begin]).unwrap().at_ns;
        self.lane.refresh(&self.rules, started_ns);
        started_ns
    }

    /// Writes everything that is due and returns it, with the time of the next.
    fn drain(&mut self, now_ns: u64) -> (Vec<u8>, Option<u64>) {
        let next_ns = self.lane.release(now_ns);
        let mut out = Vec::new();
        while !self.lane.writable().is_empty() {
            let some = self.lane.writable().to_vec();
            out.extend_from_slice(&some);
            self.lane.written(some.len(), now_ns);
        }
        (out, next_ns)
    }

    fn held_bytes(&self) -> u64 {
        self.counters.sample(0).held_bytes
    }
}

impl Lane {
    /// Appends one chunk, as if it had been read.
    fn push(&mut self, bytes: &[u8], arrived_ns: u64) {
        self.room()[..bytes.len()].copy_from_slice(bytes);
        self.keep(0, bytes.len(), arrived_ns);
    }
}

/// Ends a fault while the lane lives on, as its task would.
async fn end(bench: &mut Bench, id: usize, now_ns: u64) -> crate::evidence::FaultProof {
    let Bench { rules, lane, .. } = bench;
    let ending = rules.change(&[id], vec![]).unwrap().proofs();
    tokio::pin!(ending);
    tokio::select! {
        biased;
        _ = &mut ending => panic!("a fault ended before its lane let go"),
        () = std::future::ready(()) => lane.refresh(rules, now_ns),
    }
    ending.await[0]
}

#[test]
fn without_a_fault_everything_passes_at_once_and_one_chunk_is_held_at_most() {
    let mut bench = Bench::new(1 << 20);
    assert!(bench.lane.is_straight() && bench.lane.wants_more());
    bench.lane.push(b"rest", 5);
    assert!(!bench.lane.wants_more());
    assert_eq!(bench.held_bytes(), 4);
    assert_eq!(bench.drain(5), (b"rest".to_vec(), None));
    assert!(bench.lane.is_straight());
    assert_eq!(bench.held_bytes(), 0);
}

#[tokio::test]
async fn latency_holds_each_chunk_from_its_own_arrival() {
    let mut bench = Bench::new(1 << 20);
    let t0 = bench.start(0, Toxic::Latency(Delay::fixed(50 * MS)));
    bench.lane.push(b"one", t0);
    bench.lane.push(b"two", t0 + 10 * MS);
    assert_eq!(bench.drain(t0 + 49 * MS), (vec![], Some(t0 + 50 * MS)));
    assert_eq!(
        bench.drain(t0 + 50 * MS),
        (b"one".to_vec(), Some(t0 + 60 * MS))
    );
    assert_eq!(bench.drain(t0 + 60 * MS), (b"two".to_vec(), None));
    let proof = end(&mut bench, 0, t0 + 70 * MS).await;
    assert_eq!((proof.chunks, proof.bytes, proof.connections), (2, 6, 1));
    assert_eq!(
        (proof.held_max_ns, proof.held_total_ns),
        (50 * MS, 100 * MS)
    );
    assert_eq!(proof.leaked_bytes, 0);
}

#[tokio::test]
async fn latency_and_bandwidth_compose() {
    let mut bench = Bench::new(1 << 20);
    let t0 = bench.start(0, Toxic::Latency(Delay::fixed(50 * MS)));
    bench.start(
        1,
        Toxic::Bandwidth {
            bytes_per_second: 1_000_000,
            is_shared: false,
        },
    );
    bench.lane.push(&[7; 30_000], t0);
    assert_eq!(bench.drain(t0).1, Some(t0 + 50 * MS));
    assert_eq!(bench.drain(t0 + 50 * MS), (vec![], Some(t0 + 65 * MS)));
    let (first, next) = bench.drain(t0 + 66 * MS);
    assert_eq!(
        (first.len(), next),
        (15_000, Some(t0 + 80 * MS)),
        "late, and not later for it"
    );
    assert_eq!(bench.drain(t0 + 80 * MS).0.len(), 15_000);
    let latency = end(&mut bench, 0, t0 + 90 * MS).await;
    let bandwidth = end(&mut bench, 1, t0 + 90 * MS).await;
    assert_eq!(
        (latency.chunks, latency.bytes, latency.held_max_ns),
        (1, 30_000, 50 * MS)
    );
    assert_eq!(
        (bandwidth.chunks, bandwidth.bytes, bandwidth.held_max_ns),
        (1, 30_000, 30 * MS)
    );
}

#[test]
fn jitter_keeps_the_order() {
    let mut bench = Bench::new(1 << 20);
    let t0 = bench.start(0, Toxic::Latency(Delay::uniform(20 * MS, 20 * MS)));
    for byte in 0..=255 {
        bench.lane.push(&[byte], t0 + u64::from(byte) * MS / 10);
    }
    let mut out = Vec::new();
    for tick in 0..=66 {
        out.extend(bench.drain(t0 + tick * MS).0);
    }
    assert_eq!(out, (0..=255).collect::<Vec<u8>>());
}

#[tokio::test]
async fn silence_holds_data_and_end_and_tells_what_leaked() {
    let mut bench = Bench::new(1 << 20);
    bench.lane.push(b"released", 1);
    bench.lane.release(1);
    let t0 = bench.start(0, Toxic::Silence);
    bench.lane.push(b"held", t0 + 5);
    bench.lane.finish(End::Fin, t0 + 6);
    assert_eq!(
        bench.drain(t0 + 5 * MS),
        (vec![], None),
        "not even what was let go before"
    );
    assert_eq!(bench.lane.end_due(), None);
    // Had a pump written all the same, the proof would tell.
    bench.lane.passed(3, t0 + 1);
    bench.lane.passed(100, t0 - 1);
    let proof = end(&mut bench, 0, t0 + 10 * MS).await;
    assert_eq!((proof.chunks, proof.bytes), (3, 12));
    assert_eq!(proof.held_max_ns, 10 * MS);
    assert_eq!(proof.leaked_bytes, 3);
    assert_eq!(bench.drain(t0 + 10 * MS), (b"releasedheld".to_vec(), None));
    assert_eq!(bench.lane.end_due(), Some((End::Fin, t0 + 6)));
}

#[tokio::test]
async fn ending_a_latency_lets_everything_go_in_order() {
    let mut bench = Bench::new(1 << 20);
    let t0 = bench.start(0, Toxic::Latency(Delay::fixed(1_000 * MS)));
    bench.lane.push(b"a", t0);
    bench.lane.push(b"b", t0 + MS);
    let proof = end(&mut bench, 0, t0 + 2 * MS).await;
    assert_eq!(
        (proof.chunks, proof.held_max_ns, proof.held_total_ns),
        (2, 2 * MS, 3 * MS)
    );
    assert_eq!(bench.drain(t0 + 2 * MS), (b"ab".to_vec(), None));
}

#[tokio::test]
async fn a_slow_close_delays_the_end_alone() {
    let mut bench = Bench::new(1 << 20);
    let t0 = bench.start(0, Toxic::SlowClose { delay_ns: 30 * MS });
    bench.lane.push(b"x", t0);
    bench.lane.finish(End::Fin, t0);
    assert_eq!(bench.drain(t0), (b"x".to_vec(), None));
    assert_eq!(bench.lane.end_due(), Some((End::Fin, t0 + 30 * MS)));
    bench.lane.end_passed();
    let proof = end(&mut bench, 0, t0 + 40 * MS).await;
    assert_eq!(
        (proof.chunks, proof.bytes, proof.held_max_ns),
        (1, 0, 30 * MS)
    );
}

#[test]
fn a_reset_overrules_an_end_and_not_the_other_way_round() {
    let mut bench = Bench::new(1);
    bench.lane.finish(End::Fin, 1);
    bench.lane.finish(End::Reset, 2);
    bench.lane.finish(End::Fin, 3);
    assert_eq!(bench.lane.end_due(), Some((End::Reset, 2)));
}

#[test]
fn what_a_lane_holds_is_bounded_even_in_one_byte_chunks() {
    let mut bench = Bench::new(10_000);
    bench.start(0, Toxic::Silence);
    while bench.lane.wants_more() {
        bench.lane.push(&[1], 1);
    }
    assert!(bench.held_bytes() < 1_000);
    let before = bench.held_bytes();
    drop(bench.lane);
    assert!(before > 0);
    assert_eq!(bench.counters.sample(0).held_bytes, 0);
}

#[test]
fn latency_widens_the_buffer_for_what_is_on_its_way_only() {
    let mut bench = Bench::new(1_000);
    let delay_ns = 50 * MS;
    let t0 = bench.start(0, Toxic::Latency(Delay::fixed(delay_ns)));
    bench.lane.push(&[0; 60_000], t0);
    assert!(bench.lane.wants_more());
    bench.lane.release(t0 + delay_ns);
    assert!(!bench.lane.wants_more(), "it is due, and nobody reads it");
    bench.start(1, Toxic::Silence);
    assert!(!bench.lane.wants_more());
}

/// A lane that passes 4 bytes, with a reader that has not taken them yet.
fn limited() -> (Bench, u64) {
    let mut bench = Bench::new(1 << 20);
    let t0 = bench.start(0, Toxic::Limit { bytes: 4 });
    bench.lane.push(b"passgone", t0);
    bench.lane.release(t0);
    assert_eq!(bench.lane.writable(), b"pass");
    (bench, t0)
}

#[tokio::test]
async fn a_limit_that_is_removed_or_raised_never_lets_what_follows_a_gap_pass() {
    for removed in [true, false] {
        let (mut bench, t0) = limited();
        bench.lane.push(b"later", t0);
        if removed {
            end(&mut bench, 0, t0).await;
        } else {
            let Bench { rules, lane, .. } = &mut bench;
            let changing = rules.settle(0, Toxic::Limit { bytes: 99 }, Toxicity::default());
            tokio::pin!(changing);
            tokio::select! {
                biased;
                _ = &mut changing => panic!("changed before its lane knew"),
                () = std::future::ready(()) => lane.refresh(rules, t0),
            }
            changing.await.unwrap();
        }
        assert_eq!(bench.drain(t0 + MS).0, b"pass");
        assert!(!bench.lane.wants_more());
        assert!(matches!(bench.lane.cut_due(), Some((Cut::AfterData, _))));
        assert_eq!(bench.held_bytes(), 0);
    }
}

#[test]
fn behind_a_toxic_that_swallows_nothing_is_seen() {
    let mut bench = Bench::new(1 << 20);
    let t0 = bench.start(0, Toxic::Timeout { timeout_ns: None });
    bench.start(1, Toxic::Limit { bytes: 1 });
    bench.lane.push(b"gone", t0);
    assert_eq!(bench.drain(t0), (vec![], None));
    assert_eq!(bench.lane.cut_due(), None, "the limit has seen nothing");
    assert_eq!(bench.held_bytes(), 0);
}

#[test]
fn slices_are_written_one_by_one() {
    let mut bench = Bench::new(1 << 20);
    let slicer = Toxic::Slicer {
        average_bytes: 3,
        variation_bytes: 0,
        delay_ns: 0,
    };
    let t0 = bench.start(0, slicer);
    bench.lane.push(b"abcdefgh", t0);
    for expected in ["abc", "def", "gh"] {
        bench.lane.release(t0);
        assert_eq!(bench.lane.writable(), expected.as_bytes());
        assert_eq!(bench.lane.release(t0), None, "it waits for the writer");
        bench.lane.written(expected.len(), t0);
    }
}

#[tokio::test]
async fn a_share_of_requests_is_struck_whole_and_the_others_pass_unharmed() {
    let mut bench = Bench::new(1 << 20);
    let toxicity = Toxicity {
        share: 0.3,
        per: Per::Request,
    };
    let begin = Begin {
        toxicity,
        ..Begin::all(0, Direction::Up, Toxic::Latency(Delay::fixed(50 * MS)))
    };
    let t0 = bench.begin(begin);
    let turns = Arc::clone(&bench.lane.turns);
    let mut struck = 0;
    for request in 1..=200 {
        let now_ns = t0 + request * 1_000 * MS;
        // Two chunks of one request, then its answer.
        for _ in 0..2 {
            bench.lane.received(4);
            bench.lane.push(b"part", now_ns);
        }
        let (at_once, next_ns) = bench.drain(now_ns);
        if at_once.is_empty() {
            struck += 1;
            assert_eq!(next_ns, Some(now_ns + 50 * MS));
            assert_eq!(bench.drain(now_ns + 50 * MS).0, b"partpart");
        } else {
            assert_eq!(at_once, b"partpart", "one request, one draw");
        }
        turns.came(Direction::Down);
    }
    // Four standard deviations around 60.
    assert!((34..=86).contains(&struck), "{struck}");
    let proof = end(&mut bench, 0, t0 + 300_000 * MS).await;
    assert_eq!(proof.chunks, 2 * struck, "what was spared is not counted");
    assert_eq!(proof.leaked_bytes, 0);
}

#[test]
fn a_fault_of_requests_begins_its_time_with_the_first_that_it_strikes() {
    let mut bench = Bench::new(1 << 20);
    let toxicity = Toxicity {
        share: 0.3,
        per: Per::Request,
    };
    let timeout = Toxic::Timeout {
        timeout_ns: Some(5 * MS),
    };
    let t0 = bench.begin(Begin {
        toxicity,
        ..Begin::all(0, Direction::Up, timeout)
    });
    for request in 1..100 {
        assert_eq!(bench.lane.cut_due(), None);
        let now_ns = t0 + request * 1_000 * MS;
        bench.lane.received(4);
        bench.lane.push(b"data", now_ns);
        if bench.drain(now_ns).0.is_empty() {
            assert_eq!(bench.lane.cut_due(), Some((Cut::Close, now_ns + 5 * MS)));
            return;
        }
        bench.lane.turns.came(Direction::Down);
    }
    panic!("no request was struck");
}
