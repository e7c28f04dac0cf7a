//! The link as a process: the conversation that its controller has with it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdin, Command as Process, Stdio};
use std::time::Duration;

use squall::clock::RunClock;
use squall::plan::{Direction, FaultKind, LinkFault, Plan};
use squall::role::control::{Command, LinkSetup, Ready, Report, Setup};

struct Role {
    child: Child,
    stdin: Option<ChildStdin>,
    reports: Box<dyn Iterator<Item = Report>>,
}

impl Role {
    fn start(first_line: &str) -> Self {
        let mut child = Process::new(env!("CARGO_BIN_EXE_squall"))
            .args(["role", "link"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        writeln!(stdin, "{first_line}").unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self {
            child,
            stdin: Some(stdin),
            reports: Box::new(lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap())),
        }
    }

    /// A role in front of `upstream`, and where it listens.
    fn ready(upstream: &TcpListener, seed: u64) -> (Self, String) {
        let setup = Setup::Link(LinkSetup {
            listen: None,
            upstream: upstream.local_addr().unwrap().to_string(),
            seed,
            buffer_bytes: 1 << 20,
            packets: None,
            toxiproxy: None,
            dns: false,
            tap: None,
        });
        let mut role = Self::start(&serde_json::to_string(&setup).unwrap());
        let Some(Report::Ready(Ready { grpc, http, .. })) = role.reports.next() else {
            panic!("not ready");
        };
        assert_eq!(grpc, http);
        (role, grpc)
    }

    fn tell(&mut self, command: &Command) {
        let line = serde_json::to_string(command).unwrap();
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// The next report that is not a sample.
    fn answer(&mut self) -> Report {
        self.reports
            .find(|report| !matches!(report, Report::Link(_)))
            .expect("the role reports")
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_role_starts_and_ends_faults_samples_and_finishes() {
    let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut role, address) = Role::ready(&upstream, 1);
    role.tell(&Command::Start(RunClock::starting_in(Duration::ZERO)));

    let mut client = TcpStream::connect(&address).unwrap();
    let (mut server, _) = upstream.accept().unwrap();
    client.write_all(b"before").unwrap();
    server.read_exact(&mut [0; 6]).unwrap();

    role.tell(&Command::StartFault {
        fault: 3,
        kind: FaultKind::Link {
            link: 0,
            direction: Direction::Up,
            fault: LinkFault::PartitionSilence,
            toxicity: Default::default(),
        },
    });
    let Report::FaultStarted { fault: 3, at_ns } = role.answer() else {
        panic!("the fault has not started");
    };
    client.write_all(b"held").unwrap();
    let held = role.reports.find_map(|report| match report {
        Report::Link(sample) if sample.held_bytes == 4 => Some(sample),
        _ => None,
    });
    assert_eq!(held.unwrap().up_bytes, 6);
    role.tell(&Command::EndFault { fault: 3 });
    let Report::FaultEnded {
        fault: 3,
        at_ns: ended_ns,
        proof,
    } = role.answer()
    else {
        panic!("the fault has not ended");
    };
    assert!(ended_ns > at_ns);
    assert_eq!(
        proof.as_deref(),
        Some("1 connections silenced, 4 bytes held, none leaked")
    );
    server.read_exact(&mut [0; 4]).unwrap();

    role.tell(&Command::EndFault { fault: 3 });
    assert!(matches!(role.answer(), Report::Failed { why } if why.contains("fault 3")));

    role.tell(&Command::Finish);
    let Report::LinkDone(sample) = role.answer() else {
        panic!("the role has not finished");
    };
    assert_eq!((sample.up_bytes, sample.connections_total), (10, 1));
    assert!(role.child.wait().unwrap().success());
}

#[test]
fn the_end_of_its_input_ends_the_role() {
    let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut role, address) = Role::ready(&upstream, 1);
    let _client = TcpStream::connect(&address).unwrap();
    drop(role.stdin.take());
    assert!(role.child.wait().unwrap().success());
}

#[test]
fn a_set_up_of_another_kind_is_refused() {
    for line in ["{}", "", "not json"] {
        let mut role = Role::start(line);
        assert_eq!(role.child.wait().unwrap().code(), Some(70));
        assert!(role.reports.next().is_none());
    }
    let setup = Setup::Link(LinkSetup {
        listen: None,
        upstream: "nowhere".to_owned(),
        seed: 1,
        buffer_bytes: 1,
        packets: None,
        toxiproxy: None,
        dns: false,
        tap: None,
    });
    let mut role = Role::start(&serde_json::to_string(&setup).unwrap());
    assert_eq!(role.child.wait().unwrap().code(), Some(70));
}

/// The plan of a storm that flips bits and resets half of the connections, after other faults.
fn stormy(seed: u64, others: &str) -> Plan {
    let folder = tempfile::tempdir().unwrap();
    let storm = "storm: gale
description: Flipped bits, and a reset for one connection in two.
faults:
  - { name: noise, for: 5s, direction: up, corrupt: { every: 200B } }
  - { name: gust, for: 5s, direction: up, toxicity: 50%, reset_peer: 0s }
";
    std::fs::write(folder.path().join("gale.yaml"), storm).unwrap();
    let text = format!(
        "scenario: x\nseed: {seed}\nload: {{ logs: {{ rate: 1/s }} }}\n{others}\nstorms: [ {{ use: ./gale.yaml, at: 3s }} ]\n"
    );
    let file = folder.path().join("x.yaml");
    std::fs::write(&file, text).unwrap();
    squall::scenario::load(&file, &[]).unwrap()
}

/// What arrives of each of twelve connections through a live link under the plan's storm; `None` of
/// one that was reset.
fn arrives(plan: &Plan) -> Vec<Option<Vec<u8>>> {
    let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut role, address) = Role::ready(&upstream, plan.seed);
    for fault in plan.faults.iter().filter(|fault| fault.storm.is_some()) {
        role.tell(&Command::StartFault {
            fault: fault.number(),
            kind: fault.kind.clone(),
        });
        assert!(matches!(role.answer(), Report::FaultStarted { .. }));
    }
    let one = |_| {
        let mut client = TcpStream::connect(&address).unwrap();
        let (mut server, _) = upstream.accept().unwrap();
        // One that is reset may be so before all is written.
        let _ = client.write_all(&[0; 4096]);
        let _ = client.shutdown(std::net::Shutdown::Write);
        let mut got = Vec::new();
        server.read_to_end(&mut got).is_ok().then_some(got)
    };
    (0..12).map(one).collect()
}

#[test]
fn two_links_of_one_seed_draw_the_same_in_a_storm_whatever_else_is_planned() {
    let first = arrives(&stormy(7, ""));
    let reset = first.iter().filter(|one| one.is_none()).count();
    assert!((1..12).contains(&reset), "{reset} of 12 were reset");
    let flipped = first.iter().flatten();
    assert!(flipped.clone().all(|bytes| bytes.len() == 4096));
    assert!(flipped.clone().all(|bytes| bytes.iter().any(|b| *b != 0)));

    assert!(first == arrives(&stormy(7, "")));
    let before = "faults: [ { name: rain, at: 1s, for: 1s, latency: { delay: 1ms } } ]";
    assert!(first == arrives(&stormy(7, before)), "a fault before it");
    assert!(first != arrives(&stormy(8, "")), "another seed");
}
