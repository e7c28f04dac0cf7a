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

mod common;

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
    let pid = started(&mut role);
    (folder, role, pid)
}

fn started(role: &mut Role) -> u32 {
    role.wait_for(|report| match report {
        Report::ProgramStarted { pid, .. } => Some(pid),
        Report::Failed { why } => panic!("{why}"),
        _ => None,
    })
}

/// How its program ended, and whether it had been asked to.
fn ended(role: &mut Role) -> (String, bool) {
    role.wait_for(|report| match report {
        Report::ProgramEnded { exit, asked, .. } => Some((exit, asked)),
        Report::Failed { why } => panic!("{why}"),
        _ => None,
    })
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
    assert_eq!(ended(&mut role), ("exited with 0".to_owned(), true));
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
        assert_eq!(ended(&mut role).0, "exited with 0");
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
        ended(&mut role),
        ("was killed by signal 9".to_owned(), true)
    );
    role.command(&Command::Program(ProgramCommand::Start));
    let second = started(&mut role);
    assert_ne!(first, second);
    assert_eq!(marked(folder.path()), [second.cast_signed()]);
    role.command(&Command::Finish);
    assert_eq!(
        ended(&mut role),
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
    ended(&mut role);
    let log = std::fs::metadata(folder.path().join("target.log")).unwrap();
    assert!(log.len() < (1 << 20) + 100, "{}", log.len());
}

#[test]
fn one_that_ignores_sigterm_is_killed_after_its_grace() {
    let script = "trap '' TERM; echo ready; while :; do sleep 0.05; done";
    let (folder, mut role, _) = up(script, says("ready"));
    role.command(&Command::Finish);
    let (exit, asked) = ended(&mut role);
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
    assert_eq!(ended(&mut role), ("exited with 7".to_owned(), false));
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
    let pid = started(&mut role);
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

#[test]
fn the_whole_family_is_sampled_and_what_has_ended_stays_in_the_sums() {
    // A child that burns, is waited for and gone; two that stay.
    let burn = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
    let script =
        format!("echo ready; sh -c '{burn}'; sleep 60 & sleep 61 & echo done > done; wait");
    let (folder, mut role, _) = running(&script, |_| {});
    let start = Instant::now();
    while !folder.path().join("done").exists() {
        assert!(start.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(20));
    }
    let first = sampled(&mut role, |sample| {
        sample.threads == 3 && sample.pss_bytes.is_some()
    });
    assert!(cpu_ns(&first) >= 50_000_000, "{first:?}");
    let pss_bytes = first.pss_bytes.unwrap();
    assert!(pss_bytes > 0 && pss_bytes < first.rss_bytes, "{first:?}");
    assert!(
        first.fds >= 9 && first.rss_peak_bytes >= first.rss_bytes,
        "{first:?}"
    );
    assert!(
        first.context_switches_voluntary > 0 && first.read_bytes > 0,
        "{first:?}"
    );

    // The next one goes on from there.
    program(&mut role, ProgramCommand::Kill);
    assert_eq!(ended(&mut role).0, "was killed by signal 9");
    program(&mut role, ProgramCommand::Start);
    started(&mut role);
    let mut last = first;
    for _ in 0..10 {
        let next = sampled(&mut role, |_| true);
        assert!(cpu_ns(&next) >= cpu_ns(&last) && next.written_bytes >= last.written_bytes);
        assert!(next.context_switches_voluntary >= last.context_switches_voluntary);
        last = next;
    }
    assert!(last.at_ns > first.at_ns);
    role.command(&Command::Finish);
    ended(&mut role);
}

#[test]
fn samples_come_ten_a_second_and_pss_once() {
    let (_folder, mut role, _) = running("echo ready; exec sleep 60", |_| {});
    let samples: Vec<ProcessSample> = (0..25).map(|_| sampled(&mut role, |_| true)).collect();
    let took_ns = samples[24].at_ns - samples[0].at_ns;
    assert!(
        (2_300_000_000..4_000_000_000).contains(&took_ns),
        "{took_ns}"
    );
    let with_pss = samples.iter().filter(|sample| sample.pss_bytes.is_some());
    assert!((2..=4).contains(&with_pss.count()));
    // A sleeping program costs next to nothing.
    assert!(cpu_ns(&samples[24]) - cpu_ns(&samples[0]) < 50_000_000);
}

#[test]
fn pause_stops_the_whole_family_and_resume_lets_it_go_on() {
    let script = "setsid sh -c 'while :; do sleep 0.01; done' & echo ready; \
                  while :; do sleep 0.01; done";
    let (folder, mut role, _) = running(script, |_| {});
    for _ in 0..3 {
        program(&mut role, ProgramCommand::Pause);
        sampled(&mut role, |sample| sample.stopped);
        let stopped = |pid: &i32| {
            let process = procfs::process::Process::new(*pid).unwrap();
            process.stat().unwrap().state == 'T'
        };
        let family = marked(folder.path());
        assert!(
            family.len() >= 2 && family.iter().all(stopped),
            "{family:?}"
        );
        program(&mut role, ProgramCommand::Resume);
        sampled(&mut role, |sample| !sample.stopped);
    }
    // A paused one is killed like any other; the next one is not paused.
    program(&mut role, ProgramCommand::Pause);
    program(&mut role, ProgramCommand::Kill);
    assert_eq!(
        ended(&mut role),
        ("was killed by signal 9".to_owned(), true)
    );
    gone(folder.path());
    program(&mut role, ProgramCommand::Start);
    started(&mut role);
    assert!(!sampled(&mut role, |_| true).stopped);
    // A paused one hears that it is to stop.
    program(&mut role, ProgramCommand::Pause);
    program(&mut role, ProgramCommand::Stop);
    assert_eq!(
        ended(&mut role),
        ("was killed by signal 15".to_owned(), true)
    );
    gone(folder.path());
}

#[test]
fn commands_to_one_that_does_not_run_do_nothing_and_a_crashed_one_starts_again() {
    let script = "echo ready; sleep 0.2; [ -e again ] && exec sleep 60; touch again; exit 9";
    let (folder, mut role, _) = running(script, |_| {});
    assert_eq!(ended(&mut role), ("exited with 9".to_owned(), false));
    for command in [
        ProgramCommand::Pause,
        ProgramCommand::Resume,
        ProgramCommand::Kill,
        ProgramCommand::Stop,
        ProgramCommand::Start,
    ] {
        program(&mut role, command);
    }
    let pid = started(&mut role);
    // One that runs is not started twice.
    program(&mut role, ProgramCommand::Start);
    program(&mut role, ProgramCommand::Stop);
    assert_eq!(ended(&mut role).0, "was killed by signal 15");
    assert!(!marked(folder.path()).contains(&pid.cast_signed()));
    gone(folder.path());
}

#[test]
fn a_start_that_fails_is_told_and_the_next_one_may_work() {
    let script = "[ -e broken ] && { echo cannot go on; exit 4; }; echo ready; exec sleep 60";
    let (folder, mut role, _) = running(script, |_| {});
    program(&mut role, ProgramCommand::Kill);
    ended(&mut role);
    std::fs::write(folder.path().join("broken"), "").unwrap();
    program(&mut role, ProgramCommand::Start);
    let why = role.wait_for(|report| match report {
        Report::Failed { why } => Some(why),
        Report::ProgramStarted { .. } => panic!("it started"),
        _ => None,
    });
    assert!(
        why.contains("exited with 4") && why.contains("cannot go on"),
        "{why}"
    );
    gone(folder.path());
    std::fs::remove_file(folder.path().join("broken")).unwrap();
    program(&mut role, ProgramCommand::Start);
    started(&mut role);
}

#[test]
fn a_start_is_broken_off_by_what_is_to_end_it() {
    // The second time it takes longer than anybody waits.
    let script = "trap 'exit 0' TERM; [ -e slow ] || echo ready; touch slow; \
                  while :; do sleep 0.05; done";
    for (command, exit) in [
        (ProgramCommand::Kill, "was killed by signal 9"),
        (ProgramCommand::Stop, "exited with 0"),
    ] {
        let (folder, mut role, _) = running(script, |setup| {
            setup.ready_deadline_ns = 600 * SECOND_NS;
        });
        program(&mut role, ProgramCommand::Kill);
        ended(&mut role);
        program(&mut role, ProgramCommand::Start);
        sampled(&mut role, |_| true);
        program(&mut role, command);
        assert_eq!(ended(&mut role), (exit.to_owned(), true));
        gone(folder.path());
        // And the end of the controller.
        program(&mut role, ProgramCommand::Start);
        sampled(&mut role, |_| true);
        assert!(role.orphan());
        gone(folder.path());
    }
}

#[test]
fn a_daemon_is_told_to_stay_and_secrets_are_not_shown() {
    let daemon = failure(|_| {}, "(setsid sleep 60 >/dev/null 2>&1 &); exit 0");
    assert!(daemon.contains("stay in the foreground"), "{daemon}");

    let told = failure(
        |setup| {
            let process = process_of(setup);
            process
                .env
                .insert("TOKEN".to_owned(), "hush-hush".to_owned());
            process.secrets = vec!["hush-hush".to_owned(), String::new()];
        },
        "echo my token is $TOKEN; exit 1",
    );
    assert!(told.ends_with("my token is <redacted>"), "{told}");

    let mut role = Process::new(env!("CARGO_BIN_EXE_squall"));
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("set-up");
    std::fs::write(&input, r#"{"target":{"kind":"hush-hush"}}"#).unwrap();
    let input = std::fs::File::open(input).unwrap();
    let output = role.args(["role", "target"]).stdin(input).output().unwrap();
    assert!(!output.status.success());
    let said = [output.stdout, output.stderr].concat();
    assert!(!String::from_utf8(said).unwrap().contains("hush"));
}

/// A small disk in `folder`.
fn with_disk(setup: &mut TargetSetup, bytes: u64) {
    let process = process_of(setup);
    let folder = process.folder.join("data");
    std::fs::create_dir(&folder).unwrap();
    process.disk = Some(DiskSetup { bytes, folder });
}

#[test]
fn a_full_disk_is_the_programs_alone_and_gone_with_it() {
    let script = "echo mine > data/first; id -u > who; echo ready; \
                  while :; do sleep 0.02; [ -e ask ] || continue; rm ask; \
                  if head -c 5000 /dev/zero >> data/more; then echo fits > told; else echo full > told; fi; done";
    let (folder, mut role, _) = running(script, |setup| with_disk(setup, 1 << 20));
    let fits = || {
        let path = |name: &str| folder.path().join(name);
        let _ = std::fs::remove_file(path("told"));
        std::fs::write(path("ask"), "").unwrap();
        let start = Instant::now();
        while !std::fs::read_to_string(path("told")).is_ok_and(|told| told.ends_with('\n')) {
            assert!(start.elapsed() < Duration::from_secs(10));
            std::thread::sleep(Duration::from_millis(10));
        }
        std::fs::read_to_string(path("told")).unwrap()
    };
    let filled = |role: &mut Role| {
        role.wait_for(|report| match report {
            Report::DiskFilled {
                bytes, free_bytes, ..
            }
            | Report::DiskFreed {
                bytes, free_bytes, ..
            } => Some((bytes, free_bytes)),
            Report::Failed { why } => panic!("{why}"),
            _ => None,
        })
    };
    assert_eq!(fits(), "fits\n");
    program(&mut role, ProgramCommand::FillDisk);
    let (bytes, free_bytes) = filled(&mut role);
    assert!(
        (900 << 10..1 << 20).contains(&bytes) && free_bytes == 0,
        "{bytes} {free_bytes}"
    );
    assert_eq!(fits(), "full\n");
    program(&mut role, ProgramCommand::FreeDisk);
    let (removed, free_bytes) = filled(&mut role);
    assert!(removed == bytes && free_bytes >= bytes);
    assert_eq!(fits(), "fits\n");
    // It outlives the program, as a disk does, and nobody else sees it.
    program(&mut role, ProgramCommand::Kill);
    ended(&mut role);
    program(&mut role, ProgramCommand::Start);
    started(&mut role);
    assert_eq!(
        std::fs::read_dir(folder.path().join("data"))
            .unwrap()
            .count(),
        0
    );
    let own = rustix::process::getuid().as_raw();
    let who = std::fs::read_to_string(folder.path().join("who")).unwrap();
    assert_eq!(who.trim(), own.to_string());
    drop(role);
    gone(folder.path());
    std::fs::remove_dir(folder.path().join("data")).unwrap();
}

#[test]
fn a_user_who_is_not_root_gets_a_disk_or_is_told_what_to_allow() {
    use std::os::unix::process::CommandExt as _;
    // Nobody's own temporary folder: others' may be closed to him.
    if !rustix::process::getuid().is_root() {
        return;
    }
    let nobody = 65534;
    let folder = tempfile::tempdir().unwrap();
    let squall = folder.path().join("squall");
    std::fs::copy(env!("CARGO_BIN_EXE_squall"), &squall).unwrap();
    let script = "df -k data | tail -1; id -u; grep NoNewPrivs /proc/self/status; echo x > data/x; \
                  echo ready; exec sleep 60";
    let mut setup = setup(folder.path(), script, says("ready"));
    with_disk(&mut setup, 1 << 20);
    for path in [folder.path().to_owned(), folder.path().join("data")] {
        std::os::unix::fs::chown(path, Some(nobody), Some(nobody)).unwrap();
    }
    let line = serde_json::to_string(&Setup::Target(Box::new(setup))).unwrap();
    let mut role = Process::new(&squall)
        .args(["role", "target"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .uid(nobody)
        .gid(nobody)
        .spawn()
        .unwrap();
    let mut stdin = role.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, format!("{line}\n").as_bytes()).unwrap();
    let mut first = String::new();
    let mut output = std::io::BufReader::new(role.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut output, &mut first).unwrap();
    match serde_json::from_str(&first).unwrap() {
        Report::Ready(_) => {
            let said = std::fs::read_to_string(folder.path().join("target.log")).unwrap();
            let mut lines = said.lines();
            let disk = lines.next().unwrap();
            assert!(
                disk.starts_with("squall ") && disk.contains(" 1024 "),
                "{said}"
            );
            assert_eq!(lines.next(), Some("65534"));
        }
        Report::Refused { why, help } => {
            assert!(
                why.starts_with("no small disk: ") && help.contains("CAP_SYS_ADMIN"),
                "{why}"
            );
        }
        other => panic!("{other:?}"),
    }
    drop(stdin);
    role.wait().unwrap();
    gone(folder.path());
}

#[test]
fn a_folder_that_is_not_empty_takes_no_disk_and_one_without_a_disk_is_not_filled() {
    let folder = tempfile::tempdir().unwrap();
    let mut setup = setup(folder.path(), "echo ready; exec sleep 60", says("ready"));
    with_disk(&mut setup, 1 << 20);
    std::fs::write(folder.path().join("data/old"), "").unwrap();
    let line = serde_json::to_string(&Setup::Target(Box::new(setup))).unwrap();
    let input = folder.path().join("set-up");
    std::fs::write(&input, line + "\n").unwrap();
    let output = Process::new(env!("CARGO_BIN_EXE_squall"))
        .args(["role", "target"])
        .stdin(std::fs::File::open(input).unwrap())
        .output()
        .unwrap();
    let first = String::from_utf8(output.stdout).unwrap();
    match serde_json::from_str(first.lines().next().unwrap()).unwrap() {
        Report::Refused { why, .. } => assert!(why.contains("is not empty"), "{why}"),
        other => panic!("{other:?}"),
    }

    let (_folder, mut role, _) = running("echo ready; exec sleep 60", |_| {});
    program(&mut role, ProgramCommand::FillDisk);
    let why = role.wait_for(|report| match report {
        Report::Failed { why } => Some(why),
        Report::DiskFilled { .. } => panic!("it filled the machine's disk"),
        _ => None,
    });
    assert!(why.contains("no small disk"), "{why}");
}

/// Answers every request with the next of these texts, the last one again and again; an empty one
/// is a refusal.
fn endpoint(texts: &'static [&'static str]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for (turn, stream) in listener.incoming().enumerate() {
            let Ok(mut stream) = stream else { return };
            let mut asked = [0; 2048];
            let _ = std::io::Read::read(&mut stream, &mut asked);
            let text = texts[turn.min(texts.len() - 1)];
            let status = if text.is_empty() {
                "503 Busy"
            } else {
                "200 OK"
            };
            let length = text.len();
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{text}");
            let _ = std::io::Write::write_all(&mut stream, answer.as_bytes());
        }
    });
    format!("http://{address}/metrics")
}

#[test]
fn an_external_target_is_asked_and_scraped_and_not_touched() {
    let texts = &[
        "sent 5\nqueue{to=\"x\"} 2\n",
        "",
        "sent_total 7\nqueue 0",
        "sent_total 1",
    ];
    let url = endpoint(texts);
    let folder = tempfile::tempdir().unwrap();
    let mut setup = setup(
        folder.path(),
        "",
        ProgramReady::Probe(Probe::Tcp("127.0.0.1:1".to_owned())),
    );
    setup.kind = TargetKind::External;
    let address = url.split('/').nth(2).unwrap().to_owned();
    // The probe takes the first turn with its empty request.
    setup.ready = ProgramReady::Probe(Probe::Tcp(address));
    setup.scrape = Some(ScrapeSetup {
        url,
        every_ns: SECOND_NS / 50,
        series: [("sent", "sent_total"), ("queue", "queue"), ("none", "none")]
            .map(|(name, selector)| (name.to_owned(), selector.parse().unwrap()))
            .into(),
    });
    let mut role = Role::start("target", &Setup::Target(Box::new(setup)));
    assert_eq!(role.ready.http, "127.0.0.1:2");
    role.start_run(0);
    let mut scrape = || {
        role.wait_for(|report| match report {
            Report::Scraped {
                values,
                failed,
                last_failure,
                ..
            } => {
                let values: Vec<_> = values.into_iter().collect();
                Some((values, failed, last_failure))
            }
            Report::Failed { why } => panic!("{why}"),
            _ => None,
        })
    };
    let value = |name: &str, value: f64| (name.to_owned(), value);
    let busy = Some("it answers with status 503".to_owned());
    assert_eq!(scrape(), (vec![], 1, busy.clone()));
    assert_eq!(
        scrape(),
        (
            vec![value("queue", 0.0), value("sent", 7.0)],
            1,
            busy.clone()
        )
    );
    // It was started again.
    assert_eq!(scrape(), (vec![value("sent", 8.0)], 1, busy));
    for (command, what) in [
        (ProgramCommand::Kill, "not squall's to kill"),
        (ProgramCommand::Stop, "not squall's to stop"),
        (ProgramCommand::Start, "not squall's to start"),
        (ProgramCommand::Pause, "not squall's to pause"),
        (ProgramCommand::Resume, "not squall's to resume"),
        (ProgramCommand::FillDisk, "no small disk"),
    ] {
        program(&mut role, command);
        let why = role.wait_for(|report| match report {
            Report::Failed { why } => Some(why),
            _ => None,
        });
        assert!(why.contains(what), "{why}");
    }
    role.command(&Command::Finish);
    assert!(role.ended());

    let says = failure(|setup| setup.kind = TargetKind::External, "");
    assert!(says.contains("does not hear"), "{says}");
    let silent = failure(
        |setup| {
            setup.kind = TargetKind::External;
            setup.ready = ProgramReady::Probe(Probe::Tcp("127.0.0.1:1".to_owned()));
        },
        "",
    );
    assert!(
        silent.contains("external target was not ready within 1 s"),
        "{silent}"
    );
}
