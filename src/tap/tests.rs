//! What the decoder makes of bytes that real clients wrote, of any pieces of them, and of nonsense.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use proptest::prelude::*;
use prost::Message as _;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tonic::codec::CompressionEncoding;

use super::*;

const MAX: u64 = 1 << 20;

/// A connection of which every byte that is read is kept.
struct Recorder(TcpStream, Arc<Mutex<Vec<u8>>>);

impl AsyncRead for Recorder {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.0).poll_read(cx, buffer);
        self.1
            .lock()
            .unwrap()
            .extend_from_slice(&buffer.filled()[before..]);
        read
    }
}

impl AsyncWrite for Recorder {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// The bytes that a client writes to a server that answers everything with an empty success.
fn written_by<F: Future<Output = ()>>(client: impl FnOnce(SocketAddr) -> F) -> Vec<u8> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let written = Arc::new(Mutex::new(Vec::new()));
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::clone(&written);
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let service = hyper::service::service_fn(
                async |request: Request<hyper::body::Incoming>| -> Result<_, hyper::Error> {
                    request.into_body().collect().await?;
                    let mut response = Response::new(Full::<Bytes>::default());
                    let headers = response.headers_mut();
                    headers.insert("content-type", "application/grpc".parse().unwrap());
                    headers.insert("grpc-status", "0".parse().unwrap());
                    Ok(response)
                },
            );
            let _ = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(Recorder(stream, seen)), service)
                .await;
        });
        client(address).await;
    });
    drop(runtime);
    std::mem::take(&mut *written.lock().unwrap())
}

fn traces(spans: u64) -> ExportTraceServiceRequest {
    let spans = (1..=spans).map(|id| Span {
        span_id: id.to_be_bytes().to_vec(),
        trace_id: vec![7; 16],
        name: format!("span {id}"),
        ..Span::default()
    });
    let scope_spans = vec![ScopeSpans {
        spans: spans.collect(),
        ..ScopeSpans::default()
    }];
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            scope_spans,
            ..ResourceSpans::default()
        }],
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}

/// Bodies of OTLP/HTTP in every writing, with their headers: content type and encoding.
fn writings(spans: u64) -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let protobuf = traces(spans).encode_to_vec();
    let json = serde_json::to_vec(&traces(spans)).unwrap();
    vec![
        ("application/x-protobuf", "identity", protobuf.clone()),
        ("application/x-protobuf", "gzip", gzip(&protobuf)),
        (
            "application/x-protobuf",
            "zstd",
            zstd::encode_all(&*protobuf, 3).unwrap(),
        ),
        ("application/json", "identity", json.clone()),
        ("application/json; charset=utf-8", "gzip", gzip(&json)),
    ]
}

/// What was told: requests, what could not be read, and why the connection was given up.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    requests: Vec<(Signal, Vec<u8>)>,
    unread: Vec<String>,
    given_up: Option<Unreadable>,
}

/// Feeds the bytes in pieces that end at these places.
fn told(bytes: &[u8], cuts: &[usize], max: u64) -> Told {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.sort_unstable();
    cuts.push(bytes.len());
    let mut decoder = Decoder::new(max);
    let mut told = Told::default();
    let mut from = 0;
    for to in cuts {
        let fed = decoder.feed(&bytes[from..to], &mut |sight| match sight {
            Sight::Request { signal, body } => {
                told.requests.push((signal, canonical(signal, body)))
            }
            Sight::Unread(why) => told.unread.push(why),
        });
        if let Err(why) = fed {
            assert_eq!(told.given_up.replace(why), None, "told twice");
        }
        from = to;
    }
    told
}

/// As prost writes it: JSON is made into protobuf that says the same and may be longer.
fn canonical(signal: Signal, body: &[u8]) -> Vec<u8> {
    match signal {
        Signal::Traces => ExportTraceServiceRequest::decode(body)
            .map_or_else(|_| body.to_vec(), |request| request.encode_to_vec()),
        Signal::Metrics | Signal::Logs => body.to_vec(),
    }
}

fn requests(of: &[u64]) -> Told {
    let requests = of
        .iter()
        .map(|spans| (Signal::Traces, traces(*spans).encode_to_vec()));
    Told {
        requests: requests.collect(),
        ..Told::default()
    }
}

fn post(content_type: &str, encoding: &str) -> hyper::http::request::Builder {
    Request::post("http://sink/v1/traces")
        .header("host", "sink")
        .header("content-type", content_type)
        .header("content-encoding", encoding)
}

/// A body in pieces, whose length is not known beforehand.
struct Pieces(VecDeque<Bytes>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
    }
}

/// Hyper over HTTP/1.1: each writing with a known length and in chunks, and something else between.
static OVER_HTTP1: LazyLock<Vec<u8>> = LazyLock::new(|| {
    written_by(async |address| {
        let stream = TcpStream::connect(address).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        for (content_type, encoding, body) in writings(50) {
            let whole = Full::new(Bytes::from(body.clone())).boxed();
            let pieces = body.chunks(97).map(Bytes::copy_from_slice);
            let chunked = Pieces(pieces.collect()).boxed();
            let other = Request::get("http://sink/health").header("host", "sink");
            for request in [
                post(content_type, encoding).body(whole).unwrap(),
                other.body(Full::default().boxed()).unwrap(),
                post(content_type, encoding).body(chunked).unwrap(),
            ] {
                sender.ready().await.unwrap();
                let answer = sender.send_request(request).await.unwrap();
                answer.into_body().collect().await.unwrap();
            }
        }
    })
});

/// Hyper over HTTP/2: many requests at once.
static OVER_HTTP2: LazyLock<Vec<u8>> = LazyLock::new(|| {
    written_by(async |address| {
        let stream = TcpStream::connect(address).await.unwrap();
        let io = TokioIo::new(stream);
        let (sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io)
            .await
            .unwrap();
        tokio::spawn(connection);
        let mut sending = tokio::task::JoinSet::new();
        for _ in 0..3 {
            // Large enough to wait for the server's window, and so to be mixed on the wire.
            for (content_type, encoding, body) in writings(3000) {
                let request = post(content_type, encoding).body(Full::new(Bytes::from(body)));
                let mut sender = sender.clone();
                sending.spawn(async move {
                    let answer = sender.send_request(request.unwrap()).await.unwrap();
                    answer.into_body().collect().await.unwrap();
                });
            }
        }
        while let Some(sent) = sending.join_next().await {
            sent.unwrap();
        }
    })
});

/// Tonic: every compression, and every signal.
static OVER_GRPC: LazyLock<Vec<u8>> = LazyLock::new(|| {
    written_by(async |address| {
        let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{address}"));
        let channel = endpoint.unwrap().connect().await.unwrap();
        for compression in [
            None,
            Some(CompressionEncoding::Gzip),
            Some(CompressionEncoding::Zstd),
        ] {
            let mut client = TraceServiceClient::new(channel.clone());
            if let Some(compression) = compression {
                client = client.send_compressed(compression);
            }
            for spans in [1, 700] {
                // The server's answer has no message.
                let _ = client.export(traces(spans)).await;
            }
        }
        let _ = LogsServiceClient::new(channel.clone())
            .export(ExportLogsServiceRequest::default())
            .await;
        let _ = MetricsServiceClient::new(channel)
            .export(ExportMetricsServiceRequest::default())
            .await;
    })
});

fn expected_over_grpc() -> Told {
    let mut expected = requests(&[1, 700, 1, 700, 1, 700]);
    expected.requests.push((Signal::Logs, Vec::new()));
    expected.requests.push((Signal::Metrics, Vec::new()));
    expected
}

#[test]
fn http1_is_read_with_lengths_and_in_chunks() {
    assert!(OVER_HTTP1.windows(7).any(|text| text == b"chunked"));
    assert_eq!(told(&OVER_HTTP1, &[], MAX), requests(&[50; 10]));
}

#[test]
fn http2_is_read_though_streams_are_mixed() {
    let expected = requests(&[3000; 15]);
    assert_eq!(told(&OVER_HTTP2, &[], 64 << 20), expected);
}

#[test]
fn grpc_is_read_whatever_its_compression() {
    assert_eq!(told(&OVER_GRPC, &[], MAX), expected_over_grpc());
}

#[test]
fn requests_may_follow_before_an_answer() {
    let twice = [OVER_HTTP1.as_slice(), &OVER_HTTP1].concat();
    assert_eq!(told(&twice, &[], MAX), requests(&[50; 20]));
}

#[test]
fn a_request_without_its_last_byte_was_not_seen() {
    let bytes = OVER_GRPC.as_slice();
    let whole = told(bytes, &[], MAX).requests.len();
    let cut = told(&bytes[..bytes.len() / 2], &[], MAX);
    assert!((1..whole).contains(&cut.requests.len()));
    let http1 = b"POST /v1/logs HTTP/1.1\r\ncontent-type: application/x-protobuf\r\ncontent-length: 2\r\n\r\n\x0a";
    assert_eq!(told(http1, &[], MAX), Told::default());
    let whole = [http1.as_slice(), b"\x00"].concat();
    assert_eq!(told(&whole, &[], MAX).requests.len(), 1);
}

#[test]
fn what_cannot_be_read_is_told_in_words() {
    let why = |bytes: &[u8]| told(bytes, &[], MAX).given_up.unwrap().to_string();
    assert!(why(&[0x16, 3, 1, 0, 200, 1]).contains("TLS"));
    assert!(why(b"\x00\x01nonsense\n").contains("not HTTP"));
    let mut http2 = PREFACE.to_vec();
    http2.extend_from_slice(&[0, 0, 1, 0, 0, 0, 0, 0, 0, 7]);
    assert!(why(&http2).contains("data of no stream"));
}

#[test]
fn a_body_that_cannot_be_unpacked_leaves_the_rest_readable() {
    let body = |text: &str, body: &[u8]| {
        let head = format!(
            "POST /v1/traces HTTP/1.1\r\ncontent-type: application/x-protobuf\r\n{text}content-length: {}\r\n\r\n",
            body.len()
        );
        [head.as_bytes(), body].concat()
    };
    let bytes = [
        body("content-encoding: gzip\r\n", b"not gzip"),
        body("content-encoding: br\r\n", b"a"),
        body("", &vec![0; 3000]),
        body("", &traces(1).encode_to_vec()),
    ]
    .concat();
    let told = told(&bytes, &[], 2000);
    assert_eq!(told.requests, requests(&[1]).requests);
    assert_eq!(told.unread.len(), 3, "{:?}", told.unread);
    assert!(told.unread[0].contains("decompressed"));
    assert!(told.unread[1].contains("neither gzip nor zstd"));
    assert!(told.unread[2].contains("2000 bytes"));
}

#[test]
fn streams_that_never_end_make_room_for_those_that_do() {
    // Only the client's side is seen: these were reset by the server, for all that is known.
    let mut hpack = loona_hpack::Encoder::new();
    let mut bytes = PREFACE.to_vec();
    let mut frame = |kind: u8, flags: u8, stream: u32, payload: &[u8]| {
        bytes.extend_from_slice(&(payload.len() as u32).to_be_bytes()[1..]);
        bytes.extend_from_slice(&[kind, flags]);
        bytes.extend_from_slice(&stream.to_be_bytes());
        bytes.extend_from_slice(payload);
    };
    let headers: [(&[u8], &[u8]); 3] = [
        (b":method", b"POST"),
        (b":path", b"/v1/traces"),
        (b"content-type", b"application/x-protobuf"),
    ];
    let whole = traces(20).encode_to_vec();
    for stream in 0..100 {
        let block = hpack.encode(headers);
        frame(1, 4, stream * 2 + 1, &block);
        frame(0, u8::from(stream == 99), stream * 2 + 1, &whole);
    }
    assert_eq!(told(&bytes, &[], whole.len() as u64 + 10), requests(&[20]));
}

#[test]
fn a_request_for_which_there_was_no_room_was_not_read() {
    let mut hpack = loona_hpack::Encoder::new();
    let mut bytes = PREFACE.to_vec();
    let headers: [(&[u8], &[u8]); 3] = [
        (b":method", b"POST"),
        (b":path", b"/v1/traces"),
        (b"content-type", b"application/x-protobuf"),
    ];
    for stream in 0..4098_u32 {
        let block = hpack.encode(headers);
        bytes.extend_from_slice(&(block.len() as u32).to_be_bytes()[1..]);
        bytes.extend_from_slice(&[1, 4]);
        bytes.extend_from_slice(&(stream * 2 + 1).to_be_bytes());
        bytes.extend_from_slice(&block);
    }
    let told = told(&bytes, &[], MAX);
    assert_eq!(told.unread.len(), 2, "{:?}", told.unread);
    assert!(told.unread[0].contains("too many requests"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn pieces_do_not_matter(cuts in prop::collection::vec(any::<usize>(), 0..60)) {
        prop_assert_eq!(told(&OVER_HTTP1, &cuts, MAX), requests(&[50; 10]));
        prop_assert_eq!(told(&OVER_GRPC, &cuts, MAX), expected_over_grpc());
    }

    #[test]
    fn pieces_of_corrupted_bytes_do_not_matter_either(
        cuts in prop::collection::vec(any::<usize>(), 0..40),
        flips in prop::collection::vec((any::<usize>(), 0_u8..8), 1..6),
    ) {
        for bytes in [&OVER_HTTP1, &OVER_GRPC] {
            let mut bytes = bytes.to_vec();
            for (at, bit) in &flips {
                let at = at % bytes.len();
                bytes[at] ^= 1 << bit;
            }
            prop_assert_eq!(told(&bytes, &cuts, MAX), told(&bytes, &[], MAX));
        }
    }

    #[test]
    fn single_bytes_do_not_matter(which in 0_usize..2) {
        let bytes = [&OVER_HTTP1, &OVER_GRPC][which];
        let every: Vec<usize> = (0..bytes.len()).collect();
        prop_assert_eq!(told(bytes, &every, MAX), told(bytes, &[], MAX));
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>, http2: bool, frames in prop::collection::vec((0_u8..12, any::<u8>(), 0_u32..5, prop::collection::vec(any::<u8>(), 0..40)), 0..30)) {
        let mut all = if http2 { PREFACE.to_vec() } else { b"POST /v1/logs HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n".to_vec() };
        for (kind, flags, stream, payload) in frames {
            all.extend_from_slice(&(payload.len() as u32).to_be_bytes()[1..]);
            all.extend_from_slice(&[kind, flags]);
            all.extend_from_slice(&stream.to_be_bytes());
            all.extend_from_slice(&payload);
        }
        all.extend_from_slice(&bytes);
        told(&all, &[], 100);
        told(&bytes, &[], 100);
    }
}
