//! The client role against a small OTLP server: the real SDK, with the fate of every item known.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use squall::evidence::OutcomeKind;
use squall::plan::{ArrivalProcess, Compression, LoadPlan, Protocol};
use squall::role::control::{ClientTls, Command};
use squall::signal::Signal;
use tonic::Code;

#[path = "client_role/checks.rs"]
mod checks;
#[path = "client_role/harness.rs"]
mod harness;
#[path = "client_role/server.rs"]
mod server;

use checks::{check_logs, check_metrics, check_spans, id};
use harness::{Run, logs, metrics, only_logs, traces};
use server::{Behaviour, Reply, Server};

fn everything() -> LoadPlan {
    let mut traces = traces(500.0);
    traces.payload.sample = 0.5;
    LoadPlan {
        traces: Some(traces),
        metrics: Some(metrics(500.0)),
        logs: Some(logs(500.0)),
    }
}

fn endpoint(server: &Server, protocol: Protocol) -> String {
    match protocol {
        Protocol::Grpc => format!("http://{}", server.grpc),
        Protocol::HttpProtobuf | Protocol::HttpJson => format!("http://{}", server.http),
    }
}

fn always(reply: Reply) -> Behaviour {
    Behaviour {
        reply: Box::new(move |_, _| reply),
        ..Behaviour::default()
    }
}

#[test]
fn grpc_accounts_for_every_item() {
    accounts_for_every_item(Protocol::Grpc, Compression::Gzip);
}

#[test]
fn http_protobuf_accounts_for_every_item() {
    accounts_for_every_item(Protocol::HttpProtobuf, Compression::None);
}

#[test]
fn http_json_accounts_for_every_item() {
    accounts_for_every_item(Protocol::HttpJson, Compression::None);
}

fn accounts_for_every_item(protocol: Protocol, compression: Compression) {
    let server = Server::start(Behaviour::default());
    let mut run = Run::new(protocol, everything(), endpoint(&server, protocol));
    run.setup.client.compression = compression;
    let told = run.finish();
    assert!(told.load_ended_ns >= run.setup.duration_ns);
    assert_eq!(told.errors, Vec::<String>::new());
    for batch in run.batches().values() {
        assert_eq!(batch.sent, 1, "{batch:?}");
        assert!(batch.answers.len() == 1 && batch.answers[0].0, "{batch:?}");
        let (result, rejected, _) = batch.ended.as_ref().unwrap();
        assert_eq!((*result, *rejected), (OutcomeKind::Acknowledged, 0));
    }
    check_spans(&run, &server, &told);
    check_logs(&run, &server, &told);
    check_metrics(&run, &server);
    let last = told.samples.last().unwrap();
    for signal in Signal::ALL {
        let slot = signal.index();
        assert!(last.handed[slot] > 0, "{signal}");
        assert_eq!(last.handed[slot], last.acknowledged[slot], "{signal}");
        assert_eq!(last.handed[slot], last.finished[slot], "{signal}");
        assert_eq!(last.queued[slot], 0, "{signal}");
    }
    assert_eq!(last.requests, run.batches().len() as u64);
    assert!(server.accepted().secrets.iter().all(|s| s == "hush"));
    assert_eq!(server.accepted().secrets.len() as u64, last.requests);
}

#[test]
fn deltas_add_up_to_what_was_recorded() {
    let server = Server::start(Behaviour::default());
    let load = LoadPlan {
        metrics: Some(metrics(500.0)),
        ..LoadPlan::default()
    };
    let mut run = Run::new(Protocol::Grpc, load, endpoint(&server, Protocol::Grpc));
    run.setup.client.temporality = squall::plan::Temporality::Delta;
    run.finish();
    let mut sums: HashMap<u64, f64> = HashMap::new();
    for batch in run.batches().values() {
        for point in &batch.points {
            let sum = sums.entry(point.key.series).or_default();
            match point.kind {
                squall::journal::PointKind::Delta => *sum += point.value,
                _ => *sum = point.value,
            }
        }
    }
    let recorded = run.recorded();
    for (index, line) in run.series().iter().enumerate().filter(|(_, l)| l.adds_up) {
        assert_eq!(sums[&line.hash], recorded.get(index) as f64, "{line:?}");
    }
}

#[test]
fn a_full_queue_drops_exactly_what_was_never_handed_over() {
    let server = Server::start(Behaviour {
        delay: Duration::from_millis(100),
        ..Behaviour::default()
    });
    let load = LoadPlan {
        traces: Some(traces(2000.0)),
        ..LoadPlan::default()
    };
    let mut run = Run::new(Protocol::Grpc, load, endpoint(&server, Protocol::Grpc));
    run.environment
        .insert("OTEL_BSP_MAX_QUEUE_SIZE", "64".into());
    run.environment
        .insert("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "32".into());
    let told = run.finish();
    let entered = run.entered(Signal::Traces);
    let handed = run.handed(Signal::Traces);
    let spans = &server.accepted().spans;
    let received: BTreeSet<u64> = spans.iter().map(|s| id(&s.span_id)).collect();
    assert_eq!(entered, run.released(Signal::Traces));
    assert!(handed.is_subset(&entered) && handed.len() < entered.len());
    assert_eq!(handed, received);
    // What was dropped is not in the queue for ever.
    let (last, slot) = (told.samples.last().unwrap(), Signal::Traces.index());
    assert!(
        last.queued[slot] + last.handed[slot] < last.generated[slot],
        "{last:?}"
    );
    assert!(
        told.errors.iter().any(|error| error.contains("dropped")),
        "{:?}",
        told.errors
    );
}

/// Runs logs only and gives the batches.
fn batches_with(protocol: Protocol, behaviour: Behaviour) -> Vec<harness::Batch> {
    let server = Server::start(behaviour);
    let mut run = Run::new(protocol, only_logs(100.0), endpoint(&server, protocol));
    run.setup.duration_ns = 400_000_000;
    run.finish();
    let batches: Vec<_> = run.batches().into_values().collect();
    assert!(!batches.is_empty());
    batches
}

#[test]
fn a_partial_success_tells_how_many() {
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf, Protocol::HttpJson] {
        for batch in batches_with(protocol, always(Reply::Partial(10))) {
            let expected = (OutcomeKind::Acknowledged, 10, "planned".to_owned());
            assert_eq!(batch.ended, Some(expected), "{protocol:?}");
        }
    }
}

#[test]
fn a_permanent_error_is_refused_at_once() {
    let cases = [
        (
            Protocol::Grpc,
            Reply::Grpc(Code::InvalidArgument),
            "grpc INVALID_ARGUMENT",
        ),
        (
            Protocol::Grpc,
            Reply::Grpc(Code::ResourceExhausted),
            "grpc RESOURCE_EXHAUSTED",
        ),
        (Protocol::HttpProtobuf, Reply::Http(400), "http 400"),
    ];
    for (protocol, reply, text) in cases {
        for batch in batches_with(protocol, always(reply)) {
            assert_eq!(batch.sent, 1);
            assert_eq!(batch.answers, vec![(false, text.to_owned())]);
            assert_eq!(batch.ended.unwrap().0, OutcomeKind::Refused);
        }
    }
}

#[test]
fn a_retry_that_succeeds_shows_each_attempt() {
    let cases = [
        (
            Protocol::Grpc,
            Reply::Grpc(Code::Unavailable),
            "grpc, retryable (code not told by the SDK)",
        ),
        (Protocol::HttpProtobuf, Reply::Http(503), "http 503"),
    ];
    for (protocol, reply, text) in cases {
        let behaviour = Behaviour {
            reply: Box::new(move |_, number| if number < 2 { reply } else { Reply::Ok }),
            ..Behaviour::default()
        };
        let batches = batches_with(protocol, behaviour);
        let first = &batches[0];
        assert_eq!(first.sent, 3, "{first:?}");
        let failed = (false, text.to_owned());
        assert_eq!(first.answers[..2], [failed.clone(), failed]);
        assert!(first.answers[2].0, "{first:?}");
        assert_eq!(first.ended.as_ref().unwrap().0, OutcomeKind::Acknowledged);
        assert!(batches[1..].iter().all(|batch| batch.sent == 1));
    }
}

#[test]
fn retries_that_end_without_success_are_given_up() {
    let cases = [
        (
            Protocol::Grpc,
            Reply::Grpc(Code::Unavailable),
            "grpc UNAVAILABLE",
        ),
        (Protocol::HttpJson, Reply::Http(503), "http 503"),
    ];
    for (protocol, reply, text) in cases {
        for batch in batches_with(protocol, always(reply)) {
            assert_eq!((batch.sent, batch.answers.len()), (4, 4));
            assert_eq!(batch.answers[3], (false, text.to_owned()));
            assert_eq!(batch.ended.unwrap().0, OutcomeKind::GivenUp);
        }
    }
}

/// A device that is always full stands in for a full disk.
#[cfg(target_os = "linux")]
#[test]
fn a_journal_that_cannot_be_written_is_told() {
    let server = Server::start(always(Reply::Ok));
    let endpoint = endpoint(&server, Protocol::Grpc);
    let mut run = Run::new(Protocol::Grpc, only_logs(500.0), endpoint);
    run.setup.duration_ns = 30_000_000_000;
    run.put_the_journal_on_a_full_disk();
    let mut running = run.start();
    let why = running.until_failed();
    assert!(why.contains("batches.jsonl"), "{why}");
    assert!(why.contains("No space left"), "{why}");
}

#[test]
fn where_nobody_listens_all_is_given_up() {
    // Bound, so that nobody else gets the port, and not listening.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    socket.bind(&any.into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf] {
        let mut run = Run::new(protocol, only_logs(100.0), format!("http://{address}"));
        run.setup.duration_ns = 300_000_000;
        run.finish();
        assert_eq!(run.handed(Signal::Logs), run.entered(Signal::Logs));
        for batch in run.batches().values() {
            assert_eq!(batch.ended.as_ref().unwrap().0, OutcomeKind::GivenUp);
            let (ok, text) = batch.answers.last().unwrap();
            assert!(!ok && text.starts_with("no answer: "), "{text}");
            assert_eq!(batch.sent, 4);
        }
    }
}

#[test]
fn a_killed_client_leaves_readable_files() {
    let server = Server::start(Behaviour::default());
    let mut run = Run::new(
        Protocol::Grpc,
        only_logs(1000.0),
        endpoint(&server, Protocol::Grpc),
    );
    run.setup.duration_ns = 30_000_000_000;
    let mut running = run.start();
    loop {
        if let squall::role::control::Report::Client(sample) = running.next()
            && sample.acknowledged[Signal::Logs.index()] > 100
        {
            break;
        }
    }
    running.child.kill().unwrap();
    running.child.wait().unwrap();
    let (entered, handed) = (run.entered(Signal::Logs), run.handed(Signal::Logs));
    assert!(handed.len() > 100 && handed.is_subset(&entered));
    assert!(entered.is_subset(&run.released(Signal::Logs)));
    let records = &server.accepted().logs;
    assert!(records.iter().all(|r| handed.contains(&id(&r.span_id))));
}

#[test]
fn a_stop_ends_the_load_and_flushes() {
    let server = Server::start(Behaviour::default());
    let mut run = Run::new(
        Protocol::Grpc,
        only_logs(1000.0),
        endpoint(&server, Protocol::Grpc),
    );
    run.setup.duration_ns = 30_000_000_000;
    let mut running = run.start();
    std::thread::sleep(Duration::from_millis(500));
    running.send(&Command::StopLoad);
    let told = running.until_done();
    running.send(&Command::Finish);
    assert!(running.child.wait().unwrap().success());
    assert!(told.load_ended_ns < run.setup.duration_ns);
    let entered = run.entered(Signal::Logs);
    assert!(!entered.is_empty());
    assert_eq!(run.handed(Signal::Logs), entered);
    assert_eq!(server.accepted().logs.len(), entered.len());
}

#[test]
fn a_closed_loop_never_has_more_unfinished_than_allowed() {
    let server = Server::start(Behaviour::default());
    let mut load = LoadPlan {
        traces: Some(traces(1.0)),
        logs: Some(logs(1.0)),
        metrics: Some(metrics(1.0)),
    };
    let process = ArrivalProcess::ClosedLoop { outstanding: 40 };
    load.traces.as_mut().unwrap().arrivals.process = process;
    load.logs.as_mut().unwrap().arrivals.process = process;
    load.metrics.as_mut().unwrap().arrivals.process = process;
    let run = Run::new(Protocol::Grpc, load, endpoint(&server, Protocol::Grpc));
    let told = run.finish();
    for signal in [Signal::Traces, Signal::Logs] {
        let entered = run.entered(signal);
        assert_eq!(entered, run.released(signal), "{signal}");
        assert_eq!(entered, run.handed(signal), "{signal}");
        // It went on after the first items were finished.
        assert!(entered.len() > 2 * 40, "{signal}: {}", entered.len());
    }
    // Measurements are finished by the export of a collection that covers them.
    let recorded = run.released(Signal::Metrics).len();
    assert!(recorded > 2 * 40, "{recorded}");
    let batches = run.batches();
    let collections = batches
        .values()
        .filter(|b| b.signal == Some(Signal::Metrics));
    assert!(recorded <= 2 * 40 * collections.count());
    let others = batches
        .values()
        .filter(|b| b.signal != Some(Signal::Metrics));
    for batch in others {
        let count: u64 = batch.items.iter().map(|r| r.last - r.first + 1).sum();
        assert!(count <= 2 * 40, "{count}");
    }
    assert_eq!(told.errors, Vec::<String>::new());
}

#[test]
fn tls_is_spoken_with_the_given_authority() {
    let own = certificate();
    let clients = certificate();
    for mutual in [false, true] {
        let server = Server::start(Behaviour {
            tls: Some(server::Tls {
                cert: own.0.clone(),
                key: own.1.clone(),
                client_ca: mutual.then(|| clients.0.clone()),
            }),
            ..Behaviour::default()
        });
        let identity = mutual.then(|| clients.clone());
        assert_eq!(
            over_tls(&server, &own.0, identity),
            OutcomeKind::Acknowledged
        );
        if mutual {
            assert_eq!(over_tls(&server, &own.0, None), OutcomeKind::GivenUp);
        }
        assert_eq!(over_tls(&server, &clients.0, None), OutcomeKind::GivenUp);
    }
}

/// A certificate for `localhost`, signed by itself, and its key.
fn certificate() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

/// How all batches of both kinds of transport ended.
fn over_tls(server: &Server, ca: &str, identity: Option<(String, String)>) -> OutcomeKind {
    let mut outcomes = Vec::new();
    for (protocol, port) in [
        (Protocol::Grpc, server.grpc.port()),
        (Protocol::HttpProtobuf, server.http.port()),
    ] {
        let before = server.accepted().logs.len();
        let endpoint = format!("https://localhost:{port}");
        let mut run = Run::new(protocol, only_logs(100.0), endpoint);
        run.setup.duration_ns = 100_000_000;
        run.setup.client.retry.max_retries = 0;
        let ca = ca.to_owned();
        run.setup.tls = Some(ClientTls {
            ca,
            identity: identity.clone(),
        });
        run.finish();
        let batches = run.batches();
        let accepted = server.accepted().logs.len() - before;
        let acknowledged: usize = batches
            .values()
            .filter(|b| matches!(b.ended, Some((OutcomeKind::Acknowledged, ..))))
            .map(|b| b.items.iter().map(|r| r.last - r.first + 1).sum::<u64>() as usize)
            .sum();
        assert_eq!(accepted, acknowledged, "{protocol:?}");
        outcomes.extend(batches.into_values().map(|batch| batch.ended.unwrap().0));
    }
    outcomes.dedup();
    assert_eq!(outcomes.len(), 1, "{outcomes:?}");
    outcomes[0]
}

#[test]
fn a_secret_that_the_peer_echoes_is_kept_nowhere() {
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf] {
        let server = Server::start(Behaviour {
            message: "your token is hush",
            ..always(Reply::Partial(1))
        });
        let mut run = Run::new(protocol, only_logs(100.0), endpoint(&server, protocol));
        run.setup.duration_ns = 100_000_000;
        let told = run.finish();
        assert!(!told.errors.is_empty());
        assert!(!told.errors.iter().any(|e| e.contains("hush")), "{told:?}");
        for batch in run.batches().values() {
            let message = &batch.ended.as_ref().unwrap().2;
            assert_eq!(message, "your token is <redacted>");
        }
    }
}
