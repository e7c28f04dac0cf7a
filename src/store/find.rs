//! Which run is meant: a path, a name, a unique part of one, or `latest`.

use std::fs;
use std::path::{Path, PathBuf};

use super::{PLAN_FILE, StoreError};

/// The word for the run that started last.
const LATEST: &str = "latest";
/// Names offered when none fits.
const NEAREST: usize = 3;

/// The folder that `reference` means.
///
/// # Errors
/// When there is none, or more than one.
pub fn find(reference: &str, root: &Path) -> Result<PathBuf, StoreError> {
    let as_path = Path::new(reference);
    if as_path.join(PLAN_FILE).is_file() {
        return Ok(as_path.to_owned());
    }
    let names = names(root)?;
    let missing = |nearest| StoreError::Missing {
        reference: reference.to_owned(),
        root: root.to_owned(),
        nearest,
    };
    if reference == LATEST {
        let latest = names.iter().max_by_key(|name| started(root, name));
        return latest
            .map(|name| root.join(name))
            .ok_or_else(|| missing(Vec::new()));
    }
    if names.iter().any(|name| name == reference) {
        return Ok(root.join(reference));
    }
    let fitting: Vec<String> = names
        .iter()
        .filter(|name| {
            !reference.is_empty() && (name.starts_with(reference) || name.ends_with(reference))
        })
        .cloned()
        .collect();
    match fitting.as_slice() {
        [] if !reference.is_empty() && as_path.is_dir() => Err(StoreError::NoRun {
            path: as_path.to_owned(),
        }),
        [] => Err(missing(nearest(reference, names))),
        [name] => Ok(root.join(name)),
        _ => Err(StoreError::Ambiguous {
            reference: reference.to_owned(),
            names: fitting,
        }),
    }
}

/// Names of the folders under `root` that hold a plan, sorted. A missing root holds none.
///
/// # Errors
/// When the folder cannot be listed.
pub fn names(root: &Path) -> Result<Vec<String>, StoreError> {
    let entries = match fs::read_dir(root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(StoreError::io("read the folder", root)(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(StoreError::io("read the folder", root))?;
        if entry.path().join(PLAN_FILE).is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// For `latest`: the second in the name, then, for runs of one second, when the plan was saved.
fn started<'a>(root: &Path, name: &'a str) -> (&'a str, Option<std::time::SystemTime>) {
    let saved = fs::metadata(root.join(name).join(PLAN_FILE)).and_then(|file| file.modified());
    (name.split('-').next().unwrap_or(name), saved.ok())
}

/// The names that are most like `reference`, the nearest first.
pub(super) fn nearest(reference: &str, mut names: Vec<String>) -> Vec<String> {
    names.sort_by(|a, b| {
        let likeness = |name: &str| strsim::jaro_winkler(reference, name);
        likeness(b).total_cmp(&likeness(a))
    });
    names.truncate(NEAREST);
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(names: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for name in names {
            fs::create_dir(root.path().join(name)).unwrap();
            fs::write(root.path().join(name).join(PLAN_FILE), "{}").unwrap();
        }
        root
    }

    fn found(reference: &str, root: &Path) -> String {
        super::super::read::name_of(&find(reference, root).unwrap())
    }

    #[test]
    fn a_run_is_found_by_path_name_part_or_latest() {
        let old = "20260101T000000Z-quick-aaaaaa";
        let new = "20260102T000000Z-quick-bbbbbb";
        let root = runs(&[new, old]);
        let path = root.path().join(old);
        assert_eq!(found(path.to_str().unwrap(), root.path()), old);
        assert_eq!(found(old, root.path()), old);
        assert_eq!(found("20260101", root.path()), old);
        assert_eq!(found("bbbbbb", root.path()), new);
        assert_eq!(found(LATEST, root.path()), new);
    }

    #[test]
    fn what_fits_none_or_several_is_an_error_that_names_them() {
        let root = runs(&[
            "20260101T000000Z-quick-aaaaaa",
            "20260102T000000Z-quick-bbbbbb",
        ]);
        match find("20260101T000000Z-quikc", root.path()).unwrap_err() {
            StoreError::Missing { nearest, .. } => {
                assert_eq!(nearest[0], "20260101T000000Z-quick-aaaaaa");
            }
            other => panic!("{other}"),
        }
        assert!(matches!(
            find("2026", root.path()).unwrap_err(),
            StoreError::Ambiguous { names, .. } if names.len() == 2
        ));
    }

    #[test]
    fn an_empty_or_missing_folder_has_no_latest() {
        let root = runs(&[]);
        assert!(matches!(
            find(LATEST, root.path()),
            Err(StoreError::Missing { .. })
        ));
        let nowhere = root.path().join("nowhere");
        assert!(matches!(
            find(LATEST, &nowhere),
            Err(StoreError::Missing { .. })
        ));
    }
}
