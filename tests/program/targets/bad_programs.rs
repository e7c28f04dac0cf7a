//! Programs that do not behave, through the whole of `squall run`: a clear message, the right exit
//! code, nothing left running.

use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::harness::{only_run, read_result, side_by_side, squall};
use crate::interrupts::send;
use crate::left_behind::{MARK, marked};

/// A relay that is connected; `sh` waits for it, or becomes it with `exec`.
const RELAY: &str = "{{ squall }} relay --grpc {{ listen.grpc }} --http {{ listen.http }} --status {{ status }} --export {{ export.url }}";

fn scenario(script: &str, ready: &str) -> String {
    let script = script.replace("RELAY", RELAY).replace('"', "\\\"");
    format!(
        "
scenario: bad-program
run: {{ warmup: 200ms, duration: 3s, drain: 2s, miss_after: 2s, lateness_limit: 2s }}
client: {{ sdk: {{ OTEL_BSP_SCHEDULE_DELAY: 100ms }}, retry: {{ max_retries: 2, max_delay: 200ms }} }}
load: {{ traces: {{ rate: 50/s }} }}
target:
  name: collector
  process:
    command: sh
    args: [-c, \"{script}\"]
    stop: {{ grace: 300ms }}
    log_limit: 64KiB
  ready: {{ {ready} }}
"
    )
}

/// A run that has ended, and its folder of runs.
struct Ended {
    output: Output,
    home: tempfile::TempDir,
}

impl Ended {
    fn said(&self) -> String {
        let output = &self.output;
        String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr)
    }
}

/// Runs it; `meanwhile` is told the controller's pid. Whatever it does, no process is left.
fn run(name: &str, text: &str, meanwhile: impl FnOnce(u32)) -> Ended {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("scenario.yaml");
    std::fs::write(&file, text).unwrap();
    let mark = format!("{}-bad-{name}", std::process::id());
    let child = squall()
        .args(["run", "--quiet", "--results"])
        .arg(home.path().join("runs"))
        .arg(&file)
        .env(MARK, &mark)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    meanwhile(child.id());
    let output = child.wait_with_output().unwrap();
    let deadline = Instant::now() + Duration::from_secs(3);
    while !marked(&mark).is_empty() {
        assert!(
            Instant::now() < deadline,
            "{name}: {:?} live",
            marked(&mark)
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    Ended { output, home }
}

/// Without what is different each time: ports, times, colours, the run's name, and the frame's breaks.
fn plain(said: &str) -> String {
    let words: Vec<&str> = said
        .split_whitespace()
        .filter(|word| *word != "│")
        .collect();
    let said = words.join(" ");
    let before_help = said.split("help:").next().unwrap();
    let mut plain = String::new();
    let mut in_number = false;
    for letter in before_help.chars() {
        let is_digit = letter.is_ascii_digit();
        if !(is_digit && in_number) {
            plain.push(if is_digit { '0' } else { letter });
        }
        in_number = is_digit;
    }
    plain
}

#[test]
fn a_program_that_does_not_come_up_ends_the_run_before_it_begins() {
    let cases = [
        ("never-ready", "sleep 60", "within: 500ms"),
        (
            "exits-at-once",
            "echo no licence found >&2; exit 7",
            "within: 5s",
        ),
        ("not-found", "exec no-such-collector", "within: 5s"),
        (
            "port-taken",
            "{{ squall }} sink --grpc {{ listen.grpc }} --http 127.0.0.1:0 & sleep 1; exec RELAY",
            "says: relay ready, within: 8s",
        ),
        (
            "ignores-term",
            "trap '' TERM; echo busy; while :; do sleep 1; done",
            "says: ready, within: 500ms",
        ),
        (
            "floods",
            // Few enough to be through in time: the last word is then a whole one.
            "yes loud | head -c 20000000; sleep 60",
            "says: quiet, within: 6s",
        ),
    ];
    side_by_side(3, &cases, |(name, script, ready)| {
        let ended = run(name, &scenario(script, ready), |_| ());
        let said = ended.said();
        assert_eq!(ended.output.status.code(), Some(2), "{name}\n{said}");
        insta::assert_snapshot!(format!("bad_program_{name}"), plain(&said));
        let folder = only_run(&ended.home.path().join("runs")).unwrap();
        let log = std::fs::metadata(folder.join("logs/collector-output.log"));
        let log = log.map_or(0, |log| log.len());
        assert!(log < 70_000, "{name}: {log} bytes");
        assert!(!folder.join("result.json").exists(), "{name}");
        assert!(said.contains("collector-output.log"), "{said}");
    });
}

#[test]
fn a_command_that_does_not_exist_is_told_as_such() {
    let text = scenario("", "within: 5s").replace("command: sh", "command: no-such-collector");
    let ended = run("no-command", &text, |_| ());
    let said = ended.said();
    assert_eq!(ended.output.status.code(), Some(2), "{said}");
    insta::assert_snapshot!("bad_program_no_command", plain(&said));
}

#[test]
fn a_program_that_dies_in_the_middle_fails_the_run() {
    let cases = [
        (
            "dies",
            "RELAY & sleep 2; kill -9 $!; exit 5",
            "exited with 5",
        ),
        // What it leaves behind goes with it.
        (
            "forks",
            "RELAY & sleep 60 & sleep 2; exit 0",
            "exited with 0",
        ),
    ];
    side_by_side(2, &cases, |(name, script, exit)| {
        let ended = run(name, &scenario(script, "within: 5s"), |_| ());
        let said = ended.said();
        let folder = only_run(&ended.home.path().join("runs")).unwrap();
        let result = read_result(&folder);
        let checks = result["checks"].as_array().unwrap();
        let stayed = checks
            .iter()
            .find(|check| check["name"] == "collector stayed up");
        let stayed = stayed.unwrap();
        assert_eq!(stayed["verdict"], "fail", "{said}");
        assert!(
            stayed["observed"].as_str().unwrap().contains(exit),
            "{stayed}"
        );
        assert_eq!(ended.output.status.code(), Some(1), "{said}");
        assert_eq!(result["ledger"]["traces"]["closes"], true);
    });
}

#[test]
fn a_program_that_floods_its_output_while_it_works_or_ignores_its_end_does_not_disturb() {
    let cases = [
        ("loud", "(yes loud | head -c 1000000000) & exec RELAY"),
        // The shell stands in for a program that does not listen; the relay below it goes as well.
        ("deaf", "trap '' TERM; RELAY & while :; do sleep 1; done"),
    ];
    side_by_side(2, &cases, |(name, script)| {
        let ended = run(name, &scenario(script, "within: 5s"), |_| ());
        let said = ended.said();
        assert_eq!(ended.output.status.code(), Some(0), "{said}");
        let folder = only_run(&ended.home.path().join("runs")).unwrap();
        let log = std::fs::metadata(folder.join("logs/collector-output.log"));
        assert!(log.unwrap().len() < 70_000, "{name}");
    });
}

#[test]
fn an_interrupt_while_it_starts_or_runs_leaves_nothing() {
    let cases = [
        ("starting", "sleep 60", "within: 20s", 700),
        ("running", "exec RELAY", "within: 20s", 2_000),
    ];
    side_by_side(2, &cases, |(name, script, ready, after_ms)| {
        let ended = run(name, &scenario(script, ready), |pid| {
            std::thread::sleep(Duration::from_millis(*after_ms));
            send(pid, Signal::INT);
        });
        assert_eq!(ended.output.status.code(), Some(130), "{}", ended.said());
        let folder = only_run(&ended.home.path().join("runs")).unwrap();
        assert_eq!(read_result(&folder)["exit_code"], 130);
    });
}
