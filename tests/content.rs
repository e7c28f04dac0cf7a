//! What `validate: content` finds when something between client and sink is wrong: `squall relay` with
//! planted bugs, held against the oracle that it writes. Client and sink are the real roles.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::Command as Process;
use std::time::Duration;

use common::relay::RelayProcess;
use common::role::Role;
use roaring::RoaringTreemap;
use squall::clock::RunClock;
use squall::drive::content::complete;
use squall::evidence::{ContentEvidence, ContentFlaw, ContentPart, Producer};
use squall::journal::{self, BATCHES_FILE, BatchLine, POINTS_FILE, PointsLine};
use squall::mapped::content::Contents;
use squall::mapped::{Arrivals, Bitmap, Words, names};
use squall::plan::schedule::{due_times_ns, schedule_seed};
use squall::plan::windows::segments;
use squall::plan::{Plan, Protocol};
use squall::role::control::{ClientSetup, Command, ExpectedProducer, Report, Setup, SinkSetup};
use squall::signal::Signal;

mod common;

const SCENARIO: &str = "
scenario: content
seed: 7
run: { warmup: 100ms, duration: 2s, drain: 10s, miss_after: 2s, lateness_limit: 2s }
validate: content
client:
  protocol: PROTOCOL
  sdk:
    OTEL_BSP_SCHEDULE_DELAY: 50ms
    OTEL_BLRP_SCHEDULE_DELAY: 50ms
    OTEL_METRIC_EXPORT_INTERVAL: 100ms
    OTEL_BSP_MAX_QUEUE_SIZE: 8192
    OTEL_BLRP_MAX_QUEUE_SIZE: 8192
load:
  traces: { rate: 400/s, spans_per_trace: 4, events_per_span: 1, links_per_span: 1 }
  metrics: { rate: 200/s, series: 5, instruments: [sum, up_down_sum, gauge, histogram, exponential_histogram] }
  logs: { rate: 300/s }
";

fn plan(protocol: Protocol) -> Plan {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scenario.yaml");
    std::fs::write(&path, SCENARIO.replace("PROTOCOL", protocol.as_str())).unwrap();
    let output = Process::new(env!("CARGO_BIN_EXE_squall"))
        .args(["plan", "--json"])
        .arg(&path)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// A relay with a bug, which owns up to `oracle`.
fn relay(sink: &str, oracle: &Path, bug: Option<&str>) -> RelayProcess {
    let oracle = oracle.to_str().unwrap();
    let bug_arg = bug.map(|bug| format!("--bug={bug}"));
    let mut args = vec!["--oracle", oracle];
    args.extend(bug_arg.as_deref());
    if bug == Some("reorder") {
        // Points can be overtaken only where some wait.
        args.push("--throttle=700");
    }
    RelayProcess::start(sink, &args)
}

/// What came of a run.
struct Seen {
    found: ContentEvidence,
    producers: Vec<Producer>,
    oracle: String,
    unexpected: u64,
}

impl Seen {
    fn count(&self, signal: Signal, flaw: ContentFlaw) -> u64 {
        self.found
            .signal(signal)
            .map_or(0, |found| found.count(flaw))
    }

    fn named(&self, class: &str, signal: Signal) -> BTreeSet<String> {
        let start = format!("{class} {signal} ");
        let lines = self.oracle.lines();
        lines
            .filter_map(|line| line.strip_prefix(&start).map(str::to_owned))
            .collect()
    }

    /// Every item that entered the client arrived, and was compared.
    fn assert_complete(&self) {
        for signal in Signal::ALL {
            let of_signal = || self.producers.iter().filter(|p| p.signal == signal);
            let entered: u64 = of_signal().map(|p| p.entered.len()).sum();
            let received: u64 = of_signal().map(|p| p.received.len()).sum();
            assert!(entered > 50, "{signal}");
            assert_eq!(entered, received, "{signal}");
            let found = self.found.signal(signal).unwrap();
            assert_eq!((found.compared, found.unknown), (entered, 0), "{signal}");
        }
        assert_eq!(self.unexpected, 0);
    }

    /// Nothing is wrong but what is listed.
    fn assert_only(&self, expected: &[(Signal, ContentFlaw)]) {
        for signal in Signal::ALL {
            for flaw in ContentFlaw::ALL {
                let wrong = self.count(signal, flaw) > 0;
                let listed = expected.contains(&(signal, flaw));
                let examples = self.found.signal(signal).map(|found| &found.examples);
                assert_eq!(wrong, listed, "{signal} {flaw:?}: {examples:?}");
            }
        }
    }
}

fn make_files(plan: &Plan, folder: &Path) -> Vec<ExpectedProducer> {
    let mut expected = Vec::new();
    for signal in plan.load.signals() {
        let arrivals = plan.load.arrivals(signal).unwrap();
        let seed = schedule_seed(plan.seed, signal);
        let due = due_times_ns(arrivals, 0, seed, plan.run.duration_ns);
        Arrivals::create(&folder.join(names::arrivals(signal, 0)), &due).unwrap();
        if signal == Signal::Metrics {
            continue;
        }
        let sequences = due.len() as u64 * u64::from(arrivals.items_per_arrival);
        for name in [
            names::entered(signal, 0),
            names::sampled_out(signal, 0),
            names::received(signal, 0),
            names::received_again(signal, 0),
        ] {
            Bitmap::create(&folder.join(name), sequences).unwrap();
        }
        Contents::create(&folder.join(names::content(signal, 0)), sequences).unwrap();
        Words::create(&folder.join(names::extra_copies(signal, 0)), 2).unwrap();
        expected.push(ExpectedProducer {
            signal,
            producer: 0,
            sequences,
            items_per_arrival: 1,
            replayed: false,
        });
    }
    Words::create(&folder.join(names::recorded()), 25).unwrap();
    expected
}

fn producers(folder: &Path, lines: &[BatchLine]) -> Vec<Producer> {
    let set = |name: String| Bitmap::open(&folder.join(name)).unwrap().to_set();
    let producer = |signal, entered, received| Producer {
        signal,
        producer: 0,
        items_per_arrival: 1,
        due_ns: Vec::new(),
        released_ns: Vec::new(),
        entered,
        sampled_out: RoaringTreemap::new(),
        received,
        received_again: RoaringTreemap::new(),
        extra_copies: 0,
        third_copies: 0,
        received_by_deadline: RoaringTreemap::new(),
        outages: Vec::new(),
    };
    let mut producers: Vec<Producer> = [Signal::Traces, Signal::Logs]
        .into_iter()
        .map(|signal| {
            let (entered, received) = (names::entered(signal, 0), names::received(signal, 0));
            producer(signal, set(entered), set(received))
        })
        .collect();
    let arrived: Vec<PointsLine> = journal::read(&folder.join(POINTS_FILE)).unwrap();
    let arrived: std::collections::HashSet<_> = arrived
        .iter()
        .flat_map(|line| &line.points)
        .map(|point| point.key)
        .collect();
    let handed = lines.iter().flat_map(|line| match line {
        BatchLine::Handed { points, .. } => points.as_slice(),
        _ => &[],
    });
    let (mut all, mut received) = (RoaringTreemap::new(), RoaringTreemap::new());
    for (index, point) in handed.enumerate() {
        all.insert(index as u64 + 1);
        if arrived.contains(&point.key) {
            received.insert(index as u64 + 1);
        }
    }
    producers.push(producer(Signal::Metrics, all, received));
    producers
}

/// A whole run with the relay between client and sink.
fn run(protocol: Protocol, bug: Option<&str>) -> Seen {
    let plan = plan(protocol);
    let home = tempfile::tempdir().unwrap();
    let folder: PathBuf = home.path().join("evidence");
    std::fs::create_dir(&folder).unwrap();
    let oracle = home.path().join("oracle");
    let expected = make_files(&plan, &folder);
    let mut sink = Role::start(
        "sink",
        &Setup::Sink(Box::new(SinkSetup {
            require: Vec::new(),
            sink: plan.sink.clone(),
            seed: plan.seed,
            expected,
            segments: segments(&plan),
            tls: None,
            listen: IpAddr::V4(Ipv4Addr::LOCALHOST),
            evidence: folder.clone(),
            resumes: None,
            content: plan.content.clone(),
            foreign: false,
        })),
    );
    let relay = self::relay(&sink.ready.grpc, &oracle, bug);
    let address = match protocol {
        Protocol::Grpc => &relay.grpc,
        Protocol::HttpProtobuf | Protocol::HttpJson => &relay.http,
    };
    let setup = Setup::Client(Box::new(ClientSetup {
        seed: plan.seed,
        duration_ns: plan.run.duration_ns,
        miss_after_ns: plan.run.miss_after_ns,
        load: plan.load.clone(),
        client: plan.client.clone(),
        headers: Vec::new(),
        endpoints: vec![format!("http://{address}")],
        name_server: None,
        leads_to: None,
        tls: None,
        evidence: folder.clone(),
        resumes: false,
        content: true,
        command: None,
    }));
    let mut client = Role::start_in("client", &setup, &plan.client.sdk);
    let clock = RunClock::starting_in(Duration::from_millis(100));
    sink.command(&Command::Start(clock));
    client.command(&Command::Start(clock));
    client.wait_for(|report| matches!(report, Report::ClientDone { .. }).then_some(()));
    client.command(&Command::Finish);
    // What the client sent may still wait in the relay: until nothing has come for a second.
    let mut quiet = (0, 0);
    sink.wait_for(|report| match report {
        Report::Sink(sample) => {
            let received = sample.received.iter().sum::<u64>();
            quiet = if quiet.0 == received {
                (received, quiet.1 + 1)
            } else {
                (received, 0)
            };
            (quiet.1 >= 10).then_some(())
        }
        _ => None,
    });
    sink.command(&Command::Finish);
    let evidence = sink.wait_for(|report| match report {
        Report::SinkDone(evidence) => Some(evidence),
        _ => None,
    });
    let lines: Vec<BatchLine> = journal::read(&folder.join(BATCHES_FILE)).unwrap();
    let producers = producers(&folder, &lines);
    let mut found = evidence.content.unwrap();
    complete(&mut found, &folder, &producers, &lines).unwrap();
    Seen {
        found,
        producers,
        oracle: std::fs::read_to_string(&oracle).unwrap_or_default(),
        unexpected: evidence
            .signals
            .iter()
            .map(|signal| signal.unexpected)
            .sum(),
    }
}

/// The items of the examples, which are named first.
fn examples(seen: &Seen, signal: Signal, flaw: ContentFlaw) -> BTreeSet<String> {
    let found = seen.found.signal(signal).unwrap();
    let names = found.examples[&flaw].iter();
    names
        .map(|example| example.split(": ").next().unwrap().to_owned())
        .collect()
}

#[test]
fn an_honest_relay_raises_no_alarm() {
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf, Protocol::HttpJson] {
        let seen = run(protocol, None);
        seen.assert_complete();
        seen.assert_only(&[]);
        assert_eq!(seen.oracle, "");
    }
}

#[test]
fn every_corrupted_attribute_is_found() {
    let seen = run(Protocol::Grpc, Some("corrupt-attribute=7"));
    seen.assert_complete();
    let altered = Signal::ALL.map(|signal| (signal, ContentFlaw::Altered));
    seen.assert_only(&altered);
    for (signal, flaw) in altered {
        let corrupted = seen.named("corrupted", signal);
        assert!(corrupted.len() > 10, "{signal}: {}", seen.oracle);
        assert_eq!(seen.count(signal, flaw), corrupted.len() as u64, "{signal}");
        let found = seen.found.signal(signal).unwrap();
        let parts: Vec<ContentPart> = found.parts.keys().copied().collect();
        assert_eq!(parts, [ContentPart::Attributes], "{signal}");
        assert!(
            examples(&seen, signal, flaw).is_subset(&corrupted),
            "{signal}"
        );
        let example = &found.examples[&flaw][0];
        assert!(example.contains("corrupted by the relay"), "{example}");
    }
}

#[test]
fn every_stripped_parent_is_found() {
    let seen = run(Protocol::Grpc, Some("strip-parents=5"));
    seen.assert_complete();
    let altered = (Signal::Traces, ContentFlaw::Altered);
    seen.assert_only(&[altered]);
    let orphaned = seen.named("orphaned", Signal::Traces);
    assert!(orphaned.len() > 10, "{}", seen.oracle);
    assert_eq!(seen.count(altered.0, altered.1), orphaned.len() as u64);
    assert!(examples(&seen, altered.0, altered.1).is_subset(&orphaned));
    let found = seen.found.signal(Signal::Traces).unwrap();
    assert_eq!(found.parts[&ContentPart::Parent], orphaned.len() as u64);
    assert_eq!(found.parts.len(), 1);
}

#[test]
fn points_that_overtake_each_other_are_disordered_and_nothing_else() {
    let seen = run(Protocol::Grpc, Some("reorder"));
    seen.assert_complete();
    seen.assert_only(&[(Signal::Metrics, ContentFlaw::Disordered)]);
}

#[test]
fn lost_items_leave_orphans_and_gaps() {
    let seen = run(Protocol::Grpc, Some("lose=9"));
    let of = |signal| seen.producers.iter().find(|p| p.signal == signal).unwrap();
    for signal in Signal::ALL {
        let producer = of(signal);
        let lost = producer.entered.len() - producer.received.len();
        let named = seen.named("lost_silently", signal);
        assert_eq!(lost, named.len() as u64, "{signal}");
        assert_eq!(seen.count(signal, ContentFlaw::Altered), 0, "{signal}");
    }
    let gaps = seen.count(Signal::Metrics, ContentFlaw::Gaps);
    let lost = seen.named("lost_silently", Signal::Metrics);
    assert!(gaps > 0 && gaps <= lost.len() as u64);
    assert!(examples(&seen, Signal::Metrics, ContentFlaw::Gaps).is_subset(&lost));
    assert!(seen.count(Signal::Traces, ContentFlaw::Orphans) > 0);
}
