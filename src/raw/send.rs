//! Sends bodies that are ready over HTTP/1.1, HTTP/2 or gRPC, and reads the answers.
//!
//! gRPC is framed by hand, as at the sink: a generated client would copy the message once more.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, TE};
use http::{Method, Request, Response, Uri, Version};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::dial::Dial;
use crate::error_chain::error_chain;
use crate::otlp::headers::{encoding, grpc_path, retry_after, unframe};
use crate::otlp::{Encoding, status};
use crate::plan::{Compression, Protocol};
use crate::signal::Signal;

/// Longest answer that is read.
const ANSWER_MAX_BYTES: usize = 1 << 20;
/// What is said of an answer without a content type.
const OF_NO_TYPE: &str = "of no type";
/// Characters that are kept of an answer in plain text.
const WORDS_MAX: usize = 200;
/// What a peer may send before it is read: answers are short.
const WINDOW_BYTES: u32 = 1 << 20;

/// Where and how to send.
#[derive(Debug, Clone)]
pub struct Settings {
    pub protocol: Protocol,
    /// Without a signal's path.
    pub endpoint: String,
    pub compression: Compression,
    pub headers: Vec<(String, String)>,
    /// `None`: what an encrypted endpoint shows is not known to be right.
    pub tls: Option<ClientConfig>,
    /// The name by which an encrypted endpoint is known.
    pub server_name: Option<String>,
    /// The name server, where names are not the system's.
    pub name_server: Option<SocketAddr>,
    /// Where every name leads to, whatever the world says.
    pub leads_to: Option<SocketAddr>,
    pub connections: u16,
    /// For one request, from its beginning to the end of its answer.
    pub timeout: Duration,
}

/// Why nothing can be sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    #[error("the endpoint {endpoint}: {why}")]
    Endpoint { endpoint: String, why: String },
    #[error("header {0:?} cannot be sent")]
    Header(String),
    #[error("TLS: {0}")]
    Tls(String),
}

/// What came of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// A success; of these items all but `rejected` were taken.
    Accepted { rejected: u64, message: String },
    /// An HTTP status that is no success, and when to come back, if the peer said so.
    Http {
        status: u16,
        /// Its words; empty if it has none.
        message: String,
        retry_after: Option<Duration>,
    },
    /// The same for a gRPC code that the peer sent.
    Grpc {
        code: Code,
        message: String,
        retry_after: Option<Duration>,
    },
    /// No answer, or none that can be read; in words.
    Nothing(String),
}

/// Several connections to one endpoint, taken in turn.
#[derive(Debug)]
pub struct Sender {
    clients: Vec<Client<HttpsConnector<Dial>, Full<Bytes>>>,
    next: AtomicUsize,
    protocol: Protocol,
    /// Per signal.
    uris: [Uri; 3],
    headers: HeaderMap,
    timeout: Duration,
}

impl Sender {
    /// A sender that connects when there is something to send.
    ///
    /// # Errors
    /// When the endpoint, a header or a certificate makes no sense.
    pub fn new(settings: Settings) -> Result<Self, SendError> {
        let base = settings.endpoint.trim_end_matches('/');
        let uri = |signal: Signal| -> Result<Uri, SendError> {
            let path = match settings.protocol {
                Protocol::Grpc => grpc_path(signal),
                Protocol::HttpProtobuf | Protocol::HttpJson => signal.http_path(),
            };
            let wrong = |why: String| SendError::Endpoint {
                endpoint: settings.endpoint.clone(),
                why,
            };
            let uri: Uri = format!("{base}{path}")
                .parse()
                .map_err(|error: http::uri::InvalidUri| wrong(error.to_string()))?;
            match uri.scheme_str() {
                Some("http" | "https") => Ok(uri),
                _ => Err(wrong("it must begin with http:// or https://".to_owned())),
            }
        };
        let uris = [
            uri(Signal::Traces)?,
            uri(Signal::Metrics)?,
            uri(Signal::Logs)?,
        ];
        let headers = headers(&settings)?;
        // Each client has one connection with HTTP/2; with HTTP/1.1, one for each request under way.
        let connections = match settings.protocol {
            Protocol::Grpc => settings.connections.max(1),
            Protocol::HttpProtobuf | Protocol::HttpJson => 1,
        };
        let mut clients = Vec::with_capacity(usize::from(connections));
        for _ in 0..connections {
            clients.push(client(&settings)?);
        }
        Ok(Self {
            clients,
            next: AtomicUsize::new(0),
            protocol: settings.protocol,
            uris,
            headers,
            timeout: settings.timeout,
        })
    }

    /// Sends a body of [`super::body::BodyWriter`] and waits for the answer.
    pub async fn send(&self, signal: Signal, body: Bytes) -> Reply {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uris[signal.index()].clone();
        *request.headers_mut() = self.headers.clone();
        if self.protocol == Protocol::Grpc {
            *request.version_mut() = Version::HTTP_2;
        }
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        let client = &self.clients[next % self.clients.len()];
        let exchange = async {
            let response = client.request(request).await.map_err(|e| error_chain(&e))?;
            self.read(signal, response).await
        };
        match tokio::time::timeout(self.timeout, exchange).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(why)) => Reply::Nothing(why),
            Err(_) => Reply::Nothing(format!("nothing came within {:?}", self.timeout)),
        }
    }

    async fn read(&self, signal: Signal, response: Response<Incoming>) -> Result<Reply, String> {
        let (head, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_MAX_BYTES).collect().await;
        let body = body.map_err(|error| error_chain(&*error))?;
        let trailers = body.trailers().cloned().unwrap_or_default();
        let bytes = body.to_bytes();
        if self.protocol == Protocol::Grpc && head.status.is_success() {
            // An answer without a message has its status among the headers.
            let status = Status::from_header_map(&trailers)
                .or_else(|| Status::from_header_map(&head.headers))
                .ok_or("the answer has no gRPC status")?;
            return Ok(grpc(signal, &status, &bytes));
        }
        if !head.status.is_success() {
            return Ok(Reply::Http {
                status: head.status.as_u16(),
                message: words(&head.headers, &bytes),
                retry_after: retry_after(&head.headers),
            });
        }
        let wanted = match self.protocol {
            Protocol::HttpJson => Encoding::Json,
            Protocol::HttpProtobuf | Protocol::Grpc => Encoding::Protobuf,
        };
        let (rejected, mut message) = partial_success(signal, wanted, &bytes);
        if message.is_empty() && !bytes.is_empty() {
            // A success for every sender, and the sign of a wrong endpoint.
            message = stranger(&head.headers, wanted).unwrap_or_default();
        }
        Ok(Reply::Accepted { rejected, message })
    }
}

/// What the body of an answer that is no success says.
fn words(headers: &HeaderMap, body: &[u8]) -> String {
    let given = content_type(headers);
    match encoding(given) {
        Some(encoding) => status::Status::words(encoding, body).unwrap_or_default(),
        // What servers say that do not know OTLP.
        None if ["text/plain", OF_NO_TYPE]
            .iter()
            .any(|text| given.starts_with(text)) =>
        {
            let text = String::from_utf8_lossy(body);
            text.trim().chars().take(WORDS_MAX).collect()
        }
        None => String::new(),
    }
}

fn content_type(headers: &HeaderMap) -> &str {
    let given = headers.get(CONTENT_TYPE).map(HeaderValue::to_str);
    given.and_then(Result::ok).unwrap_or(OF_NO_TYPE)
}

/// What is to be said of an answer that has a body, and not one of OTLP.
fn stranger(headers: &HeaderMap, wanted: Encoding) -> Option<String> {
    let given = content_type(headers);
    (encoding(given) != Some(wanted))
        .then(|| format!("a success whose body is {given}: is this an endpoint of OTLP/HTTP?"))
}

fn grpc(signal: Signal, status: &Status, body: &[u8]) -> Reply {
    if status.code() == Code::Ok {
        // A body that cannot be read says nothing; the status alone counts.
        let message = unframe(body).map_or(&[][..], |(_, message)| message);
        let (rejected, message) = partial_success(signal, Encoding::Protobuf, message);
        return Reply::Accepted { rejected, message };
    }
    Reply::Grpc {
        code: status.code(),
        message: status.message().to_owned(),
        retry_after: status
            .get_details_retry_info()
            .and_then(|info| info.retry_delay),
    }
}

fn partial_success(signal: Signal, encoding: Encoding, body: &[u8]) -> (u64, String) {
    status::partial_success(signal, encoding, body).unwrap_or_default()
}

fn client(settings: &Settings) -> Result<Client<HttpsConnector<Dial>, Full<Bytes>>, SendError> {
    let connector = Dial {
        name_server: settings.name_server,
        leads_to: settings.leads_to,
    };
    let tls = settings.tls.clone().unwrap_or_else(|| {
        ClientConfig::builder()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth()
    });
    let mut builder = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http();
    if let Some(name) = &settings.server_name {
        let name = rustls::pki_types::ServerName::try_from(name.clone())
            .map_err(|error| SendError::Tls(error.to_string()))?;
        builder =
            builder.with_server_name_resolver(hyper_rustls::FixedServerNameResolver::new(name));
    }
    let mut client = Client::builder(TokioExecutor::new());
    client
        .pool_timer(TokioTimer::new())
        .timer(TokioTimer::new())
        .retry_canceled_requests(false)
        .http2_initial_stream_window_size(WINDOW_BYTES)
        .http2_initial_connection_window_size(WINDOW_BYTES);
    let connector = match settings.protocol {
        Protocol::Grpc => {
            client.http2_only(true);
            builder.enable_http2().wrap_connector(connector)
        }
        Protocol::HttpProtobuf | Protocol::HttpJson => {
            builder.enable_http1().wrap_connector(connector)
        }
    };
    Ok(client.build(connector))
}

fn headers(settings: &Settings) -> Result<HeaderMap, SendError> {
    let mut headers = HeaderMap::new();
    let content_type = match settings.protocol {
        Protocol::Grpc => "application/grpc",
        Protocol::HttpProtobuf => "application/x-protobuf",
        Protocol::HttpJson => "application/json",
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    let packed = match settings.compression {
        Compression::None => None,
        Compression::Gzip => Some("gzip"),
        Compression::Zstd => Some("zstd"),
    };
    let encoding = match settings.protocol {
        Protocol::Grpc => {
            headers.insert(TE, HeaderValue::from_static("trailers"));
            HeaderName::from_static("grpc-encoding")
        }
        Protocol::HttpProtobuf | Protocol::HttpJson => CONTENT_ENCODING,
    };
    if let Some(packed) = packed {
        headers.insert(encoding, HeaderValue::from_static(packed));
    }
    for (name, value) in &settings.headers {
        // The value is a secret and stays out of the error.
        let wrong = || SendError::Header(name.clone());
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
        let mut value = HeaderValue::from_str(value).map_err(|_| wrong())?;
        value.set_sensitive(true);
        headers.insert(key, value);
    }
    Ok(headers)
}

/// The settings of TLS.
///
/// # Errors
/// When a text is not PEM, or the key is not the certificate's.
pub fn tls(ca: &str, identity: Option<(&str, &str)>) -> Result<ClientConfig, SendError> {
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let wrong = |error: &dyn std::error::Error| SendError::Tls(error.to_string());
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca.as_bytes()) {
        let certificate = certificate.map_err(|error| wrong(&error))?;
        roots.add(certificate).map_err(|error| wrong(&error))?;
    }
    let builder = ClientConfig::builder().with_root_certificates(Arc::new(roots));
    let Some((cert, key)) = identity else {
        return Ok(builder.with_no_client_auth());
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(cert.as_bytes()).collect();
    let chain = chain.map_err(|error| wrong(&error))?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|error| wrong(&error))?;
    builder
        .with_client_auth_cert(chain, key)
        .map_err(|error| wrong(&error))
}
