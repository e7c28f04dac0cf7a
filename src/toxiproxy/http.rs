//! The API's connections: bounded in number, time and size.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue, USER_AGENT, X_CONTENT_TYPE_OPTIONS};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::Server;
use super::answers::Answer;
use super::error::ApiError;
use super::routes::{self, Call, Unknown};
use crate::clock::monotonic_ns;

/// Connections at once; more wait in the kernel.
const CONNECTIONS_MAX: usize = 256;
/// Largest body: a list of some ten thousand proxies.
const BODY_MAX_BYTES: usize = 8 << 20;
/// For a request's head, and for a connection without any request.
const HEADER_TIMEOUT: Duration = Duration::from_secs(60);
/// For a request's body.
const BODY_TIMEOUT: Duration = Duration::from_secs(15);
/// For the work itself, the waiting for other requests included.
const WORK_TIMEOUT: Duration = Duration::from_secs(25);
/// Pause after a failed accept: the process is out of descriptors, and will have some again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

const REQUEST_ID: &str = "x-toxiproxy-request-id";

/// Serves until `stop` is ready; then closes every connection.
pub async fn serve(server: &Arc<Server>, listener: TcpListener, stop: impl Future<Output = ()>) {
    let mut connections = JoinSet::new();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            biased;
            () = &mut stop => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(Arc::clone(server), stream));
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
        }
    }
    drop(listener);
    connections.shutdown().await;
}

async fn connection(server: Arc<Server>, stream: TcpStream) {
    // Without it, Nagle and delayed acknowledgements add 40 ms. It fails on dead sockets only.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| {
        let server = Arc::clone(&server);
        async move { Ok::<_, Infallible>(respond(server, request).await) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .half_close(true)
        .serve_connection(TokioIo::new(stream), service);
    // A client that breaks its connection off is not this server's matter.
    let _ = serving.await;
}

async fn respond(server: Arc<Server>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let found = match routes::find(request.method(), request.uri().path()) {
        Ok(Call::Metrics) if !server.serves_metrics => Err(Unknown::Path),
        other => other,
    };
    match found {
        Ok(call) => {
            let mut response = written(do_call(server, call, request).await);
            response.headers_mut().insert(REQUEST_ID, request_id());
            response
        }
        Err(Unknown::Path) => {
            let words = "404 page not found\n";
            written(Answer::error(StatusCode::NOT_FOUND, words))
        }
        Err(Unknown::Verb) => written(Answer::empty(StatusCode::METHOD_NOT_ALLOWED)),
    }
}

async fn do_call(server: Arc<Server>, call: Call, request: Request<Incoming>) -> Answer {
    let agent = request.headers().get(USER_AGENT);
    // A page in a browser could reach a server on this machine: browsers are kept out.
    if agent.is_some_and(|agent| agent.as_bytes().starts_with(b"Mozilla/")) {
        return Answer::error(StatusCode::FORBIDDEN, "User agent not allowed\n");
    }
    let body = if call.takes_body() {
        match read(request).await {
            Ok(body) => body,
            Err(error) => return error.into(),
        }
    } else {
        Bytes::new()
    };
    // On a task of its own: a client that goes away does not leave its work half done.
    let work = tokio::spawn(async move { server.answer(call, &body).await });
    match tokio::time::timeout(WORK_TIMEOUT, work).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => ApiError::new(500, "the request's task has ended").into(),
        Err(_) => ApiError::new(503, "the request took too long").into(),
    }
}

async fn read(request: Request<Incoming>) -> Result<Bytes, ApiError> {
    let reading = Limited::new(request.into_body(), BODY_MAX_BYTES).collect();
    match tokio::time::timeout(BODY_TIMEOUT, reading).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) => Err(ApiError::bad_body(error)),
        Err(_) => Err(ApiError::bad_body("i/o timeout")),
    }
}

fn written(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(answer.body));
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    if let Some(content_type) = answer.content_type {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    if answer.is_error {
        let nosniff = HeaderValue::from_static("nosniff");
        headers.insert(X_CONTENT_TYPE_OPTIONS, nosniff);
    }
    response
}

/// Twenty characters that no other request of this process has.
fn request_id() -> HeaderValue {
    static REQUESTS: AtomicU32 = AtomicU32::new(0);
    const DIGITS: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
    let number = REQUESTS.fetch_add(1, Ordering::Relaxed);
    let began = monotonic_ns();
    let mut bits = (u128::from(began) << 32) | u128::from(number);
    let mut text = [b'0'; 20];
    for place in text.iter_mut().rev() {
        *place = DIGITS[(bits % 32) as usize];
        bits /= 32;
    }
    // Digits and letters always make a header.
    HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static("0"))
}
