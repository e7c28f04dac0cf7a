//! Everything that the client needs, built before it says that it is ready.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use super::logs::LogSource;
use super::metrics::{MeasurementSource, Meters};
use super::raw::Raw;
use super::traces::SpanSource;
use crate::clock::RunClock;
use crate::load::payload::logs::LogTable;
use crate::load::payload::metrics::MetricTable;
use crate::load::payload::traces::SpanTable;
use crate::load::producer::{Offered, Producer};
use crate::mapped::{Arrivals, names};
use crate::plan::secret::Secret;
use crate::plan::{ArrivalPlan, ArrivalProcess, ClientKind, InstrumentKind, LoadPlan, Pacer};
use crate::role::control::ClientSetup;
use crate::sdk::SdkError;
use crate::sdk::build::{Builder, MetricSetup, Sdk};
use crate::sdk::events::SdkEvents;
use crate::sdk::names::Names;
use crate::sdk::recorder::Recorder;
use crate::sdk::transport::{Tls, Transport};
use crate::signal::Signal;

/// Longest sleep of the wait for the planned end, so that a stop is obeyed soon.
const NAP: Duration = Duration::from_millis(20);

/// The client, ready to run.
pub struct Client {
    pub recorder: Arc<Recorder>,
    sdk: Sdk,
    /// One slot per signal.
    pub offered: [Offered; 3],
    /// When the load was stopped, and nothing more was owed; [`u64::MAX`] until then.
    pub stop_at_ns: AtomicU64,
    pub shutdown_timeout_ns: u64,
    /// A client before this one was killed.
    pub resumes: bool,
    sources: Vec<(Signal, u16, Arrivals, Source)>,
    /// In the place of `sdk` and `sources`: a raw client or a replay.
    raw: Option<Raw>,
    pacer: Pacer,
    load: LoadPlan,
    duration_ns: u64,
    miss_after_ns: u64,
}

/// What makes the items of one producer through the SDK.
enum Source {
    Spans(SpanSource),
    Measurements(MeasurementSource),
    Logs(LogSource),
}

/// What a producer's thread does.
enum Work<'a> {
    Source(&'a Source),
    /// By the number of the lane.
    Raw(&'a Raw, usize),
}

/// An evidence file that could not be used.
pub fn evidence_error(path: &Path, error: io::Error) -> SdkError {
    SdkError::Evidence {
        path: path.display().to_string(),
        error,
    }
}

/// The ways out, one for each endpoint.
fn transports(setup: &ClientSetup) -> Vec<Transport> {
    let to = |endpoint: &String| Transport {
        protocol: setup.client.protocol,
        endpoint: endpoint.clone(),
        compression: setup.client.compression,
        headers: setup.headers.clone(),
        tls: setup.tls.clone().map(|tls| Tls {
            ca: tls.ca,
            identity: tls.identity,
        }),
        retry: setup.client.retry,
        names: match setup.leads_to {
            Some(link) => Some(Names::Always(link)),
            None => setup.name_server.map(Names::Asked),
        },
    };
    setup.endpoints.iter().map(to).collect()
}

impl Client {
    /// Builds providers, tables and sources, and opens the evidence files.
    ///
    /// # Errors
    /// When a file is missing or a setting is not usable.
    pub fn build(setup: ClientSetup) -> Result<Self, SdkError> {
        // Both TLS stacks use it; a second call of a process has nothing to do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let secrets = setup.headers.iter().map(|(_, value)| Secret::new(value));
        let is_scheduled = |signal| setup.client.is_scheduled(signal);
        let recorder = Recorder::open(
            &setup.evidence,
            &setup.load,
            is_scheduled,
            secrets.collect(),
        )?;
        let recorder = match setup.content {
            true => recorder.note_content(&setup.evidence, &setup.load)?,
            false => recorder,
        };
        let recorder = Arc::new(recorder);
        SdkEvents::install(Arc::clone(&recorder));
        let instances = setup.client.instances.max(1);
        let builders: Vec<Builder> = (0..instances)
            .map(|instance| Builder {
                transports: transports(&setup),
                recorder: Arc::clone(&recorder),
                service: setup.client.service.clone(),
                instance: (instances > 1).then(|| instance.to_string()),
            })
            .collect();
        let mut client = Self {
            recorder,
            sdk: Sdk::default(),
            offered: Default::default(),
            stop_at_ns: AtomicU64::new(u64::MAX),
            shutdown_timeout_ns: setup.client.shutdown_timeout_ns,
            resumes: setup.resumes,
            sources: Vec::new(),
            raw: None,
            pacer: match (&setup.client.raw, &setup.client.replay) {
                (Some(raw), _) => raw.pacer,
                (None, Some(replay)) => replay.pacer,
                (None, None) => Pacer::Sleep,
            },
            load: setup.load.clone(),
            duration_ns: setup.duration_ns,
            miss_after_ns: setup.miss_after_ns,
        };
        if matches!(setup.client.kind, ClientKind::Raw | ClientKind::Replay) {
            client.raw = Some(Raw::build(&setup, &client.recorder)?);
            return Ok(client);
        }
        client.add_traces(&setup, &builders)?;
        // These come from one instance, as a checked plan has it.
        if let Some(builder) = builders.first() {
            client.add_metrics(&setup, builder)?;
        }
        client.add_logs(&setup, &builders)?;
        Ok(client)
    }

    fn add_traces(&mut self, setup: &ClientSetup, builders: &[Builder]) -> Result<(), SdkError> {
        let Some(load) = &setup.load.traces else {
            return Ok(());
        };
        let spans = load.arrivals.items_per_arrival;
        let table = Arc::new(SpanTable::new(&load.payload, setup.seed, spans));
        for builder in builders {
            self.sdk.traces.push(builder.traces(load.payload.sample)?);
        }
        for producer in 0..load.arrivals.producers.max(1) {
            let provider = &self.sdk.traces[usize::from(producer) % builders.len()];
            let table = Arc::clone(&table);
            let source = SpanSource::new(provider, table, producer, spans, &setup.evidence)?;
            self.add(setup, Signal::Traces, producer, Source::Spans(source))?;
        }
        Ok(())
    }

    fn add_metrics(&mut self, setup: &ClientSetup, builder: &Builder) -> Result<(), SdkError> {
        let Some(load) = &setup.load.metrics else {
            return Ok(());
        };
        let producers = load.arrivals.producers;
        let table = MetricTable::new(&load.payload, setup.seed, producers);
        let exponential = |kind| kind == InstrumentKind::ExponentialHistogram;
        let provider = builder.metrics(MetricSetup {
            temporality: setup.client.temporality,
            series: table.series(),
            exponential: table
                .instruments()
                .iter()
                .filter(|look| exponential(look.kind))
                .map(|look| look.name.clone())
                .collect(),
        })?;
        let meters = Meters::new(&provider, table, &setup.evidence)?;
        let meters = Arc::new(meters);
        for producer in 0..producers.max(1) {
            let source = MeasurementSource {
                meters: Arc::clone(&meters),
                recorder: Arc::clone(&self.recorder),
                producer,
            };
            let source = Source::Measurements(source);
            self.add(setup, Signal::Metrics, producer, source)?;
        }
        self.sdk.metrics.push(provider);
        Ok(())
    }

    fn add_logs(&mut self, setup: &ClientSetup, builders: &[Builder]) -> Result<(), SdkError> {
        let Some(load) = &setup.load.logs else {
            return Ok(());
        };
        let table = Arc::new(LogTable::new(&load.payload, setup.seed));
        for builder in builders {
            self.sdk.logs.push(builder.logs()?);
        }
        for producer in 0..load.arrivals.producers.max(1) {
            let provider = &self.sdk.logs[usize::from(producer) % builders.len()];
            let records = load.arrivals.items_per_arrival;
            let source = LogSource::new(provider, Arc::clone(&table), producer, records);
            self.add(setup, Signal::Logs, producer, Source::Logs(source))?;
        }
        Ok(())
    }

    fn add(
        &mut self,
        setup: &ClientSetup,
        signal: Signal,
        producer: u16,
        source: Source,
    ) -> Result<(), SdkError> {
        let path = setup.evidence.join(names::arrivals(signal, producer));
        let arrivals = Arrivals::open(&path).map_err(|error| evidence_error(&path, error))?;
        self.sources.push((signal, producer, arrivals, source));
        Ok(())
    }

    /// Flushes what is on its way, at most so long; tells what failed.
    pub fn shutdown(&self, timeout: Duration) -> Vec<String> {
        match &self.raw {
            Some(raw) => raw.finish(timeout),
            None => self.sdk.shutdown(timeout),
        }
    }

    /// Whether items of that signal enter one by one: a point through the SDK exists once it was collected.
    pub fn is_scheduled(&self, signal: Signal) -> bool {
        self.raw.is_some() || signal != Signal::Metrics
    }

    /// Runs every producer on its own thread, until the schedule has ended or the load was stopped.
    /// What is due before `from_ns` is passed over: there was nobody to offer it.
    ///
    /// # Panics
    /// When a producer does.
    pub fn produce(&self, clock: RunClock, from_ns: u64) {
        self.recorder.start(clock);
        if let Some(raw) = &self.raw {
            raw.start(clock);
        }
        let sources = self
            .sources
            .iter()
            .map(|(signal, producer, arrivals, source)| {
                (*signal, *producer, arrivals, Work::Source(source))
            });
        let lanes = self.raw.iter().flat_map(|raw| {
            let lanes = raw.lanes().iter().enumerate();
            lanes.map(move |(index, lane)| {
                (
                    lane.signal,
                    lane.producer,
                    &lane.arrivals,
                    Work::Raw(raw, index),
                )
            })
        });
        thread::scope(|scope| {
            for (signal, producer, arrivals, work) in sources.chain(lanes) {
                let name = format!("{signal}.{producer}");
                let pacer = Producer {
                    clock,
                    arrivals,
                    first: arrivals.resume_at(from_ns),
                    items_per_arrival: 1,
                    offered: &self.offered[signal.index()],
                    stop_at_ns: &self.stop_at_ns,
                    pacer: self.pacer,
                };
                let run = move || self.run(signal, producer, pacer, work);
                if let Err(error) = thread::Builder::new().name(name).spawn_scoped(scope, run) {
                    let text = format!("no thread for producer {signal}.{producer}: {error}");
                    self.recorder.note(text);
                }
            }
        });
        while self.stop_at_ns.load(Ordering::Relaxed) == u64::MAX {
            let left = clock.until(self.duration_ns);
            if left.is_zero() {
                return;
            }
            thread::sleep(left.min(NAP));
        }
    }

    fn run(&self, signal: Signal, producer: u16, mut pacer: Producer<'_>, work: Work<'_>) {
        let Some(plan) = self.load.arrivals(signal) else {
            return;
        };
        pacer.items_per_arrival = u64::from(plan.items_per_arrival.max(1));
        let clock = pacer.clock;
        let source = match (work, plan.process) {
            (Work::Source(source), _) => source,
            (Work::Raw(raw, lane), ArrivalProcess::ClosedLoop { outstanding }) => {
                return raw.run_closed(lane, outstanding, self.duration_ns, &pacer);
            }
            (Work::Raw(raw, lane), ArrivalProcess::Constant | ArrivalProcess::Poisson) => {
                pacer.first = raw.whole_from(lane, pacer.first);
                let together = |arrival| raw.together(lane, arrival);
                return pacer.run_together(self.miss_after_ns, together, |arrival, due_ns| {
                    raw.release(lane, arrival, due_ns);
                });
            }
        };
        match source {
            Source::Spans(spans) => {
                let mut maker = spans.maker();
                self.drive(&pacer, plan, signal, producer, |arrival, due_ns| {
                    maker.release(arrival, clock.to_unix_ns(due_ns))
                });
            }
            Source::Measurements(measurements) => {
                self.drive(&pacer, plan, signal, producer, |arrival, _| {
                    measurements.release(arrival);
                    true
                });
            }
            Source::Logs(logs) => {
                self.drive(&pacer, plan, signal, producer, |arrival, due_ns| {
                    logs.release(arrival, clock.to_unix_ns(due_ns));
                    true
                });
            }
        }
    }

    fn drive(
        &self,
        pacer: &Producer<'_>,
        plan: &ArrivalPlan,
        signal: Signal,
        producer: u16,
        mut release: impl FnMut(u64, u64) -> bool,
    ) {
        match plan.process {
            ArrivalProcess::Constant | ArrivalProcess::Poisson => {
                pacer.run_open(self.miss_after_ns, |arrival, due_ns| {
                    release(arrival, due_ns);
                });
            }
            ArrivalProcess::ClosedLoop { outstanding } => {
                let record = &self.recorder.signal(signal).producers[usize::from(producer)];
                let finished = || record.finished_through.load(Ordering::Relaxed);
                pacer.run_closed(outstanding, self.duration_ns, finished, release);
            }
        }
    }
}
