//! The guard: `squall role guard`. It alone outlives the controller, by a moment.
//!
//! A control group can only be removed when no process is left in it, and by somebody who is alive.
//! The controller removes its own; where it was killed, this does.

use std::collections::BTreeSet;
use std::io::{self, BufRead};
use std::path::PathBuf;
use std::time::Duration;

use super::stdio::RoleError;
use crate::limits;

/// How often a group is tried in which a dying process still is, and how long between.
const TRIES: usize = 250;
const BETWEEN: Duration = Duration::from_millis(20);

/// Reads names of groups until the controller is gone, then removes those that are left.
///
/// # Errors
/// When its input cannot be read.
pub fn run() -> Result<(), RoleError> {
    let mut folders = BTreeSet::new();
    for line in io::stdin().lock().lines() {
        folders.insert(PathBuf::from(line?));
    }
    for _ in 0..TRIES {
        folders.retain(|folder| limits::is_own_group(folder) && remains(folder));
        if folders.is_empty() {
            break;
        }
        std::thread::sleep(BETWEEN);
    }
    Ok(())
}

/// Tries to remove it; whether it is still there.
fn remains(folder: &PathBuf) -> bool {
    match std::fs::remove_dir(folder) {
        Ok(()) => false,
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}
