//! Runs `squall run` on a scenario text and reads what it stored.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use squall::evidence::Evidence;
use squall::ledger::{Class, Ledger};
use squall::signal::Signal;
use squall::store;

/// A finished run.
pub struct Finished {
    pub code: i32,
    pub output: Output,
    pub folder: PathBuf,
    /// `result.json`.
    pub result: Value,
    /// Where the plants wrote what they touched.
    pub oracle: PathBuf,
    pub _home: tempfile::TempDir,
}

/// The executable under test.
pub fn squall() -> Command {
    Command::new(env!("CARGO_BIN_EXE_squall"))
}

/// Runs a scenario given as text. `ORACLE` in it becomes the path of an oracle file.
pub fn run(scenario: &str) -> Finished {
    run_with(scenario, &[])
}

/// The same with overrides, each `KEY=VALUE`.
pub fn run_with(scenario: &str, overrides: &[&str]) -> Finished {
    let home = tempfile::tempdir().unwrap();
    let oracle = home.path().join("oracle");
    let file = home.path().join("scenario.yaml");
    let text = scenario.replace("ORACLE", &oracle.display().to_string());
    std::fs::write(&file, text).unwrap();
    let output = squall()
        .args(["run", "--quiet", "--results"])
        .arg(home.path().join("runs"))
        .arg(&file)
        .args(overrides.iter().flat_map(|set| ["--set", *set]))
        .output()
        .unwrap();
    let folder = only_run(&home.path().join("runs")).unwrap_or_else(|| {
        panic!(
            "no run was stored: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    });
    let result = read_result(&folder);
    Finished {
        code: output.status.code().unwrap_or(-1),
        output,
        folder,
        result,
        oracle,
        _home: home,
    }
}

/// Takes cases on side by side, at most so many at once: a run sleeps most of its time.
pub fn side_by_side<T: Sync>(at_once: usize, cases: &[T], take_on: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    take_on(case);
                }
            });
        }
    });
}

/// Two runs side by side: one and what it is held against.
pub fn both<T: Send>(one: impl FnOnce() -> T + Send, other: impl FnOnce() -> T + Send) -> (T, T) {
    std::thread::scope(|scope| {
        let other = scope.spawn(other);
        let one = one();
        let other = other.join();
        (
            one,
            other.unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
        )
    })
}

/// The one run folder below `runs`.
pub fn only_run(runs: &Path) -> Option<PathBuf> {
    let mut folders = std::fs::read_dir(runs).ok()?;
    let folder = folders.next()?.ok()?.path();
    assert!(folders.next().is_none(), "more than one run");
    Some(folder)
}

pub fn read_result(folder: &Path) -> Value {
    let text = std::fs::read_to_string(folder.join("result.json"))
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    serde_json::from_str(&text).unwrap()
}

impl Finished {
    /// A number of `result.json`, by its path.
    pub fn number(&self, path: &[&str]) -> f64 {
        let mut value = &self.result;
        for part in path {
            value = &value[*part];
        }
        value
            .as_f64()
            .unwrap_or_else(|| panic!("{path:?} is {value}\n{}", self.story()))
    }

    /// A metric of the whole run.
    pub fn metric(&self, name: &str) -> f64 {
        self.number(&["metrics", name])
    }

    /// A count of the ledger.
    pub fn count(&self, signal: &str, class: &str) -> u64 {
        self.number(&["ledger", signal, class]) as u64
    }

    /// What the program printed, for a failing assertion.
    pub fn story(&self) -> String {
        format!(
            "exit {}\n{}{}",
            self.code,
            String::from_utf8_lossy(&self.output.stdout),
            String::from_utf8_lossy(&self.output.stderr)
        )
    }

    /// Panics unless every ledger closes.
    pub fn assert_closes(&self) {
        for (signal, ledger) in self.result["ledger"].as_object().unwrap() {
            assert_eq!(
                ledger["closes"],
                true,
                "{signal}: {ledger}\n{}",
                self.story()
            );
        }
    }

    pub fn evidence(&self) -> Evidence {
        store::read_evidence(&self.folder).unwrap()
    }

    /// Identities of one class, as `producer/sequence`, out of the stored evidence.
    pub fn class(&self, signal: Signal, class: Class) -> BTreeSet<String> {
        let evidence = self.evidence();
        Ledger::of(&evidence)
            .producers
            .iter()
            .filter(|producer| producer.signal == signal)
            .flat_map(|producer| {
                producer
                    .class(class)
                    .iter()
                    .map(|sequence| format!("{}/{sequence}", producer.producer))
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    /// Identities that the oracle lists for a class and signal.
    pub fn oracle(&self, class: &str, signal: &str) -> BTreeSet<String> {
        let text = std::fs::read_to_string(&self.oracle)
            .unwrap_or_else(|error| panic!("the oracle: {error}\n{}", self.story()));
        text.lines()
            .filter_map(|line| {
                let mut words = line.split(' ');
                (words.next() == Some(class) && words.next() == Some(signal))
                    .then(|| words.next().unwrap().to_owned())
            })
            .collect()
    }
}
