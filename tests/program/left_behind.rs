//! A controller that ends in the middle of a fault, killed or asked to, leaves nothing behind: for
//! every kind of fault.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::harness::{side_by_side, squall};
use crate::interrupts::{children, send};

/// Lines of a scenario, each with a fault that is active from 300 ms on.
const FAULTS: [&str; 19] = [
    "faults: [ { name: f, at: 300ms, for: 7s, partition: silence } ]",
    "faults: [ { name: f, at: 300ms, for: 7s, together: [ { latency: { delay: 200ms } }, { bandwidth: 10kB/s } ] } ]",
    "faults: [ { name: f, at: 300ms, for: 7s, pause: client } ]",
    "faults: [ { name: f, at: 300ms, for: 7s, pause: link } ]",
    "faults: [ { name: f, at: 300ms, for: 7s, restart: client } ]",
    "faults: [ { name: f, at: 300ms, for: 7s, restart: sink } ]",
    "faults: [ { name: f, at: 300ms, for: 7s, crash_loop: { role: sink, every: 600ms, down: 200ms } } ]",
    "faults: [ { name: f, at: 300ms, for: 7s, cpu_limit: { role: client, cores: 0.1 } } ]",
    "faults: [ { name: f, at: 300ms, for: 7s, memory_limit: { role: sink, bytes: 500MiB } } ]",
    "faults: [ { name: f, at: 300ms, for: 7s, descriptors: { role: sink } } ]",
    "faults: [ { name: f, at: 300ms, for: 7s, stress: { cpu: 10%, memory: 16MiB } } ]",
    "faults: [ { name: f, at: 300ms, for: 7s, answer: { slow: 5s } } ]",
    "faults: [ { name: f, at: 300ms, for: 7s, answer: half_open } ]",
    "client: { tls: generated }\nfaults: [ { name: f, at: 300ms, for: 7s, tls_fault: handshake_stall } ]",
    "faults: [ { name: f, at: 300ms, for: 7s, dns: silence } ]",
    "faults: [ { name: f, at: 300ms, when: generated > 1, for: 6s, pause: sink } ]",
    "faults: [ { name: f, at: 300ms, for: 500ms, every: 600ms, pause: sink } ]",
    "storms: [ { use: mobile-handover, at: 300ms } ]",
    PACKETS,
];
const PACKETS: &str =
    "link: { via: netns }\nfaults: [ { name: f, at: 300ms, for: 7s, partition: silence } ]";

const RUN: &str = "
scenario: left-behind
run: { warmup: 200ms, duration: 8s, drain: 10s }
load: { traces: { rate: 50/s } }
";

/// Runs at a time.
const AT_ONCE: usize = 6;

/// A variable that every process of a run inherits, whoever its parent is by then.
pub const MARK: &str = "SQUALL_TEST_LEFT_BEHIND";

/// Processes that have the mark and are no zombies.
pub fn marked(mark: &str) -> Vec<u32> {
    let wanted = format!("{MARK}={mark}");
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_string_lossy().parse().ok());
    pids.filter(|pid: &u32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let mut variables = environment.split(|byte| *byte == 0);
        variables.any(|variable| variable == wanted.as_bytes())
    })
    .collect()
}

/// Control groups that the controller of that number has made.
fn groups(controller: u32) -> Vec<PathBuf> {
    fn walk(folder: &Path, name: &str, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                if entry.file_name().to_string_lossy().starts_with(name) {
                    found.push(entry.path());
                }
                walk(&entry.path(), name, found);
            }
        }
    }
    let mut found = Vec::new();
    let name = format!("squall-{controller}-");
    walk(Path::new("/sys/fs/cgroup"), &name, &mut found);
    found
}

/// Ends a run in the middle of its fault. Sockets, namespaces and interfaces need no look of their
/// own: nothing but these processes holds them.
fn end_in(fault: &str, signal: Signal, mark: &str) {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("scenario.yaml");
    fs::write(&file, format!("{RUN}{fault}\n")).unwrap();
    let mut child = squall()
        .args(["run", "--quiet", "--results"])
        .arg(home.path().join("runs"))
        .arg(&file)
        .env(MARK, mark)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(2_500));
    let roles = children(child.id());
    assert!(roles.len() >= 2, "{fault}: {roles:?}");
    assert!(marked(mark).len() > 2, "{fault}: {:?}", marked(mark));
    if groups(child.id()).is_empty() && fault.contains("_limit") {
        eprintln!("{fault}: no control group can be made here, so none could be left");
    }
    send(child.id(), signal);
    let status = child.wait().unwrap();
    if signal == Signal::INT {
        assert_eq!(status.code(), Some(130), "{fault}");
    }
    let deadline = Instant::now() + Duration::from_secs(2);
    loop {
        let (processes, groups) = (marked(mark), groups(child.id()));
        if processes.is_empty() && groups.is_empty() {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "{fault}: {processes:?} {groups:?}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whether this machine allows packet links, which have tests of their own that say so if not.
fn packets_allowed() -> bool {
    #[cfg(target_os = "linux")]
    return squall::netns::PacketLink::probe().is_ok();
    #[cfg(not(target_os = "linux"))]
    return false;
}

#[test]
fn however_the_controller_ends_in_a_fault_nothing_is_left() {
    let mut cases = Vec::new();
    for fault in FAULTS {
        if fault != PACKETS || packets_allowed() {
            cases.extend([(fault, Signal::KILL), (fault, Signal::INT)]);
        }
    }
    side_by_side(AT_ONCE, &cases, |(fault, signal)| {
        let mark = format!("{}-{fault}-{signal:?}", std::process::id());
        end_in(fault, *signal, &mark);
    });
}
