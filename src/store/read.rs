//! Reading a run back. Unknown fields are ignored; a later format is refused.

use std::fs;
use std::io;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{
    EVIDENCE_FILE, HISTOGRAMS_FILE, PLAN_FILE, RESULT_FILE, SERIES_FILE, StoreError, find,
};
use crate::evidence::Evidence;
use crate::plan::{PLAN_FORMAT, Plan};
use crate::record::{RESULT_FORMAT, Record, RunResult, RunSummary};

/// Reads the run that `reference` means: a run folder's path, a run's name under `root`, a unique
/// beginning or end of one, or `latest`.
///
/// # Errors
/// When there is no such run, it was not judged, a file is damaged, or a later squall wrote it.
pub fn open(reference: &str, root: &Path) -> Result<Record, StoreError> {
    let folder = find::find(reference, root)?;
    // The formats first: a later one may look malformed to us.
    let plan: Plan = versioned(&folder.join(PLAN_FILE), PLAN_FORMAT)?;
    let result: RunResult = versioned(&folder.join(RESULT_FILE), RESULT_FORMAT)?;
    Ok(Record {
        run: name_of(&folder),
        plan,
        result,
        series: compressed(&folder.join(SERIES_FILE))?,
        histograms: parse(
            &folder.join(HISTOGRAMS_FILE),
            &bytes(&folder.join(HISTOGRAMS_FILE))?,
        )?,
    })
}

/// As [`open`], but only what history keeps of a run.
///
/// # Errors
/// As [`open`].
pub fn open_summary(reference: &str, root: &Path) -> Result<RunSummary, StoreError> {
    let folder = find::find(reference, root)?;
    let result: RunResult = versioned(&folder.join(RESULT_FILE), RESULT_FORMAT)?;
    Ok(RunSummary::of(&name_of(&folder), &result))
}

/// Reads what was observed in the run in folder `run`, whether or not it was judged.
///
/// # Errors
/// As [`open`].
pub fn read_evidence(run: &Path) -> Result<Evidence, StoreError> {
    let _: Plan = versioned(&run.join(PLAN_FILE), PLAN_FORMAT)?;
    compressed(&run.join(EVIDENCE_FILE))
}

/// Where the run that `reference` means is kept.
///
/// # Errors
/// When there is no such run, or more than one.
pub fn locate(reference: &str, root: &Path) -> Result<std::path::PathBuf, StoreError> {
    find::find(reference, root)
}

/// A folder's own name, also of `.` and the like.
pub(super) fn name_of(folder: &Path) -> String {
    let whole = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    whole
        .file_name()
        .unwrap_or(whole.as_os_str())
        .to_string_lossy()
        .into_owned()
}

#[derive(Deserialize)]
struct Format {
    format: u64,
}

pub(super) fn versioned<T: DeserializeOwned>(path: &Path, ours: u32) -> Result<T, StoreError> {
    let text = bytes(path)?;
    let Format { format: found } = parse(path, &text)?;
    if found > u64::from(ours) {
        let path = path.to_owned();
        return Err(StoreError::Newer { path, found, ours });
    }
    parse(path, &text)
}

fn compressed<T: DeserializeOwned>(path: &Path) -> Result<T, StoreError> {
    let text = zstd::decode_all(bytes(path)?.as_slice()).map_err(|error| StoreError::Damaged {
        path: path.to_owned(),
        error,
    })?;
    parse(path, &text)
}

fn bytes(path: &Path) -> Result<Vec<u8>, StoreError> {
    fs::read(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => StoreError::Incomplete {
            path: path.to_owned(),
        },
        _ => StoreError::io("read", path)(error),
    })
}

fn parse<T: DeserializeOwned>(path: &Path, text: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(text).map_err(|error| StoreError::Malformed {
        path: path.to_owned(),
        line: error.line(),
        error,
    })
}
