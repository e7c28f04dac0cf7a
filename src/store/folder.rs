//! The folder of one run, and what is saved into it at which stage.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;

use super::{
    EVIDENCE_FILE, HISTOGRAMS_FILE, LOGS_FOLDER, PLAN_FILE, RESULT_FILE, SERIES_FILE, StoreError,
    atomic,
};
use crate::evidence::Evidence;
use crate::plan::{Plan, RoleName};
use crate::record::{Histograms, RunResult, StoredSeries};

/// How often a name is drawn again when another run has it: six hex digits hardly ever collide.
const NAMES_TRIED: usize = 100;

/// A run's folder. Its name sorts by time: `<utc time>-<scenario>-<short id>`.
#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// Makes a folder of its own under `root` (made too, where it is missing), also when another
    /// run of the same scenario starts in the same second.
    ///
    /// # Errors
    /// When a folder cannot be made.
    pub fn create(root: &Path, scenario: &str, now: SystemTime) -> Result<Self, StoreError> {
        let folder = Self {
            path: claim(root, scenario, now)?,
        };
        let logs = folder.path.join(LOGS_FOLDER);
        fs::create_dir(&logs).map_err(|error| {
            folder.discard();
            StoreError::io("make the folder", &logs)(error)
        })?;
        Ok(folder)
    }

    /// The folder of a run that exists, for adding reports to it.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where the run is kept.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The run's name: the folder's.
    pub fn name(&self) -> String {
        super::read::name_of(&self.path)
    }

    /// Removes the roles' mapped files and journals, once [`Self::save_evidence`] has stored what
    /// they held. Without success nothing is lost but room on the disk.
    pub fn discard_raw_evidence(&self) {
        let _ = std::fs::remove_dir_all(self.path.join("evidence"));
    }

    /// Removes the folder of a run that could not begin. What cannot be removed stays.
    pub fn discard(&self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }

    /// Where a role's standard error goes.
    pub fn role_log(&self, role: RoleName) -> PathBuf {
        self.path
            .join(LOGS_FOLDER)
            .join(format!("{}.log", role.as_str()))
    }

    /// Save 0, before anything is started.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save_plan(&self, plan: &Plan) -> Result<(), StoreError> {
        self.save_pretty::<Plan>(PLAN_FILE, plan)
    }

    /// Save 1, before anybody judges.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save_evidence(&self, evidence: &Evidence) -> Result<(), StoreError> {
        self.save_compressed(EVIDENCE_FILE, evidence)
    }

    /// Save 2. The result comes last: a run that has one has everything.
    ///
    /// # Errors
    /// When a file cannot be written, or the result holds a number that JSON cannot.
    pub fn save_judgment(
        &self,
        result: &RunResult,
        series: &StoredSeries,
        histograms: &Histograms,
    ) -> Result<(), StoreError> {
        self.save_compressed(SERIES_FILE, series)?;
        self.save_pretty::<Histograms>(HISTOGRAMS_FILE, histograms)?;
        self.save_pretty::<RunResult>(RESULT_FILE, result)
    }

    /// Saves a report under `name` and returns where it is.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save_report(&self, name: &str, text: &str) -> Result<PathBuf, StoreError> {
        let path = self.path.join(name);
        atomic::write(&path, |out| out.write_all(text.as_bytes()))
            .map_err(StoreError::io("write", &path))?;
        Ok(path)
    }

    fn save_pretty<T>(&self, name: &str, value: &T) -> Result<(), StoreError>
    where
        T: Serialize + serde::de::DeserializeOwned,
    {
        pretty(&self.path.join(name), value)
    }

    fn save_compressed(&self, name: &str, value: &impl Serialize) -> Result<(), StoreError> {
        let path = self.path.join(name);
        atomic::write(&path, |out| {
            let mut encoder = zstd::Encoder::new(out, zstd::DEFAULT_COMPRESSION_LEVEL)?;
            serde_json::to_writer(&mut encoder, value)?;
            encoder.finish().map(drop)
        })
        .map_err(StoreError::io("write", &path))
    }
}

/// Pretty JSON with sorted keys, written only if it can be read back as a `T`.
pub(super) fn pretty<T>(path: &Path, value: &T) -> Result<(), StoreError>
where
    T: Serialize + serde::de::DeserializeOwned,
{
    let not_storable = |error| StoreError::NotStorable {
        path: path.to_owned(),
        error,
    };
    let mut json = serde_json::to_value(value).map_err(not_storable)?;
    sort_keys(&mut json);
    let mut text = serde_json::to_string_pretty(&json).map_err(not_storable)?;
    // A number that is not finite becomes null, which no reader takes for a number.
    serde_json::from_str::<T>(&text).map_err(not_storable)?;
    text.push('\n');
    atomic::write(path, |out| out.write_all(text.as_bytes())).map_err(StoreError::io("write", path))
}

/// Makes a new folder under `root`, named after the time and the scenario.
pub(super) fn claim(root: &Path, scenario: &str, now: SystemTime) -> Result<PathBuf, StoreError> {
    fs::create_dir_all(root).map_err(StoreError::io("make the folder", root))?;
    let time = DateTime::<Utc>::from(now).format("%Y%m%dT%H%M%SZ");
    let scenario = plain_name(scenario);
    let mut tried = 0;
    loop {
        let path = root.join(format!("{time}-{scenario}-{}", short_id()));
        tried += 1;
        // Making the folder is what claims the name: it fails when another run has it.
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tried < NAMES_TRIED => {}
            Err(error) => return Err(StoreError::io("make the folder", &path)(error)),
        }
    }
}

/// Six hex digits. The standard library's hashers are seeded by the system for each process.
fn short_id() -> String {
    format!("{:06x}", RandomState::new().hash_one(0_u8) & 0xff_ffff)
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "._-".contains(c)
}

/// Whether a text can be a file's name everywhere, and no hidden one.
pub(super) fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && name.chars().all(is_plain)
}

/// A scenario's name as part of a file's: letters, digits, `.`, `_` and `-`.
fn plain_name(scenario: &str) -> String {
    let plain: String = scenario
        .chars()
        .map(|c| if is_plain(c) { c } else { '-' })
        .take(64)
        .collect();
    if plain.is_empty() {
        "unnamed".to_owned()
    } else {
        plain
    }
}

/// Sorts the keys of every object, whatever order the map type keeps.
fn sort_keys(value: &mut Value) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(String, Value)> = std::mem::take(map).into_iter().collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            for (key, mut inner) in entries {
                sort_keys(&mut inner);
                map.insert(key, inner);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(sort_keys),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_one_second_have_folders_of_their_own() {
        let root = tempfile::tempdir().unwrap();
        let now = SystemTime::UNIX_EPOCH;
        let names: std::collections::BTreeSet<String> = (0..50)
            .map(|_| RunFolder::create(root.path(), "a b/c", now).unwrap().name())
            .collect();
        assert_eq!(names.len(), 50);
        assert!(
            names
                .iter()
                .all(|name| name.starts_with("19700101T000000Z-a-b-c-"))
        );
    }

    #[test]
    fn a_run_that_could_not_begin_leaves_nothing() {
        let root = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(root.path(), "a", SystemTime::UNIX_EPOCH).unwrap();
        folder.discard();
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
    }

    #[test]
    fn keys_are_sorted_at_every_depth() {
        let mut json = serde_json::json!({"b": {"z": 1, "a": 2}, "a": [{"d": 1, "c": 2}]});
        sort_keys(&mut json);
        assert_eq!(
            json.to_string(),
            r#"{"a":[{"c":2,"d":1}],"b":{"a":2,"z":1}}"#
        );
    }
}
