//! `squall relay`: honest when it is told nothing, and wrong in exactly the ways that it owns up to.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::relay::RelayProcess;
use common::sender::{self, COMPRESSIONS, PROTOCOLS, Told, send_spans, spans};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use rustix::process::{Pid, Signal as Unix, kill_process};
use squall::ids::Identity;
use squall::otlp::Malformed;
use squall::plan::{Compression, Protocol};
use squall::role::control::Ready;
use squall::sink::required::Required;
use squall::sink::server::{Door, Limits, Server};
use squall::sink::traffic::Traffic;
use squall::sink::weather::Weather;
use squall::sink::{Answer, Receiver, Request, Taken};
use tempfile::TempDir;
use tokio::net::TcpListener;

mod common;

/// A next hop that keeps every span, and refuses the first few requests for now.
#[derive(Debug, Default)]
struct NextHop {
    spans: Mutex<Vec<Span>>,
    unavailable: AtomicU64,
}

fn taken(answer: Answer) -> Taken {
    Taken {
        answer,
        first: None,
        items: 0,
    }
}

impl Receiver for NextHop {
    fn accept(&self, request: Request<'_>) -> Result<Taken, Malformed> {
        let refuses = self
            .unavailable
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            });
        if refuses.is_ok() {
            return Ok(taken(Answer::Unavailable("not yet".to_owned())));
        }
        let traces = ExportTraceServiceRequest::decode(request.body).unwrap();
        self.spans.lock().unwrap().extend(
            traces
                .resource_spans
                .into_iter()
                .flat_map(|resource| resource.scope_spans)
                .flat_map(|scope| scope.spans),
        );
        Ok(taken(Answer::Accepted))
    }
}

impl NextHop {
    async fn start(unavailable: u64) -> (Arc<Self>, SocketAddr) {
        let hop = Arc::new(Self {
            unavailable: AtomicU64::new(unavailable),
            ..Self::default()
        });
        let server = Arc::new(Server {
            receiver: Arc::clone(&hop),
            traffic: Arc::new(Traffic::default()),
            limits: Limits::with_max_request(1 << 20),
            weather: Weather::default(),
            required: Required::default(),
            throttle: None,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(server.serve(listener, Door::Grpc, None));
        (hop, address)
    }

    /// The sequences that came, in the order of their coming.
    fn sequences(&self) -> Vec<u64> {
        self.spans.lock().unwrap().iter().map(sequence).collect()
    }

    async fn wait_for(&self, count: usize) -> Vec<u64> {
        let start = Instant::now();
        while self.sequences().len() < count {
            assert!(
                start.elapsed() < Duration::from_secs(20),
                "{count} spans did not come"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.sequences()
    }
}

fn sequence(span: &Span) -> u64 {
    let id = u64::from_be_bytes(span.span_id.as_slice().try_into().unwrap());
    Identity::from_span_id(id).unwrap().sequence
}

/// A relay's process, and the folder with its oracle.
struct Relay {
    process: RelayProcess,
    at: Ready,
    folder: TempDir,
}

impl Relay {
    fn start(next: SocketAddr, args: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), next, args)
    }

    fn start_in(folder: TempDir, next: SocketAddr, args: &[&str]) -> Self {
        let oracle = folder.path().join("oracle");
        let mut all = vec!["--workers", "1", "--oracle", oracle.to_str().unwrap()];
        all.extend(args);
        let process = RelayProcess::start(&next.to_string(), &all);
        Self {
            at: Ready {
                grpc: process.grpc.clone(),
                http: process.http.clone(),
                ..Ready::default()
            },
            process,
            folder,
        }
    }

    /// Sends `requests` requests of ten spans, numbered on from 1.
    async fn send(&self, requests: u64) {
        for request in 0..requests {
            let batch = spans(0, request * 10 + 1..=request * 10 + 10, 1);
            let told = send_spans(&self.at, Protocol::Grpc, Compression::None, batch).await;
            assert_eq!(told, Told::Accepted);
        }
    }

    /// The items of each class that the relay owns up to.
    fn oracle(&self) -> BTreeMap<String, Vec<u64>> {
        let mut classes: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        let text = std::fs::read_to_string(self.folder.path().join("oracle")).unwrap();
        for line in text.lines() {
            let [class, "traces", item] = line.split(' ').collect::<Vec<_>>()[..] else {
                panic!("{line:?}");
            };
            let sequence = item.strip_prefix("0/").unwrap().parse().unwrap();
            classes.entry(class.to_owned()).or_default().push(sequence);
        }
        classes
    }

    /// Asks it to stop; its last line and exit code.
    fn stop(&mut self) -> (String, i32) {
        kill_process(Pid::from_child(&self.process.child), Unix::TERM).unwrap();
        let mut rest = String::new();
        let output = self.process.child.stdout.as_mut().unwrap();
        output.read_to_string(&mut rest).unwrap();
        (rest, self.process.child.wait().unwrap().code().unwrap())
    }
}

fn all(count: u64) -> Vec<u64> {
    (1..=count).collect()
}

fn without(count: u64, missing: &[u64]) -> Vec<u64> {
    all(count)
        .into_iter()
        .filter(|sequence| !missing.contains(sequence))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_relay_passes_everything_on_once_and_in_order() {
    let (hop, next) = NextHop::start(3).await;
    let mut relay = Relay::start(next, &[]);
    relay.send(20).await;
    assert_eq!(hop.wait_for(200).await, all(200));
    assert_eq!(
        relay.stop(),
        ("relay stopped: everything was sent on\n".to_owned(), 0)
    );
    assert_eq!(hop.sequences(), all(200));
    assert!(relay.oracle().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn it_takes_every_protocol_and_compression() {
    let (hop, next) = NextHop::start(0).await;
    let relay = Relay::start(next, &[]);
    let mut sequence = 0;
    for protocol in PROTOCOLS {
        for compression in COMPRESSIONS {
            sequence += 1;
            let told = send_spans(&relay.at, protocol, compression, spans(0, [sequence], 1)).await;
            assert_eq!(told, Told::Accepted);
        }
    }
    assert_eq!(hop.wait_for(sequence as usize).await, all(sequence));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_refuses_and_health_and_metrics_tell() {
    // Nobody listens at the next hop.
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let next = nobody.local_addr().unwrap();
    drop(nobody);
    let relay = Relay::start(next, &["--queue", "2"]);
    let mut told = Vec::new();
    for sequence in 1..=5 {
        let batch = spans(0, [sequence], 1);
        told.push(send_spans(&relay.at, Protocol::Grpc, Compression::None, batch).await);
        // The worker takes the first, and tries it for as long as the test runs.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    use Told::{Accepted, Unavailable};
    assert_eq!(
        told,
        [Accepted, Accepted, Accepted, Unavailable, Unavailable]
    );
    let get = async |path: &str| {
        let url = format!("http://{}{path}", relay.process.status);
        let answer = sender::http_client().get(url).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(get("/health").await, (200, "ok\n".to_owned()));
    let (_, metrics) = get("/metrics").await;
    for line in [
        "relay_accepted_items{signal=\"traces\"} 3",
        "relay_refused_items{signal=\"traces\"} 2",
        "relay_queue_size 2",
        "relay_queue_capacity 2",
    ] {
        assert!(
            metrics.lines().any(|found| found == line),
            "{line} in {metrics}"
        );
    }
    assert_eq!(get("/").await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_item_in_so_many_is_lost_exactly() {
    let (hop, next) = NextHop::start(0).await;
    let mut relay = Relay::start(next, &["--bug", "lose=7"]);
    relay.send(10).await;
    relay.stop();
    let lost: Vec<u64> = (1..=14).map(|n| n * 7).collect();
    assert_eq!(relay.oracle()["lost_silently"], lost);
    assert_eq!(hop.sequences(), without(100, &lost));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_at_sigterm_is_lost_and_owned_up_to() {
    let (hop, next) = NextHop::start(0).await;
    let mut relay = Relay::start(next, &["--bug", "lose-on-term", "--throttle", "50"]);
    relay.send(20).await;
    hop.wait_for(10).await;
    relay.stop();
    let lost = &relay.oracle()["lost_silently"];
    assert!(lost.len() >= 100, "{lost:?}");
    assert_eq!(hop.sequences(), without(200, lost));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_tried_again_is_sent_twice() {
    let (hop, next) = NextHop::start(1).await;
    let mut relay = Relay::start(next, &["--bug", "duplicate-on-retry"]);
    relay.send(3).await;
    relay.stop();
    assert_eq!(relay.oracle()["duplicated"], all(10));
    let mut came = hop.sequences();
    came.sort_unstable();
    let mut expected = all(30);
    expected.extend(all(10));
    expected.sort_unstable();
    assert_eq!(came, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_finds_no_place_is_acknowledged_and_lost() {
    let (hop, next) = NextHop::start(0).await;
    let bugs = [
        "--bug",
        "accept-when-full",
        "--queue",
        "2",
        "--throttle",
        "100",
    ];
    let mut relay = Relay::start(next, &bugs);
    relay.send(20).await;
    relay.stop();
    let lost = &relay.oracle()["lost_silently"];
    assert!(lost.len() >= 100, "{lost:?}");
    assert_eq!(hop.sequences(), without(200, lost));
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_overtake_each_other() {
    let (hop, next) = NextHop::start(0).await;
    let mut relay = Relay::start(next, &["--bug", "reorder", "--throttle", "200"]);
    relay.send(20).await;
    relay.stop();
    let came = hop.sequences();
    assert_ne!(came, all(200));
    let mut sorted = came;
    sorted.sort_unstable();
    assert_eq!(sorted, all(200));
}

#[tokio::test(flavor = "multi_thread")]
async fn attributes_and_parents_are_changed_where_it_says() {
    let (hop, next) = NextHop::start(0).await;
    let bugs = ["--bug", "corrupt-attribute=5", "--bug", "strip-parents=3"];
    let mut relay = Relay::start(next, &bugs);
    let mut batch = spans(0, 1..=30, 1);
    for span in &mut batch.resource_spans[0].scope_spans[0].spans {
        span.attributes = vec![KeyValue {
            key: "k".to_owned(),
            value: Some(AnyValue {
                value: Some(any_value::Value::StringValue("v".to_owned())),
            }),
            ..Default::default()
        }];
        span.parent_span_id = vec![1; 8];
    }
    let sent = batch.resource_spans[0].scope_spans[0].spans.clone();
    send_spans(&relay.at, Protocol::HttpProtobuf, Compression::Gzip, batch).await;
    relay.stop();
    let came = hop.spans.lock().unwrap().clone();
    let changed = |differs: fn(&Span, &Span) -> bool| -> Vec<u64> {
        let pairs = sent.iter().zip(&came);
        pairs
            .filter(|(before, after)| differs(before, after))
            .map(|(before, _)| sequence(before))
            .collect()
    };
    let corrupted = changed(|before, after| before.attributes != after.attributes);
    let orphaned = changed(|before, after| before.parent_span_id != after.parent_span_id);
    let oracle = relay.oracle();
    assert_eq!((corrupted.len(), &corrupted), (6, &oracle["corrupted"]));
    assert_eq!((orphaned.len(), &orphaned), (8, &oracle["orphaned"]));
    assert_eq!(came.len(), 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zombie_is_healthy_and_sends_nothing() {
    let (hop, next) = NextHop::start(0).await;
    let mut relay = Relay::start(next, &["--bug", "zombie"]);
    relay.send(3).await;
    let url = format!("http://{}/health", relay.process.status);
    let health = sender::http_client().get(url).send().await.unwrap();
    assert!(health.status().is_success());
    let (last, code) = relay.stop();
    assert_eq!(last, "relay stopped: 30 items were not sent on\n");
    assert_eq!(code, 1);
    assert!(hop.sequences().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spool_survives_a_kill() {
    let (hop, next) = NextHop::start(0).await;
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path().join("spool").display().to_string();
    let mut relay = Relay::start(next, &["--spool", &spool, "--throttle", "20"]);
    relay.send(10).await;
    kill_process(Pid::from_child(&relay.process.child), Unix::KILL).unwrap();
    relay.process.child.wait().unwrap();
    let early = hop.sequences().len();
    assert!(early < 100);
    let again = Relay::start(next, &["--spool", &spool]);
    // What was under way when it was killed may have arrived: it is sent again, never lost.
    let start = Instant::now();
    loop {
        let mut came = hop.sequences();
        came.sort_unstable();
        came.dedup();
        if came == all(100) {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{came:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(again);
}

/// Resident bytes and processor ticks of a process.
#[cfg(target_os = "linux")]
fn used(child: &std::process::Child) -> (u64, u64) {
    let process = procfs::process::Process::new(child.id() as i32).unwrap();
    let stat = process.stat().unwrap();
    (stat.rss * 4096, stat.utime + stat.stime)
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn it_leaks_and_burns_as_much_as_it_is_told() {
    let (_hop, next) = NextHop::start(0).await;
    let honest = Relay::start(next, &[]);
    let bugs = ["--bug", "leak=20000000", "--bug", "burn-cpu=0.4"];
    let wasteful = Relay::start(next, &bugs);
    let before = [used(&honest.process.child), used(&wasteful.process.child)];
    tokio::time::sleep(Duration::from_secs(2)).await;
    let after = [used(&honest.process.child), used(&wasteful.process.child)];
    let grown = |index: usize| {
        let (rss, ticks): (u64, u64) = after[index];
        (rss.saturating_sub(before[index].0), ticks - before[index].1)
    };
    let (honest, wasteful) = (grown(0), grown(1));
    // 40 MB and 80 ticks are asked for; a busy machine may give less of its processor.
    assert!(honest.0 < 4_000_000 && honest.1 < 20, "{honest:?}");
    assert!(
        (30_000_000..60_000_000).contains(&wasteful.0),
        "{wasteful:?}"
    );
    assert!((30..=110).contains(&wasteful.1), "{wasteful:?}");
}

#[test]
fn nonsense_is_refused() {
    let cases: [(&[&str], &str); 4] = [
        (&["--export", "localhost:1"], "must begin with http://"),
        (
            &["--export", "http://x", "--bug", "loose"],
            "there is no bug `loose`",
        ),
        (
            &["--export", "http://x", "--throttle", "0"],
            "must be above 0",
        ),
        (
            &["--export", "http://x", "--grpc", "nowhere"],
            "cannot listen on nowhere",
        ),
    ];
    for (args, words) in cases {
        let output = Command::new(env!("CARGO_BIN_EXE_squall"))
            .arg("relay")
            .args(args)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains(words), "{args:?}: {text}");
        assert_eq!(output.status.code(), Some(2), "{args:?}");
    }
}
