//! Requests of a capture, one after the other.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{Format, MESSAGE_MAX_BYTES, signal_of_name};
use crate::otlp::json;
use crate::otlp::walk::walk;
use crate::signal::Signal;

/// Bytes of a message's length.
const PREFIX_BYTES: usize = 4;
/// How compressed files begin, with the program that unpacks them.
const COMPRESSED: [(&[u8], &str); 2] = [
    (&[0x1f, 0x8b], "gzip -d"),
    (&[0x28, 0xb5, 0x2f, 0xfd], "zstd -d"),
];

/// One request of a capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    /// Its line, or its place among the messages, from 1.
    pub number: u64,
    pub signal: Signal,
    /// A valid export request, as protobuf.
    pub body: Vec<u8>,
}

/// What to do about a line or message that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Broken {
    /// It is an error, and nothing follows it.
    #[default]
    Fatal,
    /// It is counted, and left out.
    Skipped,
}

/// How to read.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    pub broken: Broken,
    /// Largest line or message in bytes; a larger one is broken.
    pub max_bytes: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            broken: Broken::Fatal,
            max_bytes: MESSAGE_MAX_BYTES,
        }
    }
}

/// Why a capture cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("cannot read {}: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("{} is compressed: unpack it with `{with}` first", path.display())]
    Compressed { path: PathBuf, with: &'static str },
    #[error("{}, {unit} {number}: {why}", path.display())]
    Broken {
        path: PathBuf,
        /// `line` or `message`.
        unit: &'static str,
        /// From 1.
        number: u64,
        why: String,
    },
}

/// What was left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Skipped {
    pub count: u64,
    /// The first of them, in words.
    pub first: Option<String>,
}

/// Iterates over the requests of a capture. It holds one at a time.
#[derive(Debug)]
pub struct Captures<R> {
    input: R,
    path: PathBuf,
    format: Format,
    settings: Settings,
    /// Of the last line or message.
    number: u64,
    /// What the next message is taken for where its bytes leave it open.
    likely: Option<Signal>,
    skipped: Skipped,
    over: bool,
}

/// What was found at one place.
type Found = Result<(Signal, Vec<u8>), String>;

impl Captures<BufReader<File>> {
    /// Opens a capture and finds out how it is written.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open(path: &Path, settings: Settings) -> Result<Self, ReadError> {
        let unreadable = |error| ReadError::Io {
            path: path.to_owned(),
            error,
        };
        let file = File::open(path).map_err(unreadable)?;
        Self::new(BufReader::new(file), path, settings)
    }
}

impl<R: BufRead> Captures<R> {
    /// Reads a capture from anywhere; `path` is its name.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn new(mut input: R, path: &Path, settings: Settings) -> Result<Self, ReadError> {
        let start = input.fill_buf().map_err(|error| ReadError::Io {
            path: path.to_owned(),
            error,
        })?;
        if let Some((_, with)) = COMPRESSED
            .iter()
            .find(|(magic, _)| start.starts_with(magic))
        {
            return Err(ReadError::Compressed {
                path: path.to_owned(),
                with,
            });
        }
        // A message whose length began with a brace would have two gigabytes.
        let format = match start.trim_ascii_start().first() {
            Some(b'{') => Format::Json,
            Some(_) if start.first() == Some(&0) => Format::Proto,
            _ => Format::of_name(path).unwrap_or(Format::Json),
        };
        Ok(Self {
            input,
            path: path.to_owned(),
            format,
            settings,
            number: 0,
            likely: signal_of_name(path),
            skipped: Skipped::default(),
            over: false,
        })
    }

    /// How it is written.
    pub const fn format(&self) -> Format {
        self.format
    }

    /// What was left out so far.
    pub const fn skipped(&self) -> &Skipped {
        &self.skipped
    }

    /// The next line that is not empty; `None` at the end.
    fn line(&mut self) -> io::Result<Option<Found>> {
        loop {
            let mut line = Vec::new();
            let limit = self.settings.max_bytes.saturating_add(1);
            let mut bounded = (&mut self.input).take(limit);
            if bounded.read_until(b'\n', &mut line)? == 0 {
                return Ok(None);
            }
            self.number += 1;
            if line.last() != Some(&b'\n') && line.len() as u64 == limit {
                self.input.skip_until(b'\n')?;
                return Ok(Some(Err(self.too_large(None))));
            }
            let text = line.trim_ascii();
            if !text.is_empty() {
                return Ok(Some(request_of(text)));
            }
        }
    }

    /// The next message; `None` at the end.
    fn message(&mut self) -> io::Result<Option<Found>> {
        let mut prefix = [0; PREFIX_BYTES];
        let read = read_full(&mut self.input, &mut prefix)?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        if read < PREFIX_BYTES {
            self.over = true;
            return Ok(Some(Err("the file ends within its length".to_owned())));
        }
        let len = u64::from(u32::from_be_bytes(prefix));
        if len > self.settings.max_bytes {
            // Nobody knows where the next one begins.
            self.over = true;
            return Ok(Some(Err(self.too_large(Some(len)))));
        }
        let mut body = Vec::new();
        (&mut self.input).take(len).read_to_end(&mut body)?;
        let came = body.len() as u64;
        if came < len {
            self.over = true;
            let why = format!("the file ends after {came} of its {len} bytes");
            return Ok(Some(Err(why)));
        }
        Ok(Some(match signal_of(&body, self.likely) {
            Ok(signal) => {
                self.likely = Some(signal);
                Ok((signal, body))
            }
            Err(why) => Err(why),
        }))
    }

    fn too_large(&self, len: Option<u64>) -> String {
        let most = self.settings.max_bytes;
        match len {
            None => format!("it has more than {most} bytes"),
            Some(len) => format!("it is said to have {len} bytes, more than {most}"),
        }
    }
}

impl<R: BufRead> Iterator for Captures<R> {
    type Item = Result<Captured, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.over {
                return None;
            }
            let found = match self.format {
                Format::Json => self.line(),
                Format::Proto => self.message(),
            };
            let why = match found {
                Ok(None) => {
                    self.over = true;
                    return None;
                }
                Ok(Some(Ok((signal, body)))) => {
                    let number = self.number;
                    return Some(Ok(Captured {
                        number,
                        signal,
                        body,
                    }));
                }
                Ok(Some(Err(why))) => why,
                Err(error) => {
                    self.over = true;
                    let path = self.path.clone();
                    return Some(Err(ReadError::Io { path, error }));
                }
            };
            let error = ReadError::Broken {
                path: self.path.clone(),
                unit: match self.format {
                    Format::Json => "line",
                    Format::Proto => "message",
                },
                number: self.number,
                why,
            };
            match self.settings.broken {
                Broken::Fatal => {
                    self.over = true;
                    return Some(Err(error));
                }
                Broken::Skipped => {
                    self.skipped.count += 1;
                    self.skipped.first.get_or_insert_with(|| error.to_string());
                }
            }
        }
    }
}

/// Reads until `into` is full or there is no more, and tells how much came.
fn read_full(input: &mut impl io::Read, into: &mut [u8]) -> io::Result<usize> {
    let mut read = 0;
    while read < into.len() {
        match input.read(&mut into[read..]) {
            Ok(0) => break,
            Ok(count) => read += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

/// The fields by which a line tells its signal.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Roots {
    resource_spans: Option<IgnoredAny>,
    resource_metrics: Option<IgnoredAny>,
    resource_logs: Option<IgnoredAny>,
}

fn request_of(text: &[u8]) -> Found {
    let roots: Roots = serde_json::from_slice(text).map_err(|error| format!("JSON: {error}"))?;
    let has = [
        roots.resource_spans.is_some(),
        roots.resource_metrics.is_some(),
        roots.resource_logs.is_some(),
    ];
    let mut signals = Signal::ALL.into_iter().filter(|signal| has[signal.index()]);
    let signal = match (signals.next(), signals.next()) {
        (Some(signal), None) => signal,
        (None, _) => {
            let why = "it has neither resourceSpans nor resourceMetrics nor resourceLogs";
            return Err(why.to_owned());
        }
        (Some(_), Some(_)) => return Err("it has several signals at once".to_owned()),
    };
    let body = json::to_protobuf(signal, text).map_err(|error| error.to_string())?;
    Ok((signal, body))
}

/// Of which signal a message is. Several may fit one that says little.
fn signal_of(body: &[u8], likely: Option<Signal>) -> Result<Signal, String> {
    let fault = |signal| walk(signal, body, &mut |_| {}).err();
    // What fits by its bytes alone is believed before a name is.
    let fitting: Vec<Signal> = Signal::ALL
        .into_iter()
        .filter(|signal| fault(*signal).is_none())
        .collect();
    match (fitting.as_slice(), likely) {
        ([only], _) => Ok(*only),
        ([], likely) => {
            let why = fault(likely.unwrap_or(Signal::Traces));
            Err(why.map_or_else(String::new, |why| why.to_string()))
        }
        (several, Some(likely)) if several.contains(&likely) => Ok(likely),
        _ => Err(
            "it could be of several signals: name the file so, such as day.traces.pb".to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests;
