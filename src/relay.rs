//! A small honest OTLP forwarder: the target of shipped scenarios and tests, which can be told to
//! misbehave so that squall can be judged by what it finds.
//!
//! A request takes this way: [`intake`] answers for it once it stands in the [`queue`] (and on disk,
//! with a [`spool`]), [`export`] sends it on over gRPC and tries again where that may help. What a
//! [`bug`] does to which items goes to the [`oracle`] once the request has its place.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::plan::secret::Secret;
use crate::sink::required::Required;
use crate::sink::server::{Door, Limits, Server};
use crate::sink::traffic::Traffic;
use crate::sink::weather::Weather;

pub mod bug;
mod counters;
mod edit;
mod export;
#[cfg(test)]
mod fixture;
mod hop;
mod intake;
pub mod next_hop;
mod oracle;
mod overtaken;
mod queue;
mod spool;
mod status;
mod strain;

use bug::Bug;
use counters::Counters;
use export::Exporter;
use intake::Intake;
use oracle::Oracle;
use queue::Queue;

/// How a relay is set up.
#[derive(Clone)]
pub struct Settings {
    /// Where to send what comes in: `http://HOST:PORT` or `https://…`, spoken to in gRPC.
    pub export: String,
    /// PEM of the authority that signed the next hop's certificate.
    pub export_ca: Option<String>,
    /// PEM of its own certificate and key towards the next hop, for mutual TLS.
    pub export_identity: Option<(String, String)>,
    /// Headers of every request that it sends.
    pub export_headers: Vec<(String, Secret)>,
    /// How it speaks to its own clients; `None`: in the clear.
    pub tls: Option<TlsAcceptor>,
    /// Requests that may wait.
    pub queue_requests: usize,
    /// Requests that are sent at once.
    pub workers: usize,
    /// For one attempt.
    pub timeout: Duration,
    /// How long a request is tried for before it is dropped.
    pub retry_for: Duration,
    /// How long the shutdown may flush.
    pub grace: Duration,
    /// Items per second that are sent on at most.
    pub throttle: Option<f64>,
    /// Folder in which the queue survives.
    pub spool: Option<PathBuf>,
    pub max_request_bytes: u64,
    pub bugs: Vec<Bug>,
    /// File that tells which items the bugs touched, one `class signal item` per line.
    pub oracle: Option<PathBuf>,
}

/// Why a relay cannot start.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    #[error("the endpoint {endpoint}: {why}")]
    Endpoint { endpoint: String, why: String },
    #[error("the header `{0}`: its name or its value is none that a header can have")]
    Header(String),
    #[error("the spool {path}: {error}")]
    Spool { path: String, error: io::Error },
    #[error("the oracle {path}: {error}")]
    Oracle { path: String, error: io::Error },
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Listeners of a relay, bound by the caller so that it can say which one failed.
#[derive(Debug)]
pub struct Doors {
    pub grpc: TcpListener,
    pub http: TcpListener,
    /// Health over HTTP and gRPC, and metrics in Prometheus's text format.
    pub status: TcpListener,
}

/// A relay that is up.
pub struct Relay {
    settings: Settings,
    queue: Arc<Queue>,
    counters: Arc<Counters>,
    oracle: Arc<Oracle>,
    doors: JoinSet<()>,
    workers: JoinSet<()>,
    /// Where it listens: gRPC, HTTP, status.
    pub addresses: [SocketAddr; 3],
}

impl Relay {
    /// Serves on `doors` and sends on to `settings.export`. What a spool still holds goes first.
    ///
    /// # Errors
    /// When the endpoint makes no sense, or a file cannot be used.
    pub fn start(settings: Settings, doors: Doors) -> Result<Self, RelayError> {
        let addresses = [
            doors.grpc.local_addr()?,
            doors.http.local_addr()?,
            doors.status.local_addr()?,
        ];
        let oracle = Arc::new(Oracle::open(settings.oracle.as_deref())?);
        let counters = Arc::new(Counters::default());
        let queue = Arc::new(Queue::open(&settings)?);
        let mut workers = JoinSet::new();
        let exporter = Exporter::new(
            &settings,
            Arc::clone(&queue),
            Arc::clone(&counters),
            Arc::clone(&oracle),
        )?;
        let exporter = Arc::new(exporter);
        if !settings.bugs.contains(&Bug::Zombie) {
            for _ in 0..settings.workers.max(1) {
                workers.spawn(Arc::clone(&exporter).work());
            }
        }
        let server = Arc::new(Server {
            receiver: Arc::new(Intake::new(
                settings.bugs.clone(),
                Arc::clone(&queue),
                Arc::clone(&counters),
                Arc::clone(&oracle),
            )),
            traffic: Arc::new(Traffic::default()),
            limits: Limits::with_max_request(settings.max_request_bytes),
            weather: Weather::default(),
            required: Required::default(),
            throttle: None,
        });
        let mut serving = JoinSet::new();
        serving.spawn(Arc::clone(&server).serve(doors.grpc, Door::Grpc, settings.tls.clone()));
        serving.spawn(server.serve(doors.http, Door::Http, settings.tls.clone()));
        serving.spawn(status::serve(
            doors.status,
            Arc::clone(&counters),
            Arc::clone(&queue),
        ));
        strain::begin(&settings.bugs);
        Ok(Self {
            settings,
            queue,
            counters,
            oracle,
            doors: serving,
            workers,
            addresses,
        })
    }

    /// Takes nothing more, sends on what waits within the grace, and tells how many items it had to
    /// leave behind.
    ///
    /// # Errors
    /// When the oracle cannot be written.
    pub async fn stop(mut self) -> io::Result<u64> {
        self.doors.shutdown().await;
        self.queue.close();
        if self.settings.bugs.contains(&Bug::LoseOnTerm) {
            for message in self.queue.drain() {
                self.oracle.note_all("lost_silently", &message)?;
            }
        }
        let flushing = async { while self.workers.join_next().await.is_some() {} };
        // What is not flushed in time stays in the queue and is told below.
        let _ = tokio::time::timeout(self.settings.grace, flushing).await;
        let left = self.queue.drain().iter().map(|message| message.items).sum();
        self.counters.add_dropped(left);
        Ok(left)
    }
}
