//! When a program is ready: a port that answers, an HTTP or gRPC health check, or a line of its output.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full, Limited};
use hyper::client::conn::{http1, http2};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Request, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// For one try.
const TRY_TIMEOUT: Duration = Duration::from_secs(1);
/// What closes connections at once has done so by then.
const CLOSED_BY: Duration = Duration::from_millis(50);
/// Largest answer that is read.
const ANSWER_MAX_BYTES: usize = 64 << 10;
/// An empty `grpc.health.v1.HealthCheckRequest`, framed.
const CHECK: &[u8] = &[0, 0, 0, 0, 0];
/// `HealthCheckResponse.status == SERVING`.
const SERVING: &[u8] = &[0x08, 1];

/// What shows that a program is ready. The line of its output is not asked here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Probe {
    /// Something accepts connections at `HOST:PORT`.
    Tcp(String),
    /// `http://HOST:PORT/PATH` answers with a status below 400.
    Http(String),
    /// `grpc.health.v1.Health/Check` at `HOST:PORT` says that it serves.
    GrpcHealth(String),
}

/// Asks once; says in words what stands in the way.
///
/// # Errors
/// When it is not ready.
pub async fn ask(probe: &Probe) -> Result<(), String> {
    let asking = async {
        match probe {
            Probe::Tcp(address) => stays(address, connect(address).await?).await,
            Probe::Http(url) => http(url).await,
            Probe::GrpcHealth(address) => grpc_health(address).await,
        }
    };
    match tokio::time::timeout(TRY_TIMEOUT, asking).await {
        Ok(answer) => answer,
        Err(_) => Err(format!("no answer within {} s", TRY_TIMEOUT.as_secs())),
    }
}

async fn connect(address: &str) -> Result<TcpStream, String> {
    TcpStream::connect(address)
        .await
        .map_err(|error| format!("{address}: {error}"))
}

/// What maps the ports of a container accepts connections before anything listens there, and then
/// closes them.
async fn stays(address: &str, mut stream: TcpStream) -> Result<(), String> {
    let mut byte = [0];
    match tokio::time::timeout(CLOSED_BY, stream.read(&mut byte)).await {
        Ok(Ok(0) | Err(_)) => Err(format!("{address}: connections are closed at once")),
        Ok(Ok(_)) | Err(_) => Ok(()),
    }
}

async fn http(url: &str) -> Result<(), String> {
    let uri: Uri = url.parse().map_err(|error| format!("{url}: {error}"))?;
    let authority = uri
        .authority()
        .ok_or_else(|| format!("{url} names no host"))?;
    let host = authority.host();
    let stream = connect(&format!("{host}:{}", authority.port_u16().unwrap_or(80))).await?;
    let failed = |error: hyper::Error| format!("{url}: {error}");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(failed)?;
    let connection = tokio::spawn(connection);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::get(path)
        .header(HOST, authority.as_str())
        .body(Empty::<Bytes>::new())
        .map_err(|error| format!("{url}: {error}"))?;
    let status = sender.send_request(request).await.map_err(failed)?.status();
    connection.abort();
    if status.as_u16() < 400 {
        Ok(())
    } else {
        Err(format!("{url} answers {status}"))
    }
}

async fn grpc_health(address: &str) -> Result<(), String> {
    let stream = connect(address).await?;
    let failed = |error: hyper::Error| format!("{address}: {error}");
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .map_err(failed)?;
    let connection = tokio::spawn(connection);
    let request = Request::post(format!("http://{address}/grpc.health.v1.Health/Check"))
        .header(CONTENT_TYPE, "application/grpc")
        .header("te", "trailers")
        .body(Full::new(Bytes::from_static(CHECK)))
        .map_err(|error| format!("{address}: {error}"))?;
    let answer = sender.send_request(request).await.map_err(failed)?;
    let head_status = answer.headers().get("grpc-status").cloned();
    let body = Limited::new(answer.into_body(), ANSWER_MAX_BYTES)
        .collect()
        .await
        .map_err(|error| format!("{address}: {error}"))?;
    connection.abort();
    let trailers = body.trailers().cloned().unwrap_or_default();
    let status = head_status.as_ref().or_else(|| trailers.get("grpc-status"));
    let code = status.and_then(|value| value.to_str().ok()).unwrap_or("?");
    if code != "0" {
        return Err(format!(
            "{address}: its health service answers gRPC status {code}"
        ));
    }
    // The message stands behind the five bytes of its frame.
    match body.to_bytes().get(5..) {
        Some(message) if message == SERVING => Ok(()),
        _ => Err(format!(
            "{address}: its health service does not say that it serves"
        )),
    }
}
