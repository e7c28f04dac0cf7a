//! Baselines, comparisons, history and clean, as a user meets them: with real runs.

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

fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("tiny.yaml"), TINY).unwrap();
    home
}

fn squall(home: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_squall"))
        .args(args)
        .current_dir(home)
        .env("NO_COLOR", "1")
        .env("COLUMNS", "140")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// Standard output of a command that must end so.
#[track_caller]
fn says(home: &Path, code: i32, args: &[&str]) -> String {
    let output = squall(home, args);
    let out = String::from_utf8(output.stdout).unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{args:?}:\n{out}\n{err}");
    out + &err
}

/// Changes what a stored run has measured.
fn forge(run: &Path, change: impl Fn(&mut serde_json::Value)) {
    let path = run.join("result.json");
    let mut result = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    change(&mut result);
    fs::write(&path, result.to_string()).unwrap();
}

/// The folders of the runs, the oldest first.
fn runs(home: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(home.join("results/runs")).unwrap();
    let mut runs: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    runs.retain(|path| path.is_dir());
    runs.sort_by_key(|run| {
        fs::metadata(run.join("plan.json"))
            .unwrap()
            .modified()
            .unwrap()
    });
    runs
}

#[test]
fn from_runs_to_a_baseline_to_a_verdict() {
    let home = home();
    let home = home.path();
    says(home, 2, &["history", "tiny"]);
    says(home, 2, &["baseline", "save", "main"]);
    says(home, 0, &["run", "tiny.yaml", "--quiet", "--repeat", "3"]);
    let runs = runs(home);
    assert_eq!(runs.len(), 3);

    // A baseline is kept, shown, listed, and not overwritten.
    says(home, 0, &["baseline", "save", "main", "--last", "3"]);
    assert!(says(home, 0, &["baseline", "list"]).contains("main"));
    let shown = says(home, 0, &["baseline", "show", "main"]);
    assert!(shown.contains("client.cpu.per_item"), "{shown}");
    let told = says(home, 2, &["baseline", "save", "main"]);
    assert!(told.contains("--replace"), "{told}");
    let told = says(
        home,
        2,
        &["baseline", "save", "main", "--last", "9", "--replace"],
    );
    assert!(told.contains("only 3 judged runs in"), "{told}");
    let told = says(home, 2, &["baseline", "show", "mian"]);
    assert!(told.contains("the nearest are main"), "{told}");

    // One run against three cannot tell what is noisy, and says so.
    let told = says(home, 3, &["compare", "main", "latest"]);
    assert!(told.contains("TOO NOISY TO TELL"), "{told}");

    // What was measured of another plan is refused, and the field named; so is a broken run.
    let set = "load.traces.rate=120/s";
    let told = says(
        home,
        2,
        &[
            "run",
            "tiny.yaml",
            "--quiet",
            "--set",
            set,
            "--baseline",
            "main",
        ],
    );
    assert!(told.contains("plan is `"), "{told}");
    forge(&runs[0], |result| {
        result["checks"][0]["verdict"] = "fail".into()
    });
    let first = runs[0].to_str().unwrap();
    let told = says(home, 2, &["compare", "main", first]);
    assert!(told.contains("cannot be compared"), "{told}");

    // History leaves out what cannot be compared, and says how many.
    let told = says(home, 0, &["history", "tiny", "client.cpu.per_item"]);
    assert!(told.contains("no change of level"), "{told}");
    assert!(told.contains("of another plan, seed or version"), "{told}");
    says(home, 0, &["history", "tiny.yaml"]);
    says(home, 0, &["history", "tiny", "--html", "history.html"]);
    assert!(
        fs::read_to_string(home.join("history.html"))
            .unwrap()
            .contains("history of tiny")
    );
    let told = says(home, 2, &["history", "tiny", "client.cpu.per_itme"]);
    assert!(told.contains("client.cpu.per_item"), "{told}");

    // Only what no baseline and no history needs goes, and only when that is asked for.
    let told = says(home, 0, &["clean", "--keep", "0"]);
    assert!(told.contains("would be removed"), "{told}");
    let other = self::runs(home).pop().unwrap();
    assert!(other.join("report.html").exists());
    says(home, 0, &["clean", "--keep", "0", "--remove"]);
    assert!(!other.join("report.html").exists());
    assert!(other.join("result.json").exists());
    assert!(runs[0].join("report.html").exists());
    says(home, 0, &["baseline", "remove", "main"]);
    assert!(says(home, 0, &["baseline", "list"]).contains("no baselines"));
}

/// Forged from one real run: forty in a baseline, and as many that take a fifth more CPU.
#[test]
fn a_regression_is_found_and_told_and_sameness_is_not() {
    let home = home();
    let home = home.path();
    says(home, 0, &["run", "tiny.yaml", "--quiet"]);
    let original = runs(home).remove(0);
    let folder = original.parent().unwrap().to_owned();
    let copy = |name: &str, cpu: f64| {
        let run = folder.join(name);
        fs::create_dir(&run).unwrap();
        for file in ["plan.json", "result.json"] {
            fs::copy(original.join(file), run.join(file)).unwrap();
        }
        forge(&run, |result| {
            result["metrics"]["client.cpu.per_item"] = cpu.into()
        });
    };
    let wander = |run: u32| 1.0 + 0.01 * f64::from(run * 7 % 5);
    let names =
        |letter: char| -> Vec<String> { (10..30).map(|run| format!("{letter}{run}")).collect() };
    for (letter, level) in [('a', 5e-6), ('b', 5e-6), ('c', 6e-6)] {
        for (nth, name) in (0..).zip(names(letter)) {
            copy(&name, level * wander(nth));
        }
    }
    let of = |letter| names(letter).join(",");
    let told = says(home, 0, &["compare", &of('a'), &of('b')]);
    assert!(told.contains("NO DIFFERENCE SEEN"), "{told}");
    let told = says(home, 4, &["compare", &of('a'), &of('c')]);
    assert!(
        told.contains("REGRESSION  worse: client.cpu.per_item"),
        "{told}"
    );
    assert!(told.contains("+20.0 %"), "{told}");
    let json = says(home, 4, &["compare", &of('a'), &of('c'), "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["answer"], "regression");
}

#[test]
fn two_scenarios_are_run_in_turns() {
    let home = home();
    let home = home.path();
    let told = says(
        home,
        2,
        &[
            "compare",
            "--a",
            "tiny.yaml",
            "--b",
            "tiny.yaml",
            "--pairs",
            "2",
        ],
    );
    assert!(told.contains("can prove nothing"), "{told}");
    says(home, 2, &["compare", "--a", "tiny.yaml"]);
    says(
        home,
        2,
        &[
            "compare",
            "main",
            "latest",
            "--a",
            "tiny.yaml",
            "--b",
            "tiny.yaml",
        ],
    );
    let told = says(
        home,
        2,
        &[
            "compare",
            "--a",
            "tiny.yaml",
            "--b",
            "tiny.yaml",
            "--a-bin",
            "nowhere",
        ],
    );
    assert!(told.contains("there is no file nowhere"), "{told}");
}
