//! Storing a run, reading it back, and making its reports again from the stored record alone.

#[path = "browser/fixture.rs"]
mod fixture;

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use assert_cmd::Command;
use squall::evidence::{Evidence, Producer};
use squall::plan::RoleName;
use squall::record::Record;
use squall::signal::Signal;
use squall::store::{self, RunFolder, StoreError};

/// A folder of runs with one run in it.
fn stored(record: &Record) -> (tempfile::TempDir, RunFolder) {
    let root = tempfile::tempdir().unwrap();
    let folder = RunFolder::create(root.path(), "quickstart", SystemTime::now()).unwrap();
    folder.save_plan(&record.plan).unwrap();
    folder
        .save_judgment(&record.result, &record.series, &record.histograms)
        .unwrap();
    (root, folder)
}

fn open_error(reference: &str, root: &Path) -> StoreError {
    store::open(reference, root).expect_err("the run should not be readable")
}

fn rewrite(path: &Path, change: impl FnOnce(String) -> String) {
    let text = fs::read_to_string(path).unwrap();
    fs::write(path, change(text)).unwrap();
}

#[test]
fn a_run_comes_back_as_it_was_saved() {
    let record = fixture::failing();
    let (root, folder) = stored(&record);
    let back = store::open("latest", root.path()).unwrap();
    assert_eq!(back.run, folder.name());
    assert_eq!(back.result, record.result);
    assert_eq!(back.series.live.client, record.series.live.client);
    assert_eq!(back.histograms.whole_run, record.histograms.whole_run);
    // Secrets do not come back: they were never written.
    assert_eq!(
        back.plan.client.headers["authorization"].reveal(),
        "<redacted>"
    );
    let saved = fs::read_to_string(folder.path().join(store::PLAN_FILE)).unwrap();
    assert!(!saved.contains("hunter2"));
}

#[test]
fn evidence_comes_back_with_its_bitmaps_before_any_judgment() {
    let root = tempfile::tempdir().unwrap();
    let folder = RunFolder::create(root.path(), "q", SystemTime::now()).unwrap();
    folder.save_plan(&fixture::passing().plan).unwrap();
    let entered: roaring::RoaringTreemap = (1..=70_000_u64).filter(|n| n % 7 != 0).collect();
    let evidence = Evidence {
        producers: vec![Producer {
            signal: Signal::Logs,
            producer: 3,
            items_per_arrival: 1,
            due_ns: vec![1, 2],
            released_ns: vec![0, 3],
            entered: entered.clone(),
            sampled_out: Default::default(),
            received: Default::default(),
            received_again: Default::default(),
            extra_copies: 0,
            third_copies: 0,
            received_by_deadline: Default::default(),
            outages: vec![squall::evidence::Outage {
                killed_ns: 5,
                back_ns: None,
            }],
        }],
        ..Evidence::default()
    };
    folder.save_evidence(&evidence).unwrap();
    let back = store::read_evidence(folder.path()).unwrap();
    assert_eq!(back.producers[0].entered, entered);
    assert_eq!(back.producers[0].outages[0].killed_ns, 5);
    assert!(matches!(
        open_error("latest", root.path()),
        StoreError::Incomplete { .. }
    ));
}

#[test]
fn a_run_folder_holds_whole_files_and_a_place_for_logs() {
    let (_root, folder) = stored(&fixture::passing());
    let log = folder.role_log(RoleName::Sink);
    assert!(log.parent().unwrap().is_dir());
    assert!(log.ends_with("logs/sink.log"));
    let mut names: Vec<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "histograms.json",
            "logs",
            "plan.json",
            "result.json",
            "series.json.zst"
        ]
    );
}

#[test]
fn the_result_has_sorted_keys_and_the_stable_paths() {
    let (_root, folder) = stored(&fixture::failing());
    let text = fs::read_to_string(folder.path().join(store::RESULT_FILE)).unwrap();
    let keys: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("  \""))
        .filter_map(|line| line.trim().split('"').nth(1))
        .collect();
    assert!(keys.is_sorted(), "{keys:?}");
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["ledger"]["traces"]["dropped_by_client"], 412);
    assert_eq!(json["ledger"]["traces"]["closes"], true);
    assert_eq!(json["metrics"]["lost"], 445.0);
    assert_eq!(json["units"]["lost"], "count");
    assert_eq!(json["checks"][0]["verdict"], "pass");
    assert!(json["faults"][0]["proof"].is_string());
}

#[test]
fn a_number_that_json_lacks_is_refused_and_nothing_is_written() {
    let mut record = fixture::passing();
    record.result.duration_s = f64::NAN;
    let root = tempfile::tempdir().unwrap();
    let folder = RunFolder::create(root.path(), "q", SystemTime::now()).unwrap();
    let error = folder
        .save_judgment(&record.result, &record.series, &record.histograms)
        .unwrap_err();
    assert!(matches!(error, StoreError::NotStorable { .. }), "{error}");
    assert!(!folder.path().join(store::RESULT_FILE).exists());
}

#[test]
fn fields_that_are_not_known_are_ignored() {
    let (root, folder) = stored(&fixture::passing());
    rewrite(&folder.path().join(store::RESULT_FILE), |text| {
        text.replacen('{', "{\"later\": {\"a\": 1},", 1)
    });
    store::open("latest", root.path()).unwrap();
}

#[test]
fn a_later_format_is_refused_by_name() {
    let (root, folder) = stored(&fixture::passing());
    // What a later squall writes may not look like ours at all.
    fs::write(folder.path().join(store::RESULT_FILE), "{\"format\": 99}").unwrap();
    let error = open_error("latest", root.path());
    assert!(
        matches!(
            error,
            StoreError::Newer {
                found: 99,
                ours: 1,
                ..
            }
        ),
        "{error}"
    );
    assert!(
        error.to_string().contains("result.json has format 99"),
        "{error}"
    );
}

#[test]
fn damaged_files_are_told_with_name_and_line() {
    let (root, folder) = stored(&fixture::passing());
    let result = folder.path().join(store::RESULT_FILE);
    let whole = fs::read_to_string(&result).unwrap();

    fs::write(&result, &whole[..whole.len() / 2]).unwrap();
    let error = open_error("latest", root.path()).to_string();
    assert!(
        error.contains("result.json is truncated") && error.contains("line "),
        "{error}"
    );

    fs::write(
        &result,
        whole.replacen("\"seed\": 42", "\"seed\": \"x\"", 1),
    )
    .unwrap();
    let error = open_error("latest", root.path()).to_string();
    assert!(error.contains("result.json is malformed"), "{error}");

    fs::write(&result, &whole).unwrap();
    let series = folder.path().join(store::SERIES_FILE);
    let bytes = fs::read(&series).unwrap();
    fs::write(&series, &bytes[..bytes.len() / 2]).unwrap();
    let error = open_error("latest", root.path());
    assert!(
        matches!(&error, StoreError::Damaged { path, .. } if *path == series),
        "{error}"
    );
}

fn squall(arguments: &[&str], root: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_squall"));
    command.args(arguments).arg("--results").arg(root);
    command
}

#[test]
fn report_rebuilds_every_report_from_the_record() {
    let (root, folder) = stored(&fixture::failing());
    let output = squall(&["report", "latest"], root.path()).assert().code(0);
    let text = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    assert!(text.starts_with("✗ FAIL  quickstart"), "{text}");
    assert!(!text.contains('\x1b'), "colour in a pipe");
    let record = store::open("latest", root.path()).unwrap();
    let saved = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(saved("report.html"), squall::report::html::render(&record));
    assert_eq!(
        saved("report.md"),
        squall::report::markdown::render(&record)
    );
    assert_eq!(saved("junit.xml"), squall::report::junit::render(&record));
}

#[test]
fn report_prints_one_kind_or_writes_the_page_elsewhere() {
    let (root, folder) = stored(&fixture::failing());
    let record = store::open("latest", root.path()).unwrap();
    squall(&["report", "latest", "--junit"], root.path())
        .assert()
        .code(0)
        .stdout(squall::report::junit::render(&record));
    let elsewhere = root.path().join("page.html");
    let path = elsewhere.to_str().unwrap();
    squall(&["report", "latest", "--html", path], root.path())
        .assert()
        .code(0)
        .stdout("");
    assert_eq!(
        fs::read_to_string(elsewhere).unwrap(),
        squall::report::html::render(&record)
    );
    assert!(!folder.path().join("report.html").exists());
}

#[test]
fn explain_prints_causes_in_words_or_as_json() {
    let (root, _folder) = stored(&fixture::failing());
    squall(
        &["explain", "latest", "--class", "dropped_by_client"],
        root.path(),
    )
    .assert()
    .code(0)
    .stdout(predicates::str::contains(
        "412: entered a full queue between 11.31 s and 12.02 s, during cut",
    ));
    let output = squall(
        &["explain", "latest", "--signal", "logs", "--json"],
        root.path(),
    )
    .assert()
    .code(0);
    let json: serde_json::Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
    assert_eq!(json.as_array().unwrap().len(), 2);
    assert_eq!(json[0]["class"], "given_up");
}

#[test]
fn a_run_that_is_not_there_is_a_usage_error_with_the_nearest_names() {
    let (root, folder) = stored(&fixture::failing());
    let misspelt = folder.name().replace("quickstart", "quickstrat");
    for command in ["report", "explain"] {
        squall(&[command, &misspelt], root.path())
            .assert()
            .code(2)
            .stderr(predicates::str::contains(
                folder.name().split('-').next().unwrap().to_owned(),
            ));
    }
}
