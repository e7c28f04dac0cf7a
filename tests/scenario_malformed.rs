//! Every malformed scenario ends `squall check` with exit code 2 and a message that helps.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Runs `squall check` as a user would, but with a fixed width and no colour.
fn check(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_squall"))
        .arg("check")
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("NO_COLOR", "1")
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/malformed")
}

#[test]
fn each_gives_exit_code_2_and_a_helpful_message() {
    let mut files: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".yaml"))
        .collect();
    files.sort();
    assert!(files.len() >= 30, "{}", files.len());
    for file in files {
        let (code, stdout, stderr) = check(&folder(), &[&file]);
        assert_eq!(code, Some(2), "{file}: {stderr}");
        assert_eq!(stdout, "", "{file}");
        assert!(!stderr.contains("hunter2"), "{file} shows a secret");
        let stderr: Vec<&str> = stderr.lines().map(str::trim_end).collect();
        insta::assert_snapshot!(file.trim_end_matches(".yaml"), stderr.join("\n"));
    }
}

#[test]
fn what_is_no_readable_file_is_said() {
    let folder = folder();
    let (code, _, stderr) = check(&folder, &["nowhere.yaml"]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("nowhere.yaml cannot be read"), "{stderr}");
    let (code, _, stderr) = check(&folder, &["."]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("this is a folder"), "{stderr}");
}

#[test]
fn good_files_are_named_beside_bad_ones() {
    let folder = folder();
    let good = "../../scenarios/quickstart.yaml";
    let (code, stdout, stderr) = check(&folder, &[good, "missing_basics.yaml"]);
    assert_eq!(code, Some(2));
    assert_eq!(stdout, format!("ok  {good}\n"));
    assert!(stderr.contains("`scenario` is missing"));
}

#[test]
fn an_override_is_pointed_at_in_its_own_text() {
    let folder = folder();
    let good = "../../scenarios/quickstart.yaml";
    let (code, _, stderr) = check(
        &folder,
        &[
            good,
            "--set",
            "load.traces.rate=5k",
            "--set",
            "load.trace.rate=1/s",
            "--set",
            "client.headers.authorization={ env: A, hunter2: x }",
            "--set",
            "faults.7.at=3s",
        ],
    );
    assert_eq!(code, Some(2));
    assert!(!stderr.contains("hunter2"));
    let stderr: Vec<&str> = stderr.lines().map(str::trim_end).collect();
    insta::assert_snapshot!("overrides", stderr.join("\n"));
}
