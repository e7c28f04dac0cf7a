//! The command line as a user meets it: what it prints, where, and how it ends.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const TINY: &str = "
scenario: tiny
run: { warmup: 0s, duration: 500ms, drain: 5s }
client: { sdk: { OTEL_BSP_SCHEDULE_DELAY: 100ms } }
load: { traces: { rate: 100/s } }
expect: [lost == 0]
";

fn squall(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_squall"));
    command
        .current_dir(home)
        .env("NO_COLOR", "1")
        .env_remove("COLUMNS")
        .stdin(Stdio::null());
    command
}

fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("tiny.yaml"), TINY).unwrap();
    home
}

fn run(home: &Path, args: &[&str]) -> Output {
    squall(home).args(args).output().unwrap()
}

/// Exit code, standard output and standard error of one command.
fn told(home: &Path, args: &[&str]) -> String {
    let output = run(home, args);
    let (out, err) = (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    );
    let code = output.status.code().unwrap();
    format!("$ squall {}\n{out}{err}exit code {code}\n", args.join(" "))
}

#[test]
fn help_is_short_and_has_examples() {
    let home = home();
    let commands = [
        "",
        "run",
        "cost",
        "capacity",
        "selfcheck",
        "check",
        "plan",
        "init",
        "explain",
        "report",
        "sink",
        "metrics",
        "schema",
    ];
    let text: Vec<String> = commands
        .iter()
        .map(|name| {
            let args: Vec<&str> = [*name, "--help"]
                .into_iter()
                .filter(|a| !a.is_empty())
                .collect();
            told(home.path(), &args)
        })
        .collect();
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn wrong_usage_says_what_where_and_how_to_mend_it() {
    let home = home();
    let cases: &[&[&str]] = &[
        &[],
        &["bogus"],
        &["run"],
        &["run", "nope.yaml"],
        &["run", "."],
        &["run", "tiny.yaml", "--results", "tiny.yaml"],
        &["run", "tiny.yaml", "--results", "tiny.yaml/x"],
        &["check", "tiny.yaml", "--set", "foo"],
        &["check", "tiny.yaml", "--set", "=5"],
        &["check", "tiny.yaml", "--set", "load..rate=1/s"],
        &["check", "tiny.yaml", "--set", "expect.1=lost == 0"],
        &["check", "tiny.yaml", "--set", "faults.0.at=1s"],
        &["init", "tiny.yaml"],
        &["init", "nowhere/x.yaml"],
        &["explain", "latest"],
        &["explain", "."],
        &["sink", "--grpc", "nonsense"],
        &["sink", "--max-request", "0B"],
        &["sink", "--for", "5"],
        &["schema", "nonsense"],
    ];
    let text: Vec<String> = cases.iter().map(|args| told(home.path(), args)).collect();
    for text in &text {
        assert!(text.ends_with("exit code 2\n"), "{text}");
    }
    insta::assert_snapshot!(text.join("\n"));
}

/// What a command does when nobody reads what it prints.
fn into_closed_pipe(home: &Path, args: &[&str]) -> Output {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = squall(home);
    command.args(args).stdout(writer).stderr(Stdio::piped());
    command.output().unwrap()
}

#[test]
fn a_reader_that_has_read_enough_is_no_error() {
    let home = home();
    for args in [
        &["metrics"][..],
        &["schema"],
        &["schema", "result"],
        &["plan", "tiny.yaml"],
        &["plan", "--json", "tiny.yaml"],
        &["check", "tiny.yaml"],
        &["init", "new.yaml"],
        &["--help"],
    ] {
        let output = into_closed_pipe(home.path(), args);
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert!(output.stderr.is_empty(), "{args:?}");
    }
}

/// A device that is always full.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_under_standard_output_is_told() {
    let home = home();
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let mut command = squall(home.path());
    command.arg("metrics").stdout(full).stderr(Stdio::piped());
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("cannot write to standard output"), "{text}");
    assert!(!text.contains("panicked"), "{text}");
}

fn only_run(home: &Path) -> std::path::PathBuf {
    let mut runs = fs::read_dir(home.join("results/runs")).unwrap();
    let run = runs.next().unwrap().unwrap().path();
    assert!(runs.next().is_none());
    run
}

#[test]
fn a_run_survives_readers_that_go_away_and_keeps_logs_in_their_folder() {
    let home = home();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = squall(home.path());
    command
        .args(["run", "tiny.yaml"])
        .stdout(writer.try_clone().unwrap())
        .stderr(writer);
    let status = command.status().unwrap();
    let run = only_run(home.path());
    let result: serde_json::Value =
        serde_json::from_slice(&fs::read(run.join("result.json")).unwrap()).unwrap();
    assert_eq!(result["exit_code"], status.code().unwrap());
    assert!(run.join("report.html").exists());
    for role in ["client", "link", "sink"] {
        assert!(run.join(format!("logs/{role}.log")).exists(), "{role}");
    }

    for args in [
        &["explain", "latest"][..],
        &["explain", "--json", "latest"],
        &["report", "latest"],
        &["report", "--markdown", "latest"],
        &["report", "--junit", "latest"],
    ] {
        let output = into_closed_pipe(home.path(), args);
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert!(output.stderr.is_empty(), "{args:?}");
    }

    for (path, kind) in [("nowhere/x.html", "No such file"), ("results", "directory")] {
        let text = told(home.path(), &["report", "latest", "--html", path]);
        assert!(text.ends_with("exit code 2\n"), "{text}");
        assert!(
            text.contains(kind) && !text.contains("unfinished"),
            "{text}"
        );
    }
}

#[test]
fn quiet_and_piped_leaves_only_the_summary() {
    let home = home();
    let output = run(home.path(), &["run", "--quiet", "tiny.yaml"]);
    assert!(output.stderr.is_empty());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains('\x1b'), "{text}");
    assert!(text.contains("tiny") && text.contains("Ledger"), "{text}");
}

#[test]
fn limits_of_the_machine_are_named() {
    let home = home();
    let mut command = Command::new("bash");
    command
        .current_dir(home.path())
        .args(["-c", "ulimit -n 10; exec \"$0\" run tiny.yaml"])
        .arg(env!("CARGO_BIN_EXE_squall"))
        .stdin(Stdio::null());
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("Too many open files"), "{text}");
    assert!(text.contains("ulimit"), "{text}");
}

#[test]
fn an_oracle_that_cannot_be_written_is_named() {
    let home = home();
    let set = "sink.oracle=nowhere/oracle.txt";
    let text = told(home.path(), &["run", "-q", "tiny.yaml", "--set", set]);
    assert!(text.ends_with("exit code 2\n"), "{text}");
    let flat: String = text.split_whitespace().filter(|w| *w != "│").collect();
    assert!(flat.contains("sink.oracle,"), "{text}");
    assert!(flat.contains("nowhere/oracle.txt"), "{text}");
}
