//! `squall selfcheck`, and the runs that cite it.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use squall::plan::ClientKind;
use squall::record::{ClientLimit, SELFCHECK_FORMAT, SelfcheckResult};
use squall::{fingerprint, observe};

use crate::harness::{only_run, read_result, squall};

#[test]
fn the_machine_is_measured_and_told() {
    let _alone = crate::alone();
    let home = tempfile::tempdir().unwrap();
    let output = squall()
        .args(["selfcheck", "--budget", "4s", "--results"])
        .arg(home.path())
        .output()
        .unwrap();
    let story = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = std::fs::read_to_string(home.path().join("selfcheck.json")).unwrap();
    let found: SelfcheckResult = serde_json::from_str(&text).unwrap();
    assert_eq!(found.format, SELFCHECK_FORMAT);
    assert!(
        found.clock_cost_ns > 0.0 && found.system_call_ns > 0.0,
        "{text}"
    );
    assert!(found.loopback_bytes_per_s > 1e6, "{text}");
    let timers: Vec<u32> = found.timers.iter().map(|timer| timer.per_s).collect();
    assert_eq!(timers, [1000, 10_000]);
    let kinds: Vec<ClientKind> = found.clients.iter().map(|client| client.kind).collect();
    assert_eq!(kinds, [ClientKind::Sdk, ClientKind::Raw]);
    // One trial at least: it was held, or it was not.
    for client in &found.clients {
        assert!(
            client.holds_per_s.is_some() || client.gives_way_per_s.is_some(),
            "{text}"
        );
    }
    let client = &found.clients[0];
    assert!(
        client.holds_per_s.is_none() || !found.noise.is_empty(),
        "{text}"
    );
    for told in [
        "the clock costs",
        "an idle producer of 10,000/s",
        "the SDK client",
        "a raw client",
    ] {
        assert!(story.contains(told), "{told}: {story}");
    }
    // Its own runs are not kept.
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 1);
}

/// A self-check of this machine, or of another, that held so many items a second.
fn checked(home: &Path, holds_per_s: f64, this_machine: bool, made: &str) {
    let mut machine = fingerprint::machine(&observe::environment());
    if !this_machine {
        machine.insert("cpu_model".to_owned(), "another".to_owned());
    }
    let selfcheck = SelfcheckResult {
        format: SELFCHECK_FORMAT,
        made: made.to_owned(),
        machine,
        clock_cost_ns: 1.0,
        clock_resolution_ns: 1,
        system_call_ns: 1.0,
        loopback_bytes_per_s: 1.0,
        timers: Vec::new(),
        clients: vec![ClientLimit {
            kind: ClientKind::Sdk,
            holds_per_s: Some(holds_per_s),
            gives_way_per_s: None,
            gave_out: None,
            cpu_per_item_s: BTreeMap::new(),
        }],
        noise: Vec::new(),
        words: vec!["up to that".to_owned()],
    };
    let text = serde_json::to_string(&selfcheck).unwrap();
    std::fs::write(home.join("selfcheck.json"), text).unwrap();
}

/// A short run of 100 log records a second: its exit code and its result.
fn run(home: &Path) -> (i32, Value) {
    let file = home.join("scenario.yaml");
    let text = "
scenario: cites
run: { warmup: 0s, duration: 1s, drain: 5s, miss_after: 2s, lateness_limit: 2s }
client: { sdk: { OTEL_BLRP_SCHEDULE_DELAY: 50ms } }
load: { logs: { rate: 100/s } }
";
    std::fs::write(&file, text).unwrap();
    let runs = home.join("runs");
    let _ = std::fs::remove_dir_all(&runs);
    let mut command = squall();
    command
        .args(["run", "--quiet", "--results"])
        .arg(&runs)
        .arg(&file);
    let code = command.output().unwrap().status.code().unwrap();
    (code, read_result(&only_run(&runs).unwrap()))
}

#[test]
fn runs_cite_it_and_are_inconclusive_beyond_it() {
    let home = tempfile::tempdir().unwrap();
    let now = chrono::Utc::now().to_rfc3339();
    let cited = |result: &Value| !result["calibration"].is_null();
    let (code, result) = run(home.path());
    assert!(code == 0 && !cited(&result), "{result}");

    checked(home.path(), 1000.0, true, &now);
    let (code, result) = run(home.path());
    assert_eq!(code, 0, "{}", result["summary"]);
    assert_eq!(result["calibration"]["client_holds_per_s"], 1000.0);
    assert!(
        result["notes"]
            .to_string()
            .contains("up to 1,000/s can be believed")
    );

    checked(home.path(), 50.0, true, &now);
    let (code, result) = run(home.path());
    assert_eq!(code, 3, "{}", result["summary"]);
    assert!(result["summary"].to_string().contains("squall selfcheck"));

    checked(home.path(), 50.0, false, &now);
    assert!(!cited(&run(home.path()).1), "it is of another machine");
    checked(home.path(), 50.0, true, "2020-01-01T00:00:00Z");
    assert!(!cited(&run(home.path()).1), "it is old");
}

#[test]
fn without_time_for_a_run_nothing_is_saved() {
    let home = tempfile::tempdir().unwrap();
    let mut command = squall();
    let args = ["selfcheck", "--quiet", "--budget", "1s", "--results"];
    let output = command.args(args).arg(home.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--budget 1s"));
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}
