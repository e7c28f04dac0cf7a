//! Each fault of the link against real sockets: its effect, and that nothing of it is there without.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use squall::link::Link;
use squall::plan::{Delay, Direction, LinkFault};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

const MS: u64 = 1_000_000;
const BUFFER_BYTES: usize = 1 << 20;
/// No step of these tests takes nearly as long.
const HANG: Duration = Duration::from_secs(20);

const LATENCY_50_MS: LinkFault = LinkFault::Latency(Delay::fixed(50 * MS));

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// A link to a peer that sends everything back and passes on the end.
async fn echo() -> Link {
    let (listener, address) = listener().await;
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
    Link::bind(address, 7, BUFFER_BYTES).await.unwrap()
}

/// A link and both ends of one connection through it.
async fn pair(buffer_bytes: usize) -> (Link, TcpStream, TcpStream) {
    let (listener, address) = listener().await;
    let link = Link::bind(address, 7, buffer_bytes).await.unwrap();
    let client = connect(&link).await;
    let (server, _) = listener.accept().await.unwrap();
    (link, client, server)
}

async fn connect(link: &Link) -> TcpStream {
    let stream = TcpStream::connect(link.local_addr()).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

async fn expect(stream: &mut TcpStream, data: &[u8]) {
    let mut got = vec![0; data.len()];
    let read = timeout(HANG, stream.read_exact(&mut got));
    read.await.unwrap().unwrap();
    assert!(got == data);
}

async fn expect_reset(stream: &mut TcpStream) {
    let seen = timeout(HANG, stream.read(&mut [0; 1])).await.unwrap();
    assert_eq!(seen.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

async fn is_quiet(stream: &mut TcpStream, time: Duration) -> bool {
    timeout(time, stream.read(&mut [0; 1])).await.is_err()
}

/// Times of `count` round trips, sorted.
async fn round_trips(stream: &mut TcpStream, count: usize) -> Vec<Duration> {
    let mut times = Vec::new();
    for _ in 0..count {
        let begun = Instant::now();
        stream.write_all(&[1; 64]).await.unwrap();
        expect(stream, &[1; 64]).await;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    times
}

/// Bytes that get from one end to the other within `time`, after `warmup`.
async fn bulk(
    mut from: TcpStream,
    mut to: TcpStream,
    warmup: Duration,
    time: Duration,
) -> (u64, TcpStream, TcpStream) {
    let sending = tokio::spawn(async move {
        let data = vec![9; 256 << 10];
        let forever = async { while from.write_all(&data).await.is_ok() {} };
        let _ = timeout(warmup + time, forever).await;
        from
    });
    let mut buffer = vec![0; 256 << 10];
    let mut got = 0;
    let begun = Instant::now();
    while let Some(left) = (warmup + time).checked_sub(begun.elapsed()) {
        let Ok(read) = timeout(left, to.read(&mut buffer)).await else {
            break;
        };
        let bytes = read.unwrap();
        if begun.elapsed() >= warmup {
            got += bytes as u64;
        }
    }
    (got, sending.await.unwrap(), to)
}

fn pattern(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|index| (index * 31 % 251) as u8).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn latency_adds_its_delay_to_the_median_and_is_gone_afterwards() {
    let link = echo().await;
    let mut stream = connect(&link).await;
    let before = round_trips(&mut stream, 41).await[20];
    link.start_fault(0, Direction::Up, LATENCY_50_MS).unwrap();
    let during = round_trips(&mut stream, 21).await[10];
    let (_, proof) = link.end_fault(0).await.unwrap();
    let after = round_trips(&mut stream, 41).await[20];

    let added = during.saturating_sub(before);
    let off = added.abs_diff(Duration::from_millis(50));
    assert!(off < Duration::from_millis(2), "{added:?}");
    assert!(after < Duration::from_millis(25), "{after:?}");
    assert_eq!(
        (proof.chunks, proof.bytes, proof.connections),
        (21, 21 * 64, 1)
    );
    assert_eq!((proof.held_max_ns, proof.leaked_bytes), (50 * MS, 0));
    link.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jitter_spreads_round_trips_over_its_range() {
    let link = echo().await;
    let mut stream = connect(&link).await;
    let kind = LinkFault::Latency(Delay::uniform(20 * MS, 15 * MS));
    link.start_fault(0, Direction::Down, kind).unwrap();
    let times = round_trips(&mut stream, 60).await;
    let (_, proof) = link.end_fault(0).await.unwrap();
    // The chance that none of 60 even draws falls into an outer third is under 1e-9.
    assert!(times[0] >= Duration::from_millis(5), "{times:?}");
    assert!(times[0] < Duration::from_millis(20), "{times:?}");
    assert!(times[59] >= Duration::from_millis(25), "{times:?}");
    assert!(proof.held_max_ns <= 35 * MS, "{proof:?}");
    assert!(proof.held_total_ns / proof.chunks > 10 * MS, "{proof:?}");
    link.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn latency_leaves_throughput_alone() {
    let (link, client, server) = pair(BUFFER_BYTES).await;
    let warmup = Duration::from_millis(500);
    let time = Duration::from_secs(1);
    let (without, client, server) = bulk(client, server, warmup, time).await;
    link.start_fault(0, Direction::Up, LATENCY_50_MS).unwrap();
    let (with, ..) = bulk(client, server, warmup, time).await;
    assert!(
        with * 2 >= without,
        "{with} bytes with, {without} without latency"
    );
    link.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bandwidth_is_exact_over_three_seconds_and_gone_afterwards() {
    let (link, client, server) = pair(64 << 10).await;
    let kind = LinkFault::Bandwidth {
        bytes_per_second: 1_000_000,
        shared: false,
    };
    link.start_fault(0, Direction::Up, kind).unwrap();
    let warmup = Duration::from_millis(200);
    let (got, client, server) = bulk(client, server, warmup, Duration::from_secs(3)).await;
    let (_, proof) = link.end_fault(0).await.unwrap();
    let rate = got as f64 / 3e6;
    assert!((rate - 1.0).abs() < 0.03, "{rate} MB/s");
    assert!(proof.chunks > 0 && proof.held_total_ns > 0, "{proof:?}");
    let half = Duration::from_millis(500);
    let (free, ..) = bulk(client, server, Duration::ZERO, half).await;
    assert!(free > 5_000_000, "{free} bytes in half a second without");
    link.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silence_holds_everything_and_then_delivers_it_in_order() {
    let (link, mut client, mut server) = pair(BUFFER_BYTES).await;
    let data = pattern(300_000);
    link.start_fault(0, Direction::Both, LinkFault::PartitionSilence)
        .unwrap();
    client.write_all(&data).await.unwrap();
    client.shutdown().await.unwrap();
    server.write_all(b"answer").await.unwrap();
    assert!(is_quiet(&mut server, Duration::from_millis(300)).await);
    assert!(is_quiet(&mut client, Duration::from_millis(10)).await);
    assert_eq!(link.sample(0).held_bytes, 300_006);

    let (_, proof) = link.end_fault(0).await.unwrap();
    let mut got = Vec::new();
    let read = timeout(HANG, server.read_to_end(&mut got));
    read.await.unwrap().unwrap();
    assert!(got == data);
    expect(&mut client, b"answer").await;
    assert_eq!(
        (proof.bytes, proof.connections, proof.leaked_bytes),
        (300_006, 1, 0)
    );
    assert!(proof.held_max_ns >= 300 * MS, "{proof:?}");
    link.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silence_holds_new_connections_until_it_ends() {
    let link = echo().await;
    link.start_fault(0, Direction::Down, LinkFault::PartitionSilence)
        .unwrap();
    let mut stream = connect(&link).await;
    stream.write_all(b"hello").await.unwrap();
    assert!(is_quiet(&mut stream, Duration::from_millis(200)).await);
    assert_eq!(link.sample(0).connections_open, 1);
    let (_, proof) = link.end_fault(0).await.unwrap();
    expect(&mut stream, b"hello").await;
    assert_eq!(proof.connections, 1);
    link.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_one_way_partition_leaves_the_other_way_alone() {
    let (link, mut client, mut server) = pair(BUFFER_BYTES).await;
    link.start_fault(0, Direction::Down, LinkFault::PartitionSilence)
        .unwrap();
    server.write_all(b"held").await.unwrap();
    client.write_all(b"passes").await.unwrap();
    expect(&mut server, b"passes").await;
    assert!(is_quiet(&mut client, Duration::from_millis(100)).await);
    let (_, proof) = link.end_fault(0).await.unwrap();
    expect(&mut client, b"held").await;
    assert_eq!((proof.chunks, proof.bytes, proof.leaked_bytes), (1, 4, 0));
    link.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_is_seen_by_existing_and_new_connections_and_heals() {
    let (listener, address) = listener().await;
    let link = Link::bind(address, 7, BUFFER_BYTES).await.unwrap();
    let mut client = connect(&link).await;
    let (mut server, _) = listener.accept().await.unwrap();
    client.write_all(b"x").await.unwrap();
    expect(&mut server, b"x").await;

    link.start_fault(0, Direction::Both, LinkFault::PartitionReset)
        .unwrap();
    expect_reset(&mut client).await;
    expect_reset(&mut server).await;
    for _ in 0..3 {
        // The reset may come so soon that connecting sees it already.
        match TcpStream::connect(link.local_addr()).await {
            Ok(mut stream) => expect_reset(&mut stream).await,
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
    }
    let (_, proof) = link.end_fault(0).await.unwrap();
    assert_eq!((proof.connections, proof.leaked_bytes), (4, 0));

    let mut client = connect(&link).await;
    let (mut server, _) = timeout(HANG, listener.accept()).await.unwrap().unwrap();
    client.write_all(b"healed").await.unwrap();
    expect(&mut server, b"healed").await;
    link.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_by_one_peer_reaches_the_other() {
    for by_server in [false, true] {
        let (link, client, server) = pair(BUFFER_BYTES).await;
        let (resetting, mut other) = if by_server {
            (server, client)
        } else {
            (client, server)
        };
        resetting.set_zero_linger().unwrap();
        drop(resetting);
        expect_reset(&mut other).await;
        link.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_waits_for_a_partition_to_end() {
    let (link, client, mut server) = pair(BUFFER_BYTES).await;
    link.start_fault(0, Direction::Up, LinkFault::PartitionSilence)
        .unwrap();
    client.set_zero_linger().unwrap();
    drop(client);
    assert!(is_quiet(&mut server, Duration::from_millis(100)).await);
    link.end_fault(0).await.unwrap();
    expect_reset(&mut server).await;
    link.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upstream_that_refuses_is_a_reset() {
    let (listener, address) = listener().await;
    drop(listener);
    let link = Link::bind(address, 7, BUFFER_BYTES).await.unwrap();
    match TcpStream::connect(link.local_addr()).await {
        Ok(mut stream) => expect_reset(&mut stream).await,
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    link.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_half_close_is_kept() {
    let link = echo().await;
    let mut stream = connect(&link).await;
    let data = pattern(200_000);
    let (mut read, mut write) = stream.split();
    let sent = async {
        write.write_all(&data).await.unwrap();
        write.shutdown().await.unwrap();
    };
    let mut got = Vec::new();
    let (read, ()) = tokio::join!(timeout(HANG, read.read_to_end(&mut got)), sent);
    read.unwrap().unwrap();
    assert!(got == data, "the answer comes after the client's end");
    link.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_close_delays_the_end_and_nothing_else() {
    for delay_ns in [0, 600 * MS] {
        let (link, mut client, mut server) = pair(BUFFER_BYTES).await;
        if delay_ns > 0 {
            let kind = LinkFault::SlowClose { delay_ns };
            link.start_fault(0, Direction::Up, kind).unwrap();
        }
        let begun = Instant::now();
        client.write_all(b"data").await.unwrap();
        client.shutdown().await.unwrap();
        expect(&mut server, b"data").await;
        let data_after = begun.elapsed();
        let end = timeout(HANG, server.read(&mut [0; 1])).await.unwrap();
        assert_eq!(end.unwrap(), 0);
        let end_after = begun.elapsed();
        assert!(data_after < Duration::from_millis(300), "{data_after:?}");
        assert!(end_after >= Duration::from_nanos(delay_ns), "{end_after:?}");
        if delay_ns == 0 {
            assert!(end_after < Duration::from_millis(300), "{end_after:?}");
        } else {
            let (_, proof) = link.end_fault(0).await.unwrap();
            assert_eq!((proof.chunks, proof.held_max_ns), (1, delay_ns));
        }
        link.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stalled_reader_bounds_what_the_link_holds() {
    for fault in [None, Some(LinkFault::PartitionSilence)] {
        let (link, mut client, mut server) = pair(256 << 10).await;
        if let Some(fault) = fault.clone() {
            link.start_fault(0, Direction::Up, fault).unwrap();
        }
        let data = pattern(32 << 20);
        let expected = data.clone();
        let sending = tokio::spawn(async move {
            client.write_all(&data).await.unwrap();
            client.shutdown().await.unwrap();
        });
        sleep(Duration::from_millis(300)).await;
        let held_bytes = link.sample(0).held_bytes;
        assert!(held_bytes <= (256 << 10) + (64 << 10), "{held_bytes}");
        assert!(!sending.is_finished(), "the sender feels it");
        if fault.is_some() {
            assert!(held_bytes > 128 << 10, "{held_bytes}");
            link.end_fault(0).await.unwrap();
        }
        let mut got = Vec::new();
        let read = timeout(HANG, server.read_to_end(&mut got));
        read.await.unwrap().unwrap();
        assert!(got == expected, "{} bytes arrived", got.len());
        sending.await.unwrap();
        assert_eq!(link.sample(0).held_bytes, 0);
        link.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counters_are_live() {
    let link = echo().await;
    let mut stream = connect(&link).await;
    round_trips(&mut stream, 10).await;
    let sample = link.sample(5);
    assert_eq!(
        (sample.at_ns, sample.up_bytes, sample.down_bytes),
        (5, 640, 640)
    );
    assert_eq!((sample.connections_open, sample.connections_total), (1, 1));
    drop(stream);
    let gone = async {
        while link.sample(0).connections_open > 0 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(HANG, gone).await.unwrap();
    link.shutdown().await;
}
