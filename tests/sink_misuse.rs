//! Everything that a sink must survive: it stays up, answers as OTLP demands, and its memory is bounded.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use common::sender::{Told, http_client, logs, post, send_logs, send_spans, spans};
use common::sink::Sink;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message;
use squall::otlp::status::Status;
use squall::plan::{Compression, Protocol};
use squall::role::control::Ready;
use tonic::codec::CompressionEncoding;

mod common;

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";
const MIB: u64 = 1 << 20;

/// A valid request still gets through, by both doors.
async fn still_serves(at: &Ready) {
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf, Protocol::HttpJson] {
        let request = spans(0, 1..=3, 1);
        let told = send_spans(at, protocol, Compression::None, request).await;
        assert_eq!(told, Told::Accepted, "{protocol:?}");
    }
}

async fn plain(at: &Ready, path: &str, kind: &str, body: Vec<u8>) -> (u16, Vec<u8>) {
    post(at, path, kind, Compression::None, body).await
}

#[tokio::test]
async fn http_answers_nonsense_as_the_specification_demands() {
    let sink = Sink::start(&[]);
    let valid = spans(0, 1..=3, 1).encode_to_vec();
    let truncated = valid[..valid.len() - 1].to_vec();

    let (code, body) = plain(&sink.at, "/v1/traces", PROTOBUF, truncated).await;
    let status = Status::decode(&*body).unwrap();
    assert_eq!((code, status.code), (400, 3));
    assert!(status.message.contains("middle of a field"), "{status:?}");

    let (code, body) = plain(&sink.at, "/v1/logs", JSON, b"{\"resourceLogs\":7}".to_vec()).await;
    let status: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((code, status["code"].as_i64()), (400, Some(3)));

    let (code, _) = plain(&sink.at, "/v1/traces", "text/plain", valid.clone()).await;
    assert_eq!(code, 415);
    let (code, _) = plain(&sink.at, "/v1/dreams", PROTOBUF, valid.clone()).await;
    assert_eq!(code, 404);
    let answer = http_client()
        .post(format!("http://{}/v1/traces", sink.at.http))
        .header("content-type", PROTOBUF)
        .header("content-encoding", "br")
        .body(valid.clone())
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 415);
    let answer = http_client()
        .get(format!("http://{}/v1/traces", sink.at.http))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 405);
    assert_eq!(answer.headers()["allow"], "POST");
    // Gzip is announced and something else comes.
    let answer = http_client()
        .post(format!("http://{}/v1/traces", sink.at.http))
        .header("content-type", PROTOBUF)
        .header("content-encoding", "gzip")
        .body(valid)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 400);

    still_serves(&sink.at).await;
    let (summary, code) = sink.stop();
    assert_eq!((summary["malformed"].as_u64(), code), (Some(7), 1));
    assert_eq!(summary["signals"]["traces"]["items"], 9);
    assert_eq!(summary["malformed_examples"].as_array().unwrap().len(), 7);
}

/// A gzip body that unfolds to a GiB of zeros: a member of one MiB, over and over.
fn bomb() -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&vec![0; MIB as usize]).unwrap();
    encoder.finish().unwrap().repeat(1024)
}

#[tokio::test]
async fn a_bomb_of_a_gibibyte_is_refused_with_bounded_memory() {
    let sink = Sink::start(&[]);
    let bomb = bomb();
    assert!((bomb.len() as u64) < 2 * MIB);
    let answer = http_client()
        .post(format!("http://{}/v1/traces", sink.at.http))
        .header("content-type", PROTOBUF)
        .header("content-encoding", "gzip")
        .body(bomb)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 413);
    let status = Status::decode(answer.bytes().await.unwrap()).unwrap();
    assert_eq!(status.code, 8);

    // The same through gRPC: small on the wire, too large inside.
    let mut request = spans(0, [1], 1);
    request.resource_spans[0].scope_spans[0].spans[0].name = "x".repeat(65 * MIB as usize);
    let mut client = TraceServiceClient::connect(format!("http://{}", sink.at.grpc))
        .await
        .unwrap()
        .send_compressed(CompressionEncoding::Gzip)
        .max_encoding_message_size(usize::MAX);
    let refused = client.export(request.clone()).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::ResourceExhausted, "{refused}");
    // And as it is.
    let mut client = TraceServiceClient::connect(format!("http://{}", sink.at.grpc))
        .await
        .unwrap()
        .max_encoding_message_size(usize::MAX);
    let refused = client.export(request).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::ResourceExhausted, "{refused}");

    // Two bytes each, and each of them a message.
    let swarm = [0x0a, 0].repeat(30 * MIB as usize);
    let (code, _) = post(&sink.at, "/v1/traces", PROTOBUF, Compression::Gzip, swarm).await;
    assert_eq!(code, 413);
    let swarm = format!(
        "{{\"resourceSpans\":[{}{{}}]}}",
        "{},".repeat(20 * MIB as usize)
    );
    let body = swarm.into_bytes();
    let (code, _) = post(&sink.at, "/v1/traces", JSON, Compression::Zstd, body).await;
    assert_eq!(code, 413);

    if let Some(peak) = sink.peak_rss_bytes() {
        assert!(peak < 200 * MIB, "peak of {} MiB", peak / MIB);
    }
    still_serves(&sink.at).await;
    let (summary, _) = sink.stop();
    assert_eq!(summary["malformed"], 5);
}

/// Sends raw bytes and reads until the other side closes, which it must.
fn raw(address: &str, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    // The sink may have closed before all of it is written.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
    }
    answer
}

/// One request on an HTTP/2 connection of its own.
async fn http2(address: &str, request: hyper::Request<Full<Bytes>>) -> hyper::Response<Incoming> {
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    sender.send_request(request).await.unwrap()
}

#[tokio::test]
async fn grpc_answers_nonsense_and_other_protocols() {
    let sink = Sink::start(&[]);
    let answer = raw(
        &sink.at.grpc,
        b"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}",
    );
    assert!(answer.starts_with(b"HTTP/1.1 415"), "{answer:?}");
    let answer = raw(
        &sink.at.grpc,
        b"POST /x HTTP/1.1\r\nhost: x\r\ncontent-type: application/grpc\r\nconnection: close\r\n\r\n",
    );
    assert!(answer.starts_with(b"HTTP/1.1 505"), "{answer:?}");

    // Frames that the generated client would never send.
    let cases: [(&str, &str, &'static [u8], &str); 5] = [
        ("trace.v1.TraceService/Export", "identity", &[0, 0], "3"),
        (
            "trace.v1.TraceService/Export",
            "identity",
            &[0, 0, 0, 0, 9, 1],
            "3",
        ),
        (
            "trace.v1.TraceService/Export",
            "identity",
            &[0, 0, 0, 0, 2, 0x0a, 9],
            "3",
        ),
        (
            "trace.v1.TraceService/Export",
            "snappy",
            &[1, 0, 0, 0, 0],
            "12",
        ),
        (
            "trace.v1.TraceService/Import",
            "identity",
            &[0, 0, 0, 0, 0],
            "12",
        ),
    ];
    for (method, encoding, body, status) in cases {
        let request = hyper::Request::post(format!(
            "http://{}/opentelemetry.proto.collector.{method}",
            sink.at.grpc
        ))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("grpc-encoding", encoding)
        .body(Full::new(Bytes::from_static(body)))
        .unwrap();
        let answer = http2(&sink.at.grpc, request).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["grpc-status"], status, "{body:?}");
    }
    still_serves(&sink.at).await;
    let (summary, code) = sink.stop();
    assert_eq!((summary["malformed"].as_u64(), code), (Some(7), 1));
}

#[tokio::test]
async fn random_bytes_on_either_port_do_no_harm() {
    let sink = Sink::start(&[]);
    let mut state = 1_u64;
    for length in [1, 10, 100, 1000, 100_000] {
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 56) as u8
        })
        .take(length)
        .collect();
        raw(&sink.at.grpc, &noise);
        raw(&sink.at.http, &noise);
        for kind in [PROTOBUF, JSON] {
            let (code, _) = plain(&sink.at, "/v1/metrics", kind, noise.clone()).await;
            assert_eq!(code, 400);
        }
        let mut preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        preface.extend(&noise);
        raw(&sink.at.grpc, &preface);
    }
    still_serves(&sink.at).await;
    let (summary, code) = sink.stop();
    assert_eq!((summary["malformed"].as_u64(), code), (Some(10), 1));
}

#[tokio::test]
async fn slow_senders_do_not_hold_up_others() {
    let sink = Sink::start(&[]);
    let over = Arc::new(AtomicBool::new(false));
    let slow: Vec<_> = (0..20)
        .map(|index| {
            let address = [&sink.at.http, &sink.at.grpc][index % 2].clone();
            let over = Arc::clone(&over);
            std::thread::spawn(move || {
                let mut stream = TcpStream::connect(address).unwrap();
                let head = b"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: 100000\r\n\r\n";
                let mut sent = 0_usize;
                while !over.load(Ordering::Relaxed) {
                    let byte = head.get(sent).copied().unwrap_or(0);
                    if stream.write_all(&[byte]).is_err() {
                        break;
                    }
                    sent += 1;
                    std::thread::sleep(Duration::from_millis(100));
                }
            })
        })
        .collect();
    for _ in 0..10 {
        still_serves(&sink.at).await;
        send_logs(&sink.at, logs(0, 1..=5, 1)).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    over.store(true, Ordering::Relaxed);
    for thread in slow {
        thread.join().unwrap();
    }
    let (summary, code) = sink.stop();
    assert_eq!((summary["malformed"].as_u64(), code), (Some(0), 0));
    assert_eq!(summary["signals"]["logs"]["items"], 50);
}

#[test]
fn a_taken_port_is_an_error_of_usage_that_says_what_to_do() {
    let sink = Sink::start(&[]);
    let second = Command::new(env!("CARGO_BIN_EXE_squall"))
        .args(["sink", "--http", "127.0.0.1:0", "--grpc", &sink.at.grpc])
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(2));
    let words = String::from_utf8(second.stderr).unwrap();
    assert!(words.contains("cannot listen on"), "{words}");
    assert!(words.contains("--grpc"), "{words}");
}

#[test]
fn it_stops_by_itself_after_a_while() {
    let run = Command::new(env!("CARGO_BIN_EXE_squall"))
        .args(["sink", "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0"])
        .args(["--for", "100ms"])
        .output()
        .unwrap();
    assert_eq!(run.status.code(), Some(0));
    let text = String::from_utf8(run.stdout).unwrap();
    assert!(text.contains("malformed requests: 0"), "{text}");
}

#[tokio::test]
async fn the_http_port_speaks_http2_as_well() {
    let sink = Sink::start(&[]);
    let request = hyper::Request::post(format!("http://{}/v1/traces", sink.at.http))
        .header("content-type", PROTOBUF)
        .body(Full::new(Bytes::from(spans(0, 1..=4, 1).encode_to_vec())))
        .unwrap();
    let answer = http2(&sink.at.http, request).await;
    assert_eq!(answer.status(), 200);
    let (summary, code) = sink.stop();
    assert_eq!(summary["signals"]["traces"]["items"], 4);
    assert_eq!(code, 0);
}

/// Nothing that a machine lacks may be skipped where it is required.
#[test]
fn what_is_required_is_not_skipped() {
    let test = |required: &str| {
        Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "skips_for_the_test_above",
                "--ignored",
                "--nocapture",
            ])
            .env("SQUALL_REQUIRE", required)
            .output()
            .unwrap()
    };
    let skipped = test("browser, snow");
    assert!(skipped.status.success());
    let words = String::from_utf8(skipped.stdout).unwrap();
    assert!(words.contains("SKIPPED: there is none"), "{words}");
    assert!(!test("browser, moon").status.success());
}

#[test]
#[ignore = "run by what_is_required_is_not_skipped"]
fn skips_for_the_test_above() {
    common::require("moon", "there is none");
}
