//! A comparison in turns, in a folder of its own with its runs.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::folder::{claim, pretty};
use super::{COMPARISON_FILE, StoreError};
use crate::record::Comparison;

/// The runs, below the comparison's folder.
const RUNS_FOLDER: &str = "runs";

/// The folder of one comparison: `<utc time>-<scenario>-compare-<short id>`.
#[derive(Debug, Clone)]
pub struct PairsFolder {
    path: PathBuf,
}

impl PairsFolder {
    /// Makes one under `root`.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(root: &Path, scenario: &str, now: SystemTime) -> Result<Self, StoreError> {
        let path = claim(root, &format!("{scenario}-compare"), now)?;
        Ok(Self { path })
    }

    /// Where its runs are kept.
    pub fn runs(&self) -> PathBuf {
        self.path.join(RUNS_FOLDER)
    }

    /// Saves `comparison.json` and returns where it is.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, comparison: &Comparison) -> Result<PathBuf, StoreError> {
        let path = self.path.join(COMPARISON_FILE);
        pretty(&path, comparison)?;
        Ok(path)
    }

    /// Removes the folder if no run is in it. What cannot be removed stays.
    pub fn discard_empty(&self) {
        let _ = std::fs::remove_dir(self.runs());
        let _ = std::fs::remove_dir(&self.path);
    }
}
