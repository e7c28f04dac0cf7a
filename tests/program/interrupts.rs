//! However a run ends, nothing is left running, and what was measured is saved.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{only_run, read_result, side_by_side, squall};

const SCENARIO: &str = "
scenario: interrupted
run: { warmup: 1s, duration: 5s, drain: 10s }
client: { sdk: { OTEL_BSP_SCHEDULE_DELAY: 100ms } }
load: { traces: { rate: 200/s } }
faults:
  - { name: cut, at: 2s, for: 2s, partition: silence }
  - { name: freeze, at: 2s, for: 2s, pause: client }
";

fn start(home: &Path) -> Child {
    let file = home.join("scenario.yaml");
    std::fs::write(&file, SCENARIO).unwrap();
    squall()
        .args(["run", "--quiet", "--results"])
        .arg(home.join("runs"))
        .arg(file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

pub fn send(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), signal).unwrap();
}

/// Children of a process, by the kernel's own list.
pub fn children(pid: u32) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(child) = entry.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let parent = stat
            .rsplit_once(')')
            .and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse().ok());
        if parent == Some(pid) {
            found.push(child);
        }
    }
    found
}

pub fn is_running(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

pub fn assert_gone(pids: &[u32]) {
    let deadline = Instant::now() + Duration::from_secs(2);
    while pids.iter().any(|pid| is_running(*pid)) {
        assert!(Instant::now() < deadline, "still running: {pids:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Whether whoever started the tests has them, and all that they start, ignore Ctrl-C, as shells do with what
/// runs in the background: squall heeds it only from when it has a handler.
fn is_interrupt_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & (1 << (Signal::INT.as_raw() - 1)) != 0)
}

/// Moments in a run: setting up, warm-up, faults active, recovery, drain.
const MOMENTS_MS: [u64; 5] = [30, 900, 2_900, 4_800, 5_700];
/// Runs at a time.
const AT_ONCE: usize = 5;

#[test]
fn sigint_and_sigterm_save_an_inconclusive_run_and_leave_nothing() {
    let signals = [(Signal::INT, 130), (Signal::TERM, 143)];
    let cases = signals.map(|(signal, code)| MOMENTS_MS.map(|moment| (signal, code, moment)));
    side_by_side(AT_ONCE, cases.as_flattened(), |&(signal, code, moment)| {
        if signal == Signal::INT && moment < 500 && is_interrupt_ignored() {
            return;
        }
        let home = tempfile::tempdir().unwrap();
        let mut child = start(home.path());
        std::thread::sleep(Duration::from_millis(moment));
        let roles = children(child.id());
        send(child.id(), signal);
        let status = child.wait().unwrap();
        assert_gone(&roles);
        if status.code().is_none() {
            // Too early for a handler: then there must be no run half saved either.
            assert!(moment < 500, "killed by {status} after {moment} ms");
            return;
        }
        assert_eq!(status.code(), Some(code), "after {moment} ms");
        let folder = only_run(&home.path().join("runs")).unwrap();
        let result = read_result(&folder);
        assert_eq!(result["verdict"], "inconclusive");
        assert_eq!(result["exit_code"], code);
        assert!(folder.join("report.html").exists());
    });
}

#[test]
fn sigkill_of_the_controller_takes_every_role_along() {
    side_by_side(AT_ONCE, &MOMENTS_MS, |&moment| {
        let home = tempfile::tempdir().unwrap();
        let mut child = start(home.path());
        std::thread::sleep(Duration::from_millis(moment));
        let roles = children(child.id());
        assert!(
            moment < 500 || roles.len() == 3,
            "{roles:?} after {moment} ms"
        );
        child.kill().unwrap();
        child.wait().unwrap();
        assert_gone(&roles);
    });
}

#[test]
fn a_second_signal_ends_the_run_at_once() {
    let home = tempfile::tempdir().unwrap();
    let mut child = start(home.path());
    std::thread::sleep(Duration::from_millis(1_500));
    let roles = children(child.id());
    let begun = Instant::now();
    send(child.id(), Signal::INT);
    std::thread::sleep(Duration::from_millis(200));
    send(child.id(), Signal::INT);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(
        begun.elapsed() < Duration::from_secs(8),
        "{:?}",
        begun.elapsed()
    );
    assert_gone(&roles);
    assert_eq!(
        read_result(&only_run(&home.path().join("runs")).unwrap())["verdict"],
        "inconclusive"
    );
}

#[test]
fn two_runs_at_once_do_not_disturb_each_other() {
    let runs = tempfile::tempdir().unwrap();
    let file = runs.path().join("scenario.yaml");
    let text = SCENARIO.split("faults:").next().unwrap().replace(
        "drain: 10s",
        "drain: 10s, miss_after: 5s, lateness_limit: 5s",
    );
    std::fs::write(&file, format!("{text}expect: [ \"lost == 0\" ]\n")).unwrap();
    let start = || {
        squall()
            .args(["run", "--quiet", "--results"])
            .arg(runs.path().join("runs"))
            .arg(&file)
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    };
    let (mut first, mut second) = (start(), start());
    assert_eq!(first.wait().unwrap().code(), Some(0));
    assert_eq!(second.wait().unwrap().code(), Some(0));
    let folders = std::fs::read_dir(runs.path().join("runs")).unwrap().count();
    assert_eq!(folders, 2);
}
