//! Captures: telemetry kept in files as it came, and read back.
//!
//! Two formats, both as the OpenTelemetry Collector's file exporter writes them: OTLP/JSON, one
//! request a line, and protobuf, each message after its length as four bytes, big-endian. The latter
//! says nowhere of which signal it is, so a [`record::Recorder`] keeps one such file per signal, and
//! [`read::Captures`] finds out by the name and by what fits.
//!
//! | module | go there for |
//! |---|---|
//! | [`record`] | writing requests as they come, so that none is lost that was written before |
//! | [`read`] | requests of a file one after the other, in bounded memory |
//! | [`replay`] | what a capture holds, and when each request was due |
//! | [`hash`] | a request with a keyed hash in the place of every value, so that it can be shared |

use std::path::{Path, PathBuf};

use crate::signal::Signal;

#[cfg(test)]
mod fixture;
pub mod hash;
pub mod read;
pub mod record;
pub mod replay;

/// Largest message or line that is read by default, in bytes: room for what the largest request that a
/// receiver takes by default, 64 MiB, becomes as JSON.
pub const MESSAGE_MAX_BYTES: u64 = 512 << 20;

/// How a capture is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// OTLP/JSON, one request a line, of any signal.
    Json,
    /// Length-delimited protobuf, one signal a file.
    Proto,
}

impl Format {
    /// What the name's ending stands for.
    pub fn of_name(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        match ending.as_str() {
            "json" | "jsonl" | "ndjson" => Some(Format::Json),
            "pb" | "proto" | "bin" => Some(Format::Proto),
            _ => None,
        }
    }
}

/// The file of one signal in a recording: `day.pb` becomes `day.traces.pb`, which stays as it is.
pub fn file_of(signal: Signal, path: &Path) -> PathBuf {
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    if stem.is_some_and(|stem| stem.ends_with(&format!(".{signal}"))) {
        return path.to_owned();
    }
    let Some(ending) = path.extension() else {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{signal}.pb"));
        return name.into();
    };
    let mut last = std::ffi::OsString::from(format!("{signal}."));
    last.push(ending);
    path.with_extension(last)
}

/// The signal that a file's name tells of, where it has one of the three words in it.
fn signal_of_name(path: &Path) -> Option<Signal> {
    let name = path.file_name()?.to_str()?.to_ascii_lowercase();
    name.split(|c: char| !c.is_ascii_alphanumeric())
        .find_map(|word| word.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_of_format_and_signal() {
        let format = |name: &str| Format::of_name(Path::new(name));
        assert_eq!(format("a.jsonl"), Some(Format::Json));
        assert_eq!(format("a.traces.PB"), Some(Format::Proto));
        assert_eq!((format("a"), format("a.yaml")), (None, None));
        let signal = |name: &str| signal_of_name(Path::new(name));
        assert_eq!(signal("traces/day.logs.pb"), Some(Signal::Logs));
        assert_eq!(signal("otel-metrics.bin"), Some(Signal::Metrics));
        assert_eq!(signal("traces/day.pb"), None);
    }

    #[test]
    fn each_signal_has_its_file() {
        let file = |name: &str| file_of(Signal::Logs, Path::new(name));
        assert_eq!(file("x/day.pb"), Path::new("x/day.logs.pb"));
        assert_eq!(file("x/day"), Path::new("x/day.logs.pb"));
        assert_eq!(file("x/day.logs.pb"), Path::new("x/day.logs.pb"));
        assert_eq!(file("x/day.traces.pb"), Path::new("x/day.traces.logs.pb"));
    }
}
