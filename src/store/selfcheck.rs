//! What this machine can measure, beside the runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::folder::pretty;
use super::read::versioned;
use super::{SELFCHECK_FILE, StoreError};
use crate::record::{SELFCHECK_FORMAT, SelfcheckResult};

/// Saves `selfcheck.json` in the folder `results` and returns where it is.
///
/// # Errors
/// When it cannot be written.
pub fn save_selfcheck(results: &Path, selfcheck: &SelfcheckResult) -> Result<PathBuf, StoreError> {
    std::fs::create_dir_all(results).map_err(StoreError::io("make the folder", results))?;
    let path = results.join(SELFCHECK_FILE);
    pretty(&path, selfcheck)?;
    Ok(path)
}

/// What was saved for runs in the folder `runs`, which is beside it, where it is of this machine.
/// What is not there, or cannot be read, is no calibration.
pub fn selfcheck_for(runs: &Path, machine: &BTreeMap<String, String>) -> Option<SelfcheckResult> {
    let path = runs.parent()?.join(SELFCHECK_FILE);
    let selfcheck: SelfcheckResult = versioned(&path, SELFCHECK_FORMAT).ok()?;
    (selfcheck.machine == *machine).then_some(selfcheck)
}
