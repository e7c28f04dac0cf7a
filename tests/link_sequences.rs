//! Random sequences of faults under traffic: every byte arrives once and in order, nothing hangs,
//! nothing is left behind. Alone in its executable, because it counts descriptors.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use proptest::prelude::*;
use squall::link::Link;
use squall::plan::{Delay, Direction, LinkFault};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::time::{sleep, timeout};

/// Longer than any sequence can take by far.
const HANG: Duration = Duration::from_secs(30);
const CONNECTIONS: usize = 2;

#[derive(Debug, Clone)]
enum Step {
    /// Starts this fault under a number from 0 to 3, or ends the one that is active under it.
    Toggle(usize, Direction, LinkFault),
    Wait(u64),
    /// Each client sends this many bytes, and its peer sends them back.
    Send(usize),
}

fn direction() -> impl Strategy<Value = Direction> {
    prop_oneof![
        Just(Direction::Up),
        Just(Direction::Down),
        Just(Direction::Both)
    ]
}

fn fault() -> impl Strategy<Value = LinkFault> {
    let ns = |ms: u64| ms * 1_000_000;
    prop_oneof![
        (0_u64..15, 0_u64..10).prop_map(move |(delay, jitter)| LinkFault::Latency(Delay::uniform(
            ns(delay),
            ns(jitter)
        ))),
        (200_000_u64..50_000_000).prop_map(|bytes_per_second| LinkFault::Bandwidth {
            bytes_per_second,
            shared: false
        }),
        Just(LinkFault::PartitionSilence),
        (0_u64..15).prop_map(move |delay| LinkFault::SlowClose {
            delay_ns: ns(delay)
        }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_usize..4, direction(), fault())
            .prop_map(|(id, direction, kind)| Step::Toggle(id, direction, kind)),
        2 => (0_u64..8).prop_map(Step::Wait),
        3 => (1_usize..100_000).prop_map(Step::Send),
    ]
}

/// Runs the steps, ends what is still active, and checks every byte both ways.
async fn run(steps: Vec<Step>, seed: u64) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let link = Link::bind(listener.local_addr().unwrap(), seed, 32 << 10)
        .await
        .unwrap();
    let echo = tokio::spawn(async move {
        let mut peers = tokio::task::JoinSet::new();
        for _ in 0..CONNECTIONS {
            let (mut stream, _) = listener.accept().await.unwrap();
            peers.spawn(async move {
                let (mut read, mut write) = stream.split();
                tokio::io::copy(&mut read, &mut write).await.unwrap();
                write.shutdown().await.unwrap();
            });
        }
        while let Some(peer) = peers.join_next().await {
            peer.unwrap();
        }
    });

    let mut senders = Vec::new();
    let mut sending = Vec::new();
    let mut receiving = Vec::new();
    for number in 0..CONNECTIONS {
        let stream = TcpStream::connect(link.local_addr()).await.unwrap();
        let (mut read, mut write) = stream.into_split();
        let (sender, mut orders) = tokio::sync::mpsc::channel::<usize>(64);
        senders.push(sender);
        sending.push(tokio::spawn(async move {
            let mut sent = Vec::new();
            while let Some(bytes) = orders.recv().await {
                let from = sent.len();
                sent.extend((from..from + bytes).map(|at| ((at * 31 + number) % 251) as u8));
                write.write_all(&sent[from..]).await.unwrap();
            }
            write.shutdown().await.unwrap();
            sent
        }));
        receiving.push(tokio::spawn(async move {
            let mut got = Vec::new();
            read.read_to_end(&mut got).await.unwrap();
            got
        }));
    }

    let mut active = [false; 4];
    for step in steps {
        match step {
            Step::Toggle(id, direction, kind) => {
                if active[id] {
                    check_end(&link, id).await;
                } else {
                    link.start_fault(id, direction, kind).unwrap();
                }
                active[id] = !active[id];
            }
            Step::Wait(ms) => sleep(Duration::from_millis(ms)).await,
            Step::Send(bytes) => {
                for sender in &senders {
                    sender.send(bytes).await.unwrap();
                }
            }
        }
    }
    drop(senders);
    for id in (0..4).filter(|id| active[*id]) {
        check_end(&link, id).await;
    }
    for (sending, receiving) in sending.into_iter().zip(receiving) {
        let (sent, got) = (sending.await.unwrap(), receiving.await.unwrap());
        assert_eq!(sent.len(), got.len());
        assert!(sent == got, "bytes differ");
    }
    echo.await.unwrap();
    link.shutdown().await;
}

async fn check_end(link: &Link, id: usize) {
    let (_, proof) = link.end_fault(id).await.unwrap();
    assert_eq!(proof.leaked_bytes, 0);
    assert!(proof.connections <= CONNECTIONS as u64);
    assert!(proof.held_max_ns <= proof.held_total_ns);
}

/// Runs `work` on a runtime of its own, one at a time, and checks that no descriptor is left.
fn in_isolation(work: impl Future<Output = ()>) {
    static ALONE: Mutex<()> = Mutex::new(());
    // A test that failed has said so itself.
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    // The first runtime of a process opens descriptors that stay.
    drop(runtime());
    let before = descriptors();
    runtime().block_on(async { timeout(HANG, work).await.expect("no hang") });
    assert_eq!(descriptors(), before);
}

fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().unwrap()
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        // Times differ from run to run: the same steps need not fail again.
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_sequence_of_faults_loses_repeats_or_reorders_a_byte(
        steps in prop::collection::vec(step(), 1..24),
        seed: u64,
    ) {
        in_isolation(run(steps, seed));
    }
}

#[test]
fn shutdown_closes_everything_in_the_middle_of_traffic_and_faults() {
    in_isolation(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let link = Link::bind(listener.local_addr().unwrap(), 1, 32 << 10)
            .await
            .unwrap();
        let mut client = TcpStream::connect(link.local_addr()).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        link.start_fault(0, Direction::Up, LinkFault::PartitionSilence)
            .unwrap();
        let waiting = TcpStream::connect(link.local_addr()).await.unwrap();
        client.write_all(&[1; 1000]).await.unwrap();
        while link.sample(0).held_bytes < 1000 {
            sleep(Duration::from_millis(1)).await;
        }
        link.shutdown().await;
        // Closed, with FIN or RST: what was held is gone.
        let end = server.read(&mut [0; 1]).await;
        assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
        drop(waiting);
    });
}
