//! What goes out: gRPC, tried again where that may help.
//!
//! Source of what may be retried: the OTLP specification, section OTLP/gRPC, failures.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};
use tonic::client::Grpc;
use tonic::metadata::{MetadataKey, MetadataMap};
use tonic::transport::Channel;
use tonic::{Code, Status};

use super::bug::Bug;
use super::counters::Counters;
use super::hop::{RawCodec, channel, path};
use super::oracle::Oracle;
use super::overtaken::Overtaken;
use super::queue::{Message, Queue};
use super::{RelayError, Settings};
use crate::error_chain::error_chain;
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
        let identity = settings.export_identity.as_ref();
        let channel = channel(
            &settings.export,
            settings.timeout,
            settings.export_ca.as_deref(),
            identity.map(|(cert, key)| (cert.as_str(), key.as_str())),
        )
        .map_err(wrong)?;
        Ok(Self {
            channel,
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
                error_chain(source)
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
            grpc.unary(request, path(message.signal), RawCodec).await
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
