//! A search for capacity, in a folder of its own with the runs of its trials.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::folder::{claim, pretty};
use super::{CAPACITY_FILE, RunFolder, StoreError, TRIALS_FOLDER};
use crate::record::CapacityResult;

/// The folder of one search: `<utc time>-<scenario>-capacity-<short id>`.
#[derive(Debug, Clone)]
pub struct CapacityFolder {
    path: PathBuf,
}

impl CapacityFolder {
    /// Makes one under `root`.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(root: &Path, scenario: &str, now: SystemTime) -> Result<Self, StoreError> {
        let path = claim(root, &format!("{scenario}-capacity"), now)?;
        Ok(Self { path })
    }

    /// Where the runs of its trials are kept.
    pub fn trials(&self) -> PathBuf {
        self.path.join(TRIALS_FOLDER)
    }

    /// Saves `capacity.json` and its page, and returns where they are.
    ///
    /// # Errors
    /// When one of them cannot be written.
    pub fn save(&self, result: &CapacityResult, page: &str) -> Result<Vec<PathBuf>, StoreError> {
        let json = self.path.join(CAPACITY_FILE);
        pretty(&json, result)?;
        let page = RunFolder::at(&self.path).save_report("report.html", page)?;
        Ok(vec![page, json])
    }

    /// Removes the folder of a search without a trial. What cannot be removed stays.
    pub fn discard(&self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}
