//! Small answers that wait for an acknowledgement of what went before them: Nagle's algorithm meets
//! delayed acknowledgements, and answers take 40 ms that need none. With one request under way at a
//! time it shows in the latencies.
#![cfg(target_os = "linux")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use squall::link::Link;
use squall::otlp::Encoding;
use squall::plan::{Compression, Protocol};
use squall::raw::body::{BodyWriter, Laid};
use squall::raw::layout::captured::{self, captured};
use squall::raw::send::{Reply, Sender, Settings};
use squall::raw::template::Stamp;
use squall::signal::Signal;
use squall::sink::counts::Counts;
use squall::sink::required::Required;
use squall::sink::server::{Door, Limits, Server};
use squall::sink::traffic::Traffic;
use squall::sink::weather::Weather;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tonic::transport::server::TcpIncoming;

#[path = "../benches/common/mod.rs"]
mod request;

/// Exchanges at each peer, one after the other.
const EXCHANGES: usize = 60;
/// Enough that the peer says that it has room for more, which its answer then waits behind.
const SPANS: usize = 256;
/// Less than a delayed acknowledgement takes on Linux, 40 ms at least.
const PLATEAU: Duration = Duration::from_millis(35);

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Serves what `start` starts on a thread of its own.
fn serving<F: Future<Output = ()>>(
    start: impl FnOnce(TcpListener) -> F + Send + 'static,
) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    thread::spawn(move || {
        runtime().block_on(async { start(TcpListener::from_std(listener).unwrap()).await });
    });
    address
}

fn our_sink() -> SocketAddr {
    serving(|listener| {
        let server = Arc::new(Server {
            receiver: Arc::new(Counts::default()),
            traffic: Arc::new(Traffic::default()),
            limits: Limits::with_max_request(64 << 20),
            weather: Weather::default(),
            required: Required::default(),
            throttle: None,
        });
        server.serve(listener, Door::Grpc, None)
    })
}

struct Nothing;

#[tonic::async_trait]
impl TraceService for Nothing {
    async fn export(
        &self,
        _: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, tonic::Status> {
        Ok(tonic::Response::new(ExportTraceServiceResponse::default()))
    }
}

/// A server as many are: its setting looks as if Nagle's algorithm were off, and tonic does not heed it
/// where connections come out of a stream.
fn with_nagle() -> SocketAddr {
    serving(|listener| async {
        tonic::transport::Server::builder()
            .tcp_nodelay(true)
            .add_service(TraceServiceServer::new(Nothing))
            .serve_with_incoming(TcpIncoming::from(listener))
            .await
            .unwrap();
    })
}

fn through_our_link(upstream: SocketAddr) -> SocketAddr {
    let listener = std::sync::mpsc::channel();
    thread::spawn(move || {
        runtime().block_on(async {
            let link = Link::bind(upstream, 1, 1 << 20).await.unwrap();
            listener.0.send(link.local_addr()).unwrap();
            std::future::pending::<()>().await;
        });
    });
    listener.1.recv().unwrap()
}

/// How long each exchange took.
fn exchanges(with: SocketAddr) -> Vec<Duration> {
    let settings = Settings {
        protocol: Protocol::Grpc,
        endpoint: format!("http://{with}"),
        compression: Compression::None,
        headers: Vec::new(),
        tls: None,
        server_name: None,
        name_server: None,
        leads_to: None,
        connections: 1,
        timeout: Duration::from_secs(10),
    };
    let mut sent = request::request();
    sent.resource_spans[0].scope_spans[0].spans.truncate(SPANS);
    let sent = sent.encode_to_vec();
    let sent = captured::Request {
        body: sent,
        at_unix_ns: 0,
    };
    let templates = captured(vec![sent], Signal::Traces, Encoding::Protobuf).unwrap();
    let template = templates.into_iter().next().unwrap();
    let mut writer = BodyWriter::new(Protocol::Grpc, Compression::None).unwrap();
    let stamp = Stamp {
        producer: 0,
        first_sequence: 1,
        arrival: 0,
        due_unix_ns: 1_700_000_000_000_000_000,
        trace_high: 1,
    };
    let body: Bytes = writer.write(&Laid::new(template), &stamp).unwrap();
    runtime().block_on(async {
        let sender = Sender::new(settings).unwrap();
        let mut took = Vec::new();
        for _ in 0..EXCHANGES {
            let begun = Instant::now();
            let reply = sender.send(Signal::Traces, body.clone()).await;
            assert!(matches!(reply, Reply::Accepted { .. }), "{reply:?}");
            took.push(begun.elapsed());
        }
        took
    })
}

/// Exchanges that lasted a delayed acknowledgement longer than the shortest of them.
fn on_the_plateau(took: &[Duration]) -> usize {
    let shortest = took.iter().min().unwrap();
    took.iter()
        .filter(|one| **one >= *shortest + PLATEAU)
        .count()
}

#[test]
fn our_ends_show_no_plateau_of_40_ms_and_a_peer_with_nagle_does() {
    let sink = our_sink();
    let ours = on_the_plateau(&exchanges(sink));
    let linked = on_the_plateau(&exchanges(through_our_link(sink)));
    let nagle = on_the_plateau(&exchanges(with_nagle()));
    println!(
        "on the plateau, of {EXCHANGES}: {ours} at our sink, {linked} through our link, {nagle} with Nagle"
    );
    assert!(nagle >= EXCHANGES / 20, "{nagle}: the test sees no plateau");
    // On a busy machine an exchange may take as long for other reasons.
    assert!(
        ours * 4 <= nagle && linked * 4 <= nagle,
        "{ours}, {linked}, {nagle}"
    );
}
