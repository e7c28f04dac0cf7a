//! Baselines: one file each, under a name, in a folder that is meant to be committed.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::StoreError;
use super::find::nearest;
use super::folder::{is_plain_name, pretty};
use super::read::versioned;
use crate::record::{BASELINE_FORMAT, Baseline};

const SUFFIX: &str = "json";

/// Saves a baseline under its name in the folder `root`, and returns where it is.
///
/// # Errors
/// When the name cannot be a file's, there is one of that name and `replace` is not set, or the
/// file cannot be written. What was there is then as it was.
pub fn save_baseline(
    root: &Path,
    baseline: &Baseline,
    replace: bool,
) -> Result<PathBuf, StoreError> {
    let path = path(root, &baseline.name)?;
    if path.exists() && !replace {
        return Err(StoreError::BaselineExists {
            name: baseline.name.clone(),
            path,
        });
    }
    fs::create_dir_all(root).map_err(StoreError::io("make the folder", root))?;
    pretty(&path, baseline)?;
    Ok(path)
}

/// The baseline of that name in the folder `root`.
///
/// # Errors
/// When there is none, its file is damaged, or a later squall wrote it.
pub fn open_baseline(root: &Path, name: &str) -> Result<Baseline, StoreError> {
    let path = existing(root, name)?;
    versioned(&path, BASELINE_FORMAT)
}

/// The names of all baselines in the folder `root`, sorted; none where there is no such folder.
///
/// # Errors
/// When the folder cannot be read.
pub fn baseline_names(root: &Path) -> Result<Vec<String>, StoreError> {
    let entries = match fs::read_dir(root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(StoreError::io("read the folder", root)(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let path = entry
            .map_err(StoreError::io("read the folder", root))?
            .path();
        let name = path.file_stem().and_then(|name| name.to_str());
        if let (Some(SUFFIX), Some(name)) = (path.extension().and_then(|e| e.to_str()), name) {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Removes the baseline of that name and returns where it was.
///
/// # Errors
/// When there is none, or it cannot be removed.
pub fn remove_baseline(root: &Path, name: &str) -> Result<PathBuf, StoreError> {
    let path = existing(root, name)?;
    fs::remove_file(&path).map_err(StoreError::io("remove", &path))?;
    Ok(path)
}

fn existing(root: &Path, name: &str) -> Result<PathBuf, StoreError> {
    let path = path(root, name)?;
    if path.is_file() {
        return Ok(path);
    }
    Err(StoreError::NoBaseline {
        name: name.to_owned(),
        root: root.to_owned(),
        nearest: nearest(name, baseline_names(root)?),
    })
}

fn path(root: &Path, name: &str) -> Result<PathBuf, StoreError> {
    if !is_plain_name(name) {
        return Err(StoreError::BaselineName {
            name: name.to_owned(),
        });
    }
    Ok(root.join(format!("{name}.{SUFFIX}")))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn baseline(name: &str, value: f64) -> Baseline {
        Baseline {
            format: BASELINE_FORMAT,
            name: name.to_owned(),
            scenario: "quickstart".to_owned(),
            saved: "2026-01-01T00:00:00Z".to_owned(),
            fingerprint: BTreeMap::new(),
            machine: BTreeMap::new(),
            runs: Vec::new(),
            metrics: BTreeMap::from([("lost".to_owned(), vec![Some(value), None])]),
        }
    }

    #[test]
    fn a_baseline_is_replaced_only_when_that_is_asked_for() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("baselines");
        assert!(baseline_names(&folder).unwrap().is_empty());
        save_baseline(&folder, &baseline("main", 1.0), false).unwrap();
        let error = save_baseline(&folder, &baseline("main", 2.0), false).unwrap_err();
        assert!(matches!(error, StoreError::BaselineExists { .. }));
        assert_eq!(
            open_baseline(&folder, "main").unwrap(),
            baseline("main", 1.0)
        );
        save_baseline(&folder, &baseline("main", 2.0), true).unwrap();
        assert_eq!(
            open_baseline(&folder, "main").unwrap(),
            baseline("main", 2.0)
        );
        assert_eq!(baseline_names(&folder).unwrap(), ["main"]);
        remove_baseline(&folder, "main").unwrap();
        assert!(matches!(
            open_baseline(&folder, "main"),
            Err(StoreError::NoBaseline { .. })
        ));
    }

    #[test]
    fn a_name_is_no_path() {
        let root = tempfile::tempdir().unwrap();
        for name in ["", "..", "../a", "a/b", ".hidden", "a b"] {
            let error = save_baseline(root.path(), &baseline(name, 1.0), false).unwrap_err();
            assert!(matches!(error, StoreError::BaselineName { .. }), "{name:?}");
        }
        let versioned = baseline("v1.2", 1.0);
        let path = save_baseline(root.path(), &versioned, false).unwrap();
        assert!(path.ends_with("v1.2.json"));
        assert_eq!(baseline_names(root.path()).unwrap(), ["v1.2"]);
    }

    #[test]
    fn a_damaged_or_later_file_is_told_and_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let path = save_baseline(root.path(), &baseline("main", 1.0), false).unwrap();
        let whole = fs::read_to_string(&path).unwrap();
        fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        assert!(matches!(
            open_baseline(root.path(), "main"),
            Err(StoreError::Malformed { .. })
        ));
        let later = whole.replace("\"format\": 1", "\"format\": 99");
        fs::write(&path, &later).unwrap();
        assert!(matches!(
            open_baseline(root.path(), "main"),
            Err(StoreError::Newer { found: 99, .. })
        ));
        assert_eq!(fs::read_to_string(&path).unwrap(), later);
    }
}
