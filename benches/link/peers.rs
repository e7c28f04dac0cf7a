//! The far ends: each has a thread of its own and does as little as it can.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

/// A runtime of one thread.
pub fn runtime() -> Runtime {
    let mut builder = Builder::new_current_thread();
    builder.enable_all().build().expect("a runtime")
}

/// What runs on a thread of its own, as long as the bench.
pub struct Server {
    pub address: SocketAddr,
    /// Where the kernel counts the thread's CPU time.
    pub schedstat: PathBuf,
}

/// Runs what `start` starts on a thread of its own.
pub fn on_thread<F, S>(start: S) -> Server
where
    F: Future<Output = SocketAddr>,
    S: FnOnce() -> F + Send + 'static,
{
    let (sender, receiver) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let thread = rustix::thread::gettid().as_raw_nonzero();
        let schedstat = format!("/proc/self/task/{thread}/schedstat").into();
        runtime().block_on(async {
            let address = start().await;
            let server = Server { address, schedstat };
            sender.send(server).expect("the bench waits");
            std::future::pending::<()>().await;
        });
    });
    receiver.recv().expect("it starts")
}

/// Serves each connection to a free port with `serve`, on a thread of its own.
pub fn listen<F: Future<Output = ()> + Send + 'static>(
    serve: impl Fn(TcpStream) -> F + Send + 'static,
) -> Server {
    on_thread(|| async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).expect("a live socket");
                tokio::spawn(serve(stream));
            }
        });
        address
    })
}

/// Answers each message of `message_bytes` with `answer_bytes`.
pub fn echo(message_bytes: usize, answer_bytes: usize) -> SocketAddr {
    let server = listen(move |mut stream| async move {
        let mut buffer = vec![0; 256 << 10];
        let mut left = message_bytes;
        while let Ok(bytes @ 1..) = stream.read(&mut buffer).await {
            left -= bytes;
            if left == 0 {
                left = message_bytes;
                if stream.write_all(&buffer[..answer_bytes]).await.is_err() {
                    break;
                }
            }
        }
    });
    server.address
}

/// Reads, and counts what it read.
pub fn drain() -> (SocketAddr, Arc<AtomicU64>) {
    let count = Arc::new(AtomicU64::new(0));
    let counting = Arc::clone(&count);
    let server = listen(move |mut stream| {
        let counting = Arc::clone(&counting);
        async move {
            let mut buffer = vec![0; 256 << 10];
            while let Ok(bytes @ 1..) = stream.read(&mut buffer).await {
                counting.fetch_add(bytes as u64, Ordering::Relaxed);
            }
        }
    });
    (server.address, count)
}

/// A gRPC service that reads each request and answers with an empty message.
pub fn grpc() -> SocketAddr {
    let server = listen(|stream| async {
        let serving = http2::Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(stream), service_fn(accept));
        // A client that goes away is not the peer's matter.
        let _ = serving.await;
    });
    server.address
}

type Body = http_body_util::combinators::WithTrailers<
    Full<Bytes>,
    std::future::Ready<Option<Result<HeaderMap, Infallible>>>,
>;

async fn accept(request: Request<Incoming>) -> Result<Response<Body>, hyper::Error> {
    let mut body = request.into_body();
    while let Some(frame) = body.frame().await {
        frame?;
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let message = Full::new(Bytes::from_static(&[0; 5]));
    let body = message.with_trailers(std::future::ready(Some(Ok(trailers))));
    let mut response = Response::new(body);
    let kind = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert("content-type", kind);
    Ok(response)
}
