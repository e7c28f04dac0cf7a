//! Accepts connections and serves them, within limits.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use super::traffic::Traffic;
use super::{Receiver, grpc, http};

/// The body of every answer.
pub type AnswerBody = UnsyncBoxBody<Bytes, Infallible>;

/// Pause after the system could not accept a connection (no file descriptor left, mostly).
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// Which protocol a listener speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    Grpc,
    Http,
}

/// What a sender may ask of the sink.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Largest request, before and after decompression.
    pub max_request_bytes: u64,
    /// Connections at once, per listener; further ones wait in the system's backlog.
    pub connections: usize,
    /// For a handshake, a request's header, and a connection without any request. Longer than any
    /// partition that is worth testing, so that no connection ends because of the sink.
    pub header_timeout: Duration,
    /// For a request's body.
    pub body_timeout: Duration,
}

impl Limits {
    /// The usual limits with that size of request.
    pub const fn with_max_request(max_request_bytes: u64) -> Self {
        Self {
            max_request_bytes,
            connections: 1024,
            header_timeout: Duration::from_secs(120),
            body_timeout: Duration::from_secs(300),
        }
    }
}

/// Serves a receiver.
#[derive(Debug)]
pub struct Server<R> {
    pub receiver: Arc<R>,
    pub traffic: Arc<Traffic>,
    pub limits: Limits,
}

impl<R: Receiver> Server<R> {
    /// Accepts until the future is dropped. Connections that are open by then go on until their
    /// runtime ends.
    pub async fn serve(
        self: Arc<Self>,
        listener: TcpListener,
        door: Door,
        tls: Option<TlsAcceptor>,
    ) {
        let slots = Arc::new(Semaphore::new(self.limits.connections));
        loop {
            // The semaphore is never closed.
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
                return;
            };
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            let server = Arc::clone(&self);
            let tls = tls.clone();
            tokio::spawn(async move {
                server.connection(stream, door, tls).await;
                drop(slot);
            });
        }
    }

    async fn connection(self: Arc<Self>, stream: TcpStream, door: Door, tls: Option<TlsAcceptor>) {
        // Without it, Nagle and delayed acknowledgements add 40 ms to an answer.
        if stream.set_nodelay(true).is_err() {
            return;
        }
        let Some(tls) = tls else {
            return self.requests(stream, door).await;
        };
        let handshake = tls.accept(stream);
        let timeout = self.limits.header_timeout;
        // A failed handshake is between the sender and its certificates; there is no request.
        if let Ok(Ok(stream)) = tokio::time::timeout(timeout, handshake).await {
            self.requests(stream, door).await;
        }
    }

    async fn requests<S>(self: Arc<Self>, stream: S, door: Door)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let spoken = Arc::new(AtomicBool::new(false));
        let heard = Arc::clone(&spoken);
        let header_timeout = self.limits.header_timeout;
        let service = service_fn(move |request| {
            heard.store(true, Ordering::Relaxed);
            let server = Arc::clone(&self);
            async move {
                let answer = match door {
                    Door::Grpc => grpc::answer(&server, request).await,
                    Door::Http => http::answer(&server, request).await,
                };
                Ok::<_, Infallible>(answer)
            }
        });
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http1()
            // A sender that says that it is done still gets its answer.
            .half_close(true)
            .timer(TokioTimer::new())
            .header_read_timeout(header_timeout);
        builder.http2().timer(TokioTimer::new());
        let serving = builder.serve_connection(TokioIo::new(stream), service);
        let silence = async {
            tokio::time::sleep(header_timeout).await;
            if spoken.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
        };
        // A connection that breaks is weather; what was counted on it stays counted.
        tokio::select! {
            _ = serving => {}
            () = silence => {}
        }
    }
}
