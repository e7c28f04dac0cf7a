//! `squall capture`: what can be done with a recording.

use std::io::Read as _;
use std::path::PathBuf;

use clap::Subcommand;
use miette::miette;

use super::{Outcome, print};
use crate::capture::hash::Hasher;
use crate::capture::read::{Broken, Captures, ReadError, Settings};
use crate::capture::record::{RecordError, Recorder};
use crate::capture::{Format, MESSAGE_MAX_BYTES};
use crate::error::{CliError, Exit};
use crate::otlp::Malformed;

/// Bytes of a key that is drawn.
const KEY_BYTES: usize = 32;

/// Arguments of `squall capture`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Replace the values of a recording by keyed hashes, so that it can be shared
    Hash(HashArgs),
}

const EXAMPLES: &str = "\
Examples:
  squall capture hash day.jsonl shared.jsonl
  squall capture hash day.traces.pb shared.pb --keep http.method --keep service.name
  KEY=secret squall capture hash day.jsonl shared.jsonl --salt KEY

Replaced: texts and bytes of every attribute (resource, scope, span, event, link, data point,
exemplar, log record), bodies of log records, status messages, trace states; with --numbers the
numbers of attributes too. Kept: keys, names of spans and metrics, ids, times, counts. Look
there yourself before you share: a name can tell something as well.

Equal values become equal hashes. Without --salt the key is drawn and forgotten, so that nobody
can find a value by trying; with it, hashes of several recordings match.

Exit codes: 0 done, 2 IN cannot be read or OUT not be written (then there is no OUT)";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
struct HashArgs {
    /// A recording: OTLP/JSON lines, or length-delimited protobuf
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// A new file; .jsonl or .pb says how it is written, else it is as IN is
    #[arg(value_name = "OUT")]
    output: PathBuf,
    /// An attribute that keeps its value; may be repeated
    #[arg(long, value_name = "KEY")]
    keep: Vec<String>,
    /// The variable of the environment that holds the key of the hashes
    #[arg(long, value_name = "VARIABLE")]
    salt: Option<String>,
    /// Replace the numbers of attributes as well
    #[arg(long)]
    numbers: bool,
    /// Leave out what cannot be read, and count it
    #[arg(long)]
    skip_broken: bool,
}

#[derive(Debug, thiserror::Error, miette::Diagnostic)]
enum CaptureError {
    #[error(transparent)]
    #[diagnostic(help("{}", read_help(.0)))]
    Read(#[from] ReadError),
    #[error("nothing in {} can be read; the first: {first}", path.display())]
    #[diagnostic(help(
        "it is no recording: OTLP/JSON, one request a line, or length-delimited protobuf"
    ))]
    AllBroken { path: PathBuf, first: String },
    #[error(transparent)]
    #[diagnostic(help("name a new file, in a folder that exists and has room"))]
    Record(#[from] RecordError),
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("the environment has no variable {variable}, or it is empty")]
    #[diagnostic(help("set it to a key of your own, or leave out --salt"))]
    Variable { variable: String },
}

fn read_help(error: &ReadError) -> &'static str {
    match error {
        ReadError::Broken { .. } => "--skip-broken leaves out lines and messages that are broken",
        ReadError::Io { .. } | ReadError::Compressed { .. } => {
            "IN is a file of OTLP/JSON lines, or of length-delimited protobuf"
        }
    }
}

pub fn run(args: Args) -> Outcome {
    match args.command {
        Command::Hash(args) => hash(&args),
    }
}

fn hash(args: &HashArgs) -> Outcome {
    let key = match &args.salt {
        Some(variable) => std::env::var(variable)
            .ok()
            .filter(|key| !key.is_empty())
            .ok_or_else(|| {
                let variable = variable.clone();
                CliError::usage(CaptureError::Variable { variable })
            })?
            .into_bytes(),
        None => drawn_key()?,
    };
    let hasher = Hasher::new(&key, args.keep.iter().cloned(), args.numbers);
    let broken = match args.skip_broken {
        true => Broken::Skipped,
        false => Broken::Fatal,
    };
    let settings = Settings {
        broken,
        max_bytes: MESSAGE_MAX_BYTES,
    };
    let mut captures = Captures::open(&args.input, settings).map_err(usage)?;
    let format = Format::of_name(&args.output).unwrap_or(captures.format());
    let recorder = Recorder::create(&args.output, format).map_err(usage)?;
    if let Err(error) = rewrite(&mut captures, &hasher, &recorder) {
        recorder.discard();
        return Err(CliError::usage(error));
    }
    let skipped = captures.skipped();
    let hashed = recorder.recorded().requests;
    if let (0, Some(first)) = (hashed, &skipped.first) {
        recorder.discard();
        return Err(usage(CaptureError::AllBroken {
            path: args.input.clone(),
            first: first.clone(),
        }));
    }
    recorder.finish();
    let mut text = format!("{hashed} requests hashed\n");
    if let Some(first) = &skipped.first {
        text += &format!("{} left out; the first: {first}\n", skipped.count);
    }
    print(&text)?;
    Ok(Exit::Pass)
}

fn rewrite(
    captures: &mut Captures<impl std::io::BufRead>,
    hasher: &Hasher,
    recorder: &Recorder,
) -> Result<(), CaptureError> {
    for captured in captures {
        let captured = captured?;
        let hashed = hasher.request(captured.signal, &captured.body)?;
        recorder.keep(captured.signal, &hashed)?;
    }
    Ok(())
}

/// A key that nobody knows and nothing keeps.
fn drawn_key() -> Result<Vec<u8>, CliError> {
    let mut key = vec![0; KEY_BYTES];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut key))
        .map_err(|error| {
            CliError::usage(miette!(
                help = "give a key of your own with --salt VARIABLE",
                "the system gives no random bytes: {error}"
            ))
        })?;
    Ok(key)
}

fn usage(error: impl Into<CaptureError>) -> CliError {
    CliError::usage(error.into())
}
