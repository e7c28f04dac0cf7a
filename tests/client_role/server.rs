//! A small OTLP server that does as it is told and remembers what it accepted.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{
    LogsService, LogsServiceServer,
};
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::ResourceMetrics;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde::Serialize;
use serde::de::DeserializeOwned;
use squall::signal::Signal;
use tonic::codec::CompressionEncoding;
use tonic::metadata::MetadataMap;
use tonic::{Code, Request, Response, Status};

/// What to say to a request.
#[derive(Clone, Copy)]
pub enum Reply {
    Ok,
    /// A partial success that rejects this many items.
    Partial(i64),
    Grpc(Code),
    Http(u16),
}

/// How the server behaves. `reply` is given the number of the request, from 0.
pub struct Behaviour {
    pub delay: Duration,
    pub reply: Box<dyn Fn(Signal, u64) -> Reply + Send + Sync>,
    pub tls: Option<Tls>,
    /// What a partial success says.
    pub message: &'static str,
}

/// PEM texts of a certificate and its key.
pub struct Tls {
    pub cert: String,
    pub key: String,
    /// Who must have signed the client's certificate.
    pub client_ca: Option<String>,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            reply: Box::new(|_, _| Reply::Ok),
            tls: None,
            message: "planned",
        }
    }
}

/// What was accepted.
#[derive(Default)]
pub struct Accepted {
    pub spans: Vec<Span>,
    pub metrics: Vec<ResourceMetrics>,
    pub logs: Vec<LogRecord>,
    /// Values of the header `x-secret`.
    pub secrets: Vec<String>,
}

struct State {
    behaviour: Behaviour,
    requests: [AtomicU64; 3],
    accepted: Mutex<Accepted>,
}

/// A running server; it ends with its runtime.
pub struct Server {
    pub grpc: SocketAddr,
    pub http: SocketAddr,
    state: Arc<State>,
    _runtime: tokio::runtime::Runtime,
}

impl Server {
    pub fn start(behaviour: Behaviour) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let state = Arc::new(State {
            behaviour,
            requests: Default::default(),
            accepted: Mutex::default(),
        });
        let (grpc, http) = runtime.block_on(async {
            (
                serve_grpc(Arc::clone(&state)).await,
                serve_http(Arc::clone(&state)).await,
            )
        });
        Self {
            grpc,
            http,
            state,
            _runtime: runtime,
        }
    }

    pub fn accepted(&self) -> std::sync::MutexGuard<'_, Accepted> {
        self.state.accepted.lock().unwrap()
    }
}

impl State {
    async fn reply(&self, signal: Signal, secret: Option<String>) -> Reply {
        tokio::time::sleep(self.behaviour.delay).await;
        self.accepted.lock().unwrap().secrets.extend(secret);
        let number = self.requests[signal.index()].fetch_add(1, Ordering::SeqCst);
        (self.behaviour.reply)(signal, number)
    }

    fn accept_spans(&self, request: ExportTraceServiceRequest) {
        let scopes = request
            .resource_spans
            .into_iter()
            .flat_map(|r| r.scope_spans);
        let spans = scopes.flat_map(|scope| scope.spans);
        self.accepted.lock().unwrap().spans.extend(spans);
    }

    fn accept_metrics(&self, request: ExportMetricsServiceRequest) {
        let metrics = request.resource_metrics;
        self.accepted.lock().unwrap().metrics.extend(metrics);
    }

    fn accept_logs(&self, request: ExportLogsServiceRequest) {
        let scopes = request.resource_logs.into_iter().flat_map(|r| r.scope_logs);
        let records = scopes.flat_map(|scope| scope.log_records);
        self.accepted.lock().unwrap().logs.extend(records);
    }
}

fn secret(metadata: &MetadataMap) -> Option<String> {
    Some(metadata.get("x-secret")?.to_str().ok()?.to_owned())
}

fn trace_answer(rejected: Option<i64>, message: &str) -> ExportTraceServiceResponse {
    ExportTraceServiceResponse {
        partial_success: rejected.map(|rejected_spans| ExportTracePartialSuccess {
            rejected_spans,
            error_message: message.into(),
        }),
    }
}

fn metrics_answer(rejected: Option<i64>, message: &str) -> ExportMetricsServiceResponse {
    ExportMetricsServiceResponse {
        partial_success: rejected.map(|rejected_data_points| ExportMetricsPartialSuccess {
            rejected_data_points,
            error_message: message.into(),
        }),
    }
}

fn logs_answer(rejected: Option<i64>, message: &str) -> ExportLogsServiceResponse {
    ExportLogsServiceResponse {
        partial_success: rejected.map(|rejected_log_records| ExportLogsPartialSuccess {
            rejected_log_records,
            error_message: message.into(),
        }),
    }
}

fn grpc_answer<A>(
    reply: Reply,
    accept: impl FnOnce(),
    answer: impl FnOnce(Option<i64>, &str) -> A,
    message: &str,
) -> Result<Response<A>, Status> {
    let rejected = match reply {
        Reply::Ok => None,
        Reply::Partial(rejected) => Some(rejected),
        Reply::Grpc(code) => return Err(Status::new(code, "planned")),
        Reply::Http(status) => return Err(Status::unknown(format!("http {status}"))),
    };
    accept();
    Ok(Response::new(answer(rejected, message)))
}

#[tonic::async_trait]
impl TraceService for State {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let reply = self.reply(Signal::Traces, secret(request.metadata())).await;
        let accept = || self.accept_spans(request.into_inner());
        grpc_answer(reply, accept, trace_answer, self.behaviour.message)
    }
}

#[tonic::async_trait]
impl MetricsService for State {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let reply = self
            .reply(Signal::Metrics, secret(request.metadata()))
            .await;
        let accept = || self.accept_metrics(request.into_inner());
        grpc_answer(reply, accept, metrics_answer, self.behaviour.message)
    }
}

#[tonic::async_trait]
impl LogsService for State {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        let reply = self.reply(Signal::Logs, secret(request.metadata())).await;
        let accept = || self.accept_logs(request.into_inner());
        grpc_answer(reply, accept, logs_answer, self.behaviour.message)
    }
}

async fn serve_grpc(state: Arc<State>) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let incoming = tonic::transport::server::TcpIncoming::from(listener);
    let mut server = tonic::transport::Server::builder();
    if let Some(tls) = &state.behaviour.tls {
        let identity = tonic::transport::Identity::from_pem(&tls.cert, &tls.key);
        let mut config = tonic::transport::ServerTlsConfig::new().identity(identity);
        if let Some(ca) = &tls.client_ca {
            config = config.client_ca_root(tonic::transport::Certificate::from_pem(ca));
        }
        server = server.tls_config(config).unwrap();
    }
    let (gzip, zstd) = (CompressionEncoding::Gzip, CompressionEncoding::Zstd);
    let router = server
        .add_service(
            TraceServiceServer::from_arc(Arc::clone(&state))
                .accept_compressed(gzip)
                .accept_compressed(zstd),
        )
        .add_service(MetricsServiceServer::from_arc(Arc::clone(&state)).accept_compressed(gzip))
        .add_service(LogsServiceServer::from_arc(state).accept_compressed(gzip));
    tokio::spawn(router.serve_with_incoming(incoming));
    address
}

async fn serve_http(state: Arc<State>) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = state.behaviour.tls.as_ref().map(acceptor);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (state, acceptor) = (Arc::clone(&state), acceptor.clone());
            tokio::spawn(async move {
                let service = hyper::service::service_fn(move |request| {
                    let state = Arc::clone(&state);
                    async move { Ok::<_, std::convert::Infallible>(answer(&state, request).await) }
                });
                let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                // A connection that the client leaves is no matter.
                match acceptor {
                    Some(acceptor) => {
                        if let Ok(stream) = acceptor.accept(stream).await {
                            let io = TokioIo::new(stream);
                            let _ = builder.serve_connection(io, service).await;
                        }
                    }
                    None => {
                        let io = TokioIo::new(stream);
                        let _ = builder.serve_connection(io, service).await;
                    }
                }
            });
        }
    });
    address
}

fn acceptor(tls: &Tls) -> tokio_rustls::TlsAcceptor {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::server::WebPkiClientVerifier;
    let der = |pem: &String| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let clients = match &tls.client_ca {
        Some(ca) => {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(der(ca)).unwrap();
            let roots = Arc::new(roots);
            WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider))
                .build()
                .unwrap()
        }
        None => WebPkiClientVerifier::no_client_auth(),
    };
    let key = PrivateKeyDer::from_pem_slice(tls.key.as_bytes()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients)
        .with_single_cert(vec![der(&tls.cert)], key)
        .unwrap();
    tokio_rustls::TlsAcceptor::from(Arc::new(config))
}

async fn answer(state: &State, request: hyper::Request<Incoming>) -> hyper::Response<Full<Bytes>> {
    let path = request.uri().path().to_owned();
    let signal = Signal::ALL
        .into_iter()
        .find(|signal| signal.http_path() == path)
        .expect("a path of OTLP's");
    let header = |name| Some(request.headers().get(name)?.to_str().ok()?.to_owned());
    let json = header("content-type").unwrap() == "application/json";
    let secret = header("x-secret");
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let rejected = match state.reply(signal, secret).await {
        Reply::Ok => None,
        Reply::Partial(rejected) => Some(rejected),
        Reply::Http(status) => {
            let response = hyper::Response::builder().status(status);
            return response.body(Full::default()).unwrap();
        }
        Reply::Grpc(code) => panic!("{code:?} over HTTP"),
    };
    let message = state.behaviour.message;
    let bytes = match signal {
        Signal::Traces => {
            state.accept_spans(decode(&body, json));
            encode(&trace_answer(rejected, message), json)
        }
        Signal::Metrics => {
            state.accept_metrics(decode(&body, json));
            encode(&metrics_answer(rejected, message), json)
        }
        Signal::Logs => {
            state.accept_logs(decode(&body, json));
            encode(&logs_answer(rejected, message), json)
        }
    };
    let kind = if json {
        "application/json"
    } else {
        "application/x-protobuf"
    };
    hyper::Response::builder()
        .header("content-type", kind)
        .body(Full::from(bytes))
        .unwrap()
}

fn decode<M: Message + Default + DeserializeOwned>(body: &[u8], json: bool) -> M {
    if json {
        serde_json::from_slice(body).unwrap()
    } else {
        M::decode(body).unwrap()
    }
}

fn encode(message: &(impl Message + Serialize), json: bool) -> Vec<u8> {
    if json {
        serde_json::to_vec(message).unwrap()
    } else {
        message.encode_to_vec()
    }
}
