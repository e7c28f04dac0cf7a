//! Health over HTTP (`/health`) and gRPC, and metrics in Prometheus's text format (`/metrics`).

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::counters::Counters;
use super::queue::Queue;

/// Connections at once; more wait in the kernel.
const CONNECTIONS_MAX: usize = 64;
/// `grpc.health.v1.HealthCheckResponse { status: SERVING }`, framed.
const SERVING: &[u8] = &[0, 0, 0, 0, 2, 0x08, 1];

/// Serves until it is dropped.
pub async fn serve(listener: TcpListener, counters: Arc<Counters>, queue: Arc<Queue>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(connection(stream, Arc::clone(&counters), Arc::clone(&queue)));
                } else {
                    // Out of descriptors, which come back.
                    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                }
            }
        }
    }
}

async fn connection(stream: TcpStream, counters: Arc<Counters>, queue: Arc<Queue>) {
    // It fails on dead sockets only.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = answer(request.uri().path(), &counters, &queue);
        async move { Ok::<_, Infallible>(answer) }
    });
    // A prober that breaks off is its own matter.
    let _ = auto::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

fn answer(
    path: &str,
    counters: &Counters,
    queue: &Queue,
) -> Response<UnsyncBoxBody<Bytes, Infallible>> {
    let text = |status: StatusCode, text: String| {
        let mut response = Response::new(Full::new(Bytes::from(text)).boxed_unsync());
        *response.status_mut() = status;
        response
    };
    match path {
        "/health" => text(StatusCode::OK, "ok\n".to_owned()),
        "/metrics" => text(StatusCode::OK, counters.exposition(queue)),
        "/grpc.health.v1.Health/Check" => {
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", HeaderValue::from_static("0"));
            let body = Full::new(Bytes::from_static(SERVING))
                .with_trailers(std::future::ready(Some(Ok(trailers))));
            let mut response = Response::new(body.boxed_unsync());
            let grpc = HeaderValue::from_static("application/grpc");
            response.headers_mut().insert(CONTENT_TYPE, grpc);
            response
        }
        _ => text(StatusCode::NOT_FOUND, "not found\n".to_owned()),
    }
}
