//! Each impairment of the packet link: its effect as a receiver sees it, its own count, and its
//! absence without it.
#![cfg(target_os = "linux")]

#[path = "netns/mod.rs"]
mod netns;
#[path = "netns_impairments/together.rs"]
mod together;

use std::io::{Read as _, Write as _};
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use netns::{Pair, link, missing, tcp, with};
use squall::netns::impairment::Impairment;
use squall::netns::{NetnsError, PacketLink, Setup, Side};
use squall::plan::Direction;
use squall::plan::{Delay, Loss, Queue};

const MS: u64 = 1_000_000;

/// Whether a share of `n` is what `probability` explains: within four deviations.
fn is_binomial(count: usize, n: u64, probability: f64) -> bool {
    let n = n as f64;
    let deviation = (n * probability * (1.0 - probability)).sqrt();
    (count as f64 - n * probability).abs() < 4.0 * deviation
}

fn faithful(link: &PacketLink) {
    let sample = link.sample().unwrap();
    for lane in [&sample.up, &sample.down] {
        assert!(lane.closes() && lane.is_faithful(), "{lane:?}");
    }
}

#[test]
fn twenty_milliseconds_each_way_are_forty_there_and_back() {
    let Some(mut link) = link(1) else { return };
    let pair = Pair::of(&link);
    let without = pair.round_trip(51);
    let delay = Impairment::Delay(Delay::fixed(20 * MS));
    link.start(1, Direction::Both, &delay).unwrap();
    let with = pair.round_trip(51);
    let added = with.saturating_sub(without).as_secs_f64() * 1e3;
    assert!((38.0..=42.0).contains(&added), "{without:?} and {with:?}");
    let (_, tally) = link.end(1).unwrap();
    assert_eq!((tally.delayed, tally.delayed_ns), (102, 102 * 20 * MS));
    let healed = pair.round_trip(51).as_secs_f64() * 1e3;
    assert!(healed < 20.0, "{healed} ms");
    link.start(2, Direction::Up, &delay).unwrap();
    let one_way = (pair.round_trip(51).saturating_sub(without)).as_secs_f64() * 1e3;
    assert!((18.0..=22.0).contains(&one_way), "{one_way} ms");
    faithful(&link);
}

/// Kolmogorov and Smirnov's distance of 200 packets' jitter from the uniform one of ±10 ms.
fn distance_from_uniform(pair: &Pair) -> f64 {
    const PACKETS: usize = 200;
    // Farther apart than the jitter is wide, or those behind would have to wait for those before.
    let mut times: Vec<f64> = (0..PACKETS)
        .map(|_| {
            let begun = Instant::now();
            pair.client.send(b"now").unwrap();
            pair.sink.recv(&mut [0; 8]).unwrap();
            let taken = begun.elapsed();
            std::thread::sleep(Duration::from_millis(32).saturating_sub(taken));
            taken.as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let n = PACKETS as f64;
    let apart = times.iter().enumerate().map(|(i, ms)| {
        let expected = ((ms - 10.0) / 20.0).clamp(0.0, 1.0);
        (expected - i as f64 / n)
            .abs()
            .max(((i + 1) as f64 / n - expected).abs())
    });
    apart.fold(0.0, f64::max)
}

#[test]
fn jitter_is_distributed_as_it_says() {
    let Some(mut link) = link(13) else { return };
    let pair = Pair::of(&link);
    // The critical distance of 200 packets at a level of 0.1 %.
    let critical = 1.95 / (200_f64).sqrt();
    let mut distance = |id, jitter_ns| {
        let delay = Delay {
            delay_ns: 20 * MS,
            jitter_ns,
            ..Delay::fixed(0)
        };
        link.start(id, Direction::Up, &Impairment::Delay(delay))
            .unwrap();
        let distance = distance_from_uniform(&pair);
        link.end(id).unwrap();
        distance
    };
    let with = distance(1, 10 * MS);
    assert!(with < critical, "{with}");
    let without = distance(2, 0);
    assert!(without > critical, "{without}");
}

#[test]
fn five_percent_of_the_packets_are_lost_and_tcp_stays_intact() {
    let Some(mut link) = link(2) else { return };
    let pair = Pair::of(&link);
    let count = 100_000;
    let clean = missing(&pair.numbers(count, 50), count).len();
    assert_eq!(
        clean, 0,
        "without loss nothing is lost, and the check below fails"
    );
    assert!(!is_binomial(clean, count, 0.05));
    let loss = Impairment::Loss(Loss::Independent { share: 0.05 });
    link.start(1, Direction::Up, &loss).unwrap();
    let lost = missing(&pair.numbers(count, 50), count).len();
    let (_, tally) = link.end(1).unwrap();
    assert!(is_binomial(lost, count, 0.05), "{lost}");
    assert_eq!(
        (tally.seen, tally.dropped),
        (count, lost as u64),
        "as the relay counted"
    );

    link.start(
        2,
        Direction::Both,
        &Impairment::Loss(Loss::Independent { share: 0.02 }),
    )
    .unwrap();
    let (mut client, mut sink) = tcp(&link);
    let sent: Vec<u8> = (0..500_000_u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let expected = sent.clone();
    let writer = std::thread::spawn(move || client.write_all(&sent).unwrap());
    let mut received = Vec::new();
    sink.set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    sink.read_to_end(&mut received).unwrap();
    writer.join().unwrap();
    assert!(received == expected, "bytes intact and in order");
    assert!(link.end(2).unwrap().1.dropped > 0);
    faithful(&link);
}

#[test]
fn exactly_the_listed_packets_are_lost() {
    let Some(mut link) = link(3) else { return };
    let pair = Pair::of(&link);
    assert!(missing(&pair.numbers(1_000, 50), 1_000).is_empty());
    let packets = vec![1, 2, 77, 500, 1_000];
    let loss = Impairment::Loss(Loss::Exact {
        packets: packets.clone(),
    });
    link.start(1, Direction::Up, &loss).unwrap();
    assert_eq!(missing(&pair.numbers(1_000, 50), 1_000), packets);
    assert_eq!(link.end(1).unwrap().1.dropped, 5);
    faithful(&link);
}

#[test]
fn bursts_are_as_long_as_gilbert_and_elliott_say() {
    let Some(mut link) = link(4) else { return };
    let pair = Pair::of(&link);
    let count = 100_000;
    // Bad spells of 4 packets on average, 1 packet in 21 in one.
    let (enter, leave) = (0.0125, 0.25);
    let mut bursts = |loss| {
        link.start(1, Direction::Up, &Impairment::Loss(loss))
            .unwrap();
        let lost = missing(&pair.numbers(count, 50), count);
        link.end(1).unwrap();
        let starts = lost.iter().filter(|n| !lost.contains(&(**n - 1))).count();
        (lost.len(), lost.len() as f64 / starts as f64)
    };
    let (lost, mean) = bursts(Loss::GilbertElliott {
        enter,
        leave,
        loss_bad: 1.0,
        loss_good: 0.0,
    });
    // 1,190 spells or so: their mean has a deviation of 0.1.
    assert!((mean - 4.0).abs() < 0.4, "{mean} of {lost}");
    let share = lost as f64 / count as f64;
    assert!((share - enter / (enter + leave)).abs() < 0.01, "{share}");
    let (_, alone) = bursts(Loss::Independent {
        share: enter / (enter + leave),
    });
    assert!(
        alone < 1.5,
        "independent loss of the same size has no bursts: {alone}"
    );
    faithful(&link);
}

#[test]
fn reordering_is_counted_and_seen() {
    let Some(mut link) = link(5) else { return };
    let pair = Pair::of(&link);
    let count = 5_000;
    let overtaken = |arrived: &[u64]| {
        let mut highest = 0;
        let late = arrived.iter().filter(|number| {
            highest = highest.max(**number);
            **number < highest
        });
        late.count()
    };
    assert_eq!(overtaken(&pair.numbers(count, 50)), 0);
    let reorder = Impairment::Reorder {
        share: 0.02,
        by_ns: 3 * MS,
    };
    link.start(1, Direction::Up, &reorder).unwrap();
    let arrived = pair.numbers(count, 50);
    let (_, tally) = link.end(1).unwrap();
    assert!(missing(&arrived, count).is_empty(), "late is not lost");
    assert!(
        is_binomial(tally.held_back as usize, count, 0.02),
        "{tally:?}"
    );
    // One at the end of a burst may have nobody to overtake it.
    let seen = overtaken(&arrived) as u64;
    assert!(
        seen <= tally.held_back && seen * 2 > tally.held_back,
        "{seen} of {tally:?}"
    );
    faithful(&link);
}

#[test]
fn duplicates_are_counted_and_seen() {
    let Some(mut link) = link(6) else { return };
    let pair = Pair::of(&link);
    let count = 5_000;
    assert_eq!(pair.numbers(count, 50).len() as u64, count);
    link.start(1, Direction::Up, &Impairment::Duplicate { share: 0.1 })
        .unwrap();
    let arrived = pair.numbers(count, 50);
    let (_, tally) = link.end(1).unwrap();
    assert_eq!(arrived.len() as u64, count + tally.duplicated);
    assert!(
        is_binomial(tally.duplicated as usize, count, 0.1),
        "{tally:?}"
    );
    assert!(
        arrived.windows(2).all(|pair| pair[0] <= pair[1]),
        "copies keep the order"
    );
    assert_eq!(link.sample().unwrap().up.copies, tally.duplicated);
    faithful(&link);
}

#[test]
fn corruption_is_found_by_the_receivers_checksums() {
    let Some(mut link) = link(7) else { return };
    let pair = Pair::of(&link);
    let count = 5_000;
    assert!(missing(&pair.numbers(count, 200), count).is_empty());
    assert_eq!(link.sample().unwrap().rejected_by_sink, 0);
    link.start(1, Direction::Up, &Impairment::Corrupt { share: 0.1 })
        .unwrap();
    let arrived = pair.numbers(count, 200);
    let (_, tally) = link.end(1).unwrap();
    let lost = missing(&arrived, count).len() as u64;
    assert!(
        is_binomial(tally.corrupted as usize, count, 0.1),
        "{tally:?}"
    );
    assert_eq!(
        lost, tally.corrupted,
        "every flipped bit became a loss, and no other packet did"
    );
    assert_eq!(
        link.sample().unwrap().rejected_by_sink,
        tally.corrupted,
        "the kernel counted it"
    );
    faithful(&link);
}

#[test]
fn a_partition_is_silence_and_heals() {
    let Some(mut link) = link(8) else { return };
    let pair = Pair::of(&link);
    let (mut client, mut sink) = tcp(&link);
    for direction in [Direction::Both, Direction::Up, Direction::Down] {
        assert_eq!(pair.numbers(100, 50).len(), 100);
        link.start(1, direction, &Impairment::Partition).unwrap();
        let up = pair.numbers(100, 50).len();
        assert_eq!(
            up,
            if direction.covers_up() { 0 } else { 100 },
            "{direction:?}"
        );
        let down = Pair {
            client: pair.sink.try_clone().unwrap(),
            sink: pair.client.try_clone().unwrap(),
        };
        let down = down.numbers(100, 50).len();
        assert_eq!(
            down,
            if direction.covers_down() { 0 } else { 100 },
            "{direction:?}"
        );
        // TCP hears nothing, not even a refusal, and goes on afterwards.
        client.write_all(b"x").unwrap();
        if direction == Direction::Both {
            sink.set_read_timeout(Some(Duration::from_millis(300)))
                .unwrap();
            assert!(sink.read(&mut [0; 1]).is_err());
        }
        assert!(link.end(1).unwrap().1.dropped >= 100);
        sink.set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        sink.read_exact(&mut [0; 1]).unwrap();
    }
    faithful(&link);
}

#[test]
fn a_flapping_link_is_down_by_its_schedule() {
    let Some(mut link) = link(9) else { return };
    let pair = Pair::of(&link);
    // A packet a millisecond for 900 ms meets three whole periods.
    let count = 900;
    let send = || pair.paced(count, 50, 1, Duration::from_millis(1));
    assert_eq!(send().len() as u64, count);
    let flap = Impairment::Flap {
        up_ns: 200 * MS,
        down_ns: 100 * MS,
    };
    link.start(1, Direction::Up, &flap).unwrap();
    let lost = missing(&send(), count);
    let spells = lost.iter().filter(|n| !lost.contains(&(**n - 1))).count();
    assert!((2..=4).contains(&spells), "{spells} spells: {lost:?}");
    let share = lost.len() as f64 / count as f64;
    assert!((0.2..0.45).contains(&share), "{share}");
    assert_eq!(link.end(1).unwrap().1.dropped, lost.len() as u64);
    faithful(&link);
}

#[test]
fn a_path_with_a_smaller_mtu_swallows_long_packets() {
    let Some(mut link) = link(10) else { return };
    let pair = Pair::of(&link);
    // 28 bytes are the headers of IP and UDP.
    let (fits, too_long) = (1_000 - 28, 1_000 - 27);
    assert_eq!(pair.numbers(50, too_long).len(), 50);
    link.start(1, Direction::Up, &Impairment::Mtu { bytes: 1_000 })
        .unwrap();
    assert_eq!(pair.numbers(50, fits).len(), 50);
    assert_eq!(pair.numbers(50, too_long).len(), 0);
    assert_eq!(link.end(1).unwrap().1.dropped, 50);
    faithful(&link);
}

/// Bytes of IP that reach the sink in about three seconds, per second.
fn measured_rate(sink: &UdpSocket, client: &UdpSocket) -> (f64, u64) {
    const PAYLOAD: usize = 972;
    sink.set_read_timeout(Some(Duration::from_millis(400)))
        .unwrap();
    std::thread::scope(|scope| {
        let receiving = scope.spawn(|| {
            let (mut first, mut last, mut bytes, mut packets) = (None, Instant::now(), 0, 0_u64);
            while let Ok(len) = sink.recv(&mut [0; 2_000]) {
                last = Instant::now();
                // The first packet only starts the watch.
                if first.is_none() {
                    first = Some(last);
                } else {
                    bytes += len + 28;
                }
                packets += 1;
            }
            let elapsed = last.duration_since(first.unwrap_or(last)).as_secs_f64();
            (bytes as f64 / elapsed.max(1e-9), packets)
        });
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(3) {
            for _ in 0..4 {
                client.send(&[1; PAYLOAD]).unwrap();
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        receiving.join().unwrap()
    })
}

#[test]
fn a_rate_is_kept_and_its_queue_drops_the_rest() {
    let Some(mut link) = link(11) else { return };
    let pair = Pair::of(&link);
    let bytes_per_second = 1_000_000;
    let within = |rate: f64| (rate / bytes_per_second as f64 - 1.0).abs() <= 0.03;
    let (free, _) = measured_rate(&pair.sink, &pair.client);
    assert!(!within(free), "{free}");
    for queue in [Queue::Packets(50), Queue::Bytes(50_000)] {
        let rate = Impairment::Rate {
            bytes_per_second,
            queue,
        };
        link.start(1, Direction::Up, &rate).unwrap();
        let (measured, packets) = measured_rate(&pair.sink, &pair.client);
        let (_, tally) = link.end(1).unwrap();
        assert!(within(measured), "{measured} with {queue:?}");
        assert_eq!(tally.seen, packets + tally.dropped);
        assert!(tally.dropped > 0);
        let longest_ms = tally.delayed_ns / tally.delayed / MS;
        assert!(
            longest_ms <= 51,
            "a queue of 50 kB waits 50 ms at most: {longest_ms}"
        );
    }
    faithful(&link);
}
