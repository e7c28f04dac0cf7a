//! Accepts connections and serves them, within limits.

use std::convert::Infallible;
use std::pin::pin;
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
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use super::gate::Gated;
use super::required::Required;
use super::throttle::Throttle;
use super::traffic::Traffic;
use super::unanswered::Unanswered;
use super::weather::{Line, Weather};
use super::{Receiver, grpc, http};

/// The body of every answer.
pub type AnswerBody = UnsyncBoxBody<Bytes, Infallible>;

/// Pause after the system could not accept a connection (no file descriptor left, mostly).
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// What a sender may have under way before it has to wait for leave to go on. Requests are read as
/// they come, so that this bounds no memory; a smaller window would only cost round trips.
const STREAM_WINDOW_BYTES: u32 = 8 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 64 << 20;
/// A request that comes in one frame is one piece of memory, and never copied.
const FRAME_MAX_BYTES: u32 = 1 << 20;

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
    /// Whether each request is read with the full decoder as well, and compared.
    pub strict: bool,
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
            strict: false,
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
    pub weather: Weather,
    pub required: Required,
    /// Holds answers back, so that no more items are taken than it allows.
    pub throttle: Option<Throttle>,
}

impl<R: Receiver> Server<R> {
    /// Waits until a slow sink is done with a request of so many items.
    pub(super) async fn take_time(&self, items: u64) {
        if let Some(throttle) = &self.throttle {
            tokio::time::sleep_until(throttle.turn(items, Instant::now()).ends).await;
        }
    }

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
        let traffic = Arc::clone(&self.traffic);
        let _connected = traffic.connected();
        // Without it, Nagle and delayed acknowledgements add 40 ms to an answer.
        if stream.set_nodelay(true).is_err() {
            return;
        }
        let line = self.weather.admit();
        let stream = Gated::new(stream, Arc::clone(&line.gate));
        tokio::select! {
            () = line.gate.until_cut() => {}
            () = self.talk(stream, door, tls, &line) => {}
        }
    }

    async fn talk(
        self: Arc<Self>,
        stream: Gated,
        door: Door,
        tls: Option<TlsAcceptor>,
        line: &Arc<Line>,
    ) {
        let Some(usual) = tls else {
            return self.requests(stream, door, line).await;
        };
        let tls = self.weather.acceptor(line).unwrap_or(usual);
        let handshake = tls.accept(stream);
        let timeout = self.limits.header_timeout;
        // A failed handshake is between the sender and its certificates; there is no request.
        let shaken = tokio::time::timeout(timeout, handshake).await;
        line.shook_hands(matches!(shaken, Ok(Ok(_))));
        if let Ok(Err(error)) = &shaken {
            self.traffic.handshake_failed(&error.to_string());
        }
        if let Ok(Ok(stream)) = shaken {
            self.requests(stream, door, line).await;
        }
    }

    async fn requests<S>(self: Arc<Self>, stream: S, door: Door, line: &Arc<Line>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let spoken = Arc::new(AtomicBool::new(false));
        let heard = Arc::clone(&spoken);
        let header_timeout = self.limits.header_timeout;
        let own = Arc::clone(line);
        let service = service_fn(move |request| {
            heard.store(true, Ordering::Relaxed);
            let server = Arc::clone(&self);
            let line = Arc::clone(&own);
            async move {
                let answer = match door {
                    Door::Grpc => grpc::answer(&server, &line, request).await,
                    Door::Http => http::answer(&server, &line, request).await,
                };
                server.traffic.hold_while_frozen().await;
                answer.map_err(Unanswered::from)
            }
        });
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http1()
            // A sender that says that it is done still gets its answer.
            .half_close(true)
            .timer(TokioTimer::new())
            .header_read_timeout(header_timeout);
        builder
            .http2()
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_frame_size(FRAME_MAX_BYTES);
        let mut serving = pin!(builder.serve_connection(TokioIo::new(stream), service));
        let silence = async {
            tokio::time::sleep(header_timeout).await;
            if spoken.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
        };
        let mut silence = pin!(silence);
        let mut leaving = false;
        // A connection that breaks is weather; what was counted on it stays counted.
        loop {
            tokio::select! {
                _ = serving.as_mut() => return,
                () = silence.as_mut() => return,
                () = line.until_leaving(), if !leaving => {
                    serving.as_mut().graceful_shutdown();
                    leaving = true;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::sink::counts::Counts;

    const SHORT: Duration = Duration::from_millis(50);

    async fn start(connections: usize) -> (std::net::SocketAddr, Arc<Server<Counts>>) {
        let server = Arc::new(Server {
            receiver: Arc::new(Counts::default()),
            traffic: Arc::new(Traffic::default()),
            limits: Limits {
                max_request_bytes: 1000,
                strict: false,
                connections,
                header_timeout: SHORT,
                body_timeout: SHORT,
            },
            weather: Weather::default(),
            required: Required::default(),
            throttle: None,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(Arc::clone(&server).serve(listener, Door::Http, None));
        (address, server)
    }

    /// Sends these bytes, never says that it is done, and reads until the server closes.
    async fn talk(address: std::net::SocketAddr, bytes: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(bytes.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    fn head(length: usize) -> String {
        format!(
            "POST /v1/logs HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        )
    }

    #[tokio::test]
    async fn silence_half_a_header_and_half_a_body_are_not_waited_for() {
        let (address, server) = start(8).await;
        assert_eq!(talk(address, "").await, "");
        assert_eq!(talk(address, "PO").await, "");
        assert_eq!(talk(address, "POST /v1/logs HTTP/1.1\r\nho").await, "");
        let answer = talk(address, &head(9)).await;
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
        assert_eq!(server.traffic.malformed_count(), 0);
        assert_eq!(server.traffic.in_flight(), 0);
    }

    #[tokio::test]
    async fn what_is_announced_as_too_large_is_refused_at_once() {
        let (address, server) = start(8).await;
        let answer = talk(address, &head(1001)).await;
        assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
        assert_eq!(server.traffic.malformed_count(), 1);
    }

    #[tokio::test]
    async fn a_connection_beyond_the_cap_waits_for_its_turn() {
        let (address, server) = start(1).await;
        let silent = TcpStream::connect(address).await.unwrap();
        let answer = talk(address, &(head(2) + "{}")).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert_eq!(server.receiver.snapshot()[2].requests, 1);
        drop(silent);
    }
}
