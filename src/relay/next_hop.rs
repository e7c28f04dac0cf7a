//! A request sent on as it came, and the answer brought back: no queue, no retries.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hyper::HeaderMap;
use hyper::header::{CONTENT_TYPE, HeaderName};
use tokio::sync::Semaphore;
use tonic::Status;
use tonic::client::Grpc;
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;
use tonic_types::StatusExt as _;

use super::hop::{RawCodec, channel, path};
use crate::error_chain::error_chain;
use crate::otlp::Encoding;
use crate::otlp::headers::retry_after;
use crate::otlp::status::{Status as HttpStatus, partial_success};
use crate::plan::Transport;
use crate::signal::Signal;
use crate::sink::passing::Onward;
use crate::sink::{Answer, Told};

/// Headers that belong to a connection or to the message as it came, and are not passed on.
const OWN: &[&str] = &[
    "accept",
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

/// Where and how to send on.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `http://HOST:PORT` or `https://…`; for HTTP possibly with a path that comes before `/v1/traces`.
    pub endpoint: String,
    pub transport: Transport,
    /// PEM of the authority that signed its certificate.
    pub ca: Option<String>,
    /// For one request.
    pub timeout: Duration,
    /// Requests at once; a further one is turned away.
    pub in_flight: usize,
}

/// What requests are sent on to.
#[derive(Debug)]
pub struct NextHop {
    endpoint: String,
    way: Way,
    timeout: Duration,
    slots: Semaphore,
}

#[derive(Debug)]
enum Way {
    Grpc(Channel),
    Http(reqwest::Client),
}

impl NextHop {
    /// A hop that is connected to when there is something to send.
    ///
    /// # Errors
    /// When the endpoint or the certificate makes no sense; in words.
    pub fn new(settings: Settings) -> Result<Self, String> {
        let endpoint = settings.endpoint.trim_end_matches('/').to_owned();
        let way = match settings.transport {
            Transport::Grpc => {
                let ca = settings.ca.as_deref();
                Way::Grpc(channel(&endpoint, settings.timeout, ca, None)?)
            }
            Transport::Http => Way::Http(http_client(&endpoint, &settings)?),
        };
        Ok(Self {
            endpoint,
            way,
            timeout: settings.timeout,
            slots: Semaphore::new(settings.in_flight),
        })
    }

    async fn over_grpc(
        &self,
        channel: &Channel,
        signal: Signal,
        body: Bytes,
        headers: &HeaderMap,
    ) -> Answer {
        let call = async {
            let mut grpc = Grpc::new(channel.clone());
            grpc.ready()
                .await
                .map_err(|error| Status::from_error(Box::new(error)))?;
            let mut request = tonic::Request::new(body);
            *request.metadata_mut() = MetadataMap::from_headers(passed_on(headers));
            grpc.unary(request, path(signal), RawCodec).await
        };
        match tokio::time::timeout(self.timeout, call).await {
            Err(_) => self.unanswered("no answer in time"),
            Ok(Ok(answer)) => success(signal, answer.get_ref()),
            Ok(Err(status)) => self.status(&status),
        }
    }

    /// A status with a source was made on this side: there was no answer.
    fn status(&self, status: &Status) -> Answer {
        if let Some(source) = std::error::Error::source(status) {
            return self.unanswered(&error_chain(source));
        }
        let retry_after = status.get_details_retry_info();
        let retry_after = retry_after.and_then(|info| info.retry_delay);
        let why = status.message().to_owned();
        Answer::Told(Told::over_grpc(status.code(), why, retry_after))
    }

    async fn over_http(
        &self,
        client: &reqwest::Client,
        signal: Signal,
        body: Bytes,
        headers: &HeaderMap,
    ) -> Answer {
        let request = client
            .post(format!("{}{}", self.endpoint, signal.http_path()))
            .headers(passed_on(headers))
            .header(CONTENT_TYPE, "application/x-protobuf")
            .body(body);
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => return self.unanswered(&error_chain(&error)),
        };
        let code = answer.status();
        let retry_after = retry_after(answer.headers());
        let bytes = match answer.bytes().await {
            Ok(bytes) => bytes,
            Err(error) => return self.unanswered(&error_chain(&error)),
        };
        if code.is_success() {
            return success(signal, &bytes);
        }
        let why = HttpStatus::words(Encoding::Protobuf, &bytes).unwrap_or_else(|| code.to_string());
        Answer::Told(Told::over_http(code.as_u16(), why, retry_after))
    }

    fn unanswered(&self, why: &str) -> Answer {
        let why = format!("cannot send on to {}: {why}", self.endpoint);
        Answer::Told(Told::nothing(why))
    }
}

#[async_trait]
impl Onward for NextHop {
    async fn ask(&self, signal: Signal, body: Bytes, headers: &HeaderMap) -> Answer {
        // Whoever waited here would wait with a request in memory.
        let Ok(_slot) = self.slots.try_acquire() else {
            return self.unanswered("too many requests are under way");
        };
        match &self.way {
            Way::Grpc(channel) => self.over_grpc(channel, signal, body, headers).await,
            Way::Http(client) => self.over_http(client, signal, body, headers).await,
        }
    }
}

fn http_client(endpoint: &str, settings: &Settings) -> Result<reqwest::Client, String> {
    let url = reqwest::Url::parse(endpoint).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("it must begin with http:// or https://".to_owned());
    }
    let mut builder = reqwest::Client::builder()
        // What a redirect leads to has not taken the telemetry.
        .redirect(reqwest::redirect::Policy::none())
        .timeout(settings.timeout)
        .no_proxy();
    if let Some(ca) = &settings.ca {
        let ca =
            reqwest::Certificate::from_pem(ca.as_bytes()).map_err(|error| error_chain(&error))?;
        builder = builder.tls_certs_only([ca]);
    }
    builder.build().map_err(|error| error_chain(&error))
}

/// The headers that the sender meant for whoever takes its telemetry.
fn passed_on(headers: &HeaderMap) -> HeaderMap {
    let is_own = |name: &HeaderName| {
        let name = name.as_str();
        OWN.contains(&name) || name.starts_with("grpc-")
    };
    headers
        .iter()
        .filter(|(name, _)| !is_own(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn success(signal: Signal, response: &[u8]) -> Answer {
    match partial_success(signal, Encoding::Protobuf, response) {
        None => Answer::Accepted,
        Some((0, _)) => Answer::Accepted,
        Some((rejected, why)) => Answer::Partial { rejected, why },
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn headers_of_the_connection_stay_behind() {
        let given = [
            "authorization",
            "x-scope-orgid",
            "te",
            "grpc-timeout",
            "host",
        ];
        let headers: HeaderMap = given
            .into_iter()
            .map(|name| (HeaderName::from_static(name), HeaderValue::from_static("v")))
            .collect();
        let passed = passed_on(&headers);
        let mut names: Vec<&str> = passed.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["authorization", "x-scope-orgid"]);
    }

    #[test]
    fn an_endpoint_without_a_scheme_is_refused() {
        for transport in [Transport::Grpc, Transport::Http] {
            let settings = Settings {
                endpoint: "ftp://x:1".to_owned(),
                transport,
                ca: None,
                timeout: Duration::from_secs(1),
                in_flight: 1,
            };
            let why = NextHop::new(settings).unwrap_err();
            assert!(why.contains("http://"), "{why}");
        }
    }
}
