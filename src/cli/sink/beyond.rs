//! What `squall sink` does with a request beside counting it: `--record` and `--forward`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;

use crate::capture::record::{RecordError, Recorder};
use crate::capture::{Format, file_of};
use crate::cli::amount::parse_duration;
use crate::error::CliError;
use crate::plan::Transport;
use crate::relay::next_hop::{NextHop, Settings};
use crate::signal::Signal;
use crate::sink::passing::{OnFailure, Onward, Passing, Recording};

/// Arguments.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    /// Record every accepted request: .json or .jsonl for OTLP/JSON lines, .pb for protobuf (a file per signal)
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// How to record, where the file's name does not tell
    #[arg(long, value_name = "FORMAT", requires = "record")]
    record_format: Option<RecordFormat>,
    /// When a request cannot be recorded: take nothing more, or go on and count it
    #[arg(long, value_name = "WHAT", requires = "record", default_value = "stop")]
    record_failure: RecordFailure,
    /// Send every valid request on and pass the answer back: HOST:PORT, http://... or https://...
    #[arg(long, value_name = "ENDPOINT")]
    forward: Option<String>,
    /// How to speak to the next hop
    #[arg(
        long,
        value_name = "PROTOCOL",
        requires = "forward",
        default_value = "grpc"
    )]
    forward_protocol: ForwardProtocol,
    /// PEM file of the authority that signed the next hop's certificate
    #[arg(long, value_name = "FILE", requires = "forward")]
    forward_ca: Option<PathBuf>,
    /// How long the next hop may take to answer
    #[arg(long, value_name = "DURATION", requires = "forward", default_value = "10s", value_parser = parse_duration)]
    forward_timeout: Duration,
    /// Requests that are with the next hop at once; further ones are told UNAVAILABLE
    #[arg(long, value_name = "N", requires = "forward", default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..))]
    forward_in_flight: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RecordFormat {
    Json,
    Proto,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RecordFailure {
    Stop,
    Continue,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ForwardProtocol {
    Grpc,
    Http,
}

/// What is wrong with the arguments.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
enum BeyondError {
    #[error("--record {}: its name does not tell how to record", path.display())]
    #[diagnostic(help("end it in .jsonl or .pb, or say --record-format json or proto"))]
    Format { path: PathBuf },
    #[error(transparent)]
    #[diagnostic(help("name a new file, in a folder that exists and has room"))]
    Record(#[from] RecordError),
    #[error("--forward {endpoint}: {why}")]
    #[diagnostic(help("such as 127.0.0.1:4317, http://127.0.0.1:4317 or https://collector:4317"))]
    Endpoint { endpoint: String, why: String },
    #[error("--forward {endpoint}: nothing says whom to trust")]
    #[diagnostic(help("give the authority of its certificate with --forward-ca FILE"))]
    NoAuthority { endpoint: String },
    #[error("cannot read {}: {error}", path.display())]
    Unreadable {
        path: PathBuf,
        error: std::io::Error,
    },
}

/// What is done with requests beside counting them.
#[derive(Debug)]
pub struct Beyond {
    /// For the summary: where it is recorded, and the recorder.
    pub recorder: Option<(String, Arc<Recorder>)>,
    /// Where requests are sent on to.
    pub forwards_to: Option<String>,
}

impl Recording for Arc<Recorder> {
    fn keep(&self, signal: Signal, body: &[u8]) -> Result<(), String> {
        Recorder::keep(self, signal, body).map_err(|error| error.to_string())
    }
}

impl Args {
    /// The receiver that the arguments ask for.
    ///
    /// # Errors
    /// When a file cannot be used, or the endpoint makes no sense.
    pub fn receiver(&self) -> Result<(Passing, Beyond), CliError> {
        // The endpoint first: it leaves no file behind where it is wrong.
        let next_hop = self.next_hop().map_err(CliError::usage)?;
        let recorder = self.recorder().map_err(CliError::usage)?;
        let on_failure = match self.record_failure {
            RecordFailure::Stop => OnFailure::Stop,
            RecordFailure::Continue => OnFailure::Continue,
        };
        let recording = recorder.as_ref().map(|(_, recorder)| {
            let recording: Box<dyn Recording> = Box::new(Arc::clone(recorder));
            (recording, on_failure)
        });
        let passing = Passing::new(
            next_hop.map(|hop| Box::new(hop) as Box<dyn Onward>),
            recording,
        );
        let beyond = Beyond {
            recorder,
            forwards_to: self.forward.clone(),
        };
        Ok((passing, beyond))
    }

    fn recorder(&self) -> Result<Option<(String, Arc<Recorder>)>, BeyondError> {
        let Some(path) = &self.record else {
            return Ok(None);
        };
        let format = match self.record_format {
            Some(RecordFormat::Json) => Format::Json,
            Some(RecordFormat::Proto) => Format::Proto,
            None => {
                Format::of_name(path).ok_or_else(|| BeyondError::Format { path: path.clone() })?
            }
        };
        let recorder = Recorder::create(path, format)?;
        Ok(Some((shown(path, format), Arc::new(recorder))))
    }

    fn next_hop(&self) -> Result<Option<NextHop>, BeyondError> {
        let Some(endpoint) = &self.forward else {
            return Ok(None);
        };
        let url = match endpoint.contains("://") {
            true => endpoint.clone(),
            false if self.forward_ca.is_some() => format!("https://{endpoint}"),
            false => format!("http://{endpoint}"),
        };
        if url.starts_with("https://") && self.forward_ca.is_none() {
            let endpoint = endpoint.clone();
            return Err(BeyondError::NoAuthority { endpoint });
        }
        let ca = self.forward_ca.as_ref().map(|path| {
            let path = path.clone();
            std::fs::read_to_string(&path).map_err(|error| BeyondError::Unreadable { path, error })
        });
        let settings = Settings {
            endpoint: url,
            transport: match self.forward_protocol {
                ForwardProtocol::Grpc => Transport::Grpc,
                ForwardProtocol::Http => Transport::Http,
            },
            ca: ca.transpose()?,
            timeout: self.forward_timeout,
            in_flight: usize::from(self.forward_in_flight),
        };
        // Both TLS stacks use it; a second call of a process has nothing to do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let hop = NextHop::new(settings).map_err(|why| BeyondError::Endpoint {
            endpoint: endpoint.clone(),
            why,
        })?;
        Ok(Some(hop))
    }
}

/// The files of a recording, in words.
fn shown(path: &Path, format: Format) -> String {
    match format {
        Format::Json => path.display().to_string(),
        Format::Proto => {
            let files = Signal::ALL.map(|signal| file_of(signal, path).display().to_string());
            files.join(", ")
        }
    }
}
