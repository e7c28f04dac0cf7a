//! The index of the runs: what history asks of each, in one file beside their folders.
//!
//! The folders are what is kept; the index only saves reading ten thousand of them. It is brought
//! up to date whenever it is asked: runs that it does not know are read, runs that are gone are
//! left out. Where it is missing or damaged it is made again from the folders.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::find::names;
use super::read::versioned;
use super::{INDEX_FILE, RESULT_FILE, StoreError, atomic};
use crate::record::{RESULT_FORMAT, RunResult, RunSummary};

/// What the first line of an index of this form says. An index of another form is made again.
const HEADER: &str = r#"{"index":1}"#;

/// The judged runs under a folder.
#[derive(Debug, Default)]
pub struct Index {
    /// By the time of their start, oldest first.
    pub runs: Vec<RunSummary>,
    /// Runs whose result cannot be read, each with the reason. They are in no history.
    pub unreadable: Vec<StoreError>,
}

/// Every judged run under `root`, and brings its index up to date. An index that cannot be
/// written is no error: it is only slower the next time.
///
/// # Errors
/// When the folder cannot be listed.
pub fn index(root: &Path) -> Result<Index, StoreError> {
    let path = root.join(INDEX_FILE);
    let mut known = read(&path).unwrap_or_default();
    let was_known = known.len();
    let mut index = Index::default();
    let mut is_new = false;
    for name in names(root)? {
        if let Some(run) = known.remove(&name) {
            index.runs.push(run);
            continue;
        }
        let result = root.join(&name).join(RESULT_FILE);
        // It is still going on, or was never judged.
        if !result.is_file() {
            continue;
        }
        match versioned::<RunResult>(&result, RESULT_FORMAT) {
            Ok(result) => {
                is_new = true;
                index.runs.push(RunSummary::of(&name, &result));
            }
            Err(error) => index.unreadable.push(error),
        }
    }
    index
        .runs
        .sort_by(|a, b| (&a.started, &a.run).cmp(&(&b.started, &b.run)));
    let is_gone = !known.is_empty();
    if is_new || is_gone || was_known == 0 && path.exists() {
        let _ = write(&path, &index.runs);
    }
    Ok(index)
}

/// The runs of an index by name; `None` where it is missing or not whole.
fn read(path: &Path) -> Option<BTreeMap<String, RunSummary>> {
    let text = fs::read_to_string(path).ok()?;
    let mut lines = text.lines();
    if lines.next()? != HEADER {
        return None;
    }
    let runs = lines.map(|line| {
        let run: RunSummary = serde_json::from_str(line).ok()?;
        Some((run.run.clone(), run))
    });
    runs.collect()
}

fn write(path: &Path, runs: &[RunSummary]) -> std::io::Result<()> {
    atomic::write(path, |out| {
        out.write_all(HEADER.as_bytes())?;
        for run in runs {
            out.write_all(b"\n")?;
            serde_json::to_writer(&mut *out, run)?;
        }
        out.write_all(b"\n")
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::PLAN_FILE;
    use super::*;

    /// A judged run that began at that second.
    fn store(root: &Path, name: &str, second: u32) -> PathBuf {
        let folder = root.join(name);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join(PLAN_FILE), "{}").unwrap();
        let result = serde_json::json!({
            "format": RESULT_FORMAT, "scenario": "quick", "seed": 1, "verdict": "pass",
            "exit_code": 0, "summary": "", "started": format!("2026-01-01T00:00:{second:02}Z"),
            "duration_s": 1.0, "ledger": {}, "metrics": {"lost": 0.0}, "units": {}, "checks": [],
            "faults": [], "phases": [], "causes": [], "notes": [], "environment": {},
            "fingerprint": {}, "sums": crate::record::SumsResult::default(),
        });
        fs::write(folder.join(RESULT_FILE), result.to_string()).unwrap();
        folder
    }

    fn runs_of(root: &Path) -> Vec<String> {
        let index = index(root).unwrap();
        index.runs.into_iter().map(|run| run.run).collect()
    }

    #[test]
    fn the_index_follows_the_folders() {
        let root = tempfile::tempdir().unwrap();
        assert!(runs_of(root.path()).is_empty());
        assert!(!root.path().join(INDEX_FILE).exists());
        store(root.path(), "c", 30);
        let a = store(root.path(), "a", 10);
        assert_eq!(runs_of(root.path()), ["a", "c"]);
        // One is put into the middle of history, and one goes.
        store(root.path(), "b", 20);
        assert_eq!(runs_of(root.path()), ["a", "b", "c"]);
        fs::remove_dir_all(a).unwrap();
        assert_eq!(runs_of(root.path()), ["b", "c"]);
        let text = fs::read_to_string(root.path().join(INDEX_FILE)).unwrap();
        assert_eq!(text.lines().count(), 3);
    }

    #[test]
    fn what_is_in_the_index_is_not_read_again() {
        let root = tempfile::tempdir().unwrap();
        let folder = store(root.path(), "a", 10);
        assert_eq!(runs_of(root.path()), ["a"]);
        fs::write(folder.join(RESULT_FILE), "{").unwrap();
        assert_eq!(runs_of(root.path()), ["a"]);
    }

    #[test]
    fn a_damaged_index_is_made_again() {
        let root = tempfile::tempdir().unwrap();
        store(root.path(), "a", 10);
        let whole = runs_of(root.path());
        let path = root.path().join(INDEX_FILE);
        let text = fs::read_to_string(&path).unwrap();
        for damaged in ["", "{\"index\":2}\n", &text[..text.len() - 10]] {
            fs::write(&path, damaged).unwrap();
            assert_eq!(runs_of(root.path()), whole);
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn a_run_that_cannot_be_read_is_told_and_the_others_are_there() {
        let root = tempfile::tempdir().unwrap();
        store(root.path(), "a", 10);
        let broken = store(root.path(), "b", 20);
        fs::write(broken.join(RESULT_FILE), "{\"format\": 1").unwrap();
        let later = store(root.path(), "c", 30);
        fs::write(later.join(RESULT_FILE), "{\"format\": 99}").unwrap();
        // It is still going on.
        fs::remove_file(store(root.path(), "d", 40).join(RESULT_FILE)).unwrap();
        let index = index(root.path()).unwrap();
        assert_eq!(index.runs.len(), 1);
        assert!(matches!(
            index.unreadable.as_slice(),
            [
                StoreError::Malformed { .. },
                StoreError::Newer { found: 99, .. }
            ]
        ));
    }
}
