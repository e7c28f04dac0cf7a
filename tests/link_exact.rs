//! How exact the proxy's faults are: distributions, shares and counts, and what is there without.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use squall::evidence::FaultProof;
use squall::link::Link;
use squall::link::active::Begin;
use squall::link::toxic::Toxic;
use squall::plan::{Delay, Direction, Distribution, LinkFault, Per, Toxicity};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const MS: u64 = 1_000_000;
/// No step of these tests takes nearly as long.
const HANG: Duration = Duration::from_secs(20);
const CONNECTIONS: usize = 25;
const PINGS: usize = 20;

/// A link to a peer that sends everything back and passes on the end.
async fn echo() -> Link {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                stream.set_nodelay(true).unwrap();
                let (mut read, mut write) = stream.split();
                if tokio::io::copy(&mut read, &mut write).await.is_ok() {
                    let _ = write.shutdown().await;
                }
            });
        }
    });
    Link::bind(address, 7, 1 << 20).await.unwrap()
}

async fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// The time of one round trip, in milliseconds.
async fn ping(stream: &mut TcpStream) -> f64 {
    let begun = Instant::now();
    let mut got = [0; 64];
    stream.write_all(&[1; 64]).await.unwrap();
    timeout(HANG, stream.read_exact(&mut got))
        .await
        .unwrap()
        .unwrap();
    begun.elapsed().as_secs_f64() * 1e3
}

/// Round trips of many connections at once, by connection.
async fn pings(link: &Link) -> Vec<Vec<f64>> {
    let address = link.local_addr();
    let all: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            tokio::spawn(async move {
                let mut stream = connect(address).await;
                let mut times = Vec::new();
                for _ in 0..PINGS {
                    times.push(ping(&mut stream).await);
                }
                times
            })
        })
        .collect();
    let mut times = Vec::new();
    for one in all {
        times.push(one.await.unwrap());
    }
    times
}

/// What a fault towards the client adds to round trips, in milliseconds, and what it counted.
async fn added(link: &Link, fault: LinkFault) -> (Vec<f64>, FaultProof) {
    // One connection alone: many that never wait would wait for each other.
    let mut stream = connect(link.local_addr()).await;
    let mut without = Vec::new();
    for _ in 0..PINGS {
        without.push(ping(&mut stream).await);
    }
    without.sort_unstable_by(f64::total_cmp);
    let base = without[without.len() / 2];
    link.start_fault(0, Direction::Down, fault).unwrap();
    let with = pings(link).await.concat();
    let (_, proof) = link.end_fault(0).await.unwrap();
    (with.into_iter().map(|ms| ms - base).collect(), proof)
}

/// The Kolmogorov–Smirnov distance between draws and a distribution.
fn distance(draws: &[f64], share_below: impl Fn(f64) -> f64) -> f64 {
    let mut draws = draws.to_vec();
    draws.sort_unstable_by(f64::total_cmp);
    let count = draws.len() as f64;
    let steps = draws.iter().enumerate().map(|(index, draw)| {
        let share = share_below(*draw);
        let (before, after) = (index as f64 / count, (index + 1) as f64 / count);
        (share - before).abs().max((share - after).abs())
    });
    steps.fold(0.0, f64::max)
}

/// The share of a normal distribution below `x`, by Simpson's rule.
fn normal(x: f64, mean: f64, deviation: f64) -> f64 {
    let z = ((x - mean) / deviation).clamp(-8.0, 8.0);
    let steps = 2_000;
    let width = (z + 8.0) / f64::from(steps);
    let density = |at: f64| (-at * at / 2.0).exp() / std::f64::consts::TAU.sqrt();
    let sum: f64 = (0..=steps)
        .map(|step| {
            let weight = match step {
                0 => 1.0,
                step if step == steps => 1.0,
                step if step % 2 == 1 => 4.0,
                _ => 2.0,
            };
            weight * density(-8.0 + f64::from(step) * width)
        })
        .sum();
    sum * width / 3.0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delays_follow_the_distribution_that_was_asked_for() {
    // The critical distance of 500 draws at a level of 0.1 %, and 0.02 for what a busy machine adds.
    let critical = 1.95 / ((CONNECTIONS * PINGS) as f64).sqrt() + 0.02;
    let uniform = |x: f64| ((x - 20.0) / 80.0).clamp(0.0, 1.0);
    let normal = |x: f64| normal(x, 80.0, 24.0);
    let pareto = |x: f64| 1.0 - (1.0 + (x - 20.0).max(0.0) / 60.0).powf(-3.0);
    let link = echo().await;
    let without = pings(&link).await.concat();
    let shaped = |distribution, delay_ms: u64, jitter_ms: u64| {
        LinkFault::Latency(Delay {
            distribution,
            ..Delay::uniform(delay_ms * MS, jitter_ms * MS)
        })
    };
    let fits = |draws: &[f64]| {
        [
            distance(draws, uniform) < critical,
            distance(draws, normal) < critical,
            distance(draws, pareto) < critical,
        ]
    };
    assert_eq!(fits(&without), [false; 3]);
    let (draws, _) = added(&link, shaped(Distribution::Uniform, 60, 40)).await;
    assert_eq!(fits(&draws), [true, false, false], "{draws:?}");
    let (draws, _) = added(&link, shaped(Distribution::Normal, 80, 24)).await;
    assert_eq!(fits(&draws), [false, true, false], "{draws:?}");
    let (draws, _) = added(&link, shaped(Distribution::PARETO, 20, 30)).await;
    assert_eq!(fits(&draws), [false, false, true], "{draws:?}");
    link.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn empirical_delays_are_those_of_the_list_each_as_often() {
    let listed = [5.0, 20.0, 20.0, 50.0];
    let link = echo().await;
    let delay = Delay {
        distribution: Distribution::Empirical {
            delays_ns: listed.map(|ms| ms as u64 * MS).to_vec(),
        },
        ..Delay::fixed(0)
    };
    let (draws, _) = added(&link, LinkFault::Latency(delay)).await;
    let near = |ms: f64| draws.iter().filter(|d| (*d - ms).abs() < 5.0).count();
    // Five standard deviations of a binomial of 500.
    for (ms, expected) in [(5.0, 125_usize), (20.0, 250), (50.0, 125)] {
        assert!(near(ms).abs_diff(expected) < 56, "{ms}: {}", near(ms));
    }
    link.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_many_segments_stall_as_the_share_says() {
    let link = echo().await;
    let loss = LinkFault::Loss {
        share: 0.2,
        retransmit_ns: 80 * MS,
    };
    let stalled = |times: &[f64]| times.iter().filter(|ms| **ms >= 70.0).count() as u64;
    let without = stalled(&pings(&link).await.concat());
    assert!(without < 10, "{without}");
    let (draws, proof) = added(&link, loss).await;
    // Four standard deviations around 100 of 500.
    assert!(proof.acts.abs_diff(100) < 36, "{proof:?}");
    let found = stalled(&draws);
    assert!(found.abs_diff(proof.acts) < 10, "{found} {proof:?}");
    link.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_flipped_bit_is_counted() {
    const BYTES: usize = 500_000;
    let link = echo().await;
    for every_bytes in [None, Some(100), Some(5_000)] {
        if let Some(every_bytes) = every_bytes {
            let corrupt = LinkFault::Corrupt { every_bytes };
            link.start_fault(0, Direction::Up, corrupt).unwrap();
        }
        let (mut read, mut write) = connect(link.local_addr()).await.into_split();
        let writing = tokio::spawn(async move { write.write_all(&vec![0; BYTES]).await });
        let mut got = vec![0; BYTES];
        timeout(HANG, read.read_exact(&mut got))
            .await
            .unwrap()
            .unwrap();
        writing.await.unwrap().unwrap();
        let found: u64 = got.iter().map(|byte| u64::from(byte.count_ones())).sum();
        let Some(every_bytes) = every_bytes else {
            assert_eq!(found, 0);
            continue;
        };
        let (_, proof) = link.end_fault(0).await.unwrap();
        assert_eq!(found, proof.acts);
        let expected = BYTES as u64 / every_bytes;
        assert!(found.abs_diff(expected) < expected / 3, "{found}");
    }
    link.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connect_latency_delays_new_connections_once_and_leaves_others_alone() {
    let link = echo().await;
    let address = link.local_addr();
    let mut existing = connect(address).await;
    let without = ping(&mut connect(address).await).await;
    assert!(without < 100.0, "{without}");
    let fault = LinkFault::ConnectLatency(Delay::fixed(200 * MS));
    link.start_fault(0, Direction::Both, fault).unwrap();
    assert!(ping(&mut existing).await < 100.0);
    let mut new = connect(address).await;
    let first = ping(&mut new).await;
    assert!((199.0..300.0).contains(&first), "{first}");
    assert!(ping(&mut new).await < 100.0);
    let waiting = connect(address).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let begun = Instant::now();
    let (_, proof) = link.end_fault(0).await.unwrap();
    let mut waiting = waiting;
    ping(&mut waiting).await;
    assert!(begun.elapsed() < Duration::from_millis(100), "it is let go");
    assert_eq!(proof.connections, 1, "{proof:?}");
    assert!(proof.held_max_ns >= 200 * MS, "{proof:?}");
    assert!(ping(&mut connect(address).await).await < 100.0);
    link.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn toxicity_strikes_whole_connections_or_single_requests() {
    for per in [Per::Connection, Per::Request] {
        let link = echo().await;
        let begin = Begin {
            toxicity: Toxicity { share: 0.3, per },
            ..Begin::all(0, Direction::Down, Toxic::Latency(Delay::fixed(40 * MS)))
        };
        link.weather().change(&[], vec![begin]).unwrap();
        let times = pings(&link).await;
        let slow = |times: &Vec<f64>| times.iter().filter(|ms| **ms >= 38.0).count();
        let whole = times.iter().filter(|times| slow(times) == PINGS).count();
        let mixed = times
            .iter()
            .filter(|times| (3..PINGS).contains(&slow(times)));
        if per == Per::Connection {
            // The chance to leave this range is one in ten thousand, and the seed is fixed.
            assert!((1..=17).contains(&whole), "{times:?}");
            assert_eq!(mixed.count(), 0, "{times:?}");
        } else {
            assert_eq!(whole, 0, "{times:?}");
            assert!(mixed.count() > CONNECTIONS / 2, "{times:?}");
            let all: usize = times.iter().map(slow).sum();
            // Five standard deviations around 150 of 500.
            assert!(all.abs_diff(150) < 52, "{all}");
        }
        link.shutdown().await;
    }
}

/// Whether a message comes back whole, at once and unharmed, and the end after it.
async fn is_undisturbed(stream: &mut TcpStream) -> bool {
    let whole = async {
        stream.write_all(&[1; 64]).await.ok()?;
        let mut got = [0; 100];
        let bytes = stream.read(&mut got).await.ok()?;
        stream.shutdown().await.ok()?;
        let end = stream.read(&mut [0; 1]).await.ok()?;
        (bytes == 64 && got[..64] == [1; 64] && end == 0).then_some(())
    };
    timeout(Duration::from_millis(250), whole).await == Ok(Some(()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_strikes_the_first_byte_of_a_connection_that_was_idle_or_is_new() {
    let kinds = [
        LinkFault::Latency(Delay::fixed(500 * MS)),
        LinkFault::Bandwidth {
            bytes_per_second: 100,
            shared: false,
        },
        LinkFault::PartitionSilence,
        LinkFault::PartitionReset,
        LinkFault::SlowClose { delay_ns: 500 * MS },
        LinkFault::Timeout { timeout_ns: MS },
        LinkFault::ResetPeer { timeout_ns: 0 },
        LinkFault::Slicer {
            average_bytes: 10,
            variation_bytes: 0,
            delay_ns: 100 * MS,
        },
        LinkFault::Limit { bytes: 63 },
        LinkFault::Loss {
            share: 0.999_999,
            retransmit_ns: 500 * MS,
        },
        LinkFault::Corrupt { every_bytes: 1 },
    ];
    let link = echo().await;
    for kind in kinds {
        let mut spared = connect(link.local_addr()).await;
        assert!(is_undisturbed(&mut spared).await, "without {kind:?}");
        let mut idle = connect(link.local_addr()).await;
        // So that it is dialled before the fault begins.
        tokio::time::sleep(Duration::from_millis(10)).await;
        link.start_fault(0, Direction::Down, kind.clone()).unwrap();
        assert!(!is_undisturbed(&mut idle).await, "idle, {kind:?}");
        // A connection may be reset before it is known to be one.
        let mut new = TcpStream::connect(link.local_addr()).await.ok();
        if let Some(new) = &mut new {
            assert!(!is_undisturbed(new).await, "new, {kind:?}");
        }
        drop((idle, new));
        let (_, proof) = link.end_fault(0).await.unwrap();
        assert!(proof.connections > 0, "{kind:?} {proof:?}");
    }
    link.shutdown().await;
}
