//! Making room: what of old runs can go without taking anything from history or a baseline.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::find::names;
use super::{Index, PLAN_FILE, RESULT_FILE, StoreError};

/// What every run keeps: all that history and `squall run PLAN` ask for.
const KEPT: [&str; 2] = [PLAN_FILE, RESULT_FILE];
/// A run without a judgment may still be going on, until its plan is this old.
const ABANDONED_AFTER: Duration = Duration::from_secs(24 * 3600);

/// What can go of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// Name of the run's folder.
    pub run: String,
    /// Files and folders that go.
    pub paths: Vec<PathBuf>,
    /// What they take, in bytes.
    pub bytes: u64,
    /// Whether the whole folder goes, for the run was never judged.
    pub whole: bool,
}

/// What can go, and what the folder takes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cleaning {
    /// Oldest first.
    pub removals: Vec<Removal>,
    /// What all runs take before it, in bytes.
    pub bytes_before: u64,
}

/// What can go of the runs under `root`, when the `keep` newest of each scenario and those that
/// `protected` names stay whole. Of an older one its reports, evidence, series, histograms and logs
/// can go; of one that was abandoned before it was judged, everything.
///
/// # Errors
/// When a folder cannot be read.
pub fn cleaning(
    root: &Path,
    index: &Index,
    protected: &BTreeSet<String>,
    keep: usize,
    now: SystemTime,
) -> Result<Cleaning, StoreError> {
    let mut newer: BTreeMap<&str, usize> = BTreeMap::new();
    let mut whole: BTreeSet<&str> = protected.iter().map(String::as_str).collect();
    for run in index.runs.iter().rev() {
        let newer = newer.entry(&run.scenario).or_default();
        *newer += 1;
        if *newer <= keep {
            whole.insert(&run.run);
        }
    }
    let mut cleaning = Cleaning::default();
    for run in names(root)? {
        let folder = root.join(&run);
        let is_judged = folder.join(RESULT_FILE).exists();
        let entries = entries(&folder)?;
        let bytes = |entries: &[(PathBuf, u64)]| entries.iter().map(|(_, b)| b).sum::<u64>();
        cleaning.bytes_before += bytes(&entries);
        if whole.contains(run.as_str()) || !is_judged && !is_abandoned(&folder, now) {
            continue;
        }
        let going: Vec<(PathBuf, u64)> = entries
            .into_iter()
            .filter(|(path, _)| !is_judged || !KEPT.iter().any(|kept| path.ends_with(kept)))
            .collect();
        if going.is_empty() {
            continue;
        }
        cleaning.removals.push(Removal {
            run,
            bytes: bytes(&going),
            paths: going.into_iter().map(|(path, _)| path).collect(),
            whole: !is_judged,
        });
    }
    Ok(cleaning)
}

/// Removes it.
///
/// # Errors
/// At the first thing that cannot be removed; what was removed before it is gone.
pub fn clean(root: &Path, cleaning: &Cleaning) -> Result<(), StoreError> {
    for removal in &cleaning.removals {
        for path in &removal.paths {
            let removed = if path.is_dir() && !path.is_symlink() {
                fs::remove_dir_all(path)
            } else {
                fs::remove_file(path)
            };
            removed.map_err(StoreError::io("remove", path))?;
        }
        if removal.whole {
            let folder = root.join(&removal.run);
            fs::remove_dir(&folder).map_err(StoreError::io("remove", &folder))?;
        }
    }
    Ok(())
}

fn is_abandoned(folder: &Path, now: SystemTime) -> bool {
    let saved = fs::metadata(folder.join(PLAN_FILE)).and_then(|plan| plan.modified());
    let age = saved.ok().and_then(|saved| now.duration_since(saved).ok());
    age.is_some_and(|age| age > ABANDONED_AFTER)
}

/// What is in a folder, with its size; of folders in it, of all that is in them.
fn entries(folder: &Path) -> Result<Vec<(PathBuf, u64)>, StoreError> {
    let error = || StoreError::io("read the folder", folder);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(error())? {
        let entry = entry.map_err(error())?;
        // A link is not followed: what it leads to is not ours.
        let kind = entry.file_type().map_err(error())?;
        let bytes = if kind.is_dir() {
            let inner = entries(&entry.path())?;
            inner.iter().map(|(_, bytes)| bytes).sum()
        } else {
            entry.metadata().map_err(error())?.len()
        };
        found.push((entry.path(), bytes));
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{RunSummary, Verdict};

    fn summary(run: &str, scenario: &str) -> RunSummary {
        RunSummary {
            run: run.to_owned(),
            scenario: scenario.to_owned(),
            seed: 1,
            verdict: Verdict::Pass,
            exit_code: 0,
            started: run.to_owned(),
            duration_s: 1.0,
            commit: None,
            unsound: Vec::new(),
            fingerprint: BTreeMap::new(),
            environment: BTreeMap::new(),
            metrics: BTreeMap::new(),
        }
    }

    /// Runs 1 to 4 of one scenario, 5 of another, and 6 that was never judged.
    fn runs() -> (tempfile::TempDir, Index) {
        let root = tempfile::tempdir().unwrap();
        let mut index = Index::default();
        for run in ["1", "2", "3", "4", "5", "6"] {
            let folder = root.path().join(run);
            fs::create_dir_all(folder.join("logs")).unwrap();
            fs::write(folder.join(PLAN_FILE), "{}").unwrap();
            fs::write(folder.join("report.html"), [b'x'; 100]).unwrap();
            fs::write(folder.join("logs/client.log"), [b'x'; 50]).unwrap();
            if run != "6" {
                fs::write(folder.join(RESULT_FILE), "{}").unwrap();
                index
                    .runs
                    .push(summary(run, if run == "5" { "b" } else { "a" }));
            }
        }
        (root, index)
    }

    fn of(root: &Path, index: &Index, now: SystemTime) -> Cleaning {
        let protected = BTreeSet::from(["1".to_owned()]);
        cleaning(root, index, &protected, 2, now).unwrap()
    }

    fn listed(folder: &Path) -> Vec<String> {
        let entries = entries(folder).unwrap().into_iter();
        entries
            .map(|(path, _)| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn old_runs_keep_what_history_needs_and_baselines_everything() {
        let (root, index) = runs();
        let root = root.path();
        let found = of(root, &index, SystemTime::now());
        let names: Vec<&str> = found.removals.iter().map(|r| r.run.as_str()).collect();
        assert_eq!(names, ["2"]);
        assert_eq!(found.removals[0].bytes, 150);
        assert!(found.bytes_before > 6 * 150);
        // Nothing goes before it is said.
        assert!(root.join("2/report.html").exists());
        clean(root, &found).unwrap();
        assert_eq!(listed(&root.join("2")), [PLAN_FILE, RESULT_FILE]);
        assert_eq!(listed(&root.join("1")).len(), 4);
        assert!(of(root, &index, SystemTime::now()).removals.is_empty());
    }

    #[test]
    fn an_abandoned_run_goes_whole_but_not_one_that_may_be_going_on() {
        let (root, index) = runs();
        let root = root.path();
        let tomorrow = SystemTime::now() + Duration::from_secs(25 * 3600);
        let found = of(root, &index, tomorrow);
        assert!(found.removals.iter().any(|r| r.run == "6" && r.whole));
        clean(root, &found).unwrap();
        assert!(!root.join("6").exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_goes_and_what_it_leads_to_stays() {
        let (root, index) = runs();
        let elsewhere = tempfile::tempdir().unwrap();
        let kept = elsewhere.path().join("kept");
        fs::write(&kept, "x").unwrap();
        let link = root.path().join("2/notes");
        std::os::unix::fs::symlink(elsewhere.path(), &link).unwrap();
        clean(root.path(), &of(root.path(), &index, SystemTime::now())).unwrap();
        assert!(kept.exists());
        assert!(!link.is_symlink());
    }
}
