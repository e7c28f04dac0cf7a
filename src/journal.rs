//! Evidence that is appended to plain files, one JSON value a line, while the run goes on.
//!
//! A line, or a few together, is written with one `write`, so it survives the SIGKILL of its writer; only the last line
//! of a killed writer may be torn, and readers skip it.

use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use crate::evidence::AnswerLine;
use crate::evidence::{ItemRange, OutcomeKind};
use crate::ids::PointKey;
use crate::mapped::content::PARTS;
use crate::signal::Signal;

/// File of the client's [`BatchLine`]s in the evidence folder.
pub const BATCHES_FILE: &str = "batches.jsonl";
/// File of the sink's [`PointsLine`]s in the evidence folder.
pub const POINTS_FILE: &str = "points.jsonl";
/// File of the sink's [`AnswerLine`]s in the evidence folder; missing where no answer was struck.
pub const ANSWERS_FILE: &str = "answers.jsonl";
/// File of the client's [`ContentLine`]s; missing where content is not checked.
pub const CONTENT_FILE: &str = "content.jsonl";
/// File of the client's [`SeriesLine`]s, written before the load starts.
pub const METRIC_SERIES_FILE: &str = "metric-series.jsonl";

/// What happened to a batch of the client's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchLine {
    /// The SDK handed it to its exporter.
    Handed {
        batch: u64,
        signal: Signal,
        at_ns: u64,
        items: Vec<ItemRange>,
        /// For metrics: the points, in the order of their sequences.
        points: Vec<Point>,
    },
    /// It goes by that of several ways, counted from 0; not told of the first.
    Way { batch: u64, way: u8 },
    /// A request with it went out.
    Sent { batch: u64, at_ns: u64 },
    /// The last request was answered, or failed.
    Answered {
        batch: u64,
        at_ns: u64,
        ok: bool,
        text: String,
    },
    /// The exporter is done with it.
    Ended {
        batch: u64,
        at_ns: u64,
        result: OutcomeKind,
        rejected: u64,
        message: String,
    },
}

/// One data point, at the client or at the sink.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Point {
    pub key: PointKey,
    /// From when on a cumulative value counts: a client that was started again counts anew.
    #[serde(default)]
    pub start_unix_ns: u64,
    /// The sum, or a histogram's sum; a gauge's last value.
    pub value: f64,
    pub kind: PointKind,
}

/// How the values of a series combine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PointKind {
    Cumulative,
    Delta,
    /// A gauge, which does not add up to anything.
    Last,
}

/// The points of one request that the sink accepted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PointsLine {
    pub at_ns: u64,
    pub points: Vec<Point>,
}

/// One metric series that the client records into; its index is the line's number from 0, and
/// what was recorded into it stands in the mapped file [`crate::mapped::names::recorded`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeriesLine {
    pub series: String,
    pub hash: u64,
    /// False for gauges, which do not add up.
    pub adds_up: bool,
}

/// What the data points of one collection say, written before they are sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentLine {
    pub points: Vec<PointContent>,
}

/// What one data point says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointContent {
    pub key: PointKey,
    /// What of its identity altered attributes leave alone.
    pub place: (u64, u64),
    /// One hash for each part.
    pub parts: [u64; PARTS],
}

thread_local! {
    /// Kept from one line to the next for its memory.
    static LINES: RefCell<Vec<u8>> = RefCell::default();
}

/// Appends lines to a file.
#[derive(Debug)]
pub struct Journal {
    file: File,
    /// Set by the first failure, after which nothing is appended: only a last line may be torn.
    failed: AtomicBool,
}

impl Journal {
    /// Opens `path` for appending and creates it where it is missing. A last line that a killed
    /// writer left torn is cut off, so that what is appended stands on lines of its own.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.create(true).read(true).append(true).open(path)?;
        cut_torn_line(&file)?;
        Ok(Self {
            file,
            failed: AtomicBool::new(false),
        })
    }

    /// Appends one line.
    ///
    /// # Errors
    /// When the file cannot be written, for instance on a full disk, or could not be before.
    pub fn append(&self, line: &impl Serialize) -> io::Result<()> {
        self.append_all(std::slice::from_ref(line))
    }

    /// Appends lines with one write.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn append_all<T: Serialize>(&self, lines: &[T]) -> io::Result<()> {
        if self.failed.load(Ordering::Relaxed) {
            return Err(io::Error::other("an earlier line could not be written"));
        }
        LINES.with_borrow_mut(|bytes| {
            bytes.clear();
            for line in lines {
                serde_json::to_writer(&mut *bytes, line)?;
                bytes.push(b'\n');
            }
            let written = (&self.file).write_all(bytes);
            if written.is_err() {
                self.failed.store(true, Ordering::Relaxed);
            }
            written
        })
    }
}

/// Shortens a file to the end of its last whole line.
fn cut_torn_line(file: &File) -> io::Result<()> {
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() == 0 {
        return Ok(());
    }
    let mut whole = 0;
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = reader.read_until(b'\n', &mut line)? as u64;
        if read == 0 {
            return Ok(());
        }
        if !line.ends_with(b"\n") {
            return file.set_len(whole);
        }
        whole += read;
    }
}

/// Reads every whole line of a journal. A missing file is empty; a torn last line is left out.
///
/// # Errors
/// When the file cannot be read, or a line that is not the last is not what it should be.
pub fn read<T: DeserializeOwned>(path: &Path) -> io::Result<Vec<T>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    // A device may have no end.
    if !file.metadata()?.is_file() {
        return Ok(Vec::new());
    }
    let mut reader = BufReader::new(file);
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut number = 0_usize;
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 || !line.ends_with('\n') {
            return Ok(lines);
        }
        number += 1;
        let value = serde_json::from_str(&line).map_err(|error| {
            let text = format!("{}: line {number}: {error}", path.display());
            io::Error::new(io::ErrorKind::InvalidData, text)
        })?;
        lines.push(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A device that is always full.
    #[cfg(target_os = "linux")]
    #[test]
    fn nothing_is_appended_after_a_failure() {
        let journal = Journal::open(Path::new("/dev/full")).unwrap();
        let line = BatchLine::Sent { batch: 7, at_ns: 9 };
        let error = journal.append(&line).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        let error = journal.append(&line).unwrap_err();
        assert!(error.to_string().contains("earlier"), "{error}");
    }

    #[test]
    fn a_torn_last_line_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j");
        let journal = Journal::open(&path).unwrap();
        let line = BatchLine::Sent { batch: 7, at_ns: 9 };
        journal.append(&line).unwrap();
        (&journal.file).write_all(b"{\"sent\":{\"ba").unwrap();
        assert_eq!(read::<BatchLine>(&path).unwrap(), vec![line.clone()]);
        // The next writer goes on with a line of its own.
        let journal = Journal::open(&path).unwrap();
        journal.append(&line).unwrap();
        let lines = read::<BatchLine>(&path).unwrap();
        assert_eq!(lines, vec![line.clone(), line]);
    }

    #[test]
    fn a_broken_line_in_the_middle_is_an_error_with_its_number() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j");
        std::fs::write(&path, "nonsense\n{}\n").unwrap();
        let error = read::<BatchLine>(&path).unwrap_err();
        assert!(error.to_string().contains("line 1"), "{error}");
    }
}
