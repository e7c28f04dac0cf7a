//! What goes out: gRPC, tried again where that may help.
//!
//! Source of what may be retried: the OTLP specification, section OTLP/gRPC, failures.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use tokio::time::{Instant, sleep, sleep_until};
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::metadata::{MetadataKey, MetadataMap};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Status};

use super::bug::Bug;
use super::counters::Counters;
use super::oracle::Oracle;
use super::overtaken::Overtaken;
use super::queue::{Message, Queue};
use super::{RelayError, Settings};
use crate::otlp::headers::grpc_path;
use crate::plan::secret::Secret;
use crate::sink::throttle::Throttle;

/// Pause before the first retry; it doubles up to the longest.
const BACKOFF: Duration = Duration::from_millis(50);
const BACKOFF_MAX: Duration = Duration::from_secs(2);

/// Sends messages on.
#[derive(Debug)]
pub struct Exporter {
    channel: Channel,
    headers: MetadataMap,
    /// Why the last attempt failed; told when it changes.
    trouble: std::sync::Mutex<String>,
    timeout: Duration,
    retry_for: Duration,
    duplicates: bool,
    /// Where requests overtake each other.
    overtaken: Option<Overtaken>,
    throttle: Option<Throttle>,
    queue: Arc<Queue>,
    counters: Arc<Counters>,
    oracle: Arc<Oracle>,
}

impl Exporter {
    /// An exporter that connects when there is something to send.
    ///
    /// # Errors
    /// When the endpoint makes no sense.
    pub fn new(
        settings: &Settings,
        queue: Arc<Queue>,
        counters: Arc<Counters>,
        oracle: Arc<Oracle>,
    ) -> Result<Self, RelayError> {
        let wrong = |why: String| RelayError::Endpoint {
            endpoint: settings.export.clone(),
            why,
        };
        if !settings.export.starts_with("http://") && !settings.export.starts_with("https://") {
            return Err(wrong("it must begin with http:// or https://".to_owned()));
        }
        let mut endpoint = Endpoint::from_shared(settings.export.clone())
            .map_err(|error| wrong(error.to_string()))?
            .connect_timeout(settings.timeout);
        if settings.export.starts_with("https://") {
            let mut tls = ClientTlsConfig::new();
            if let Some(ca) = &settings.export_ca {
                tls = tls.ca_certificate(Certificate::from_pem(ca));
            }
            if let Some((cert, key)) = &settings.export_identity {
                tls = tls.identity(Identity::from_pem(cert, key));
            }
            endpoint = endpoint
                .tls_config(tls)
                .map_err(|error| wrong(error.to_string()))?;
        }
        Ok(Self {
            channel: endpoint.connect_lazy(),
            headers: metadata(&settings.export_headers)?,
            trouble: std::sync::Mutex::default(),
            timeout: settings.timeout,
            retry_for: settings.retry_for,
            duplicates: settings.bugs.contains(&Bug::DuplicateOnRetry),
            overtaken: settings
                .bugs
                .contains(&Bug::Reorder)
                .then(Overtaken::default),
            throttle: settings.throttle.map(Throttle::new),
            queue,
            counters,
            oracle,
        })
    }

    /// Sends until the queue is closed and empty.
    pub async fn work(self: Arc<Self>) {
        while let Some(message) = self.queue.next().await {
            self.deliver(&message).await;
            // A file that stays behind is sent twice by the next start, which is better than never.
            let _ = self.queue.done(&message);
        }
    }

    async fn deliver(&self, message: &Message) {
        let give_up = Instant::now() + self.retry_for;
        let mut pause = BACKOFF;
        let mut attempts = 0;
        loop {
            self.pace(message.items).await;
            attempts += 1;
            let sent = self.send(message).await;
            if let Err(status) = &sent {
                self.tell(status);
            }
            match sent {
                Ok(()) => break,
                Err(status) if !may_retry(status.code()) || Instant::now() + pause >= give_up => {
                    self.counters.add_send_failed(message.signal, message.items);
                    return;
                }
                Err(_) => sleep(pause).await,
            }
            pause = (pause * 2).min(BACKOFF_MAX);
        }
        self.counters.add_sent(message.signal, message.items);
        if let Some(overtaken) = &self.overtaken {
            let points = overtaken.points(message);
            let _ = self
                .oracle
                .note("disordered", message.signal, points.iter());
        }
        if self.duplicates && attempts > 1 {
            // Written down once it is certain, and before the sink's ledger is asked.
            if self.send(message).await.is_ok() {
                let _ = self.oracle.note_all("duplicated", message);
            }
        }
    }

    /// Writes down why an attempt failed, unless the one before failed for the same reason.
    fn tell(&self, status: &Status) {
        let why = match std::error::Error::source(status) {
            Some(source) => format!(
                "{}: {}: {}",
                status.code(),
                status.message(),
                causes(source)
            ),
            None => format!("{}: {}", status.code(), status.message()),
        };
        let mut trouble = self
            .trouble
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if *trouble != why {
            // Nobody may be listening, which is no reason to stop.
            let _ = writeln!(std::io::stderr(), "relay: cannot send on: {why}");
            *trouble = why;
        }
    }

    async fn send(&self, message: &Message) -> Result<(), Status> {
        self.counters.add_attempt();
        let call = async {
            let mut grpc = Grpc::new(self.channel.clone());
            grpc.ready()
                .await
                .map_err(|error| Status::unavailable(error.to_string()))?;
            let mut request = tonic::Request::new(message.body.clone());
            *request.metadata_mut() = self.headers.clone();
            let path = PathAndQuery::from_static(grpc_path(message.signal));
            grpc.unary(request, path, RawCodec).await
        };
        match tokio::time::timeout(self.timeout, call).await {
            Ok(answer) => answer.map(|_| ()),
            Err(_) => Err(Status::deadline_exceeded("no answer in time")),
        }
    }

    /// Waits until the throttle lets so many items pass.
    async fn pace(&self, items: u64) {
        if let Some(throttle) = &self.throttle {
            sleep_until(throttle.turn(items, Instant::now()).begins).await;
        }
    }
}

/// An error with all that it comes from, in one line.
fn causes(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        words.push_str(": ");
        words.push_str(&cause.to_string());
        next = cause.source();
    }
    words
}

fn metadata(headers: &[(String, Secret)]) -> Result<MetadataMap, RelayError> {
    let mut metadata = MetadataMap::new();
    for (name, value) in headers {
        // The value is a secret and stays out of the error.
        let wrong = || RelayError::Header(name.clone());
        let key = MetadataKey::from_bytes(name.to_lowercase().as_bytes()).map_err(|_| wrong())?;
        metadata.insert(key, value.reveal().parse().map_err(|_| wrong())?);
    }
    Ok(metadata)
}

/// A connection that cannot be made, or breaks, is `Unknown` or `Unavailable` to tonic.
const fn may_retry(code: Code) -> bool {
    matches!(
        code,
        Code::Cancelled
            | Code::DeadlineExceeded
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unavailable
            | Code::DataLoss
            | Code::ResourceExhausted
            | Code::Unknown
    )
}

/// Sends and receives messages as the bytes that they are.
#[derive(Debug, Clone, Copy, Default)]
struct RawCodec;

impl Codec for RawCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put(message);
        Ok(())
    }
}

impl Decoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        let bytes = from.remaining();
        Ok(Some(from.copy_to_bytes(bytes)))
    }
}
