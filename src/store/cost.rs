//! What the targets of a scenario cost, in a folder of its own.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::folder::{claim, pretty};
use super::{COST_FILE, StoreError};
use crate::record::CostResult;

/// Saves `cost.json` in a new folder under `root` and returns where it is.
///
/// # Errors
/// When the folder or the file cannot be written.
pub fn save_cost(root: &Path, cost: &CostResult, now: SystemTime) -> Result<PathBuf, StoreError> {
    let folder = claim(root, &cost.scenario, now)?;
    let path = folder.join(COST_FILE);
    pretty(&path, cost).inspect_err(|_| {
        // An empty folder tells nothing; where it cannot be removed it stays.
        let _ = std::fs::remove_dir_all(&folder);
    })?;
    Ok(path)
}
