//! Writing requests to files as they come.
//!
//! A request is written whole or not at all: where a write breaks off, for instance on a full disk,
//! the file is cut back to the last request that is whole.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Format, file_of};
use crate::otlp::json_text;
use crate::signal::Signal;

/// Why something is not recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error("cannot record to {}: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("cannot record to {}: it holds something already", path.display())]
    NotEmpty { path: PathBuf },
    #[error("cannot record to {}: another recording is being written to it", path.display())]
    InUse { path: PathBuf },
    #[error("cannot record to {}: a write broke off, and the file could not be cut back to the last whole request", path.display())]
    Torn { path: PathBuf },
    #[error("the recording has ended")]
    Finished,
    #[error("a request cannot be recorded: {0}")]
    Request(String),
}

/// What was recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recorded {
    pub requests: u64,
    pub bytes: u64,
    /// Requests of which JSON could not say everything.
    pub inexact: u64,
}

impl Recorded {
    const fn add(&mut self, more: Self) {
        self.requests += more.requests;
        self.bytes += more.bytes;
        self.inexact += more.inexact;
    }
}

/// Writes requests to a file, or to one per signal. Many connections may call it at once.
#[derive(Debug)]
pub struct Recorder {
    format: Format,
    /// One for everything, or one per [`Signal::index`].
    tapes: Vec<Mutex<Tape>>,
}

impl Recorder {
    /// Opens what is to be recorded to: `path` for JSON, [`file_of`] it for protobuf.
    ///
    /// # Errors
    /// When a file cannot be written, or holds something already.
    pub fn create(path: &Path, format: Format) -> Result<Self, RecordError> {
        let paths = match format {
            Format::Json => vec![path.to_owned()],
            Format::Proto => Signal::ALL.map(|signal| file_of(signal, path)).into(),
        };
        let mut tapes = Vec::with_capacity(paths.len());
        for path in paths {
            match Tape::create(path) {
                Ok(tape) => tapes.push(tape),
                Err(error) => {
                    // No recording, so no empty files of one either.
                    tapes.iter().for_each(Tape::remove_if_new);
                    return Err(error);
                }
            }
        }
        Ok(Self {
            format,
            tapes: tapes.into_iter().map(Mutex::new).collect(),
        })
    }

    /// Writes a request that has been validated; it is with the system when this returns.
    ///
    /// # Errors
    /// When it cannot be written. What was written before is still there, and the next may fit.
    pub fn keep(&self, signal: Signal, body: &[u8]) -> Result<(), RecordError> {
        match self.format {
            Format::Json => {
                let mut line = Vec::new();
                let exact = json_text::from_protobuf(signal, body, &mut line)
                    .map_err(|error| RecordError::Request(error.to_string()))?;
                line.push(b'\n');
                self.tape(0).append(&[&line], exact)
            }
            Format::Proto => {
                let len = u32::try_from(body.len()).map_err(|_| {
                    RecordError::Request("it has more bytes than a length can say".to_owned())
                })?;
                let mut tape = self.tape(signal.index());
                tape.append(&[&len.to_be_bytes(), body], true)
            }
        }
    }

    /// What was recorded so far.
    pub fn recorded(&self) -> Recorded {
        let mut sum = Recorded::default();
        for index in 0..self.tapes.len() {
            sum.add(self.tape(index).recorded);
        }
        sum
    }

    /// Records nothing more, and removes the files of signals of which nothing came. Gives what the files
    /// then hold.
    pub fn finish(&self) -> Recorded {
        let mut sum = Recorded::default();
        for index in 0..self.tapes.len() {
            let mut tape = self.tape(index);
            tape.finished = true;
            sum.add(tape.recorded);
            if self.format == Format::Proto && tape.recorded.bytes == 0 {
                // One that stays behind is an empty recording.
                let _ = fs::remove_file(&tape.path);
            }
        }
        sum
    }

    /// Removes what was recorded, for it is not what it should be.
    pub fn discard(&self) {
        for index in 0..self.tapes.len() {
            let tape = self.tape(index);
            // What is no file, such as a pipe, is not ours to remove.
            if tape.file.metadata().is_ok_and(|data| data.is_file()) {
                let _ = fs::remove_file(&tape.path);
            }
        }
    }

    fn tape(&self, index: usize) -> MutexGuard<'_, Tape> {
        self.tapes[index]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// One file.
#[derive(Debug)]
struct Tape {
    path: PathBuf,
    file: File,
    /// It was not there before.
    is_new: bool,
    recorded: Recorded,
    /// Whoever comes now is too late.
    finished: bool,
    /// What is behind the last whole request could not be removed.
    torn: bool,
    /// A request as it is written.
    buffer: Vec<u8>,
}

impl Tape {
    fn create(path: PathBuf) -> Result<Self, RecordError> {
        let is_new = !path.exists();
        let opened = OpenOptions::new().create(true).append(true).open(&path);
        // Two recordings would cut back and remove each other's requests.
        if let Ok(file) = &opened
            && matches!(file.try_lock(), Err(TryLockError::WouldBlock))
        {
            return Err(RecordError::InUse { path });
        }
        let opened = opened.and_then(|file| Ok((file.metadata()?.len(), file)));
        match opened {
            Ok((0, file)) => Ok(Self {
                path,
                file,
                is_new,
                recorded: Recorded::default(),
                finished: false,
                torn: false,
                buffer: Vec::new(),
            }),
            Ok(_) => Err(RecordError::NotEmpty { path }),
            Err(error) => Err(RecordError::Io { path, error }),
        }
    }

    fn remove_if_new(&self) {
        if self.is_new {
            let _ = fs::remove_file(&self.path);
        }
    }

    /// Appends the parts as one record, or nothing.
    fn append(&mut self, parts: &[&[u8]], exact: bool) -> Result<(), RecordError> {
        if self.finished {
            return Err(RecordError::Finished);
        }
        if self.torn {
            return Err(RecordError::Torn {
                path: self.path.clone(),
            });
        }
        self.buffer.clear();
        parts
            .iter()
            .for_each(|part| self.buffer.extend_from_slice(part));
        let (written, outcome) = write_counted(&mut self.file, &self.buffer);
        match outcome {
            Ok(()) => {
                self.recorded.requests += 1;
                self.recorded.bytes += written;
                self.recorded.inexact += u64::from(!exact);
                Ok(())
            }
            Err(error) => {
                self.torn = written > 0 && self.file.set_len(self.recorded.bytes).is_err();
                Err(RecordError::Io {
                    path: self.path.clone(),
                    error,
                })
            }
        }
    }
}

/// Writes all of it, and tells how much of it was written.
fn write_counted(file: &mut File, bytes: &[u8]) -> (u64, io::Result<()>) {
    let mut written = 0;
    while written < bytes.len() {
        match file.write(&bytes[written..]) {
            Ok(0) => return (written as u64, Err(io::ErrorKind::WriteZero.into())),
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (written as u64, Err(error)),
        }
    }
    (written as u64, Ok(()))
}
