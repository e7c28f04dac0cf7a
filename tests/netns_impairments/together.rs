//! Several impairments at once, in any order, and what is refused.

use super::*;

#[test]
fn what_makes_no_sense_is_refused_and_the_link_goes_on() {
    let Some(mut link) = link(12) else { return };
    let nonsense = link.start(1, Direction::Up, &Impairment::Duplicate { share: 2.0 });
    assert!(matches!(nonsense, Err(NetnsError::Nonsense(_))));
    link.start(1, Direction::Up, &Impairment::Partition)
        .unwrap();
    let again = link.start(1, Direction::Down, &Impairment::Partition);
    assert!(matches!(again, Err(NetnsError::Active { id: 1 })));
    assert!(matches!(link.end(2), Err(NetnsError::NotActive { id: 2 })));
    assert_eq!(link.heal().unwrap().len(), 1);
    let pair = Pair::of(&link);
    assert_eq!(pair.numbers(10, 10).len(), 10);
    assert_eq!(link.address(Side::Sink).to_string(), "198.18.0.2");
}

/// The same seed and the same packets: the same ones are lost.
#[test]
fn a_seed_repeats_its_losses() {
    let mut lost = Vec::new();
    for seed in [21, 21, 22] {
        let Some(mut link) = link(seed) else { return };
        let pair = Pair::of(&link);
        let loss = Impairment::Loss(Loss::Independent { share: 0.1 });
        link.start(1, Direction::Up, &loss).unwrap();
        lost.push(missing(&pair.numbers(1_000, 20), 1_000));
    }
    assert_eq!(lost[0], lost[1]);
    assert_ne!(lost[0], lost[2]);
}

/// Every copy of a corrupted packet is found, however many there are.
#[test]
fn corruption_is_counted_right_beside_duplication_and_delay() {
    let Some(mut link) = link(14) else { return };
    let pair = Pair::of(&link);
    let count = 2_000;
    let delay = Delay {
        jitter_ns: MS,
        ..Delay::fixed(2 * MS)
    };
    link.start(1, Direction::Up, &Impairment::Duplicate { share: 0.3 })
        .unwrap();
    link.start(2, Direction::Up, &Impairment::Corrupt { share: 0.3 })
        .unwrap();
    link.start(3, Direction::Up, &Impairment::Delay(delay))
        .unwrap();
    let arrived = pair.numbers(count, 100).len() as u64;
    let tallies = link.heal().unwrap();
    let sample = link.sample().unwrap();
    assert_eq!(
        arrived,
        count + tallies[&1].duplicated - tallies[&2].corrupted
    );
    assert_eq!(sample.rejected_by_sink, tallies[&2].corrupted);
    faithful(&link);
}

/// A relay that cannot hold what it should says so, and its run is worth nothing.
#[test]
fn a_relay_that_holds_too_much_loses_packets_and_says_so() {
    let Some(mut link) = with(&Setup {
        held_max_bytes: 20_000,
        ..Setup::new(15)
    }) else {
        return;
    };
    let pair = Pair::of(&link);
    link.start(1, Direction::Up, &Impairment::Delay(Delay::fixed(200 * MS)))
        .unwrap();
    let arrived = pair.numbers(100, 1_000).len() as u64;
    let up = link.sample().unwrap().up;
    assert!(
        up.overflowed > 0 && up.overflowed == 100 - arrived,
        "{up:?}"
    );
    assert!(up.closes() && !up.is_faithful());
}

/// Impairments that begin and end in any order under traffic: everything heals, nothing is
/// unaccounted for, and nobody waits long for an answer.
#[test]
fn any_sequence_of_impairments_heals() {
    let Some(mut link) = link(16) else { return };
    let pair = Pair::of(&link);
    let share = 0.3;
    let kinds = [
        Impairment::Delay(Delay {
            jitter_ns: 2 * MS,
            ..Delay::fixed(3 * MS)
        }),
        Impairment::Loss(Loss::Independent { share }),
        Impairment::Reorder { share, by_ns: MS },
        Impairment::Duplicate { share },
        Impairment::Corrupt { share },
        Impairment::Rate {
            bytes_per_second: 1_000_000,
            queue: Queue::Packets(20),
        },
        Impairment::Mtu { bytes: 100 },
        Impairment::Flap {
            up_ns: MS,
            down_ns: MS,
        },
        Impairment::Partition,
    ];
    let directions = [Direction::Up, Direction::Down, Direction::Both];
    let mut draw = 1_usize;
    for sequence in 0..40 {
        for _ in 0..12 {
            draw = draw
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let id = (draw >> 40) % kinds.len();
            let begun = Instant::now();
            // Half of the draws find the kind at work already, and end it.
            if link
                .start(id, directions[(draw >> 20) % 3], &kinds[id])
                .is_err()
            {
                link.end(id).unwrap();
            }
            assert!(begun.elapsed() < Duration::from_secs(1), "{sequence}");
            for bytes in [10, 100, 1_000] {
                pair.client.send(&vec![0; bytes]).unwrap();
                pair.sink.send(&vec![0; bytes]).unwrap();
            }
        }
        link.heal().unwrap();
    }
    let begun = Instant::now();
    while link
        .sample()
        .is_ok_and(|sample| sample.up.held + sample.down.held > 0)
    {
        assert!(begun.elapsed() < Duration::from_secs(5));
        std::thread::sleep(Duration::from_millis(5));
    }
    pair.sink.set_nonblocking(true).unwrap();
    while pair.sink.recv(&mut [0; 2_000]).is_ok() {}
    pair.sink.set_nonblocking(false).unwrap();
    assert!(missing(&pair.numbers(100, 1_000), 100).is_empty());
    faithful(&link);
}
