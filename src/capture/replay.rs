//! A capture as a replay needs it: which requests it holds, and when each was due.
//!
//! A request's own time is the latest one of its items: the end of a span, the time of a log record
//! (or when it was observed), the time of a data point. One without any has the time of the one before.
//! Requests keep the order of the file: one whose time is earlier than that of the one before is due with it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::file_of;
use super::read::{Broken, Captures, ReadError, Settings};
use crate::otlp::raw_points::times_of_metric;
use crate::otlp::walk::{Found, walk};
use crate::otlp::wire::{Value, checked};
use crate::plan::{CaptureFile, CapturedRequest, Holding, OnBrokenLine, Timeline};
use crate::signal::Signal;

/// Bytes of requests that a replay holds in memory at most.
pub const REPLAY_MAX_BYTES: u64 = 1 << 30;
/// How long a capture is in which no time passes.
const NO_TIME_NS: u64 = 1_000_000_000;

/// Why a capture cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("{} is no file", .0.display())]
    NoFile(PathBuf),
    #[error("{} has more than {} MiB of requests, which are all kept in memory", .0.display(), REPLAY_MAX_BYTES >> 20)]
    TooLarge(PathBuf),
    #[error("{path} is not what it was when the run was planned")]
    Changed { path: String },
}

/// A request that is to be sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub signal: Signal,
    /// As protobuf.
    pub body: Vec<u8>,
    /// At least one.
    pub items: u32,
    /// Its own time, since the Unix epoch.
    pub at_unix_ns: u64,
}

/// What a capture holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    pub timeline: Timeline,
    pub holds: BTreeMap<Signal, Holding>,
    /// From its first request to where it may begin again, at its own pace.
    pub length_ns: u64,
    /// Requests that hold no item, and are not sent.
    pub without_items: u64,
    /// What could not be read, where that is no error: how much, and the first of it in words.
    pub skipped: u64,
    pub first_skipped: Option<String>,
}

/// The files of a capture that is called `path`: that file, or those into which `squall sink --record` divides
/// it by signal.
///
/// # Errors
/// When there is none.
pub fn files_of(path: &Path) -> Result<Vec<PathBuf>, ReplayError> {
    if path.is_dir() {
        return Err(ReplayError::NoFile(path.to_owned()));
    }
    if path.exists() {
        return Ok(vec![path.to_owned()]);
    }
    let divided: Vec<PathBuf> = Signal::ALL
        .into_iter()
        .map(|signal| file_of(signal, path))
        .filter(|file| file != path && file.is_file())
        .collect();
    if divided.is_empty() {
        let error = io::ErrorKind::NotFound.into();
        let path = path.to_owned();
        return Err(ReadError::Io { path, error }.into());
    }
    Ok(divided)
}

/// The digest of a file, by which a plan knows it again.
///
/// # Errors
/// When it cannot be read.
pub fn digest(path: &Path) -> Result<CaptureFile, ReplayError> {
    let hashed = || -> io::Result<String> {
        let mut hasher = Sha256::new();
        let mut input = BufReader::new(File::open(path)?);
        loop {
            let bytes = input.fill_buf()?;
            if bytes.is_empty() {
                break;
            }
            hasher.update(bytes);
            let read = bytes.len();
            input.consume(read);
        }
        let bytes = hasher.finalize();
        Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    };
    let sha256 = hashed().map_err(|error| ReadError::Io {
        path: path.to_owned(),
        error,
    })?;
    Ok(CaptureFile {
        path: path.display().to_string(),
        sha256,
    })
}

/// Reads what a plan's files hold, once it is sure that they are what they were.
///
/// # Errors
/// When they are not, or cannot be read.
pub fn read_again(
    files: &[CaptureFile],
    on_broken_line: OnBrokenLine,
    take: impl FnMut(Request),
) -> Result<Contents, ReplayError> {
    for file in files {
        if digest(Path::new(&file.path))? != *file {
            let path = file.path.clone();
            return Err(ReplayError::Changed { path });
        }
    }
    let paths: Vec<PathBuf> = files.iter().map(|file| PathBuf::from(&file.path)).collect();
    read(&paths, on_broken_line, take)
}

/// Reads all requests of a capture, and hands them on with their own times, each signal in its order.
///
/// # Errors
/// When a file cannot be read, or is too large.
pub fn read(
    files: &[PathBuf],
    on_broken_line: OnBrokenLine,
    mut take: impl FnMut(Request),
) -> Result<Contents, ReplayError> {
    let settings = Settings {
        broken: match on_broken_line {
            OnBrokenLine::Fail => Broken::Fatal,
            OnBrokenLine::Skip => Broken::Skipped,
        },
        ..Settings::default()
    };
    let mut contents = Contents::default();
    // The last own time of each signal, in which there are none without.
    let mut own_times: [Vec<u64>; 3] = Default::default();
    let mut bytes = 0;
    for path in files {
        let mut captures = Captures::open(path, settings)?;
        for one in captures.by_ref() {
            let one = one?;
            bytes += one.body.len() as u64;
            if bytes > REPLAY_MAX_BYTES {
                return Err(ReplayError::TooLarge(path.clone()));
            }
            let (items, latest) = items_of(one.signal, &one.body);
            if items == 0 {
                contents.without_items += 1;
                continue;
            }
            let times = &mut own_times[one.signal.index()];
            let at_unix_ns = match latest {
                0 => times.last().copied().unwrap_or(0),
                latest => latest,
            };
            times.push(at_unix_ns);
            let requests = &mut contents.timeline[one.signal.index()];
            requests.push(CapturedRequest { at_ns: 0, items });
            take(Request {
                signal: one.signal,
                body: one.body,
                items,
                at_unix_ns,
            });
        }
        contents.skipped += captures.skipped().count;
        let first = captures.skipped().first.clone();
        contents.first_skipped = contents.first_skipped.or(first);
    }
    contents.put_times(&own_times);
    Ok(contents)
}

impl Contents {
    fn put_times(&mut self, own_times: &[Vec<u64>; 3]) {
        // What has no time of its own begins with the capture.
        let known = own_times.iter().flatten().filter(|time| **time != 0);
        let start = known.min().copied().unwrap_or(0);
        let mut end_ns = 0;
        let mut count = 0;
        for (requests, times) in self.timeline.iter_mut().zip(own_times) {
            let mut latest_ns = 0;
            for (request, time) in requests.iter_mut().zip(times) {
                latest_ns = time.saturating_sub(start).max(latest_ns);
                request.at_ns = latest_ns;
            }
            end_ns = latest_ns.max(end_ns);
            count += requests.len() as u64;
        }
        // The next round follows the last request as requests follow each other.
        self.length_ns = match end_ns {
            0 => NO_TIME_NS,
            end_ns => end_ns.saturating_add(end_ns / (count - 1).max(1)),
        };
        self.holds = Signal::ALL
            .into_iter()
            .zip(&self.timeline)
            .filter(|(_, requests)| !requests.is_empty())
            .map(|(signal, requests)| {
                let items = requests.iter().map(|one| one.items);
                let holding = Holding {
                    requests: requests.len() as u64,
                    items: items.clone().map(u64::from).sum(),
                    most_items: items.max().unwrap_or(0),
                };
                (signal, holding)
            })
            .collect();
    }
}

/// How many items a request holds, and the latest of their times; 0 where they have none.
fn items_of(signal: Signal, body: &[u8]) -> (u32, u64) {
    let (mut items, mut latest) = (0_u32, 0_u64);
    let mut add = |time: u64| {
        items += 1;
        latest = latest.max(time);
    };
    let times = |item: &[u8], numbers: [u32; 2]| {
        let times = checked(item).filter_map(|field| match field.value {
            Value::Fixed64(time) if numbers.contains(&field.number) => Some(time),
            _ => None,
        });
        times.max().unwrap_or(0)
    };
    let walked = walk(signal, body, &mut |found| match found {
        Found::Span(_, span) => add(times(span, [7, 8])),
        Found::LogRecord(_, record) => add(times(record, [1, 11])),
        Found::Metric(metric) => times_of_metric(metric, &mut add),
        Found::Resource(_) => {}
    });
    // It has been walked when it was read.
    walked.map_or((0, 0), |()| (items, latest))
}

#[cfg(test)]
mod tests;
