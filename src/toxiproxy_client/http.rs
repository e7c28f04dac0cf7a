//! One bounded HTTP request to the server's API, for what the crate lacks.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{ClientError, TIME_LIMIT};

/// Longest answer that is read.
const ANSWER_BYTES: usize = 1 << 20;

/// What is at `path`. `what` says in words what it is needed for.
///
/// # Errors
/// When there is no answer within [`TIME_LIMIT`], or none that makes sense.
pub async fn get<T: DeserializeOwned>(
    server: SocketAddr,
    path: &str,
    what: &str,
) -> Result<T, ClientError> {
    let body = send(server, "GET", path, "", what).await?;
    serde_json::from_slice(&body).map_err(|error| ClientError::NotDone {
        server,
        what: what.to_owned(),
        why: format!(
            "{path} is not what Toxiproxy says ({error}): {}",
            String::from_utf8_lossy(&body)
        ),
    })
}

/// Sends a request; returns the body of a good answer.
///
/// # Errors
/// When there is no answer within [`TIME_LIMIT`], or one that refuses.
pub async fn send(
    server: SocketAddr,
    verb: &str,
    path: &str,
    body: &str,
    what: &str,
) -> Result<Bytes, ClientError> {
    let answered = timeout(TIME_LIMIT, answer(server, verb, path, body)).await;
    match answered {
        Err(_) => Err(ClientError::Hangs {
            server,
            what: what.to_owned(),
        }),
        Ok(Err(why)) => Err(ClientError::Unreachable {
            server,
            what: what.to_owned(),
            why: why.to_string(),
        }),
        Ok(Ok((status, body))) if (200..300).contains(&status) => Ok(body),
        Ok(Ok((status, body))) => Err(ClientError::Refused {
            server,
            what: what.to_owned(),
            status,
            body: String::from_utf8_lossy(&body).trim().to_owned(),
        }),
    }
}

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Status and body, over a connection of its own.
async fn answer(
    server: SocketAddr,
    verb: &str,
    path: &str,
    body: &str,
) -> Result<(u16, Bytes), Error> {
    let stream = TcpStream::connect(server).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::builder()
        .method(verb)
        .uri(path)
        .header("Host", server.to_string())
        .header("User-Agent", concat!("squall/", env!("CARGO_PKG_VERSION")))
        .header("Content-Type", "application/json")
        .body(Full::new(Bytes::copy_from_slice(body.as_bytes())))?;
    let asking = async {
        let response = sender.send_request(request).await?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), ANSWER_BYTES);
        Ok((status, body.collect().await?.to_bytes()))
    };
    tokio::pin!(asking, connection);
    tokio::select! {
        biased;
        answer = &mut asking => answer,
        // It ends before the answer only when it breaks, and then `asking` says so.
        _ = &mut connection => asking.await,
    }
}
