//! Random sequences of adding, changing and removing toxics through the API, under traffic with
//! connects and disconnects: bytes are intact and in order, the API always answers soon, nothing
//! hangs, nothing is left behind. Alone in its executable, because it counts descriptors.
//!
//! `SQUALL_SEQUENCES` says how many; 64 without it.
//!
//! An answer has 100 ms, not counting the time for which this process's threads were ready to run
//! and the machine ran something else: the kernel counts that. An answer that waits for a lock, a
//! timer or a socket has no such excuse.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::http;
use common::starved::starved;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use squall::toxiproxy::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

mod common;

/// Longer than any sequence can take by far.
const HANG: Duration = Duration::from_secs(60);
/// The longest that an answer of the API may take of a machine that runs it.
const ANSWER: Duration = Duration::from_millis(100);
/// Toxics and connections of a sequence.
const SLOTS: usize = 4;

#[derive(Debug, Clone)]
enum Step {
    /// Puts a toxic into this slot, changes the one there if it is of this kind, or replaces it.
    Set(usize, bool, Toxic),
    Remove(usize),
    Reset,
    Connect(usize),
    /// Closes a client in the middle of everything; with RST, or with FIN where nothing is unread.
    Disconnect(usize, bool),
    Send(usize, usize),
    Wait(u64),
}

#[derive(Debug, Clone)]
struct Toxic {
    kind: &'static str,
    attributes: String,
    toxicity: f64,
}

impl Toxic {
    /// Whether it may keep bytes from arriving.
    fn is_lossy(&self) -> bool {
        matches!(self.kind, "timeout" | "limit_data" | "reset_peer")
    }

    /// Whether it may change bytes.
    fn is_altering(&self) -> bool {
        self.kind == "corrupt"
    }
}

fn toxic() -> impl Strategy<Value = Toxic> {
    let attributes = prop_oneof![
        2 => (0..12, 0..10).prop_map(|(latency, jitter)| (
            "latency",
            format!(r#"{{"latency":{latency},"jitter":{jitter}}}"#)
        )),
        2 => (200..50_000, any::<bool>()).prop_map(|(rate, shared)| (
            "bandwidth",
            format!(r#"{{"rate":{rate},"shared":{shared}}}"#)
        )),
        2 => (200..9_000, 0..200, 0..100).prop_map(|(size, variation, delay)| (
            "slicer",
            format!(r#"{{"average_size":{size},"size_variation":{variation},"delay":{delay}}}"#)
        )),
        1 => (0..12).prop_map(|delay| ("slow_close", format!(r#"{{"delay":{delay}}}"#))),
        1 => (0..12).prop_map(|rto| ("loss", format!(r#"{{"rate":0.2,"rto":{rto}}}"#))),
        1 => (0..50_000).prop_map(|every| ("corrupt", format!(r#"{{"every":{every}}}"#))),
        1 => Just(("noop", "{}".to_owned())),
        1 => (0..20).prop_map(|timeout| ("timeout", format!(r#"{{"timeout":{timeout}}}"#))),
        1 => (0..20).prop_map(|timeout| ("reset_peer", format!(r#"{{"timeout":{timeout}}}"#))),
        1 => (0..90_000).prop_map(|bytes| ("limit_data", format!(r#"{{"bytes":{bytes}}}"#))),
    ];
    let toxicity = prop_oneof![3 => Just(1.0), 1 => Just(0.5), 1 => Just(0.0)];
    (attributes, toxicity).prop_map(|((kind, attributes), toxicity)| Toxic {
        kind,
        attributes,
        toxicity,
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..SLOTS, any::<bool>(), toxic())
            .prop_map(|(slot, up, toxic)| Step::Set(slot, up, toxic)),
        3 => (0..SLOTS).prop_map(Step::Remove),
        1 => Just(Step::Reset),
        4 => (0..SLOTS).prop_map(Step::Connect),
        1 => (0..SLOTS, any::<bool>()).prop_map(|(slot, reset)| Step::Disconnect(slot, reset)),
        6 => (0..SLOTS, 1_usize..100_000).prop_map(|(slot, bytes)| Step::Send(slot, bytes)),
        3 => (0_u64..8).prop_map(Step::Wait),
    ]
}

/// A connection through the proxy, with what it sent and what it got back.
struct Client {
    orders: mpsc::Sender<usize>,
    sending: JoinHandle<Vec<u8>>,
    receiving: JoinHandle<(Vec<u8>, bool)>,
    /// Whether a toxic that may lose bytes was there at some time in its life.
    tainted: bool,
    /// Whether a toxic that may change bytes was.
    altered: bool,
}

impl Client {
    async fn connect(to: SocketAddr) -> Self {
        let stream = TcpStream::connect(to).await.unwrap();
        let (mut read, mut write) = stream.into_split();
        let (orders, mut ordered) = mpsc::channel::<usize>(64);
        let sending = tokio::spawn(async move {
            let mut sent: Vec<u8> = Vec::new();
            while let Some(bytes) = ordered.recv().await {
                let from = sent.len();
                sent.extend((from..from + bytes).map(|at| (at * 31 % 251) as u8));
                // A toxic may have closed it; the reader knows.
                let _ = write.write_all(&sent[from..]).await;
            }
            let _ = write.shutdown().await;
            sent
        });
        let receiving = tokio::spawn(async move {
            let mut got = Vec::new();
            let ended_well = read.read_to_end(&mut got).await.is_ok();
            (got, ended_well)
        });
        Self {
            orders,
            sending,
            receiving,
            tainted: false,
            altered: false,
        }
    }

    /// A toxic is on the proxy while this client is there.
    fn sees(&mut self, toxic: &Toxic) {
        self.tainted |= toxic.is_lossy();
        self.altered |= toxic.is_altering();
    }

    /// Closes it while it may be sending and receiving.
    async fn abandon(self) {
        self.sending.abort();
        self.receiving.abort();
        let _ = self.sending.await;
        let _ = self.receiving.await;
    }

    /// Lets it end in its own time, and checks what it got.
    async fn finish(self) {
        drop(self.orders);
        let sent = self.sending.await.unwrap();
        let (got, ended_well) = self.receiving.await.unwrap();
        if !self.altered {
            assert!(sent.starts_with(&got), "bytes differ or changed places");
        }
        assert!(got.len() <= sent.len(), "bytes were added");
        if !self.tainted {
            assert!(ended_well, "reset without a reason");
            assert_eq!(sent.len(), got.len(), "bytes are missing");
        }
    }
}

/// The slowest answer of all, in nanoseconds.
static SLOWEST_NS: AtomicU64 = AtomicU64::new(0);

/// The API, timed.
#[derive(Clone, Copy)]
struct Api(SocketAddr);

impl Api {
    async fn ask(self, verb: &'static str, path: String, body: String) -> http::Answer {
        let asking = tokio::task::spawn_blocking(move || {
            let (begun, before) = (Instant::now(), starved());
            let answer = http::request(self.0, verb, &path, "", &body);
            let mut took = begun.elapsed();
            if took > ANSWER {
                took = took.saturating_sub(starved().saturating_sub(before));
            }
            (answer, took)
        });
        let (answer, took) = asking.await.unwrap();
        SLOWEST_NS.fetch_max(took.as_nanos() as u64, Ordering::Relaxed);
        assert!(took <= ANSWER, "{verb} took {took:?}");
        assert!(answer.status < 300, "{verb}: {answer:?}");
        answer
    }
}

/// A peer that sends everything back, and what it is doing.
async fn echo() -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        let mut peers = JoinSet::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            peers.spawn(async move {
                let (mut read, mut write) = stream.split();
                if tokio::io::copy(&mut read, &mut write).await.is_ok() {
                    let _ = write.shutdown().await;
                }
            });
        }
    });
    (address, serving)
}

async fn run(steps: Vec<Step>, seed: u64) {
    let (upstream, echo) = echo().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let api = Api(listener.local_addr().unwrap());
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(Server::new(seed, false).serve(listener, async {
        let _ = stopped.await;
    }));
    let body = format!(r#"{{"name":"p","listen":"127.0.0.1:0","upstream":"{upstream}"}}"#);
    let made = api.ask("POST", "/proxies".to_owned(), body).await.json();
    let proxy: SocketAddr = made["listen"].as_str().unwrap().parse().unwrap();

    let mut toxics: BTreeMap<usize, Toxic> = BTreeMap::new();
    let mut clients: BTreeMap<usize, Client> = BTreeMap::new();
    for step in steps {
        act(step, api, proxy, &mut toxics, &mut clients).await;
    }
    // What is still there is taken away under traffic, too.
    api.ask("POST", "/reset".to_owned(), String::new()).await;
    for client in clients.into_values() {
        client.finish().await;
    }
    let path = "/proxies/p".to_owned();
    api.ask("DELETE", path, String::new()).await;
    stop.send(()).unwrap();
    serving.await.unwrap();
    echo.abort();
    let _ = echo.await;
}

async fn act(
    step: Step,
    api: Api,
    proxy: SocketAddr,
    toxics: &mut BTreeMap<usize, Toxic>,
    clients: &mut BTreeMap<usize, Client>,
) {
    let path = |slot: usize| format!("/proxies/p/toxics/t{slot}");
    match step {
        Step::Set(slot, up, toxic) => {
            let (kind, attributes, toxicity) = (toxic.kind, &toxic.attributes, toxic.toxicity);
            let changed = format!(r#"{{"attributes":{attributes},"toxicity":{toxicity}}}"#);
            for client in clients.values_mut() {
                client.sees(&toxic);
            }
            match toxics.get(&slot) {
                Some(there) if there.kind == kind => {
                    api.ask("PATCH", path(slot), changed).await;
                }
                there => {
                    if there.is_some() {
                        api.ask("DELETE", path(slot), String::new()).await;
                    }
                    let stream = if up { "upstream" } else { "downstream" };
                    let body = format!(
                        r#"{{"name":"t{slot}","type":"{kind}","stream":"{stream}","toxicity":{toxicity},"attributes":{attributes}}}"#
                    );
                    let all = "/proxies/p/toxics".to_owned();
                    api.ask("POST", all, body).await;
                }
            }
            toxics.insert(slot, toxic);
        }
        Step::Remove(slot) => {
            if toxics.remove(&slot).is_some() {
                api.ask("DELETE", path(slot), String::new()).await;
            }
        }
        Step::Reset => {
            api.ask("POST", "/reset".to_owned(), String::new()).await;
            toxics.clear();
        }
        Step::Connect(slot) => {
            if let Entry::Vacant(place) = clients.entry(slot) {
                let client = place.insert(Client::connect(proxy).await);
                for toxic in toxics.values() {
                    client.sees(toxic);
                }
            }
        }
        Step::Disconnect(slot, abrupt) => match clients.remove(&slot) {
            Some(client) if abrupt => client.abandon().await,
            // Its end travels while the next steps are done.
            Some(client) => drop(client.orders),
            None => {}
        },
        Step::Send(slot, bytes) => {
            if let Some(client) = clients.get(&slot) {
                // A client that is behind by so many orders is sent no more.
                let _ = client.orders.try_send(bytes);
            }
        }
        Step::Wait(ms) => sleep(Duration::from_millis(ms)).await,
    }
}

/// Runs `work` on a runtime of its own, and checks that no task and no descriptor is left.
fn in_isolation(work: impl Future<Output = ()>) {
    // The first runtime of a process opens descriptors that stay.
    drop(runtime());
    let before = descriptors();
    let runtime = runtime();
    runtime.block_on(async {
        timeout(HANG, work).await.expect("no hang");
        let begun = Instant::now();
        let tasks = tokio::runtime::Handle::current().metrics();
        while tasks.num_alive_tasks() > 0 {
            assert!(begun.elapsed() < HANG, "{} tasks", tasks.num_alive_tasks());
            sleep(Duration::from_millis(1)).await;
        }
    });
    drop(runtime);
    assert_eq!(descriptors(), before);
}

fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().unwrap()
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

fn cases() -> u32 {
    let asked = std::env::var("SQUALL_SEQUENCES").ok();
    asked.map_or(64, |cases| cases.parse().expect("a number of sequences"))
}

#[test]
fn no_sequence_loses_a_byte_or_hangs() {
    let mut runner = TestRunner::new(ProptestConfig {
        cases: cases(),
        // Times differ from run to run: the same steps need not fail again.
        failure_persistence: None,
        max_shrink_iters: 50,
        ..ProptestConfig::default()
    });
    let begun = Instant::now();
    let sequences = (prop::collection::vec(step(), 1..40), any::<u64>());
    let outcome = runner.run(&sequences, |(steps, seed)| {
        in_isolation(run(steps, seed));
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
    println!(
        "{} sequences in {:.0?}, the slowest answer {:.1?}",
        cases(),
        begun.elapsed(),
        Duration::from_nanos(SLOWEST_NS.load(Ordering::Relaxed)),
    );
}
