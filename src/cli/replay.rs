//! Which file `squall run` means, and of which run it is a replay.

use std::path::{Path, PathBuf};

use crate::error::CliError;
use crate::scenario;
use crate::store;

/// What to run.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// A scenario, or a stored plan.
    pub path: PathBuf,
    /// The run whose plan it is, in words.
    pub replay_of: Option<String>,
}

/// Reads the argument: a file, else a run as every other command knows it.
///
/// # Errors
/// When it could mean several runs.
pub fn source(given: &Path, results: &Path, overrides: &[String]) -> Result<Source, CliError> {
    let path = if given.is_file() {
        given.to_owned()
    } else {
        match store::locate(&given.to_string_lossy(), results) {
            Ok(folder) => folder.join(store::PLAN_FILE),
            Err(error @ store::StoreError::Ambiguous { .. }) => return Err(CliError::usage(error)),
            // No run either: the file is what cannot be read, and is told to be.
            Err(_) => given.to_owned(),
        }
    };
    let replay_of = scenario::is_stored_plan(&path).then(|| {
        let changes: Vec<&str> = overrides
            .iter()
            .filter_map(|text| Some(text.split_once('=')?.0))
            // A secret that is given again changes nothing.
            .filter(|key| !scenario::is_secret(key))
            .collect();
        let run = run_of(&path);
        match changes.as_slice() {
            [] => run,
            changes => format!("{run}, with other {}", changes.join(", ")),
        }
    });
    Ok(Source { path, replay_of })
}

/// The name of the run whose folder holds the plan; the plan's own path where it lies elsewhere.
fn run_of(plan: &Path) -> String {
    let whole = plan.canonicalize().unwrap_or_else(|_| plan.to_owned());
    let is_stored = whole
        .file_name()
        .is_some_and(|name| name == store::PLAN_FILE);
    let folder = whole.parent().and_then(Path::file_name);
    match folder.filter(|_| is_stored) {
        Some(folder) => folder.to_string_lossy().into_owned(),
        None => plan.display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_named_by_its_plan_its_folder_or_a_part_of_its_name() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("20260101T000000Z-quick-aaaaaa");
        std::fs::create_dir(&folder).unwrap();
        let plan = folder.join(store::PLAN_FILE);
        std::fs::write(&plan, "{\"format\": 1}").unwrap();
        let scenario = root.path().join("x.yaml");
        std::fs::write(&scenario, "scenario: x").unwrap();
        let source = |given: &Path| source(given, root.path(), &[]).unwrap();
        for given in [&plan, &folder, Path::new("aaaaaa"), Path::new("latest")] {
            let source = source(given);
            assert!(source.path.is_file(), "{}", given.display());
            assert_eq!(
                source.replay_of.as_deref(),
                Some("20260101T000000Z-quick-aaaaaa")
            );
        }
        assert_eq!(source(&scenario).replay_of, None);
        // What is no run is taken for a file, which then cannot be read.
        assert_eq!(source(Path::new("nowhere")).path, Path::new("nowhere"));
    }

    #[test]
    fn what_was_changed_is_told_and_a_secret_is_no_change() {
        let root = tempfile::tempdir().unwrap();
        let plan = root.path().join("mine.json");
        std::fs::write(&plan, "{\"format\": 1}").unwrap();
        let told = |set: &str| {
            source(&plan, root.path(), &[set.to_owned()])
                .unwrap()
                .replay_of
        };
        let path = plan.display().to_string();
        assert_eq!(told("client.headers.x=y"), Some(path.clone()));
        assert_eq!(told("seed=2"), Some(format!("{path}, with other seed")));
    }
}
