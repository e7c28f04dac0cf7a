//! A scenario with a container between client and sink, run as a user runs it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::engine::{Engine, relay_image};

/// The relay keeps its queue, and the oracle of what it loses, in the folder that lives through restarts.
const SCENARIO: &str = r#"
scenario: boxed
seed: 7
run: { warmup: 1s, duration: 7s, drain: 5s }
client: { service: boxed, sdk: { OTEL_BSP_SCHEDULE_DELAY: 200ms, OTEL_BSP_MAX_QUEUE_SIZE: 32768 } }
load: { traces: { rate: 200/s } }
target:
  name: collector
  container:
    build: image
    args:
      - --grpc={{ listen.grpc }}
      - --http={{ listen.http }}
      - --status={{ metrics }}
      - --export={{ export.url }}
      - --export-ca=/etc/relay/authority.pem
      - --spool={{ data }}/spool
      - --bug=lose=50
      - --oracle={{ data }}/oracle
    files: { /etc/relay/authority.pem: { from: authority.pem } }
    cpus: 2
    memory: 512MiB
  ready: { http: "http://{{ metrics }}/health" }
  metrics: { series: { queue: relay_queue_size } }
faults:
  - { name: freeze, at: 1500ms, for: 1s, pause: collector }
  - { name: crash, at: 3500ms, for: 1s, restart: collector }
expect:
  - unexpected == 0
"#;

/// A folder with the scenario and the image that it builds.
fn scenario() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("boxed.yaml"), SCENARIO).unwrap();
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(folder.path().join("authority.pem"), key.cert.pem()).unwrap();
    let image = folder.path().join("image");
    fs::create_dir(&image).unwrap();
    relay_image(&image);
    folder
}

fn run(folder: &Path, settings: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_squall"));
    command.args(["run", "boxed.yaml"]);
    for setting in settings {
        command.args(["--set", setting]);
    }
    command
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(fs::File::create(folder.join("stdout")).unwrap())
        .stderr(fs::File::create(folder.join("stderr")).unwrap())
        .spawn()
        .unwrap()
}

fn said(folder: &Path) -> String {
    let of = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
    of("stdout") + &of("stderr")
}

fn only_run(folder: &Path) -> PathBuf {
    let runs = fs::read_dir(folder.join("results/runs")).unwrap();
    let mut runs: Vec<PathBuf> = runs.map(|run| run.unwrap().path()).collect();
    runs.retain(|run| run.join("result.json").exists());
    assert_eq!(runs.len(), 1, "{}", said(folder));
    runs.remove(0)
}

#[test]
fn it_is_paused_killed_and_started_again_and_every_loss_is_counted() {
    let Some(engine) = Engine::find() else { return };
    let folder = scenario();
    let folder = folder.path();
    let status = run(folder, &[]).wait().unwrap();
    engine.is_as_before();
    let run = only_run(folder);
    let result: Value =
        serde_json::from_slice(&fs::read(run.join("result.json")).unwrap()).unwrap();
    let words = said(folder);
    assert_eq!(result["exit_code"], status.code().unwrap());
    let ledger = &result["ledger"]["traces"];
    assert_eq!(ledger["closes"], true, "{words}");

    // What its own book says that it lost, and nothing else: neither the pause nor the kill lost any.
    let oracle = fs::read_to_string(run.join("targets/collector/data/oracle")).unwrap();
    let lost: BTreeSet<&str> = oracle.lines().collect();
    assert!(lost.len() > 10, "{oracle}");
    assert_eq!(ledger["lost_silently"], lost.len(), "{words}\n{oracle}");
    // What the client could not hand over while it was down is the client's.
    for other in ["refused", "dropped_by_client", "unresolved", "unexpected"] {
        assert_eq!(ledger[other], 0, "{other}: {words}");
    }
    for check in result["checks"].as_array().unwrap() {
        let name = check["name"].as_str().unwrap();
        // A machine that is busy with other tests may keep the load from its schedule.
        let of_machine = ["schedule", "missed", "saturated", "controller"];
        if !of_machine.iter().any(|word| name.contains(word)) {
            assert_eq!(check["verdict"], "pass", "{name}: {words}");
        }
    }

    for fault in result["faults"].as_array().unwrap() {
        let proof = fault["proof"].as_str();
        assert!(proof.is_some_and(|proof| !proof.is_empty()), "{fault}");
    }
    let metric = |name: &str| result["metrics"][name].as_f64().unwrap_or(f64::NAN);
    assert!(metric("target.cpu") > 0.0, "{words}");
    let memory = metric("target.rss.max");
    assert!(memory > 1e6 && memory < 512.0 * 1024.0 * 1024.0, "{memory}");
    assert!(metric("said.queue.max") >= 0.0, "{words}");
    let output = fs::read_to_string(run.join("logs/collector-output.log")).unwrap();
    assert_eq!(output.matches("relay ready").count(), 2, "{output}");
}

/// Runs it until its container is there, and ends squall with `signal` a moment later.
fn ended_with(engine: &Engine, folder: &Path, signal: Signal) -> Option<i32> {
    let mut squall = run(folder, &["run.duration=60s"]);
    let start = Instant::now();
    while !engine.has_container() {
        assert!(
            start.elapsed() < Duration::from_secs(120),
            "{}",
            said(folder)
        );
        assert_eq!(squall.try_wait().unwrap(), None, "{}", said(folder));
        std::thread::sleep(Duration::from_millis(50));
    }
    std::thread::sleep(Duration::from_secs(2));
    let pid = Pid::from_raw(squall.id().cast_signed()).unwrap();
    kill_process(pid, signal).unwrap();
    squall.wait().unwrap().code()
}

#[test]
fn an_interrupted_or_killed_squall_leaves_nothing() {
    let Some(engine) = Engine::find() else { return };
    let folder = scenario();
    let folder = folder.path();
    let code = ended_with(&engine, folder, Signal::INT);
    assert_eq!(code, Some(130), "{}", said(folder));
    engine.is_as_before();
    ended_with(&engine, folder, Signal::KILL);
    engine.is_as_before();
}
