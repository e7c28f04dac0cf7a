//! A raw client or a replay: the producers' threads release requests, workers stamp and send them.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::set_up::evidence_error;
use crate::clock::RunClock;
use crate::evidence::OutcomeKind;
use crate::journal::BatchLine;
use crate::load::mix::{Use, mix};
use crate::load::producer::Producer;
use crate::mapped::{Arrivals, names};
use crate::plan::RetryPlan;
use crate::raw::body::BodyWriter;
use crate::raw::send::{self, Reply, SendError, Sender, Settings};
use crate::raw::template::Stamp;
use crate::role::control::ClientSetup;
use crate::sdk::SdkError;
use crate::sdk::outcome::{LastAnswer, of_failure};
use crate::sdk::recorder::Recorder;
use crate::signal::Signal;

/// Longest sleep of a closed loop's thread, so that a stop is obeyed soon.
const NAP: Duration = Duration::from_millis(5);
/// The longest that a peer may ask a sender to stay away, as in the SDK.
const ASKED_MAX: Duration = Duration::from_secs(30);

/// A request that is due.
struct Job {
    lane: usize,
    arrival: u64,
    due_ns: u64,
}

/// What all workers share.
struct Shared {
    recorder: Arc<Recorder>,
    lanes: Vec<Lane>,
    setup: ClientSetup,
    clock: OnceLock<RunClock>,
}

/// Sends one request at a time.
struct Worker {
    shared: Arc<Shared>,
    sender: Arc<Sender>,
    writer: BodyWriter,
}

/// The client, ready to run.
pub struct Raw {
    shared: Arc<Shared>,
    /// Each worker has it as well; with the last of them the connections are closed.
    sender: Mutex<Option<Arc<Sender>>>,
    runtime: Handle,
    /// `None` once nothing more is released.
    queue: Mutex<Option<mpsc::Sender<Job>>>,
    workers: Mutex<JoinSet<()>>,
}

mod lane;
mod lay_out;

use lane::{Lane, Outgoing};
use lay_out::Limits;

fn wrong(why: impl std::fmt::Display) -> SdkError {
    SdkError::Endpoint(why.to_string())
}

impl Raw {
    /// Lays out every request and starts the workers. To be called inside a runtime.
    ///
    /// # Errors
    /// When a file is missing or a setting is not usable.
    pub fn build(setup: &ClientSetup, recorder: &Arc<Recorder>) -> Result<Self, SdkError> {
        let limits = Limits::of(setup).ok_or_else(|| wrong("a client without a way to send"))?;
        let mut stock = lay_out::Stock::new(setup).map_err(wrong)?;
        let mut lanes = Vec::new();
        for signal in setup.load.signals() {
            let Some(arrivals) = setup.load.arrivals(signal) else {
                continue;
            };
            for producer in 0..arrivals.producers.max(1) {
                let path = setup.evidence.join(names::arrivals(signal, producer));
                let file = Arrivals::open(&path).map_err(|error| evidence_error(&path, error))?;
                let requests = stock.requests(signal, producer).map_err(wrong)?;
                let trace_high = trace_high(setup.seed, signal);
                lanes.push(Lane::new(signal, producer, file, requests, trace_high));
            }
        }
        let sender = Sender::new(settings(setup, limits).map_err(wrong)?).map_err(wrong)?;
        let sender = Arc::new(sender);
        let shared = Arc::new(Shared {
            recorder: Arc::clone(recorder),
            lanes,
            setup: setup.clone(),
            clock: OnceLock::new(),
        });
        let (queue, jobs) = mpsc::channel(limits.queue as usize);
        let jobs = Arc::new(tokio::sync::Mutex::new(jobs));
        let mut workers = JoinSet::new();
        for _ in 0..limits.in_flight {
            let writer = shared.writer().map_err(wrong)?;
            let worker = Worker {
                shared: Arc::clone(&shared),
                sender: Arc::clone(&sender),
                writer,
            };
            workers.spawn(worker.work(Arc::clone(&jobs)));
        }
        Ok(Self {
            shared,
            sender: Mutex::new(Some(sender)),
            runtime: Handle::current(),
            queue: Mutex::new(Some(queue)),
            workers: Mutex::new(workers),
        })
    }

    pub fn lanes(&self) -> &[Lane] {
        &self.shared.lanes
    }

    /// The first arrival of a lane from that one on at which a request begins.
    pub fn whole_from(&self, lane: usize, arrival: usize) -> usize {
        self.shared.lanes[lane].whole_from(arrival)
    }

    /// How many arrivals of a lane are released with this one, itself included.
    pub fn together(&self, lane: usize, arrival: u64) -> u64 {
        self.shared.lanes[lane].requests.together(arrival)
    }

    pub fn start(&self, clock: RunClock) {
        // A second start is not something that the controller does.
        let _ = self.shared.clock.set(clock);
    }

    /// Releases an arrival of an open loop: its items have entered, and are dropped where the queue is full.
    pub fn release(&self, lane: usize, arrival: u64, due_ns: u64) {
        self.shared.enter(lane, arrival);
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = queue.as_ref() {
            let job = Job {
                lane,
                arrival,
                due_ns,
            };
            if queue.try_send(job).is_err() {
                // The ledger has it: entered, and never attempted.
                let lane = &self.shared.lanes[lane];
                let items = lane.items(arrival);
                let record = self.shared.recorder.signal(lane.signal);
                record.leave_queue_alone(items.last - items.first + 1);
            }
        }
    }

    /// Runs a closed loop until `end_ns` or until it is stopped: so many requests are always under way.
    /// Those of the end are [`Self::finish`]'s to wait for.
    pub fn run_closed(&self, lane: usize, outstanding: u32, end_ns: u64, pacer: &Producer<'_>) {
        let of_lane = &self.shared.lanes[lane];
        let items = pacer.items_per_arrival.max(1);
        let mut counted = of_lane.begun();
        {
            let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
            let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
            for _ in 0..(u64::from(outstanding) / items).max(1) {
                let (Some(sender), Ok(writer)) = (sender.as_ref(), self.shared.writer()) else {
                    break;
                };
                let worker = Worker {
                    shared: Arc::clone(&self.shared),
                    sender: Arc::clone(sender),
                    writer,
                };
                workers.spawn_on(worker.circle(lane), &self.runtime);
            }
        }
        loop {
            let end_ns = end_ns.min(pacer.stop_at_ns.load(Ordering::Relaxed));
            let left = pacer.clock.until(end_ns);
            let begun = match left.is_zero() {
                true => of_lane.end(),
                false => of_lane.begun(),
            };
            let more = (begun - counted) as u64 * items;
            pacer.offered.offered.fetch_add(more, Ordering::Relaxed);
            counted = begun;
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(NAP));
        }
    }

    /// Waits until what was released is answered for, at most so long; tells what was not. The connections are
    /// closed then.
    pub fn finish(&self, timeout: Duration) -> Vec<String> {
        let sender = self
            .sender
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(sender);
        drop(
            self.queue
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        let workers = std::mem::take(&mut *workers);
        self.runtime.block_on(async {
            let mut workers = workers;
            let all = async { while workers.join_next().await.is_some() {} };
            match tokio::time::timeout(timeout, all).await {
                Ok(()) => Vec::new(),
                Err(_) => vec![format!("requests were still under way after {timeout:?}")],
            }
        })
    }
}

impl Shared {
    fn writer(&self) -> io::Result<BodyWriter> {
        BodyWriter::new(self.setup.client.protocol, self.setup.client.compression)
    }

    fn enter(&self, lane: usize, arrival: u64) {
        let lane = &self.lanes[lane];
        self.recorder.mark_run(lane.signal, lane.items(arrival));
    }
}

impl Worker {
    /// Sends what is due, one request after the other.
    async fn work(mut self, jobs: Arc<tokio::sync::Mutex<mpsc::Receiver<Job>>>) {
        loop {
            let job = jobs.lock().await.recv().await;
            let Some(job) = job else { return };
            self.deliver(&job).await;
        }
    }

    /// Sends one request after the other, until the lane's loop has ended.
    async fn circle(mut self, lane: usize) {
        let shared = Arc::clone(&self.shared);
        let Some(clock) = shared.clock.get() else {
            return;
        };
        sleep(clock.until(0)).await;
        while let Some((arrival, due_ns)) = shared.lanes[lane].take(clock) {
            shared.enter(lane, arrival);
            let job = Job {
                lane,
                arrival,
                due_ns,
            };
            self.deliver(&job).await;
        }
    }

    /// Sends a request until it is taken or given up, and journals it as the SDK's exporter is.
    async fn deliver(&mut self, job: &Job) {
        let shared = Arc::clone(&self.shared);
        let Some(clock) = shared.clock.get() else {
            return;
        };
        let lane = &shared.lanes[job.lane];
        let Outgoing {
            laid,
            items,
            counted_from,
        } = lane.outgoing(job.arrival);
        let count = items.last - items.first + 1;
        let recorder = &shared.recorder;
        let record = recorder.signal(lane.signal);
        let batch = recorder.next_batch();
        record.handed.fetch_add(count, Ordering::Relaxed);
        record.leave_queue_alone(count);
        let handed = BatchLine::Handed {
            batch,
            signal: lane.signal,
            at_ns: clock.now_ns(),
            items: vec![items],
            points: Vec::new(),
        };
        let stamp = Stamp {
            producer: lane.producer,
            first_sequence: counted_from,
            arrival: job.arrival,
            due_unix_ns: clock.to_unix_ns(job.due_ns),
            trace_high: lane.trace_high,
        };
        let (result, rejected, message, last) = match self.writer.write(laid, &stamp) {
            Ok(body) => {
                let outcome = self
                    .exchange(lane.signal, handed, batch, clock, &body)
                    .await;
                laid.reuse(body);
                outcome
            }
            Err(error) => (OutcomeKind::GivenUp, 0, error.to_string(), handed),
        };
        let ended = BatchLine::Ended {
            batch,
            at_ns: clock.now_ns(),
            result,
            rejected,
            message: recorder.redacted(message),
        };
        recorder.journal_all(&[last, ended]);
        record.finished.fetch_add(count, Ordering::Relaxed);
        if result == OutcomeKind::Acknowledged {
            let accepted = count.saturating_sub(rejected);
            record.acknowledged.fetch_add(accepted, Ordering::Relaxed);
        }
    }

    /// Sends a body until it is taken or given up: the outcome, how many items were rejected, in words
    /// why, and the last answer, which is still to be journaled. Each write costs more than what it says, so
    /// that lines go together where nothing can come between them.
    async fn exchange(
        &self,
        signal: Signal,
        handed: BatchLine,
        batch: u64,
        clock: &RunClock,
        body: &bytes::Bytes,
    ) -> (OutcomeKind, u64, String, BatchLine) {
        let recorder = &self.shared.recorder;
        let mut retries = 0;
        let mut before = Some(handed);
        loop {
            recorder.count_request();
            let sent = BatchLine::Sent {
                batch,
                at_ns: clock.now_ns(),
            };
            let lines: Vec<BatchLine> = before.take().into_iter().chain([sent]).collect();
            recorder.journal_all(&lines);
            let reply = self.sender.send(signal, body.clone()).await;
            let answer = answer(&reply);
            let answered = BatchLine::Answered {
                batch,
                at_ns: clock.now_ns(),
                ok: matches!(reply, Reply::Accepted { .. }),
                text: match &reply {
                    Reply::Accepted { .. } => "ok".to_owned(),
                    _ => recorder.redacted(answer.text()),
                },
            };
            let (retry_after, message) = match reply {
                Reply::Accepted { rejected, message } => {
                    return (OutcomeKind::Acknowledged, rejected, message, answered);
                }
                Reply::Http {
                    retry_after,
                    message,
                    ..
                }
                | Reply::Grpc {
                    retry_after,
                    message,
                    ..
                } => (retry_after, message),
                Reply::Nothing(why) => (None, why),
            };
            // An exhausted resource may be asked again only if it says when.
            let kind = of_failure(&answer, retry_after.is_none());
            let retry = &self.shared.setup.client.retry;
            if kind == OutcomeKind::Refused || retries >= retry.max_retries {
                let is_silent = message.is_empty();
                let message = if is_silent { answer.text() } else { message };
                return (kind, 0, message, answered);
            }
            recorder.journal(&answered);
            sleep(pause(retry, retries, batch, retry_after)).await;
            retries += 1;
        }
    }
}

/// How long to wait before a retry: as long as the peer asks for, else twice as long each time, and a
/// little more that differs from batch to batch.
fn pause(retry: &RetryPlan, retries: u32, batch: u64, asked: Option<Duration>) -> Duration {
    if let Some(asked) = asked {
        return asked.min(ASKED_MAX);
    }
    let doubled = retry
        .initial_delay_ns
        .saturating_mul(1_u64.checked_shl(retries).unwrap_or(u64::MAX));
    let jitter_ns = match retry.max_jitter_ns {
        0 => 0,
        max => mix(batch, Use::Span, u64::from(retries), 0) % max,
    };
    Duration::from_nanos(doubled.min(retry.max_delay_ns).saturating_add(jitter_ns))
}

/// Never 0, which would make ids that look like those of 64 bits.
const fn trace_high(seed: u64, signal: Signal) -> u64 {
    let of = match signal {
        Signal::Logs => Use::LogTraceHigh,
        Signal::Traces | Signal::Metrics => Use::TraceHigh,
    };
    mix(seed, of, 0, 0) | 1
}

/// How to send what was laid out.
fn settings(setup: &ClientSetup, limits: Limits) -> Result<Settings, SendError> {
    let tls = setup.tls.as_ref().map(|tls| {
        let identity = tls.identity.as_ref();
        send::tls(
            &tls.ca,
            identity.map(|(cert, key)| (cert.as_str(), key.as_str())),
        )
    });
    let of_the_run = setup.leads_to.is_none() && tls.is_some();
    Ok(Settings {
        protocol: setup.client.protocol,
        endpoint: setup.endpoints.first().cloned().unwrap_or_default(),
        compression: setup.client.compression,
        headers: setup.headers.clone(),
        tls: tls.transpose()?,
        // The run's own certificates know this name, whatever the endpoint is called.
        server_name: of_the_run.then(|| "localhost".to_owned()),
        name_server: setup.name_server,
        leads_to: setup.leads_to,
        connections: limits.connections,
        timeout: limits.timeout,
    })
}

fn answer(reply: &Reply) -> LastAnswer {
    match reply {
        // Of no use but for its text.
        Reply::Accepted { .. } => LastAnswer::Http(200),
        Reply::Http { status, .. } => LastAnswer::Http(*status),
        Reply::Grpc { code, .. } => LastAnswer::Grpc(format!("{code:?}")),
        Reply::Nothing(why) => LastAnswer::None(why.clone()),
    }
}
