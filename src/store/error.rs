//! What can be wrong with a stored run, and how to mend it.

use std::io;
use std::path::{Path, PathBuf};

use miette::Diagnostic;

use super::PLAN_FILE;

/// Why a run could not be stored or read back.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum StoreError {
    #[error("no run is called `{reference}` in {}", root.display())]
    #[diagnostic(help("{}", nearest_help(nearest)))]
    Missing {
        reference: String,
        root: PathBuf,
        /// The nearest names, best first; empty where the folder holds no run.
        nearest: Vec<String>,
    },

    #[error("the folder {} holds no run", path.display())]
    #[diagnostic(help("a run's folder has a {PLAN_FILE}; name another folder, or `latest`"))]
    NoRun { path: PathBuf },

    #[error("`{reference}` could be any of {} runs", names.len())]
    #[diagnostic(help("write more of the name of one of them: {}", names.join(", ")))]
    Ambiguous {
        reference: String,
        names: Vec<String>,
    },

    #[error("there is no baseline `{name}` in {}", root.display())]
    #[diagnostic(help("{}", nearest_baseline_help(nearest)))]
    NoBaseline {
        name: String,
        root: PathBuf,
        /// The nearest names, best first; empty where the folder holds none.
        nearest: Vec<String>,
    },

    #[error("there is a baseline `{name}` already: {}", path.display())]
    #[diagnostic(help("give it another name, or --replace it"))]
    BaselineExists { name: String, path: PathBuf },

    #[error("`{name}` cannot be the name of a baseline")]
    #[diagnostic(help(
        "it is the name of a file: letters, digits, `.`, `_` and `-`, not beginning with `.`"
    ))]
    BaselineName { name: String },

    #[error("{} is missing", path.display())]
    #[diagnostic(help(
        "the run is still going on, or it ended before it was judged: look at its role logs, or run the scenario again"
    ))]
    Incomplete { path: PathBuf },

    #[error("{} is {}: {error}", path.display(), if error.is_eof() { "truncated" } else { "malformed" })]
    #[diagnostic(help(
        "squall writes its files whole or not at all, so something else changed this one at line {line}: restore it, or run the scenario again"
    ))]
    Malformed {
        path: PathBuf,
        /// Line in the (decompressed) file, from 1.
        line: usize,
        error: serde_json::Error,
    },

    #[error("{} cannot be decompressed: {error}", path.display())]
    #[diagnostic(help("the file is truncated or damaged: restore it, or run the scenario again"))]
    Damaged { path: PathBuf, error: io::Error },

    #[error("{} has format {found}, and this squall reads formats up to {ours}", path.display())]
    #[diagnostic(help("a later squall wrote it: update squall, or use the one that made the run"))]
    Newer {
        path: PathBuf,
        found: u64,
        ours: u32,
    },

    #[error("{} would not be readable: {error}", path.display())]
    #[diagnostic(help("a bug in squall: a number in it is probably not finite; please report it"))]
    NotStorable {
        path: PathBuf,
        error: serde_json::Error,
    },

    #[error("cannot {action} {}: {error}", path.display())]
    #[diagnostic(help("{}", io_help(error)))]
    Io {
        action: &'static str,
        path: PathBuf,
        error: io::Error,
    },
}

impl StoreError {
    /// Whether squall is to blame, and neither the disk nor the user.
    pub const fn is_bug(&self) -> bool {
        matches!(self, Self::NotStorable { .. })
    }

    /// For `map_err` on an I/O call: what was tried on which path.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Io {
            action,
            path,
            error,
        }
    }
}

fn io_help(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull => {
            "the disk is full: make room, or name a folder on another disk"
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            "a file stands where a folder should be: name another path"
        }
        _ => "name a path in a folder that you can write to",
    }
}

fn nearest_baseline_help(nearest: &[String]) -> String {
    if nearest.is_empty() {
        "`squall baseline save NAME RUN` makes one, and `--baselines DIR` names another folder"
            .to_owned()
    } else {
        format!("the nearest are {}", nearest.join(", "))
    }
}

fn nearest_help(nearest: &[String]) -> String {
    if nearest.is_empty() {
        "there is no run in that folder yet: `squall run SCENARIO` makes one, and `--results DIR` names another folder".to_owned()
    } else {
        format!(
            "a path, a name, a unique part of its beginning or end, or `latest`; the nearest are {}",
            nearest.join(", ")
        )
    }
}
