//! The target role, driven as its controller drives it, with programs that behave and that do not.
#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command as Process, Stdio};
use std::time::{Duration, Instant};

use common::role::Role;
use procfs::process::all_processes;
use squall::evidence::ProcessSample;
use squall::role::control::{
    Command, DiskSetup, ProcessSetup, ProgramCommand, ProgramReady, Report, ScrapeSetup, Setup,
    TargetKind, TargetSetup,
};
use squall::target::probe::Probe;
use tempfile::TempDir;

#[path = "target_role/commands.rs"]
mod commands;
mod common;
#[path = "target_role/disk.rs"]
mod disk;
#[path = "target_role/external.rs"]
mod external;
#[path = "target_role/family.rs"]
mod family;

const SECOND_NS: u64 = 1_000_000_000;

/// A shell script as the program. It carries `mark` in its environment, and so do its children.
fn setup(folder: &Path, script: &str, ready: ProgramReady) -> TargetSetup {
    TargetSetup {
        kind: TargetKind::Process(ProcessSetup {
            command: "sh".to_owned(),
            args: vec!["-c".to_owned(), script.to_owned()],
            env: BTreeMap::from([("SQUALL_TEST_MARK".to_owned(), mark(folder))]),
            folder: folder.to_owned(),
            log: folder.join("target.log"),
            log_limit_bytes: 1 << 20,
            stop_signal: 15,
            grace_ns: SECOND_NS / 2,
            secrets: Vec::new(),
            disk: None,
        }),
        ready,
        ready_deadline_ns: SECOND_NS,
        grpc: "127.0.0.1:1".to_owned(),
        http: "127.0.0.1:2".to_owned(),
        scrape: None,
    }
}

/// What is told about the process of a set-up.
fn process_of(setup: &mut TargetSetup) -> &mut ProcessSetup {
    match &mut setup.kind {
        TargetKind::Process(process) => process,
        TargetKind::External | TargetKind::Container(_) => panic!("not a process"),
    }
}

fn says(text: &str) -> ProgramReady {
    ProgramReady::Says(text.to_owned())
}

fn mark(folder: &Path) -> String {
    folder.display().to_string()
}

/// Living processes that carry the mark of `folder`.
fn marked(folder: &Path) -> Vec<i32> {
    let mark = mark(folder);
    all_processes()
        .unwrap()
        .flatten()
        .filter(|process| {
            let alive = process.stat().is_ok_and(|stat| stat.state != 'Z');
            let environment = process.environ().unwrap_or_default();
            alive
                && environment
                    .get(std::ffi::OsStr::new("SQUALL_TEST_MARK"))
                    .is_some_and(|value| value.to_string_lossy() == mark)
        })
        .map(|process| process.pid)
        .collect()
}

fn gone(folder: &Path) {
    let start = Instant::now();
    while !marked(folder).is_empty() {
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "{:?} live",
            marked(folder)
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A role that is up, with the pid of its program.
fn up(script: &str, ready: ProgramReady) -> (TempDir, Role, u32) {
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup::Target(Box::new(setup(folder.path(), script, ready)));
    let mut role = Role::start("target", &setup);
    let pid = role.program_started();
    (folder, role, pid)
}

/// Why a program does not come up.
fn failure(change: impl FnOnce(&mut TargetSetup), script: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut setup = setup(folder.path(), script, says("up and running"));
    change(&mut setup);
    let line = serde_json::to_string(&Setup::Target(Box::new(setup))).unwrap();
    let mut child = Process::new(env!("CARGO_BIN_EXE_squall"))
        .args(["role", "target"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Held open: its end would end the role.
    let mut stdin = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, format!("{line}\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    drop(stdin);
    gone(folder.path());
    let first = String::from_utf8(output.stdout).unwrap();
    match serde_json::from_str(first.lines().next().unwrap()).unwrap() {
        Report::Failed { why } => why,
        Report::Refused { why, help } => format!("{why}: {help}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn it_is_ready_when_it_says_so_and_stops_when_it_is_asked() {
    let script = "trap 'echo flushed; exit 0' TERM; echo ready; while :; do sleep 0.05; done";
    let (folder, mut role, pid) = up(script, says("ready"));
    assert_eq!(role.ready.grpc, "127.0.0.1:1");
    assert!(marked(folder.path()).contains(&pid.cast_signed()));
    role.command(&Command::Finish);
    assert_eq!(role.program_ended(), ("exited with 0".to_owned(), true));
    assert!(role.ended());
    let log = std::fs::read_to_string(folder.path().join("target.log")).unwrap();
    assert_eq!(log, "ready\nflushed\n");
    gone(folder.path());
}

#[test]
fn ports_http_and_grpc_health_show_that_it_is_ready() {
    let port = || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().to_string()
    };
    let squall = env!("CARGO_BIN_EXE_squall");
    let probes: [fn(&str) -> Probe; 3] = [
        |status| Probe::Tcp(status.to_owned()),
        |status| Probe::Http(format!("http://{status}/health")),
        |status| Probe::GrpcHealth(status.to_owned()),
    ];
    for probe in probes {
        let status = port();
        let script =
            format!("sleep 0.2; exec {squall} relay --export http://127.0.0.1:9 --status {status}");
        let (_folder, mut role, _) = up(&script, ProgramReady::Probe(probe(&status)));
        role.command(&Command::Finish);
        assert_eq!(role.program_ended().0, "exited with 0");
    }
}

#[test]
fn it_is_killed_paused_and_started_again() {
    let (folder, mut role, first) = up("echo ready; exec sleep 60", says("ready"));
    let state = |pid: u32| {
        let process = procfs::process::Process::new(pid.cast_signed()).unwrap();
        process.stat().unwrap().state
    };
    let wait_for_state = |pid, wanted| {
        let start = Instant::now();
        while (state(pid) == 'T') != wanted {
            assert!(start.elapsed() < Duration::from_secs(5));
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    role.command(&Command::Program(ProgramCommand::Pause));
    wait_for_state(first, true);
    role.command(&Command::Program(ProgramCommand::Resume));
    wait_for_state(first, false);
    role.command(&Command::Program(ProgramCommand::Kill));
    assert_eq!(
        role.program_ended(),
        ("was killed by signal 9".to_owned(), true)
    );
    role.command(&Command::Program(ProgramCommand::Start));
    let second = role.program_started();
    assert_ne!(first, second);
    assert_eq!(marked(folder.path()), [second.cast_signed()]);
    role.command(&Command::Finish);
    assert_eq!(
        role.program_ended(),
        ("was killed by signal 15".to_owned(), true)
    );
    gone(folder.path());
}

#[test]
fn a_program_that_does_not_come_up_is_told_in_words() {
    let never = failure(|_| {}, "echo warming up; sleep 60 & sleep 60");
    assert!(
        never.contains("not ready within 1 s: it did not say \"up and running\""),
        "{never}"
    );
    assert!(never.ends_with("its last words:\nwarming up"), "{never}");

    let at_once = failure(|_| {}, "echo no such option >&2; exit 3");
    assert!(
        at_once.contains("exited with 3 before it was ready"),
        "{at_once}"
    );
    assert!(at_once.contains("no such option"), "{at_once}");

    let missing = failure(
        |setup| process_of(setup).command = "no-such-collector".to_owned(),
        "",
    );
    assert!(
        missing.contains("`no-such-collector` is not in PATH"),
        "{missing}"
    );
    let nowhere = failure(
        |setup| process_of(setup).command = "/no/such/collector".to_owned(),
        "",
    );
    assert!(nowhere.contains("is not there: install it"), "{nowhere}");

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let squall = env!("CARGO_BIN_EXE_squall");
    let script = format!("exec {squall} relay --export http://127.0.0.1:9 --grpc {address}");
    let in_use = failure(|_| {}, &script);
    assert!(
        in_use.contains(&format!("cannot listen on {address}")),
        "{in_use}"
    );

    let silent = failure(
        |setup| setup.ready = ProgramReady::Probe(Probe::Tcp("127.0.0.1:1".to_owned())),
        "exec sleep 60",
    );
    assert!(
        silent.contains("127.0.0.1:1: Connection refused"),
        "{silent}"
    );
}

#[test]
fn a_flood_of_output_is_read_and_cut() {
    let flood = "echo ready; yes | head -c 1000000000; echo done > done; exec sleep 60";
    let (folder, mut role, _) = up(flood, says("ready"));
    let start = Instant::now();
    while !folder.path().join("done").exists() {
        assert!(start.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(50));
    }
    role.command(&Command::Finish);
    role.program_ended();
    let log = std::fs::metadata(folder.path().join("target.log")).unwrap();
    assert!(log.len() < (1 << 20) + 100, "{}", log.len());
}

#[test]
fn one_that_ignores_sigterm_is_killed_after_its_grace() {
    let script = "trap '' TERM; echo ready; while :; do sleep 0.05; done";
    let (folder, mut role, _) = up(script, says("ready"));
    role.command(&Command::Finish);
    let (exit, asked) = role.program_ended();
    assert!(
        exit.starts_with("was killed by signal 9, for it had not ended 0.5 s"),
        "{exit}"
    );
    assert!(asked);
    gone(folder.path());
}

#[test]
fn children_of_one_that_dies_die_too() {
    // One child in its own session, one that has lost its parent.
    let script = "setsid sleep 60 & (sleep 60 &) ; echo ready; sleep 0.3; exit 7";
    let (folder, mut role, _) = up(script, says("ready"));
    assert!(marked(folder.path()).len() >= 3);
    assert_eq!(role.program_ended(), ("exited with 7".to_owned(), false));
    gone(folder.path());
    role.command(&Command::Finish);
    assert!(role.ended());
}

#[test]
fn nothing_outlives_the_controller_or_the_role() {
    let script = "setsid sleep 60 & echo ready; exec sleep 60";
    let (folder, role, _) = up(script, says("ready"));
    assert!(role.orphan());
    gone(folder.path());

    // The role itself is killed: the program is tied to it by the kernel.
    let (folder, role, pid) = up("echo ready; exec sleep 60", says("ready"));
    drop(role);
    gone(folder.path());
    let process = procfs::process::Process::new(pid.cast_signed());
    let state = process.and_then(|process| process.stat());
    assert!(state.map_or(true, |stat| stat.state == 'Z'));
}

/// A role that is up and in the middle of its run, with a changed set-up.
fn running(script: &str, change: impl FnOnce(&mut TargetSetup)) -> (TempDir, Role, u32) {
    let folder = tempfile::tempdir().unwrap();
    let mut setup = setup(folder.path(), script, says("ready"));
    change(&mut setup);
    let mut role = Role::start("target", &Setup::Target(Box::new(setup)));
    let pid = role.program_started();
    role.start_run(0);
    (folder, role, pid)
}

/// The first sample that `wanted` holds for.
fn sampled(role: &mut Role, wanted: impl Fn(&ProcessSample) -> bool) -> ProcessSample {
    let start = Instant::now();
    role.wait_for(|report| match report {
        Report::Program(sample) if wanted(&sample) => Some(sample),
        Report::Failed { why } => panic!("{why}"),
        _ => {
            assert!(start.elapsed() < Duration::from_secs(30), "no such sample");
            None
        }
    })
}

fn program(role: &mut Role, command: ProgramCommand) {
    role.command(&Command::Program(command));
}

fn cpu_ns(sample: &ProcessSample) -> u64 {
    sample.cpu_user_ns + sample.cpu_system_ns
}
