//! The README's main job, and its expectations turned around.

use std::path::Path;

use squall::evidence::Evidence;
use squall::judge::{Circumstances, judge};
use squall::plan::Plan;
use squall::scenario;

use crate::harness::{only_run, read_result, squall};

fn scenario_path() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/quickstart.yaml")
}

/// The comparison that holds exactly where `text` does not.
fn turned_around(text: &str) -> String {
    for (op, opposite) in [
        ("<=", ">"),
        (">=", "<"),
        ("==", ">"),
        ("<", ">="),
        (">", "<="),
    ] {
        if let Some((left, right)) = text.split_once(op) {
            return format!("{left}{opposite}{right}");
        }
    }
    panic!("no operator in {text}");
}

fn exit_code_with(overrides: &[String], evidence: &Evidence) -> u8 {
    let plan: Plan = scenario::load(&scenario_path(), overrides)
        .unwrap_or_else(|problems| panic!("{overrides:?}: {problems:?}"));
    judge(&plan, evidence, Circumstances::default()).0.exit_code
}

#[test]
fn the_main_job_passes_and_each_expectation_can_fail() {
    let home = tempfile::tempdir().unwrap();
    let output = squall()
        .args(["run", "--results"])
        .arg(home.path())
        .arg(scenario_path())
        .output()
        .unwrap();
    let story = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(output.status.code(), Some(0), "{story}");
    let folder = only_run(home.path()).unwrap();
    let result = read_result(&folder);
    for signal in ["traces", "metrics", "logs"] {
        let ledger = &result["ledger"][signal];
        assert_eq!(ledger["closes"], true, "{ledger}");
        assert!(ledger["delivered"].as_u64().unwrap() > 0, "{ledger}");
    }
    let cut = &result["faults"][0];
    assert_eq!(cut["name"], "cut");
    assert!(cut["proof"].is_string(), "{cut}");
    assert!(cut["metrics"]["recovery.time"].is_number(), "{cut}");
    assert!(result["metrics"]["sink.cpu.per_item"].is_number());
    assert!(result["metrics"]["link.cpu.per_byte"].is_number());

    let evidence = squall::store::read_evidence(&folder).unwrap();
    let plan = scenario::load(&scenario_path(), &[]).unwrap();
    assert!(plan.expect.len() >= 6, "{} expectations", plan.expect.len());
    assert_eq!(exit_code_with(&[], &evidence), 0);
    for (index, expectation) in plan.expect.iter().enumerate() {
        let opposite = turned_around(&expectation.text);
        let code = exit_code_with(&[format!("expect.{index}={opposite}")], &evidence);
        assert_eq!(code, 1, "{} turned into {opposite}", expectation.text);
    }
}
