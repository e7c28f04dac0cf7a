//! The near end: what is sent and awaited, on the bench's own thread.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes, BytesMut};
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::peers::runtime;

/// Requests at once on the one connection of a gRPC client.
const IN_FLIGHT: usize = 4;

/// What is done again and again.
#[derive(Debug, Clone)]
pub enum Work {
    /// Sends so many bytes and awaits so many.
    Bytes { sent: usize, awaited: usize },
    /// Sends a request that was encoded once.
    Prepared(Bytes),
    /// Builds and encodes a request each time.
    Encoded(Arc<ExportTraceServiceRequest>),
}

impl Work {
    /// Bytes that one operation sends, and awaits.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Bytes { sent, awaited } => sent + awaited,
            Self::Prepared(body) => body.len(),
            Self::Encoded(request) => request.encoded_len(),
        }
    }
}

/// Connections to one address, and what is done on them.
pub struct Load {
    runtime: Runtime,
    workers: Vec<Worker>,
}

/// What a pass took.
pub struct Pass {
    pub elapsed: Duration,
    /// The median of its operations.
    pub median: Duration,
    /// Operations per second between its first and its last quarter: once it flows.
    pub steady: f64,
}

enum Worker {
    Bytes {
        stream: TcpStream,
        message: Vec<u8>,
        answer: Vec<u8>,
    },
    Grpc {
        sender: http2::SendRequest<Full<Bytes>>,
        to: Uri,
        work: Work,
    },
}

impl Load {
    /// Connects.
    pub fn new(to: SocketAddr, connections: usize, work: &Work) -> Self {
        let runtime = runtime();
        let workers = runtime.block_on(async {
            let mut workers = Vec::new();
            for _ in 0..connections {
                let stream = TcpStream::connect(to).await.expect("a listener");
                stream.set_nodelay(true).expect("a live socket");
                match work {
                    Work::Bytes { sent, awaited } => workers.push(Worker::Bytes {
                        stream,
                        message: vec![7; *sent],
                        answer: vec![0; *awaited],
                    }),
                    Work::Prepared(_) | Work::Encoded(_) => {
                        let io = TokioIo::new(stream);
                        let shaken = http2::handshake(TokioExecutor::new(), io).await;
                        let (sender, connection) = shaken.expect("a gRPC peer");
                        tokio::spawn(connection);
                        let to = format!(
                            "http://{to}/opentelemetry.proto.collector.trace.v1.TraceService/Export"
                        );
                        let to: Uri = to.parse().expect("an address");
                        let in_flight = if connections == 1 { IN_FLIGHT } else { 1 };
                        workers.extend((0..in_flight).map(|_| Worker::Grpc {
                            sender: sender.clone(),
                            to: to.clone(),
                            work: work.clone(),
                        }));
                    }
                }
            }
            workers
        });
        Self { runtime, workers }
    }

    /// Does the work `operations` times, on all connections at once.
    pub fn pass(&mut self, operations: u64) -> Pass {
        let workers = std::mem::take(&mut self.workers);
        let begun = Instant::now();
        let (workers, times) = self.runtime.block_on(async {
            let taken = Arc::new(AtomicU64::new(0));
            let mut working = JoinSet::new();
            for mut worker in workers {
                let taken = Arc::clone(&taken);
                working.spawn(async move {
                    let mut times = Vec::new();
                    while taken.fetch_add(1, Ordering::Relaxed) < operations {
                        let begun = Instant::now();
                        worker.operate().await;
                        times.push((begun, Instant::now()));
                    }
                    (worker, times)
                });
            }
            let mut all = (Vec::new(), Vec::new());
            while let Some(done) = working.join_next().await {
                let (worker, times) = done.expect("a worker that does not panic");
                all.0.push(worker);
                all.1.extend(times);
            }
            all
        });
        let elapsed = begun.elapsed();
        self.workers = workers;
        let mut took: Vec<Duration> = times.iter().map(|(from, to)| *to - *from).collect();
        took.sort_unstable();
        let mut ends: Vec<Instant> = times.iter().map(|(_, to)| *to).collect();
        ends.sort_unstable();
        let (from, to) = (ends.len() / 4, ends.len() * 3 / 4);
        Pass {
            elapsed,
            median: took[took.len() / 2],
            steady: (to - from) as f64 / (ends[to] - ends[from]).as_secs_f64(),
        }
    }
}

impl Worker {
    async fn operate(&mut self) {
        match self {
            Worker::Bytes {
                stream,
                message,
                answer,
            } => {
                stream.write_all(message).await.expect("a live peer");
                stream.read_exact(answer).await.expect("a live peer");
            }
            Worker::Grpc { sender, to, work } => {
                let body = match work {
                    Work::Prepared(body) => body.clone(),
                    Work::Encoded(request) => framed(&ExportTraceServiceRequest::clone(request)),
                    Work::Bytes { .. } => unreachable!("bytes have no gRPC"),
                };
                let request = Request::post(to.clone())
                    .header("content-type", "application/grpc")
                    .header("te", "trailers")
                    .body(Full::new(body))
                    .expect("a valid request");
                sender.ready().await.expect("a live connection");
                let answer = sender.send_request(request).await.expect("an answer");
                assert_eq!(answer.status(), StatusCode::OK);
                let collected = answer.into_body().collect().await.expect("a whole answer");
                let trailers = collected.trailers().expect("trailers");
                assert_eq!(trailers["grpc-status"], "0");
            }
        }
    }
}

/// A message with gRPC's prefix.
pub fn framed(request: &ExportTraceServiceRequest) -> Bytes {
    let length = request.encoded_len();
    let mut framed = BytesMut::with_capacity(length + 5);
    framed.put_u8(0);
    framed.put_u32(u32::try_from(length).expect("a small request"));
    request.encode(&mut framed).expect("enough room");
    framed.freeze()
}
