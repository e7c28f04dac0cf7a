//! Plays the controller: makes the evidence files, starts the role, talks to it, reads what is left.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command as Process, Stdio};
use std::time::Duration;

use squall::clock::RunClock;
use squall::evidence::{ItemRange, OutcomeKind};
use squall::journal::{self, BATCHES_FILE, BatchLine, Point};
use squall::mapped::{Arrivals, Bitmap, Words, names};
use squall::plan::schedule::due_times_ns;
use squall::plan::{
    ArrivalPlan, ArrivalProcess, AttributePlan, AttributeType, ClientKind, ClientPlan, Compression,
    InstrumentKind, LoadPlan, LogPayload, MetricPayload, Protocol, RateProfile, RetryPlan,
    SignalLoad, Temporality, TlsPlan, TracePayload,
};
use squall::role::control::{ClientSetup, Command, Report, Setup};
use squall::signal::Signal;

const SECOND_NS: u64 = 1_000_000_000;
/// Sequences for which there is room.
const SEQUENCES_MAX: u64 = 100_000;
pub const SPANS_PER_TRACE: u32 = 4;

pub fn arrivals(rate: f64, items_per_arrival: u32, producers: u16) -> ArrivalPlan {
    ArrivalPlan {
        process: ArrivalProcess::Constant,
        profile: RateProfile::Constant { rate },
        items_per_arrival,
        producers,
    }
}

fn attributes() -> AttributePlan {
    AttributePlan {
        count: 5,
        value_bytes: 8,
        cardinality: 3,
        types: vec![
            AttributeType::String,
            AttributeType::Int,
            AttributeType::Double,
            AttributeType::Bool,
            AttributeType::StringArray,
        ],
    }
}

pub fn traces(rate: f64) -> SignalLoad<TracePayload> {
    SignalLoad {
        arrivals: arrivals(rate, SPANS_PER_TRACE, 2),
        payload: TracePayload {
            span_names: 5,
            events_per_span: 1,
            links_per_span: 1,
            errors: 0.1,
            attributes: attributes(),
            sample: 1.0,
        },
    }
}

pub fn metrics(rate: f64) -> SignalLoad<MetricPayload> {
    SignalLoad {
        arrivals: arrivals(rate, 1, 2),
        payload: MetricPayload {
            series: 3,
            instruments: vec![
                InstrumentKind::Sum,
                InstrumentKind::UpDownSum,
                InstrumentKind::Gauge,
                InstrumentKind::Histogram,
                InstrumentKind::ExponentialHistogram,
            ],
            attributes: attributes(),
        },
    }
}

pub fn logs(rate: f64) -> SignalLoad<LogPayload> {
    SignalLoad {
        arrivals: arrivals(rate, 1, 2),
        payload: LogPayload {
            body_bytes: 40,
            attributes: attributes(),
        },
    }
}

/// Log records only, at a rate.
pub fn only_logs(rate: f64) -> LoadPlan {
    LoadPlan {
        logs: Some(logs(rate)),
        ..LoadPlan::default()
    }
}

/// One run of the client.
pub struct Run {
    pub setup: ClientSetup,
    pub environment: BTreeMap<&'static str, String>,
    folder: tempfile::TempDir,
}

/// What the role reported until it was done.
#[derive(Debug, Default)]
pub struct Told {
    pub clock: Option<RunClock>,
    pub samples: Vec<squall::evidence::ClientSample>,
    pub load_ended_ns: u64,
    pub errors: Vec<String>,
}

/// A batch, put together from its lines.
#[derive(Debug, Default, Clone)]
pub struct Batch {
    pub signal: Option<Signal>,
    pub items: Vec<ItemRange>,
    pub points: Vec<Point>,
    pub sent: u64,
    pub answers: Vec<(bool, String)>,
    pub ended: Option<(OutcomeKind, u64, String)>,
}

impl Run {
    pub fn new(protocol: Protocol, load: LoadPlan, endpoint: String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let setup = ClientSetup {
            seed: 7,
            duration_ns: SECOND_NS,
            miss_after_ns: 10 * SECOND_NS,
            load,
            client: ClientPlan {
                kind: ClientKind::Sdk,
                protocol,
                compression: Compression::None,
                service: "shop".into(),
                sdk: BTreeMap::new(),
                retry: RetryPlan {
                    max_retries: 3,
                    initial_delay_ns: 10_000_000,
                    max_delay_ns: 20_000_000,
                    max_jitter_ns: 5_000_000,
                },
                shutdown_timeout_ns: 20 * SECOND_NS,
                headers: BTreeMap::new(),
                tls: TlsPlan::Off,
                resolve: squall::plan::Resolve::Address,
                temporality: Temporality::Cumulative,
                instances: 1,
                raw: None,
                command: None,
                replay: None,
            },
            headers: vec![("x-secret".into(), "hush".into())],
            endpoints: vec![endpoint],
            tls: None,
            name_server: None,
            leads_to: None,
            evidence: folder.path().to_owned(),
            resumes: false,
            content: false,
            command: None,
        };
        let environment = [
            ("OTEL_BSP_SCHEDULE_DELAY", "150"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "20000"),
            ("OTEL_BLRP_SCHEDULE_DELAY", "150"),
            ("OTEL_BLRP_MAX_QUEUE_SIZE", "20000"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "200"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "5000"),
        ];
        Self {
            setup,
            environment: environment.map(|(key, value)| (key, value.into())).into(),
            folder,
        }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn make_files(&self) {
        let load = &self.setup.load;
        for signal in load.signals() {
            let plan = load.arrivals(signal).unwrap();
            for producer in 0..plan.producers {
                let due = due_times_ns(plan, producer, self.setup.seed, self.setup.duration_ns);
                let path = self.path(&names::arrivals(signal, producer));
                match plan.process {
                    ArrivalProcess::ClosedLoop { .. } => {
                        Arrivals::create_unscheduled(&path, 20_000).unwrap();
                    }
                    _ => drop(Arrivals::create(&path, &due).unwrap()),
                }
                for name in [
                    names::entered(signal, producer),
                    names::sampled_out(signal, producer),
                ] {
                    Bitmap::create(&self.path(&name), SEQUENCES_MAX).unwrap();
                }
            }
        }
        if let Some(metrics) = &load.metrics {
            let series = metrics.payload.instruments.len() * metrics.payload.series as usize;
            Words::create(&self.path(&names::recorded()), series).unwrap();
        }
    }

    pub fn put_the_journal_on_a_full_disk(&self) {
        std::os::unix::fs::symlink("/dev/full", self.path(BATCHES_FILE)).unwrap();
    }

    /// Starts the role and its load.
    pub fn start(&self) -> Running {
        self.make_files();
        let mut child = Process::new(env!("CARGO_BIN_EXE_squall"))
            .args(["role", "client"])
            .envs(&self.environment)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut running = Running {
            input: child.stdin.take().unwrap(),
            output: BufReader::new(child.stdout.take().unwrap()).lines(),
            child,
            clock: RunClock::starting_in(Duration::from_millis(300)),
        };
        running.send(&Setup::Client(Box::new(self.setup.clone())));
        let first = running.next();
        assert!(matches!(first, Report::Ready(_)), "{first:?}");
        running.clock = RunClock::starting_in(Duration::from_millis(100));
        let start = Command::Start(running.clock);
        running.send(&start);
        running
    }

    /// Runs to the end.
    pub fn finish(&self) -> Told {
        let mut running = self.start();
        let told = running.until_done();
        running.send(&Command::Finish);
        assert!(running.child.wait().unwrap().success());
        told
    }

    pub fn producers(&self, signal: Signal) -> u16 {
        self.setup.load.arrivals(signal).unwrap().producers
    }

    pub fn arrivals(&self, signal: Signal, producer: u16) -> Arrivals {
        Arrivals::open(&self.path(&names::arrivals(signal, producer))).unwrap()
    }

    /// Marked items of all producers, as span ids.
    fn marked(&self, signal: Signal, name: fn(Signal, u16) -> String) -> BTreeSet<u64> {
        let mut ids = BTreeSet::new();
        for producer in 0..self.producers(signal) {
            let bitmap = Bitmap::open(&self.path(&name(signal, producer))).unwrap();
            ids.extend(bitmap.to_set().iter().map(|s| span_id(producer, s)));
        }
        ids
    }

    pub fn entered(&self, signal: Signal) -> BTreeSet<u64> {
        self.marked(signal, names::entered)
    }

    pub fn sampled_out(&self, signal: Signal) -> BTreeSet<u64> {
        self.marked(signal, names::sampled_out)
    }

    /// Items of every released arrival.
    pub fn released(&self, signal: Signal) -> BTreeSet<u64> {
        let per_arrival = u64::from(self.setup.load.arrivals(signal).unwrap().items_per_arrival);
        let mut ids = BTreeSet::new();
        for producer in 0..self.producers(signal) {
            let arrivals = self.arrivals(signal, producer);
            for index in (0..arrivals.len()).filter(|i| arrivals.released_ns(*i) > 0) {
                let first = index as u64 * per_arrival + 1;
                ids.extend((first..first + per_arrival).map(|s| span_id(producer, s)));
            }
        }
        ids
    }

    pub fn recorded(&self) -> Words {
        Words::open(&self.path(&names::recorded())).unwrap()
    }

    pub fn series(&self) -> Vec<journal::SeriesLine> {
        journal::read(&self.path(journal::METRIC_SERIES_FILE)).unwrap()
    }

    pub fn batches(&self) -> BTreeMap<u64, Batch> {
        let mut batches: BTreeMap<u64, Batch> = BTreeMap::new();
        for line in journal::read::<BatchLine>(&self.path(BATCHES_FILE)).unwrap() {
            match line {
                BatchLine::Handed {
                    batch,
                    signal,
                    items,
                    points,
                    ..
                } => {
                    let new = Batch {
                        signal: Some(signal),
                        items,
                        points,
                        ..Batch::default()
                    };
                    assert!(batches.insert(batch, new).is_none());
                }
                BatchLine::Way { .. } => {}
                BatchLine::Sent { batch, .. } => batches.get_mut(&batch).unwrap().sent += 1,
                BatchLine::Answered {
                    batch, ok, text, ..
                } => batches.get_mut(&batch).unwrap().answers.push((ok, text)),
                BatchLine::Ended {
                    batch,
                    result,
                    rejected,
                    message,
                    ..
                } => {
                    let ended = &mut batches.get_mut(&batch).unwrap().ended;
                    assert!(ended.replace((result, rejected, message)).is_none());
                }
            }
        }
        batches
    }

    /// Items of all batches of a signal; none may be handed over twice.
    pub fn handed(&self, signal: Signal) -> BTreeSet<u64> {
        let mut ids = BTreeSet::new();
        for batch in self.batches().values() {
            if batch.signal == Some(signal) {
                for range in &batch.items {
                    for sequence in range.first..=range.last {
                        assert!(ids.insert(span_id(range.producer, sequence)));
                    }
                }
            }
        }
        ids
    }
}

pub fn span_id(producer: u16, sequence: u64) -> u64 {
    squall::ids::Identity { producer, sequence }.to_span_id()
}

/// The role's process.
pub struct Running {
    pub child: Child,
    pub clock: RunClock,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Running {
    pub fn send(&mut self, line: &impl serde::Serialize) {
        let mut bytes = serde_json::to_vec(line).unwrap();
        bytes.push(b'\n');
        self.input.write_all(&bytes).unwrap();
    }

    pub fn next(&mut self) -> Report {
        let line = self.output.next().expect("a report").unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// Why the client failed.
    pub fn until_failed(&mut self) -> String {
        loop {
            match self.next() {
                Report::Failed { why } => return why,
                Report::Client(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    pub fn until_done(&mut self) -> Told {
        let mut told = Told {
            clock: Some(self.clock),
            ..Told::default()
        };
        loop {
            match self.next() {
                Report::Client(sample) => told.samples.push(sample),
                Report::LoadEnded { at_ns } => told.load_ended_ns = at_ns,
                Report::ClientDone { errors, .. } => {
                    told.errors = errors;
                    return told;
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already unless the test fails.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
