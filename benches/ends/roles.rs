//! squall's own ends: the client's role and the sink's as a run has them, ledger and all.

use std::io::{BufRead, BufReader, Write};
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command as Process, Stdio};
use std::time::Duration;

use squall::clock::RunClock;
use squall::mapped::{Arrivals, Bitmap, Words, names};
use squall::plan::expectation::Phase;
use squall::plan::windows::Segment;
use squall::plan::{Plan, Protocol};
use squall::role::control::{
    ClientSetup, Command, ExpectedProducer, Ready, Report, Setup, SinkSetup,
};
use squall::signal::Signal;

use super::load::{ITEMS, Kind};
use super::pass::{Killed, Pass, Sample};

/// Requests for which there is room: more than a pass can hold.
const ROOM: u64 = 100_000;
/// The load begins so long after both were told of it.
const STARTS_IN: Duration = Duration::from_millis(50);

/// Starts both, lets them work and ends them.
pub fn pass(kind: Kind) -> Pass {
    let plan = kind.plan();
    let signal = plan.load.signals().next().expect("one signal");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let expected = evidence(signal, folder.path());
    let mut sink = Role::start("sink", &Setup::Sink(sink(&plan, expected, folder.path())));
    let endpoint = match plan.client.protocol {
        Protocol::Grpc => format!("http://{}", sink.ready.grpc),
        Protocol::HttpProtobuf | Protocol::HttpJson => format!("http://{}", sink.ready.http),
    };
    let setup = Setup::Client(client(&plan, endpoint, folder.path()));
    let mut client = Role::start("client", &setup);
    let clock = RunClock::starting_in(STARTS_IN);
    sink.write(&Command::Start(clock));
    client.write(&Command::Start(clock));
    let request_bytes = kind.template().bytes.len();
    let processes = [client.process.0.id(), sink.process.0.id()];
    // The sink tells of itself too; its pipe has room for what it says in a pass.
    Pass::measure(request_bytes, ITEMS, processes, || {
        loop {
            match client.next() {
                Report::Client(sample) => {
                    return Sample {
                        at_ns: sample.at_ns,
                        items: sample.acknowledged[signal.index()],
                    };
                }
                Report::Failed { why } => panic!("{why}"),
                _ => {}
            }
        }
    })
}

/// The files in which both keep what they know.
fn evidence(signal: Signal, folder: &Path) -> ExpectedProducer {
    let sequences = ROOM * u64::from(ITEMS);
    let file = |name: fn(Signal, u16) -> String| folder.join(name(signal, 0));
    Arrivals::create_unscheduled(&file(names::arrivals), ROOM as usize).expect("a file");
    for name in [
        names::entered,
        names::sampled_out,
        names::received,
        names::received_again,
    ] {
        Bitmap::create_sparse(&file(name), sequences).expect("a file");
    }
    Words::create(&file(names::extra_copies), 2).expect("a file");
    ExpectedProducer {
        signal,
        producer: 0,
        sequences,
        items_per_arrival: ITEMS,
        replayed: false,
    }
}

fn sink(plan: &Plan, expected: ExpectedProducer, evidence: &Path) -> Box<SinkSetup> {
    Box::new(SinkSetup {
        sink: plan.sink.clone(),
        require: Vec::new(),
        seed: plan.seed,
        expected: vec![expected],
        segments: vec![Segment {
            start_ns: 0,
            end_ns: u64::MAX,
            phase: Phase::Steady,
            during: Vec::new(),
            after: Vec::new(),
        }],
        tls: None,
        listen: Ipv4Addr::LOCALHOST.into(),
        evidence: evidence.to_owned(),
        resumes: None,
        content: None,
        foreign: false,
    })
}

fn client(plan: &Plan, endpoint: String, evidence: &Path) -> Box<ClientSetup> {
    Box::new(ClientSetup {
        seed: plan.seed,
        duration_ns: plan.run.duration_ns,
        miss_after_ns: plan.run.miss_after_ns,
        load: plan.load.clone(),
        client: plan.client.clone(),
        headers: Vec::new(),
        endpoints: vec![endpoint],
        name_server: None,
        leads_to: None,
        tls: None,
        evidence: evidence.to_owned(),
        resumes: false,
        content: false,
        command: None,
    })
}

/// A role and both ends of its conversation.
struct Role {
    process: Killed,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    ready: Ready,
}

impl Role {
    fn start(name: &str, setup: &Setup) -> Self {
        let started = Process::new(env!("CARGO_BIN_EXE_squall"))
            .args(["role", name])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut child = started.expect("a process");
        let mut role = Self {
            input: child.stdin.take().expect("a pipe"),
            output: BufReader::new(child.stdout.take().expect("a pipe")),
            process: Killed(child),
            ready: Ready::default(),
        };
        role.write(setup);
        match role.next() {
            Report::Ready(ready) => role.ready = ready,
            other => panic!("{name} is not ready: {other:?}"),
        }
        role
    }

    fn write(&mut self, value: &impl serde::Serialize) {
        let line = serde_json::to_string(value).expect("JSON");
        writeln!(self.input, "{line}").expect("a live role");
    }

    fn next(&mut self) -> Report {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("a live role");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line:?}: {error}"))
    }
}
