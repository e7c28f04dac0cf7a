//! What 50 ms of latency each way cost once the window is full: to a client with as many requests
//! in flight as that takes, and to a stream that goes as fast as two cores let it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use squall::plan::{Delay, LinkFault};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::load::{Load, Work};
use super::paths::link;
use super::{median, peers};

const ROUNDS: usize = 5;
/// Until what was sent first has long arrived, and the window is full.
const FILLS: Duration = Duration::from_millis(500);
const MEASURED: Duration = Duration::from_millis(700);

/// Connections of the client, one request in flight on each.
const CONNECTIONS: usize = 64;
/// Requests of one pass, which takes about a second.
const REQUESTS: u64 = 500;

/// Goes through an idle link and through a late one in turn, and prints both.
pub fn compare(work: &Work) {
    println!("50 ms of latency each way; aim: 0.95 of without");
    let (idle, late) = both(peers::grpc());
    let mut loads = [idle, late].map(|to| Load::new(to, CONNECTIONS, work));
    print("gRPC, prost client, 64, per s", || {
        loads.each_mut().map(|load| load.pass(REQUESTS).steady)
    });
    let (peer, count) = peers::drain();
    let (idle, late) = both(peer);
    print("stream, 1, GiB/s", || {
        [idle, late].map(|to| stream(to, &count))
    });
}

/// An idle link and a late one.
fn both(upstream: SocketAddr) -> (SocketAddr, SocketAddr) {
    let latency = LinkFault::Latency(Delay::fixed(50_000_000));
    let late = link(upstream, Some(latency));
    (link(upstream, None).address, late.address)
}

fn print(name: &str, round: impl FnMut() -> [f64; 2]) {
    let rounds: Vec<[f64; 2]> = std::iter::repeat_with(round).take(ROUNDS).collect();
    let of = |pick: fn(&[f64; 2]) -> f64| median(rounds.iter().map(pick));
    println!(
        "  {name:<30} without {:>8.2}, with {:>8.2}: {:.2}",
        of(|[without, _]| *without),
        of(|[_, with]| *with),
        of(|[without, with]| with / without),
    );
}

/// GiB/s of a stream once it flows.
fn stream(to: SocketAddr, count: &AtomicU64) -> f64 {
    peers::runtime().block_on(async {
        let mut stream = TcpStream::connect(to).await.expect("a listener");
        let writing = tokio::spawn(async move {
            let message = vec![7; 256 << 10];
            while stream.write_all(&message).await.is_ok() {}
        });
        tokio::time::sleep(FILLS).await;
        let (begun, before) = (Instant::now(), count.load(Ordering::Relaxed));
        tokio::time::sleep(MEASURED).await;
        let bytes = count.load(Ordering::Relaxed) - before;
        let seconds = begun.elapsed().as_secs_f64();
        writing.abort();
        bytes as f64 / seconds / f64::from(1 << 30)
    })
}
