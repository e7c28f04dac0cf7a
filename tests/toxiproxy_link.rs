//! `via: toxiproxy`: its plumbing against our own API, and the same against a real Toxiproxy where
//! there is one. The first alone says nothing of the second.
#![cfg(feature = "toxiproxy")]

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command as Process, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use common::proxy::Proxy as Server;
use common::role::Role;
use harness::{Finished, run, squall};
use squall::plan::toxiproxy::ToxiproxyServer;
use squall::plan::{Delay, Direction, FaultKind, LinkFault, Toxicity};
use squall::role::control::{Command, LinkSetup, Report, Setup};

mod common;
#[allow(dead_code)]
#[path = "program/harness.rs"]
mod harness;
#[path = "toxiproxy_link/refused.rs"]
mod refused;

const MS: u64 = 1_000_000;
/// No fault that is tested here is as short.
const SHORT: Duration = Duration::from_millis(300);

/// A link role through a Toxiproxy, before a server of the test's.
struct Way {
    role: Role,
    address: SocketAddr,
    /// Streams that came out at the other side.
    came: Receiver<TcpStream>,
}

impl Way {
    fn through(server: ToxiproxyServer) -> Self {
        let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut role = Role::start(
            "link",
            &Setup::Link(LinkSetup {
                listen: None,
                upstream: upstream.local_addr().unwrap().to_string(),
                seed: 1,
                buffer_bytes: 1 << 20,
                packets: None,
                dns: false,
                tap: None,
                toxiproxy: Some(server),
            }),
        );
        role.start_run(0);
        let (sender, came) = channel();
        std::thread::spawn(move || {
            for stream in upstream.incoming() {
                // The set-up has tried the way with a connection that ended at once.
                let stream = stream.unwrap();
                stream.set_nodelay(true).unwrap();
                if sender.send(stream).is_err() {
                    return;
                }
            }
        });
        Self {
            address: role.ready.grpc.parse().unwrap(),
            role,
            came,
        }
    }

    /// A connection that carries bytes, and its other end.
    fn connect(&self) -> (TcpStream, TcpStream) {
        let mut client = TcpStream::connect(self.address).unwrap();
        client.set_nodelay(true).unwrap();
        client.write_all(b"hello").unwrap();
        loop {
            let mut server = self.came.recv_timeout(Duration::from_secs(5)).unwrap();
            let limit = Some(Duration::from_secs(5));
            client.set_read_timeout(limit).unwrap();
            server.set_read_timeout(limit).unwrap();
            if server.read_exact(&mut [0; 5]).is_ok() {
                return (client, server);
            }
        }
    }

    fn begin(&mut self, fault: LinkFault, direction: Direction) {
        let kind = FaultKind::Link {
            link: 0,
            direction,
            fault,
            toxicity: Toxicity::default(),
        };
        self.role.command(&Command::StartFault { fault: 0, kind });
        self.role.wait_for(|report| match report {
            Report::FaultStarted { .. } => Some(()),
            Report::Failed { why } => panic!("{why}"),
            _ => None,
        });
    }

    fn end(&mut self) -> Option<String> {
        self.role.command(&Command::EndFault { fault: 0 });
        self.role.wait_for(|report| match report {
            Report::FaultEnded { proof, .. } => Some(proof),
            Report::Failed { why } => panic!("{why}"),
            _ => None,
        })
    }

    fn finish(mut self) {
        self.role.command(&Command::Finish);
        assert!(self.role.ended());
    }
}

/// How long so many bytes take from one end to the other.
fn crossing(from: &mut TcpStream, to: &mut TcpStream, bytes: usize) -> Duration {
    let began = Instant::now();
    from.write_all(&vec![7; bytes]).unwrap();
    to.read_exact(&mut vec![0; bytes]).unwrap();
    began.elapsed()
}

fn ours(server: &Server) -> ToxiproxyServer {
    ToxiproxyServer::Server(server.api.to_string())
}

fn left_over(server: &Server) -> serde_json::Value {
    server.ask("GET", "/proxies", "")
}

/// Every fault: its effect and its proof; before and after it neither.
fn each_fault_acts_is_proven_and_heals(way: &mut Way) {
    let (mut client, mut server) = way.connect();
    let least = Duration::from_millis;

    let latency = LinkFault::Latency(Delay::fixed(400 * MS));
    assert!(crossing(&mut client, &mut server, 100) < SHORT);
    way.begin(latency.clone(), Direction::Up);
    for _ in 0..3 {
        assert!(crossing(&mut client, &mut server, 100) >= least(395));
    }
    assert!(crossing(&mut server, &mut client, 100) < SHORT, "downwards");
    let proof = way.end().expect("a proof");
    assert!(proof.contains("half of 3 crossings took"), "{proof}");
    assert!(crossing(&mut client, &mut server, 100) < SHORT);
    way.begin(latency, Direction::Up);
    assert_eq!(way.end(), None, "nothing was sent");

    let bandwidth = LinkFault::Bandwidth {
        bytes_per_second: 100_000,
        shared: false,
    };
    assert!(crossing(&mut server, &mut client, 60_000) < SHORT);
    way.begin(bandwidth, Direction::Down);
    assert!(crossing(&mut server, &mut client, 60_000) >= least(400));
    assert!(way.end().unwrap().starts_with("60000 bytes came through"));
    assert!(crossing(&mut server, &mut client, 60_000) < SHORT);

    way.begin(LinkFault::PartitionSilence, Direction::Both);
    client.write_all(b"held").unwrap();
    server.write_all(b"held").unwrap();
    for end in [&mut client, &mut server] {
        end.set_read_timeout(Some(least(200))).unwrap();
        let silence = end.read(&mut [0; 4]).unwrap_err();
        assert_eq!(silence.kind(), ErrorKind::WouldBlock);
        end.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    }
    assert_eq!(
        way.end().unwrap(),
        "1 connections silenced, 8 bytes went in, none came out"
    );
    for end in [&mut client, &mut server] {
        end.read_exact(&mut [0; 4]).unwrap();
    }

    let slow_close = LinkFault::SlowClose { delay_ns: 500 * MS };
    let (closing, mut at_server) = way.connect();
    way.begin(slow_close, Direction::Up);
    let began = Instant::now();
    closing.shutdown(Shutdown::Write).unwrap();
    assert_eq!(at_server.read(&mut [0; 1]).unwrap(), 0);
    assert!(began.elapsed() >= least(495));
    assert!(way.end().unwrap().starts_with("the end of 1 streams"));
    let (closing, mut at_server) = way.connect();
    let began = Instant::now();
    closing.shutdown(Shutdown::Write).unwrap();
    assert_eq!(at_server.read(&mut [0; 1]).unwrap(), 0);
    assert!(began.elapsed() < SHORT);

    way.begin(LinkFault::PartitionReset, Direction::Both);
    client.write_all(b"gone").unwrap();
    // Reset or closed: Toxiproxy resets new connections alone.
    assert_eq!(client.read(&mut [0; 1]).unwrap_or(0), 0);
    let mut fresh = TcpStream::connect(way.address).unwrap();
    fresh
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    fresh.write_all(b"gone").unwrap();
    assert_eq!(fresh.read(&mut [0; 1]).unwrap_or(0), 0);
    let proof = way.end().unwrap();
    assert!(
        proof.contains("connections ended, 8 bytes went in, none came out"),
        "{proof}"
    );
    let (mut client, mut server) = way.connect();
    assert!(crossing(&mut client, &mut server, 100) < SHORT);
}

#[test]
fn each_fault_of_the_link_role_acts_is_proven_and_heals() {
    let server = Server::start(&[]);
    let mut way = Way::through(ours(&server));
    assert_eq!(way.role.ready.versions["toxiproxy_version"], "2.12.0");
    assert_eq!(left_over(&server).as_object().unwrap().len(), 1);
    each_fault_acts_is_proven_and_heals(&mut way);
    way.finish();
    assert_eq!(left_over(&server), serde_json::json!({}));
}

#[test]
fn two_faults_of_one_toxic_have_names_of_their_own() {
    let server = Server::start(&[]);
    let mut way = Way::through(ours(&server));
    let (mut client, mut at_server) = way.connect();
    let narrow = LinkFault::Bandwidth {
        bytes_per_second: 500_000,
        shared: false,
    };
    way.begin(narrow, Direction::Up);
    let kind = FaultKind::Link {
        link: 0,
        direction: Direction::Up,
        fault: LinkFault::PartitionSilence,
        toxicity: Toxicity::default(),
    };
    way.role.command(&Command::StartFault { fault: 1, kind });
    way.role
        .wait_for(|report| matches!(report, Report::FaultStarted { fault: 1, .. }).then_some(()));
    client.write_all(b"held").unwrap();
    way.role.command(&Command::EndFault { fault: 1 });
    let proof = way.role.wait_for(|report| match report {
        Report::FaultEnded {
            fault: 1, proof, ..
        } => Some(proof),
        _ => None,
    });
    assert!(proof.is_some());
    at_server.read_exact(&mut [0; 4]).unwrap();
    way.end();
    way.finish();
}

/// A short run, `toxiproxy:` and what else given.
fn scenario(toxiproxy: &str, more: &str) -> String {
    format!(
        "
scenario: toxiproxy
run: {{ warmup: 1s, duration: 5s, recovery: 1s, drain: 10s, miss_after: 5s, lateness_limit: 5s }}
client:
  sdk:
    OTEL_BSP_SCHEDULE_DELAY: 100ms
    OTEL_BSP_MAX_QUEUE_SIZE: 65536
    OTEL_EXPORTER_OTLP_TIMEOUT: 20s
link: {{ via: toxiproxy, toxiproxy: {toxiproxy} }}
load:
  traces: {{ rate: 200/s, spans_per_trace: 1 }}
{more}"
    )
}

/// Latency and a partition in one run.
const WEATHER: &str = "faults:
  - { name: far, direction: up, latency: { delay: 50ms, jitter: 10ms } }
  - { name: cut, at: 2s, for: 2s, partition: silence }
expect: [ \"lost == 0\", \"export.service.p50 > 40ms in steady\", \"delivery.gap.outage > 1.5s after cut\" ]";

fn assert_weather(with: &Finished) {
    assert_eq!(with.code, 0, "{}", with.story());
    with.assert_closes();
    for fault in with.result["faults"].as_array().unwrap() {
        assert_eq!(fault["backend"], "toxiproxy", "{fault}");
        assert!(fault["proof"].is_string(), "{fault}");
    }
    assert_eq!(with.result["faults"][1]["healed"], true);
    assert!(with.result["environment"]["toxiproxy_version"].is_string());
}

#[test]
fn a_run_through_a_running_server_has_its_weather_and_leaves_nothing() {
    let server = Server::start(&[]);
    let there = format!("{{ server: \"{}\" }}", server.api);
    let with = run(&scenario(&there, WEATHER));
    assert_weather(&with);
    assert_eq!(left_over(&server), serde_json::json!({}));

    let none = "expect: [ \"export.service.p50 > 40ms in steady\", \"delivery.gap > 1.5s\" ]";
    let without = run(&scenario(&there, none).replace("duration: 5s", "duration: 3s"));
    assert_eq!(without.code, 1, "{}", without.story());
    for check in without.result["checks"].as_array().unwrap() {
        if check["group"] == "expectation" {
            assert_eq!(check["verdict"], "fail", "{check}");
        }
    }
}

/// An executable that takes Toxiproxy's flags and is `squall proxy`; where it writes its pid.
fn stand_in(folder: &tempfile::TempDir) -> (std::path::PathBuf, std::path::PathBuf) {
    let (program, pid) = (folder.path().join("server"), folder.path().join("pid"));
    let script = format!(
        "#!/bin/sh\necho $$ > {}\nexec {} proxy --host \"$2\" --port \"$4\"\n",
        pid.display(),
        env!("CARGO_BIN_EXE_squall")
    );
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    (program, pid)
}

fn is_alive(pid: &std::path::Path) -> bool {
    let pid = std::fs::read_to_string(pid).unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
fn a_run_starts_the_executable_and_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let (program, pid) = stand_in(&folder);
    let there = format!("{{ command: \"{}\" }}", program.display());
    let with = run(&scenario(&there, WEATHER));
    assert_weather(&with);
    assert!(!is_alive(&pid));
}

/// Runs until `ready`, and returns the controller.
fn started(text: &str, home: &tempfile::TempDir, ready: impl Fn() -> bool) -> std::process::Child {
    let file = home.path().join("scenario.yaml");
    std::fs::write(&file, text).unwrap();
    let controller = squall()
        .args(["run", "--quiet", "--results"])
        .arg(home.path().join("runs"))
        .arg(&file)
        // The crate obeys these; the roles do not see them.
        .envs([
            ("http_proxy", "http://127.0.0.1:1"),
            ("HTTP_PROXY", "http://127.0.0.1:1"),
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while !ready() {
        assert!(Instant::now() < deadline, "the run did not get there");
        std::thread::sleep(Duration::from_millis(20));
    }
    controller
}

/// Toxics on the server's proxies.
fn toxics(server: &Server) -> usize {
    let proxies = left_over(server);
    let all = proxies.as_object().unwrap().values();
    all.map(|proxy| proxy["toxics"].as_array().unwrap().len())
        .sum()
}

fn gone_soon(is_gone: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(2);
    while !is_gone() {
        assert!(Instant::now() < deadline, "something is left");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_death_of_the_controller_leaves_neither_proxy_nor_server() {
    let server = Server::start(&[]);
    let home = tempfile::tempdir().unwrap();
    let there = format!("{{ server: \"{}\" }}", server.api);
    let mut controller = started(&scenario(&there, WEATHER), &home, || toxics(&server) > 0);
    controller.kill().unwrap();
    controller.wait().unwrap();
    gone_soon(|| left_over(&server) == serde_json::json!({}));

    let home = tempfile::tempdir().unwrap();
    let (program, pid) = stand_in(&home);
    let there = format!("{{ command: \"{}\" }}", program.display());
    let mut controller = started(&scenario(&there, WEATHER), &home, || pid.exists());
    std::thread::sleep(Duration::from_millis(500));
    assert!(is_alive(&pid));
    controller.kill().unwrap();
    controller.wait().unwrap();
    gone_soon(|| !is_alive(&pid));
}

#[test]
fn a_server_that_goes_in_the_middle_makes_the_run_inconclusive() {
    let server = Server::start(&[]);
    let home = tempfile::tempdir().unwrap();
    let there = format!("{{ server: \"{}\" }}", server.api);
    let controller = started(&scenario(&there, WEATHER), &home, || toxics(&server) == 3);
    let api = server.api;
    drop(server);
    let output = controller.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{said}");
    let why = format!("the Toxiproxy server at {api} cannot be reached");
    let folder = harness::only_run(&home.path().join("runs")).unwrap();
    let result = harness::read_result(&folder);
    assert!(result.to_string().contains(&why), "{said}\n{result}");
}

/// A real Toxiproxy for a scenario and for a role, or why there is none.
fn real() -> Result<(String, ToxiproxyServer), String> {
    let program = "toxiproxy-server";
    let runs = |command: &mut Process| {
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    if runs(Process::new(program).arg("-version")) {
        return Ok((
            format!("{{ command: {program} }}"),
            ToxiproxyServer::Command(program.to_owned()),
        ));
    }
    if !runs(Process::new("docker").arg("info")) {
        return Err(format!(
            "no {program} on the PATH, and no container engine answers"
        ));
    }
    let image = squall::plan::toxiproxy::DEFAULT_IMAGE;
    if !runs(Process::new("docker").args(["pull", "--quiet", image])) {
        return Err(format!(
            "no {program} on the PATH, and {image} cannot be had"
        ));
    }
    Ok((
        "{ image: default }".to_owned(),
        ToxiproxyServer::Image(image.to_owned()),
    ))
}

#[test]
fn a_real_toxiproxy_does_the_same() {
    let (there, server) = match real() {
        Ok(real) => real,
        Err(reason) => {
            common::require("toxiproxy", &reason);
            return;
        }
    };
    let mut way = Way::through(server);
    each_fault_acts_is_proven_and_heals(&mut way);
    way.finish();
    assert_weather(&run(&scenario(&there, WEATHER)));
}
