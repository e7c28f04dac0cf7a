//! One GET of a metrics endpoint, bounded in time and size.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, HOST};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Largest text that is read.
const TEXT_MAX_BYTES: usize = 16 << 20;
/// The text format of Prometheus, or OpenMetrics where there is no other.
const ACCEPTED: &str =
    "text/plain;version=0.0.4;q=0.9, application/openmetrics-text;version=1.0.0;q=0.5, */*;q=0.1";

/// The text at `http://HOST:PORT/PATH`, or in words why there is none. The words do not hold the
/// address, which may hold a secret.
///
/// # Errors
/// When there is no answer in time, or not one of success, or one of more than 16 MiB.
pub async fn text(url: &str, within: Duration) -> Result<String, String> {
    match tokio::time::timeout(within, get(url)).await {
        Ok(text) => text,
        Err(_) => Err(format!("no answer within {} s", within.as_secs_f64())),
    }
}

async fn get(url: &str) -> Result<String, String> {
    let uri: Uri = url
        .parse()
        .map_err(|_| "its address is no URL".to_owned())?;
    let (Some(authority), Some("http")) = (uri.authority(), uri.scheme_str()) else {
        return Err("its address does not begin with http://".to_owned());
    };
    let address = format!(
        "{}:{}",
        authority.host(),
        authority.port_u16().unwrap_or(80)
    );
    let stream = TcpStream::connect(address)
        .await
        .map_err(|error| error.to_string())?;
    let words = |error: hyper::Error| error.to_string();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(words)?;
    // Ends with this function, also where that is dropped halfway.
    let mut connections = tokio::task::JoinSet::new();
    connections.spawn(connection);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let host = authority.as_str().rsplit('@').next().unwrap_or_default();
    let request = Request::get(path)
        .header(HOST, host)
        .header(ACCEPT, ACCEPTED)
        .body(Empty::<Bytes>::new())
        .map_err(|_| "its address is no URL".to_owned())?;
    let answer = sender.send_request(request).await.map_err(words)?;
    if !answer.status().is_success() {
        return Err(format!(
            "it answers with status {}",
            answer.status().as_u16()
        ));
    }
    let body = Limited::new(answer.into_body(), TEXT_MAX_BYTES)
        .collect()
        .await
        .map_err(|error| {
            if error.is::<http_body_util::LengthLimitError>() {
                format!("its answer has more than {TEXT_MAX_BYTES} bytes")
            } else {
                error.to_string()
            }
        })?;
    Ok(String::from_utf8_lossy(&body.to_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Answers one request with this head, then with `filler` bytes.
    async fn answered(head: &'static str, filler: usize) -> Result<String, String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = [0; 1024];
            stream.read(&mut asked).await.unwrap();
            stream.write_all(head.as_bytes()).await.unwrap();
            let chunk = vec![b'x'; 1 << 20];
            let mut left = filler;
            while left > 0 {
                let now = left.min(chunk.len());
                if stream.write_all(&chunk[..now]).await.is_err() {
                    break;
                }
                left -= now;
            }
            filler - left
        });
        let url = format!("http://user:hush@{address}/metrics?token=hush");
        let found = text(&url, Duration::from_secs(5)).await;
        assert!(serving.await.unwrap() < 64 << 20, "it read on");
        found
    }

    #[tokio::test]
    async fn the_text_is_read_and_what_is_wrong_is_told_without_the_address() {
        let fine = answered("HTTP/1.1 200 OK\r\n\r\nx 1", 0).await;
        assert_eq!(fine.unwrap(), "x 1");
        let missing = answered("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 0).await;
        assert_eq!(missing.unwrap_err(), "it answers with status 404");
        let endless = answered("HTTP/1.1 200 OK\r\n\r\n", 1 << 30).await;
        assert_eq!(
            endless.unwrap_err(),
            "its answer has more than 16777216 bytes"
        );
        let refused = text("http://127.0.0.1:1/hush", Duration::from_secs(5)).await;
        let refused = refused.unwrap_err();
        assert!(
            refused.contains("refused") && !refused.contains("hush"),
            "{refused}"
        );
        let secret = text("https://hush/", Duration::from_secs(5))
            .await
            .unwrap_err();
        assert!(!secret.contains("hush"), "{secret}");
    }

    #[tokio::test]
    async fn one_that_says_nothing_is_not_waited_for() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let silent = text(&url, Duration::from_millis(50)).await;
        assert_eq!(silent.unwrap_err(), "no answer within 0.05 s");
    }
}
