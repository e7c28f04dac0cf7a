//! Each fault of the sink's answers and connections is on the wire what it says, strikes the items as
//! it says, is proven, and is gone after its end.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use squall::plan::{
    AnswerFault, AnswerStatus, Compression, FaultKind, GrpcCode, LostBy, Protocol, ResetReason,
};
use squall::signal::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tonic_types::StatusExt;

use common::sender::{PROTOCOLS, Told, http_client, send_spans, spans};
use harness::{Kind, Run, Wire};

mod common;
#[path = "sink_faults/harness.rs"]
mod harness;
#[path = "sink_faults/tls.rs"]
mod tls;

/// Long enough for what is to happen at once on a busy machine.
const SOON: Duration = Duration::from_secs(10);
/// What has not happened by then is taken not to happen.
const NEVER: Duration = Duration::from_millis(300);

async fn told(run: &Run, protocol: Protocol, sequences: std::ops::RangeInclusive<u64>) -> Told {
    let request = spans(0, sequences, run.start_unix_ns);
    send_spans(&run.role.ready, protocol, Compression::None, request).await
}

/// Sends bytes to the HTTP port and reads to the end.
async fn talk(stream: &mut TcpStream, bytes: &[u8]) -> Result<Vec<u8>, ErrorKind> {
    // The sink may close before everything is sent.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let read = timeout(SOON, stream.read_to_end(&mut answer)).await;
    match read.expect("the connection ends") {
        Ok(_) => Ok(answer),
        Err(error) => Err(error.kind()),
    }
}

async fn to_http(run: &Run) -> TcpStream {
    TcpStream::connect(&run.role.ready.http).await.unwrap()
}

#[tokio::test]
async fn a_grpc_status_says_when_to_come_back_and_accepts_nothing() {
    let mut run = Run::start(None);
    run.begin(AnswerFault::Status {
        status: AnswerStatus::Grpc(GrpcCode::ResourceExhausted),
        retry_after_ns: Some(1_500_000_000),
    });
    let mut wire = Wire::open(&run.role.ready.grpc).await;
    let heard = wire.export(run.request(5..=9)).await.unwrap();
    let status = tonic::Status::from_header_map(&heard.headers).unwrap();
    assert_eq!(status.code(), tonic::Code::ResourceExhausted);
    let retry = status.get_details_retry_info().unwrap();
    assert_eq!(retry.retry_delay, Some(Duration::from_millis(1500)));
    assert_eq!(run.received(), [0; 0]);

    let [line] = run.answers().try_into().unwrap();
    assert_eq!(line.answer, "grpc RESOURCE_EXHAUSTED");
    assert_eq!((line.signal, line.first), (Signal::Traces, Some((0, 5))));
    assert_eq!((line.items, line.accepted), (5, false));
    assert_eq!(line.retry_after_ns, Some(1_500_000_000));
    let proof = run.end().unwrap();
    assert!(proof.starts_with("1 requests with 5 items answered grpc RESOURCE_EXHAUSTED"));

    let heard = wire.export(run.request(5..=9)).await.unwrap();
    assert_eq!(heard.trailers.unwrap()["grpc-status"], "0");
    assert_eq!(run.received(), [5, 6, 7, 8, 9]);
    assert_eq!(run.answers().len(), 1);
}

#[tokio::test]
async fn an_http_status_says_when_to_come_back_and_accepts_nothing() {
    let mut run = Run::start(None);
    run.begin(AnswerFault::Status {
        status: AnswerStatus::Http(429),
        retry_after_ns: Some(2_000_000_000),
    });
    let url = format!("http://{}/v1/traces", run.role.ready.http);
    let post = || {
        http_client()
            .post(&url)
            .header("content-type", "application/x-protobuf")
            .body(run.request(1..=2))
    };
    let answer = post().send().await.unwrap();
    assert_eq!(answer.status(), 429);
    assert_eq!(answer.headers()["retry-after"], "2");
    assert_eq!(run.received(), [0; 0]);
    assert_eq!(run.answers()[0].answer, "http 429");
    let again = post();
    assert!(run.end().unwrap().contains("answered http 429"));
    let answer = again.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(!answer.headers().contains_key("retry-after"));
}

#[tokio::test]
async fn a_partial_success_rejects_the_first_items_of_each_request() {
    for protocol in PROTOCOLS {
        let mut run = Run::start(None);
        run.begin(AnswerFault::PartialSuccess { reject: 3 });
        assert_eq!(told(&run, protocol, 1..=5).await, Told::Rejected(3));
        assert_eq!(told(&run, protocol, 6..=7).await, Told::Rejected(2));
        assert_eq!(run.received(), [4, 5], "{protocol:?}");
        let oracle = std::fs::read_to_string(run.evidence.path().join("oracle")).unwrap();
        let named: Vec<&str> = oracle.lines().collect();
        assert_eq!(named[0], "partial_success traces 0/1");
        assert_eq!(named.len(), 5, "{named:?}");
        let proof = run.end().unwrap();
        assert_eq!(proof, "5 items rejected in 2 requests");
        assert_eq!(told(&run, protocol, 8..=9).await, Told::Accepted);
        assert_eq!(run.received(), [4, 5, 8, 9]);
    }
}

#[tokio::test]
async fn a_slow_answer_comes_late_and_its_items_at_once() {
    let mut run = Run::start(None);
    run.begin(AnswerFault::Slow {
        delay_ns: 1_000_000_000,
    });
    let begun = Instant::now();
    let mut wire = Wire::open(&run.role.ready.grpc).await;
    let request = run.request(1..=3);
    let exporting = tokio::spawn(async move { wire.export(request).await });
    while run.received().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(!exporting.is_finished(), "it is answered already");
    exporting.await.unwrap().unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(1));
    assert!(run.end().unwrap().contains("answered late"));
    let begun = Instant::now();
    assert_eq!(told(&run, Protocol::Grpc, 4..=4).await, Told::Accepted);
    assert!(begun.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn a_lost_response_is_an_error_for_what_was_received() {
    for protocol in PROTOCOLS {
        let mut run = Run::start(None);
        run.begin(AnswerFault::LoseResponse {
            by: LostBy::Unavailable,
        });
        assert_eq!(told(&run, protocol, 1..=3).await, Told::Unavailable);
        assert_eq!(run.received(), [1, 2, 3]);
        assert!(run.answers()[0].accepted);
        assert!(run.end().unwrap().contains("accepted and told otherwise"));
        assert_eq!(told(&run, protocol, 1..=3).await, Told::Accepted);
    }
}

#[tokio::test]
async fn a_lost_response_by_reset_is_econnreset_for_what_was_received() {
    let mut run = Run::start(None);
    run.begin(AnswerFault::LoseResponse { by: LostBy::Reset });
    let mut stream = to_http(&run).await;
    let answer = talk(&mut stream, &run.http(1..=3)).await;
    assert_eq!(answer, Err(ErrorKind::ConnectionReset));
    let mut wire = Wire::open(&run.role.ready.grpc).await;
    assert!(wire.export(run.request(4..=5)).await.is_err());
    assert_eq!(wire.frames_of(Kind::Headers), []);
    let ended = timeout(SOON, &mut wire.connection).await.unwrap().unwrap();
    let error = ended.unwrap_err();
    let error = error.get_io().unwrap();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(run.received(), [1, 2, 3, 4, 5]);
    assert!(run.end().unwrap().starts_with("2 requests with 5 items"));
    assert_eq!(told(&run, Protocol::Grpc, 9..=9).await, Told::Accepted);
}

#[tokio::test]
async fn goaway_reaches_idle_connections_and_those_of_struck_requests() {
    let mut run = Run::start(None);
    let mut idle = Wire::open(&run.role.ready.grpc).await;
    idle.export(run.request(1..=1)).await.unwrap();
    assert_eq!(idle.frames_of(Kind::Goaway), []);
    run.begin(AnswerFault::Goaway);
    let mut wire = Wire::open(&run.role.ready.grpc).await;
    let heard = wire.export(run.request(2..=3)).await.unwrap();
    assert_eq!(heard.trailers.unwrap()["grpc-status"], "0");
    for wire in [&mut idle, &mut wire] {
        let ended = timeout(SOON, &mut wire.connection).await.unwrap().unwrap();
        assert!(ended.is_ok(), "{ended:?}");
        // The announcement: the highest stream there can be, so that what is under way is served.
        let first = &wire.frames_of(Kind::Goaway)[0];
        assert_eq!(first.word, (1 << 31) - 1);
    }
    assert_eq!(run.received(), [1, 2, 3]);
    assert!(
        run.end()
            .unwrap()
            .starts_with("2 connections told to go away")
    );
    let mut wire = Wire::open(&run.role.ready.grpc).await;
    wire.export(run.request(4..=4)).await.unwrap();
    tokio::time::sleep(NEVER).await;
    assert_eq!(wire.frames_of(Kind::Goaway), []);
}

#[tokio::test]
async fn a_stream_is_reset_with_the_code_and_the_connection_lives() {
    for reason in [ResetReason::RefusedStream, ResetReason::EnhanceYourCalm] {
        let mut run = Run::start(None);
        run.begin(AnswerFault::ResetStream { reason });
        let mut wire = Wire::open(&run.role.ready.grpc).await;
        let error = wire.export(run.request(1..=3)).await.unwrap_err();
        assert_eq!(error.reason().map(u32::from), Some(reason as u32));
        let [reset] = wire.frames_of(Kind::RstStream).try_into().unwrap();
        assert_eq!(reset.word, reason as u32);
        assert_eq!(wire.frames_of(Kind::Headers), []);
        assert_eq!(run.received(), [0; 0]);
        assert!(run.end().unwrap().contains(reason.as_str()));
        wire.export(run.request(1..=3)).await.unwrap();
        assert_eq!(wire.frames_of(Kind::RstStream).len(), 1);
        assert_eq!(run.received(), [1, 2, 3]);
    }
}

#[tokio::test]
async fn an_answer_without_trailers_ends_with_its_data() {
    let mut run = Run::start(None);
    run.begin(AnswerFault::NoTrailers);
    let mut wire = Wire::open(&run.role.ready.grpc).await;
    let heard = wire.export(run.request(1..=3)).await.unwrap();
    assert_eq!(heard.trailers, None);
    assert!(!heard.headers.contains_key("grpc-status"));
    assert_eq!(heard.body, [0, 0, 0, 0, 0], "an empty message");
    assert_eq!(wire.frames_of(Kind::Headers).len(), 1);
    assert!(wire.frames_of(Kind::Data).last().unwrap().end_stream);
    assert_eq!(run.received(), [1, 2, 3]);
    assert!(run.end().unwrap().contains("without trailers"));
    let heard = wire.export(run.request(4..=4)).await.unwrap();
    assert_eq!(heard.trailers.unwrap()["grpc-status"], "0");
}

#[tokio::test]
async fn a_malformed_body_is_framed_well_and_cannot_be_read() {
    let mut run = Run::start(None);
    let mut wire = Wire::open(&run.role.ready.grpc).await;
    let sound = wire.export(run.request(1..=1)).await.unwrap();
    assert!(ExportTraceServiceResponse::decode(&sound.body[5..]).is_ok());
    run.begin(AnswerFault::MalformedBody);
    let heard = wire.export(run.request(2..=3)).await.unwrap();
    let len = u32::from_be_bytes(heard.body[1..5].try_into().unwrap());
    assert_eq!(len as usize, heard.body.len() - 5);
    assert!(ExportTraceServiceResponse::decode(&heard.body[5..]).is_err());
    assert_eq!(heard.trailers.unwrap()["grpc-status"], "0");

    let kind = "application/json";
    let json = serde_json::to_vec(&spans(0, [4], run.start_unix_ns)).unwrap();
    let none = Compression::None;
    let at = &run.role.ready;
    let (status, body) = common::sender::post(at, "/v1/traces", kind, none, json).await;
    assert_eq!(status, 200);
    assert!(serde_json::from_slice::<serde_json::Value>(&body).is_err());
    assert_eq!(run.received(), [1, 2, 3, 4]);
    assert!(run.end().unwrap().contains("nonsense"));
}

#[tokio::test]
async fn a_connection_is_closed_at_a_byte_of_the_answer() {
    let mut run = Run::start(None);
    run.begin(AnswerFault::CloseAtResponse { bytes: 17 });
    let mut stream = to_http(&run).await;
    let answer = talk(&mut stream, &run.http(1..=3)).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 200 OK\r\n");
    assert_eq!(run.received(), [1, 2, 3]);
    let proof = run.end().unwrap();
    assert!(proof.contains("1 connections closed at byte 17"), "{proof}");
    assert_eq!(
        told(&run, Protocol::HttpProtobuf, 4..=4).await,
        Told::Accepted
    );
}

#[tokio::test]
async fn a_connection_is_closed_at_a_byte_of_the_request() {
    let mut run = Run::start(None);
    run.begin(AnswerFault::CloseAtRequest { bytes: 100 });
    // Shorter than that: nothing to close.
    assert_eq!(
        told(&run, Protocol::HttpProtobuf, 1..=1).await,
        Told::Accepted
    );
    let mut stream = to_http(&run).await;
    let answer = talk(&mut stream, &run.http(2..=50)).await;
    // The kernel makes it a reset where bytes of the sender's lie unread.
    assert!(
        matches!(&answer, Ok(bytes) if bytes.is_empty())
            || answer == Err(ErrorKind::ConnectionReset),
        "{answer:?}"
    );
    let mut wire = Wire::open(&run.role.ready.grpc).await;
    assert!(wire.export(run.request(2..=50)).await.is_err());
    assert_eq!(wire.frames_of(Kind::Headers), []);
    assert_eq!(run.received(), [1]);
    let lines = run.answers();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!((lines[0].first, lines[0].items), (None, 0));
    let proof = run.end().unwrap();
    assert!(
        proof.starts_with("2 connections closed at byte 100"),
        "{proof}"
    );
    assert_eq!(told(&run, Protocol::Grpc, 2..=50).await, Told::Accepted);
}

/// Whether the kernel probes a zero window on the connection with this local port.
#[cfg(target_os = "linux")]
fn zero_window(stream: &TcpStream) -> bool {
    let port = format!(":{:04X} ", stream.local_addr().unwrap().port());
    let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
    let line = table.lines().find(|line| {
        line.split_once(": ")
            .is_some_and(|(_, rest)| rest.get(8..14) == Some(&port))
    });
    // Timer 4: the probe of a zero window.
    line.is_some_and(|line| line.split_whitespace().nth(5).unwrap().starts_with("04:"))
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_reader_that_does_not_read_closes_its_window() {
    let mut run = Run::start(None);
    let mut stream = to_http(&run).await;
    run.begin(AnswerFault::SlowReader {
        bytes_per_second: 0,
    });
    let request = run.http(1..=100_000);
    assert!(request.len() > 4_000_000, "{}", request.len());
    let mut sent = 0;
    while let Ok(written) = timeout(NEVER, stream.write(&request[sent..])).await {
        sent += written.unwrap();
        assert!(sent < request.len(), "everything was taken");
    }
    let deadline = Instant::now() + SOON;
    while !zero_window(&stream) {
        assert!(Instant::now() < deadline, "the window stays open");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let proof = run.end().unwrap();
    assert!(
        proof.starts_with("1 connections read slowly: 0 bytes"),
        "{proof}"
    );
    // It reads on, and the request is whole.
    stream.write_all(&request[sent..]).await.unwrap();
    let mut answer = [0; 12];
    timeout(SOON, stream.read_exact(&mut answer))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    assert_eq!(run.received().len(), 100_000);
}

#[tokio::test]
async fn a_slow_reader_reads_at_its_speed() {
    let mut run = Run::start(None);
    run.begin(AnswerFault::SlowReader {
        bytes_per_second: 10_000,
    });
    let request = run.http(1..=100);
    let slow = Duration::from_secs_f64(request.len() as f64 / 10_000.0 * 0.9);
    let begun = Instant::now();
    let mut stream = to_http(&run).await;
    stream.write_all(&request).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert!(begun.elapsed() >= slow, "{:?}", begun.elapsed());
    assert_eq!(run.received().len(), 100);
    assert!(run.end().unwrap().contains("read slowly"));
    let begun = Instant::now();
    stream.write_all(&request).await.unwrap();
    stream.read_exact(&mut answer).await.unwrap();
    assert!(begun.elapsed() < slow, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn half_open_connections_are_silent_and_reset_at_the_end() {
    let mut run = Run::start(None);
    let mut old = to_http(&run).await;
    let request = run.http(1..=3);
    old.write_all(&request).await.unwrap();
    let mut answer = [0; 12];
    old.read_exact(&mut answer).await.unwrap();
    run.begin(AnswerFault::HalfOpen);
    let mut new = to_http(&run).await;
    let mut rest = [0; 1000];
    // What is left of the answer from before.
    let _ = timeout(NEVER, old.read(&mut rest)).await;
    for stream in [&mut old, &mut new] {
        stream.write_all(&run.http(4..=5)).await.unwrap();
        let heard = timeout(NEVER, stream.read(&mut rest)).await;
        assert!(heard.is_err(), "not silent: {heard:?}");
    }
    assert_eq!(run.received(), [1, 2, 3]);
    let proof = run.end().unwrap();
    assert!(proof.starts_with("2 connections"), "{proof}");
    for stream in [&mut old, &mut new] {
        let error = stream.read(&mut rest).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
    assert_eq!(
        told(&run, Protocol::HttpProtobuf, 9..=9).await,
        Told::Accepted
    );
}

#[tokio::test]
async fn a_fault_that_struck_nothing_has_no_proof() {
    let mut run = Run::start(None);
    // A connection that says nothing is no proof either.
    let _idle = to_http(&run).await;
    for fault in [
        AnswerFault::Status {
            status: AnswerStatus::Http(503),
            retry_after_ns: None,
        },
        AnswerFault::PartialSuccess { reject: 1 },
        AnswerFault::Slow { delay_ns: 1 },
        AnswerFault::LoseResponse { by: LostBy::Reset },
        AnswerFault::ResetStream {
            reason: ResetReason::Cancel,
        },
        AnswerFault::NoTrailers,
        AnswerFault::MalformedBody,
        AnswerFault::CloseAtRequest { bytes: 1 },
        AnswerFault::CloseAtResponse { bytes: 1 },
        AnswerFault::SlowReader {
            bytes_per_second: 0,
        },
        AnswerFault::HalfOpen,
    ] {
        run.begin(fault);
        assert_eq!(run.end(), None, "{fault:?}");
    }
    assert_eq!(run.answers(), []);
}

#[tokio::test]
async fn the_seed_chooses_which_requests_a_share_strikes() {
    let mut struck = Vec::new();
    for _ in 0..2 {
        let mut run = Run::start(None);
        run.begin_kind(FaultKind::Answer {
            fault: AnswerFault::LoseResponse {
                by: LostBy::Unavailable,
            },
            share: 0.3,
            signal: Some(Signal::Traces),
        });
        let mut wire = Wire::open(&run.role.ready.grpc).await;
        for sequence in 1..=40 {
            wire.export(run.request([sequence])).await.unwrap();
        }
        let lines = run.answers().into_iter();
        struck.push(lines.filter_map(|line| line.first).collect::<Vec<_>>());
    }
    assert_eq!(struck[0], struck[1]);
    assert!((4..=22).contains(&struck[0].len()), "{struck:?}");
}
