//! `squall role sink`, driven as its controller drives it, against clients that are not squall's.

use std::path::Path;

use common::role::Role;
use common::sender::{
    COMPRESSIONS, PROTOCOLS, Told, gauge, logs, send_logs, send_metrics, send_spans, spans,
};
use squall::evidence::{SinkEvidence, SinkSignal};
use squall::ids::series_hash;
use squall::journal::{self, PointKind, PointsLine};
use squall::mapped::{Bitmap, Words, names};
use squall::plan::expectation::Phase;
use squall::plan::windows::Segment;
use squall::plan::{Compression, PlantKind, PlantPlan, Protocol, SinkPlan};
use squall::role::control::{Command, ExpectedProducer, Report, Setup, SinkSetup, SinkTls};
use squall::signal::Signal;
use squall::stats::histogram::Latencies;
use tempfile::TempDir;

mod common;

const SECOND_NS: u64 = 1_000_000_000;
const SEQUENCES: u64 = 1000;

/// A sink with two producers of spans, one of log records and its evidence.
struct Run {
    evidence: TempDir,
    role: Role,
    start_unix_ns: u64,
}

impl Run {
    fn start(plant: Option<PlantPlan>, tls: Option<SinkTls>) -> Self {
        let evidence = tempfile::tempdir().unwrap();
        let expected: Vec<ExpectedProducer> =
            [(Signal::Traces, 0), (Signal::Traces, 1), (Signal::Logs, 0)]
                .into_iter()
                .map(|(signal, producer)| ExpectedProducer {
                    signal,
                    producer,
                    sequences: SEQUENCES,
                    items_per_arrival: 1,
                    replayed: false,
                })
                .collect();
        for ExpectedProducer {
            signal, producer, ..
        } in expected.iter().copied()
        {
            let path = |name: String| evidence.path().join(name);
            Bitmap::create(&path(names::received(signal, producer)), SEQUENCES).unwrap();
            Bitmap::create(&path(names::received_again(signal, producer)), SEQUENCES).unwrap();
            Words::create(&path(names::extra_copies(signal, producer)), 1).unwrap();
        }
        let segment = |start_ns, end_ns| Segment {
            start_ns,
            end_ns,
            phase: Phase::Steady,
            during: Vec::new(),
            after: Vec::new(),
        };
        let setup = Setup::Sink(Box::new(SinkSetup {
            require: Vec::new(),
            sink: SinkPlan {
                require: std::collections::BTreeMap::new(),
                tls: squall::plan::TlsPlan::Off,
                max_request_bytes: 1 << 20,
                strict: false,
                throttle: None,
                plant: plant.into_iter().collect(),
                oracle: Some(evidence.path().join("oracle").display().to_string()),
            },
            seed: 42,
            expected,
            segments: vec![segment(0, SECOND_NS), segment(SECOND_NS, u64::MAX)],
            tls,
            listen: std::net::Ipv4Addr::LOCALHOST.into(),
            evidence: evidence.path().to_owned(),
            resumes: None,
            content: None,
            foreign: false,
        }));
        let mut role = Role::start("sink", &setup);
        let clock = role.start_run(3 * SECOND_NS);
        // The first sample shows that the clock has been taken.
        role.wait_for(|report| matches!(report, Report::Sink(_)).then_some(()));
        Self {
            evidence,
            role,
            start_unix_ns: clock.start_unix_ns,
        }
    }

    fn finish(&mut self) -> SinkEvidence {
        self.role.command(&Command::Finish);
        let evidence = self.role.wait_for(|report| match report {
            Report::SinkDone(evidence) => Some(*evidence),
            Report::Failed { why } => panic!("{why}"),
            _ => None,
        });
        assert!(self.role.ended());
        evidence
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.evidence.path().join(name)
    }

    fn set(&self, name: &str) -> Vec<u64> {
        Bitmap::open(&self.path(name))
            .unwrap()
            .to_set()
            .iter()
            .collect()
    }

    fn received(&self, signal: Signal, producer: u16) -> Vec<u64> {
        self.set(&names::received(signal, producer))
    }

    fn received_again(&self, signal: Signal, producer: u16) -> Vec<u64> {
        self.set(&names::received_again(signal, producer))
    }

    fn extra_copies(&self, signal: Signal, producer: u16) -> u64 {
        let path = self.path(&names::extra_copies(signal, producer));
        Words::open(&path).unwrap().get(0)
    }

    fn oracle(&self) -> Vec<String> {
        lines(&self.path("oracle"))
    }
}

fn lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn counts(histograms: &[Latencies]) -> Vec<u64> {
    histograms.iter().map(Latencies::count).collect()
}

fn of(evidence: &SinkEvidence, signal: Signal) -> &SinkSignal {
    let found = evidence.signals.iter().find(|seen| seen.signal == signal);
    found.unwrap()
}

#[tokio::test]
async fn every_protocol_and_compression_is_counted_exactly() {
    let mut run = Run::start(None, None);
    let due = run.start_unix_ns + SECOND_NS / 2;
    let mut first = 1;
    for protocol in PROTOCOLS {
        for compression in COMPRESSIONS {
            let request = spans(1, first..first + 10, due);
            let told = send_spans(&run.role.ready, protocol, compression, request).await;
            assert_eq!(told, Told::Accepted, "{protocol:?} {compression:?}");
            first += 10;
        }
    }
    let evidence = run.finish();
    assert_eq!(
        run.received(Signal::Traces, 1),
        (1..=90).collect::<Vec<_>>()
    );
    assert!(run.received(Signal::Traces, 0).is_empty());
    assert!(run.received_again(Signal::Traces, 1).is_empty());
    assert_eq!((evidence.requests, evidence.malformed), (9, 0));
    assert!(evidence.wire_bytes > 0);

    let traces = of(&evidence, Signal::Traces);
    assert_eq!(counts(&traces.by_segment), [90, 0]);
    assert_eq!(counts(&traces.by_due_bin), [90]);
    // Due half a second after a start that lay three seconds back.
    let least_ns = traces.by_segment[0].quantile_ns(0.0).unwrap();
    assert!(least_ns >= 5 * SECOND_NS / 2 - 10_000_000, "{least_ns}");
}

#[tokio::test]
async fn further_copies_and_strangers_are_told_apart() {
    let mut run = Run::start(None, None);
    let to = run.role.ready.clone();
    let send = |request| send_spans(&to, Protocol::Grpc, Compression::None, request);
    let due = run.start_unix_ns + 3 * SECOND_NS / 2;
    send(spans(0, 1..=5, due)).await;
    send(spans(0, 3..=7, due)).await;
    send(spans(0, [5, 5], due)).await;
    send(spans(9, [1], due)).await;
    send(spans(0, [0, SEQUENCES + 1], due)).await;
    send_logs(&to, logs(0, [1, SEQUENCES], due)).await;
    let evidence = run.finish();

    assert_eq!(run.received(Signal::Traces, 0), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(run.received_again(Signal::Traces, 0), [3, 4, 5]);
    assert_eq!(run.extra_copies(Signal::Traces, 0), 5);
    assert_eq!(run.received(Signal::Logs, 0), [1, SEQUENCES]);
    let traces = of(&evidence, Signal::Traces);
    assert_eq!(traces.unexpected, 3);
    assert_eq!(counts(&traces.by_segment), [0, 7]);
    assert_eq!(counts(&of(&evidence, Signal::Logs).by_due_bin), [0, 2]);
    assert_eq!(
        evidence.unexpected_examples,
        [
            "traces: 9/1, which nobody planned",
            "traces: span id 0000000000000000, which is not one of squall's",
            "traces: 0/1001, which nobody planned",
        ]
    );
}

#[tokio::test]
async fn points_are_written_down_and_counted_once() {
    let mut run = Run::start(None, None);
    let times = [run.start_unix_ns + 1, run.start_unix_ns + 2 * SECOND_NS];
    send_metrics(&run.role.ready, gauge(times)).await;
    send_metrics(&run.role.ready, gauge([times[1]])).await;
    let received = run.role.wait_for(|report| match report {
        Report::Sink(sample) if sample.requests == 2 => Some(sample.received),
        _ => None,
    });
    assert_eq!(received, [0, 2, 0]);
    let evidence = run.finish();
    assert_eq!(counts(&of(&evidence, Signal::Metrics).by_segment), [1, 1]);

    let written: Vec<PointsLine> = journal::read(&run.path(journal::POINTS_FILE)).unwrap();
    let series = series_hash("m", std::iter::empty());
    let keys: Vec<Vec<u64>> = written
        .iter()
        .map(|line| {
            assert!(line.at_ns >= 3 * SECOND_NS);
            let point = line.points[0];
            assert_eq!((point.value, point.kind), (5.0, PointKind::Last));
            assert!(line.points.iter().all(|point| point.key.series == series));
            let times = line.points.iter().map(|point| point.key.time_unix_ns);
            times.collect()
        })
        .collect();
    assert_eq!(keys, [times.to_vec(), vec![times[1]]]);
}

fn plant(kind: PlantKind) -> Option<PlantPlan> {
    Some(PlantPlan {
        signal: Signal::Traces,
        kind,
    })
}

#[tokio::test]
async fn a_sink_that_forgets_says_to_its_oracle_which_items() {
    for protocol in PROTOCOLS {
        let mut run = Run::start(plant(PlantKind::LoseAcknowledged { items: 17 }), None);
        for _ in 0..2 {
            let request = spans(0, 1..=500, run.start_unix_ns);
            let told = send_spans(&run.role.ready, protocol, Compression::Zstd, request).await;
            assert_eq!(told, Told::Accepted);
        }
        run.finish();
        let received = run.received(Signal::Traces, 0);
        let forgotten: Vec<String> = (1..=500)
            .filter(|sequence| !received.contains(sequence))
            .map(|sequence| format!("lost_silently traces 0/{sequence}"))
            .collect();
        assert_eq!(forgotten.len(), 17);
        assert_eq!(run.oracle(), forgotten);
    }
}

#[tokio::test]
async fn a_sink_that_counts_twice_or_loses_its_response_makes_duplicates() {
    let expected: Vec<String> = (1..=20)
        .map(|sequence| format!("duplicated traces 0/{sequence}"))
        .collect();
    for protocol in PROTOCOLS {
        let mut twice = Run::start(plant(PlantKind::ReceiveTwice { requests: 1 }), None);
        let to = twice.role.ready.clone();
        let send = |to, request| async move {
            send_spans(&to, protocol, Compression::Gzip, request).await
        };
        let start = twice.start_unix_ns;
        assert_eq!(
            send(to.clone(), spans(0, 1..=20, start)).await,
            Told::Accepted
        );
        assert_eq!(send(to, spans(0, 21..=30, start)).await, Told::Accepted);
        twice.finish();
        assert_eq!(twice.received(Signal::Traces, 0).len(), 30);
        assert_eq!(twice.received_again(Signal::Traces, 0).len(), 20);
        assert_eq!(twice.extra_copies(Signal::Traces, 0), 20);
        assert_eq!(twice.oracle(), expected);

        let mut lost = Run::start(plant(PlantKind::LoseResponse { requests: 1 }), None);
        let to = lost.role.ready.clone();
        let request = || spans(0, 1..=20, lost.start_unix_ns);
        assert_eq!(send(to.clone(), request()).await, Told::Unavailable);
        assert_eq!(send(to, request()).await, Told::Accepted);
        let evidence = lost.finish();
        assert_eq!(evidence.malformed, 0);
        assert_eq!(lost.extra_copies(Signal::Traces, 0), 20);
        assert_eq!(lost.oracle(), expected);
    }
}

#[tokio::test]
async fn a_sink_that_rejects_marks_nothing_of_it() {
    for protocol in PROTOCOLS {
        let mut few = Run::start(plant(PlantKind::Reject { items: 10 }), None);
        for request in [spans(0, 1..=50, 0), spans(1, 1..=4, 0)] {
            let rejected = if request.encoded_items() == 50 { 10 } else { 4 };
            let told = send_spans(&few.role.ready, protocol, Compression::None, request).await;
            assert_eq!(told, Told::Rejected(rejected));
        }
        few.finish();
        assert_eq!(
            few.received(Signal::Traces, 0),
            (11..=50).collect::<Vec<_>>()
        );
        assert!(few.received(Signal::Traces, 1).is_empty());
        let first = (1..=10).map(|sequence| format!("refused traces 0/{sequence}"));
        let second = (1..=4).map(|sequence| format!("refused traces 1/{sequence}"));
        assert_eq!(few.oracle(), first.chain(second).collect::<Vec<_>>());

        let mut all = Run::start(plant(PlantKind::RefuseAll { after_requests: 1 }), None);
        let answers = [
            (spans(0, 1..=3, 0), Told::Accepted),
            (spans(0, 4..=6, 0), Told::Refused),
        ];
        for (request, expected) in answers {
            let told = send_spans(&all.role.ready, protocol, Compression::None, request).await;
            assert_eq!(told, expected);
        }
        let evidence = all.finish();
        assert_eq!(evidence.malformed, 0);
        assert_eq!(all.received(Signal::Traces, 0), [1, 2, 3]);
        let refused = (4..=6).map(|sequence| format!("refused traces 0/{sequence}"));
        assert_eq!(all.oracle(), refused.collect::<Vec<_>>());
    }
}

/// Number of spans in a request.
trait EncodedItems {
    fn encoded_items(&self) -> usize;
}

impl EncodedItems for opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest {
    fn encoded_items(&self) -> usize {
        self.resource_spans[0].scope_spans[0].spans.len()
    }
}

#[tokio::test]
async fn mutual_tls_admits_only_those_with_a_certificate() {
    use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
    use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (cert, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let tls = SinkTls {
        wrong: Vec::new(),
        cert: cert.clone(),
        key: key.clone(),
        client_ca: Some(cert.clone()),
    };
    let mut run = Run::start(None, Some(tls));
    let port = run.role.ready.grpc.rsplit(':').next().unwrap();
    let stranger = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(&cert))
        .domain_name("localhost");
    let known = stranger.clone().identity(Identity::from_pem(&cert, &key));
    for (config, admitted) in [(stranger, false), (known, true)] {
        let endpoint = Endpoint::new(format!("https://localhost:{port}"))
            .unwrap()
            .tls_config(config)
            .unwrap();
        let mut client = TraceServiceClient::new(endpoint.connect_lazy());
        let answer = client.export(spans(0, [1], run.start_unix_ns)).await;
        assert_eq!(answer.is_ok(), admitted, "{answer:?}");
    }
    run.finish();
    assert_eq!(run.received(Signal::Traces, 0), [1]);
}

#[test]
fn a_sink_ends_with_its_controller() {
    let run = Run::start(None, None);
    assert!(run.role.orphan());
}
