//! The other ends, each a process of this bench's own program: tonic with the generated types, and
//! HTTP/2 that reads nothing.

use std::convert::Infallible;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use tokio::net::{TcpListener, TcpStream};
use tonic::Status;
use tonic::transport::server::TcpIncoming;

use super::load::{IN_FLIGHT, ITEMS, Kind};
use super::pass::{Killed, Pass, Sample};

/// Before the name of the end that this process is to be.
pub const ARGUMENT: &str = "--end";
pub const PROST_GENERATOR: &str = "prost-generator";
pub const PROST_SINK: &str = "prost-sink";
pub const BARE_GENERATOR: &str = "bare-generator";
pub const BARE_SINK: &str = "bare-sink";

/// As the sink has them.
const STREAM_WINDOW_BYTES: u32 = 8 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 64 << 20;
const FRAME_MAX_BYTES: u32 = 1 << 20;
const TELLS_EVERY: Duration = Duration::from_millis(100);

/// Starts both, lets them work and ends them.
pub fn pass(generator: &str, sink: &str) -> Pass {
    let (sink, mut said) = start(&[sink]);
    let address = line(&mut said);
    let (generator, mut said) = start(&[generator, address.trim()]);
    let bytes = Kind::Traces.template().bytes.len();
    let processes = [generator.0.id(), sink.0.id()];
    Pass::measure(bytes, ITEMS, processes, || {
        let line = line(&mut said);
        let mut numbers = line
            .split_whitespace()
            .map(|text| text.parse().expect("a number"));
        Sample {
            at_ns: numbers.next().expect("a time"),
            items: numbers.next().expect("a count"),
        }
    })
}

fn start(arguments: &[&str]) -> (Killed, impl BufRead + use<>) {
    let program = std::env::current_exe().expect("this program");
    let started = Command::new(program)
        .arg(ARGUMENT)
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn();
    let mut child = started.expect("a process");
    let said = BufReader::new(child.stdout.take().expect("a pipe"));
    (Killed(child), said)
}

fn line(said: &mut impl BufRead) -> String {
    let mut line = String::new();
    said.read_line(&mut line).expect("a live process");
    line
}

/// Is the end of that name, until it is killed, or its bench is gone.
pub fn play(arguments: &[String]) {
    #[cfg(target_os = "linux")]
    {
        let killed = Some(rustix::process::Signal::KILL);
        rustix::process::set_parent_process_death_signal(killed).expect("a system call");
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let to = || -> SocketAddr { arguments[1].parse().expect("an address") };
    runtime.block_on(async {
        match arguments[0].as_str() {
            PROST_SINK => prost_sink().await,
            PROST_GENERATOR => prost_generator(to()).await,
            BARE_SINK => bare_sink().await,
            BARE_GENERATOR => bare_generator(to()).await,
            other => panic!("{other}: no such end"),
        }
    });
}

async fn listen() -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    println!("{}", listener.local_addr().expect("an address"));
    listener
}

/// Tells on standard output what was acknowledged so far, ten times a second, as long as somebody reads it.
fn tell() -> Arc<AtomicU64> {
    let items = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&items);
    let begun = Instant::now();
    thread::spawn(move || {
        loop {
            thread::sleep(TELLS_EVERY);
            let items = counted.load(Ordering::Relaxed);
            let told = writeln!(std::io::stdout(), "{} {items}", begun.elapsed().as_nanos());
            if told.is_err() {
                std::process::exit(0);
            }
        }
    });
    items
}

/// Decodes each request and reads every span's id.
#[derive(Default)]
struct Reader(AtomicU64);

#[tonic::async_trait]
impl TraceService for Reader {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, Status> {
        let request = request.into_inner();
        let scopes = request
            .resource_spans
            .iter()
            .flat_map(|one| &one.scope_spans);
        let ids = scopes.flat_map(|scope| &scope.spans).map(|span| {
            let id = span.span_id.as_slice().try_into();
            id.map_or(0, u64::from_be_bytes)
        });
        self.0
            .fetch_xor(ids.fold(0, |all, id| all ^ id), Ordering::Relaxed);
        Ok(tonic::Response::new(ExportTraceServiceResponse::default()))
    }
}

async fn prost_sink() {
    let incoming = TcpIncoming::from(listen().await).with_nodelay(Some(true));
    let service = TraceServiceServer::new(Reader::default()).max_decoding_message_size(64 << 20);
    tonic::transport::Server::builder()
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_frame_size(FRAME_MAX_BYTES)
        .add_service(service)
        .serve_with_incoming(incoming)
        .await
        .expect("it serves");
}

/// Builds each request from messages, restamps it and has it encoded.
async fn prost_generator(to: SocketAddr) {
    let template = Kind::Traces.template();
    let request = ExportTraceServiceRequest::decode(template.bytes.as_slice()).expect("a request");
    let client = TraceServiceClient::connect(format!("http://{to}")).await;
    let client = client.expect("a sink that listens");
    let sequence = Arc::new(AtomicU64::new(1));
    let items = tell();
    all((0..IN_FLIGHT).map(|_| {
        let (mut client, request) = (client.clone(), request.clone());
        let (sequence, items) = (Arc::clone(&sequence), Arc::clone(&items));
        async move {
            loop {
                let mut request = request.clone();
                let first = sequence.fetch_add(u64::from(ITEMS), Ordering::Relaxed);
                restamp(&mut request, first);
                let answer = client.export(request).await.expect("a success");
                assert!(answer.into_inner().partial_success.is_none());
                items.fetch_add(u64::from(ITEMS), Ordering::Relaxed);
            }
        }
    }))
    .await;
}

fn restamp(request: &mut ExportTraceServiceRequest, first: u64) {
    let scopes = request
        .resource_spans
        .iter_mut()
        .flat_map(|one| &mut one.scope_spans);
    for (sequence, span) in (first..).zip(scopes.flat_map(|scope| &mut scope.spans)) {
        span.span_id.copy_from_slice(&sequence.to_be_bytes());
        span.trace_id[8..].copy_from_slice(&sequence.to_be_bytes());
        span.start_time_unix_nano += first;
        span.end_time_unix_nano += first;
    }
}

async fn all(work: impl Iterator<Item = impl Future<Output = ()> + Send + 'static>) {
    let mut working: tokio::task::JoinSet<()> = tokio::task::JoinSet::new();
    work.for_each(|one| drop(working.spawn(one)));
    // None of them ends but by a panic, which ends the process.
    working.join_next().await.expect("work").expect("no panic");
}

async fn bare_sink() {
    let listener = listen().await;
    let (stream, _) = listener.accept().await.expect("a connection");
    stream.set_nodelay(true).expect("a live socket");
    let serving = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_frame_size(FRAME_MAX_BYTES)
        .serve_connection(TokioIo::new(stream), service_fn(accept))
        .await;
    // The generator is killed first, in the middle of something.
    drop(serving);
}

type Answer = http_body_util::combinators::WithTrailers<
    Full<Bytes>,
    std::future::Ready<Option<Result<HeaderMap, Infallible>>>,
>;

/// Takes every byte, and looks at none.
async fn accept(request: Request<Incoming>) -> Result<Response<Answer>, hyper::Error> {
    let mut body = request.into_body();
    while let Some(frame) = body.frame().await {
        frame?;
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let message = Full::new(Bytes::from_static(&[0; 5]));
    let answer = message.with_trailers(std::future::ready(Some(Ok(trailers))));
    Ok(Response::new(answer))
}

async fn bare_generator(to: SocketAddr) {
    let mut body = vec![0; 5];
    body.extend(Kind::Traces.template().bytes);
    let body = Bytes::from(body);
    let stream = TcpStream::connect(to).await.expect("a sink that listens");
    stream.set_nodelay(true).expect("a live socket");
    let shaken = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (sender, connection) = shaken.await.expect("HTTP/2");
    tokio::spawn(connection);
    let items = tell();
    all((0..IN_FLIGHT).map(|_| {
        let (mut sender, body, items) = (sender.clone(), body.clone(), Arc::clone(&items));
        async move {
            loop {
                let request = Request::post(format!("http://{to}/"))
                    .body(Full::new(body.clone()))
                    .expect("a request");
                sender.ready().await.expect("a live connection");
                let answer = sender.send_request(request).await.expect("an answer");
                assert_eq!(answer.status(), StatusCode::OK);
                let answer = answer.into_body().collect().await.expect("a whole answer");
                assert!(answer.trailers().is_some());
                items.fetch_add(u64::from(ITEMS), Ordering::Relaxed);
            }
        }
    }))
    .await;
}
