//! What 50 ms of latency cost a stream once its window is full.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use squall::plan::LinkFault;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::paths::link;
use super::{median, peers};

const ROUNDS: usize = 5;
/// Until what was sent first has long arrived, and the window is full.
const FILLS: Duration = Duration::from_millis(500);
const MEASURED: Duration = Duration::from_millis(700);

/// Streams through an idle link and through a late one in turn, and prints both.
pub fn compare() {
    let (peer, count) = peers::drain();
    let idle = link(peer, None).address;
    let latency = LinkFault::Latency {
        delay_ns: 50_000_000,
        jitter_ns: 0,
    };
    let late = link(peer, Some(latency)).address;
    let rounds: Vec<(f64, f64)> = (0..ROUNDS)
        .map(|_| (stream(idle, &count), stream(late, &count)))
        .collect();
    let of = |pick: fn(&(f64, f64)) -> f64| median(rounds.iter().map(pick));
    println!(
        "\n50 ms of latency, one connection: {:.2} GiB/s against {:.2} GiB/s without, {:.2} of it (aim: 0.95)",
        of(|round| round.1),
        of(|round| round.0),
        of(|round| round.1 / round.0),
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
