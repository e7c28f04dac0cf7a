//! `squall send`: load from the command line, without a scenario file.

use std::net::{TcpStream, ToSocketAddrs as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use miette::miette;

use super::amount::parse_duration;
use super::session::{About, Session, end};
use super::{Outcome, print};
use crate::error::{CliError, Exit};
use crate::signal::Signal;
use crate::{scenario, store};

mod arguments;
mod outcome;
mod wanted;

use outcome::Figures;

/// How long the endpoint may take to accept a connection before anything is sent.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

const EXAMPLES: &str = "\
Examples:
  squall send traces --rate 10k/s --for 30s --endpoint 127.0.0.1:4317
  squall send logs --ramp 100/s..5k/s --for 1m --http --header 'authorization=Bearer abc'
  squall send metrics --rate 2k/s --for 10s --otlp-attributes deployment=test --json

Open loop: each item is due at a time of its own, whatever the endpoint does, and latency
counts from there. --rate is that of all workers together (telemetrygen's is per worker).
The names of telemetrygen's options are understood too: --duration, --otlp-endpoint,
--otlp-http, --otlp-insecure, --otlp-header, --ca-cert.

Exit codes: 0 everything offered was acknowledged, 1 not, 2 wrong usage or nothing listens
at the endpoint, 130 or 143 interrupted";

/// Arguments of `squall send`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// What to send
    #[arg(value_name = "traces|metrics|logs", value_parser = parse_signal)]
    signal: Signal,
    /// Spans, log records or data points per second in all, such as 10k/s; a bare number is per second
    #[arg(
        long,
        value_name = "RATE",
        required_unless_present = "ramp",
        allow_negative_numbers = true
    )]
    rate: Option<String>,
    /// A rate that grows or falls evenly from the start to the end, such as 100/s..10k/s
    #[arg(long, value_name = "FROM..TO", conflicts_with = "rate")]
    ramp: Option<String>,
    /// How long to send, in ms, s, m or h
    #[arg(long = "for", visible_alias = "duration", value_name = "DURATION", default_value = "10s", value_parser = parse_duration)]
    duration: Duration,
    /// HOST:PORT of what receives; default localhost:4317, or 4318 with --http
    #[arg(long, visible_alias = "otlp-endpoint", value_name = "HOST:PORT")]
    endpoint: Option<String>,
    /// OTLP/HTTP with protobuf instead of gRPC
    #[arg(long, visible_alias = "otlp-http")]
    http: bool,
    /// OTLP/HTTP with JSON
    #[arg(long, conflicts_with = "http")]
    http_json: bool,
    /// Speak in the clear, which is what is done without --ca
    #[arg(long, visible_alias = "otlp-insecure", conflicts_with = "ca")]
    insecure: bool,
    /// Speak TLS, and trust this authority: a PEM file
    #[arg(long, visible_alias = "ca-cert", value_name = "FILE")]
    ca: Option<PathBuf>,
    /// PEM file of a certificate to show, for mutual TLS
    #[arg(long, value_name = "FILE", requires = "client_key", requires = "ca")]
    client_cert: Option<PathBuf>,
    /// PEM file of that certificate's key
    #[arg(long, value_name = "FILE", requires = "client_cert")]
    client_key: Option<PathBuf>,
    /// A header of every request; may be repeated
    #[arg(long = "header", visible_alias = "otlp-header", value_name = "NAME=VALUE", value_parser = parse_pair)]
    headers: Vec<(String, String)>,
    /// An attribute of the resource; may be repeated
    #[arg(long = "otlp-attributes", value_name = "KEY=VALUE", value_parser = parse_pair)]
    resource: Vec<(String, String)>,
    /// The resource's service.name
    #[arg(long, value_name = "NAME", default_value = "squall")]
    service: String,
    /// Threads that make the load, which stays that of --rate; over gRPC a connection each, over HTTP eight
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    workers: u16,
    /// The same seed sends the same items with the same ids; default: another one each time
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How due times are spread around the rate
    #[arg(long, value_name = "HOW", default_value = "constant")]
    arrivals: Arrivals,
    /// Spans of each trace
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    spans_per_trace: u32,
    /// Attributes of each item
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(..=128))]
    attributes: u32,
    /// Length of each attribute's text
    #[arg(long, value_name = "BYTES", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    attribute_bytes: u32,
    /// Length of a log record's body
    #[arg(long, value_name = "BYTES", default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    body_bytes: u32,
    /// Most items in a request; fewer where the rate is low, so that a request is due every 200 ms
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    batch_size: u32,
    /// How requests are compressed
    #[arg(long, value_name = "HOW", default_value = "none")]
    compression: Compressed,
    /// How long the endpoint may take to answer
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse_duration)]
    timeout: Duration,
    /// Keep the run with its plan, evidence and reports, as `squall run` does
    #[arg(long)]
    keep: bool,
    /// Where it is kept
    #[arg(long, value_name = "DIR", default_value = store::RUNS, requires = "keep")]
    results: PathBuf,
    /// Show no progress, only the summary
    #[arg(long, short)]
    quiet: bool,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Arrivals {
    Constant,
    Poisson,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Compressed {
    None,
    Gzip,
    Zstd,
}

fn parse_signal(text: &str) -> Result<Signal, String> {
    text.parse()
        .map_err(|()| "expected traces, metrics or logs".to_owned())
}

/// `key=value`, or `key="value"` as telemetrygen has it.
fn parse_pair(text: &str) -> Result<(String, String), String> {
    let wanted = || "expected a name and a value, such as team=checkout".to_owned();
    let (name, value) = text.split_once('=').ok_or_else(wanted)?;
    let quoted = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
    if name.is_empty() {
        return Err(wanted());
    }
    Ok((name.to_owned(), quoted.unwrap_or(value).to_owned()))
}

/// Sends, and passes when everything that was offered was acknowledged.
pub fn run(args: Args) -> Outcome {
    let text = wanted::scenario(&args)?;
    let plan = scenario::load_text(wanted::NAME, &text, &[])
        .map_err(|problems| CliError::problems(arguments::of_arguments(problems)))?;
    let endpoint = args.endpoint();
    args.check_scheme()?;
    reach(&endpoint)?;
    let nowhere = match args.keep {
        true => None,
        false => Some(tempfile::tempdir().map_err(|error| {
            CliError::usage(miette!(
                help = "make room in the folder for temporary files, or name another with TMPDIR",
                "there is no place for the run's own files: {error}"
            ))
        })?),
    };
    let about = About {
        results: nowhere.as_ref().map_or(&*args.results, |dir| dir.path()),
        replay_of: None,
        notes: Vec::new(),
        quiet: args.quiet || args.json,
    };
    let done = Session::start()?.once(plan, about)?;
    let figures = Figures::of(args.signal, &endpoint, &done);
    let mut shown = match args.json {
        true => figures.json(),
        false => figures.text(),
    };
    if args.keep && !args.json {
        let folder = args.results.join(&done.record.run);
        shown += &format!("kept in {}\n", folder.display());
    }
    let printed = print(&shown);
    let exit = match Exit::from_code(done.record.result.exit_code) {
        Exit::Internal => Exit::Internal,
        interrupted @ Exit::Interrupted(_) => interrupted,
        _ if figures.is_all_acknowledged() => Exit::Pass,
        _ => Exit::Fail,
    };
    let unsaved = if args.keep { done.unsaved } else { Vec::new() };
    end(exit, unsaved, printed)
}

impl Args {
    /// What the endpoint's scheme says must be what is done.
    fn check_scheme(&self) -> Result<(), CliError> {
        let given = self.endpoint.as_deref().unwrap_or_default();
        if given.starts_with("https://") && self.ca.is_none() {
            return Err(CliError::usage(miette!(
                help = "name the authority that signed its certificate with --ca FILE",
                "{given} is to be spoken to with TLS, and nobody says whom to trust"
            )));
        }
        if given.starts_with("http://") && self.ca.is_some() {
            return Err(CliError::usage(miette!(
                help = "write https://, or leave --ca out",
                "{given} is to be spoken to in the clear, and --ca asks for TLS"
            )));
        }
        Ok(())
    }

    /// `HOST:PORT`.
    fn endpoint(&self) -> String {
        let default = match self.is_http() {
            true => "localhost:4318",
            false => "localhost:4317",
        };
        let given = self.endpoint.as_deref().unwrap_or(default);
        let without = ["http://", "https://", "grpc://"]
            .into_iter()
            .find_map(|scheme| given.strip_prefix(scheme));
        without.unwrap_or(given).trim_end_matches('/').to_owned()
    }

    const fn is_http(&self) -> bool {
        self.http || self.http_json
    }
}

/// Tries the endpoint before there is any traffic, so that what is wrong with it is said at once.
fn reach(endpoint: &str) -> Result<(), CliError> {
    let unreached = |why: String| {
        CliError::usage(miette!(
            help = "start what receives, or name it with --endpoint HOST:PORT; `squall sink` receives on 127.0.0.1:4317",
            "nothing can be sent to {endpoint}: {why}"
        ))
    };
    let addresses = endpoint.to_socket_addrs();
    let mut why = "its name has no address".to_owned();
    for address in addresses.map_err(|error| unreached(error.to_string()))? {
        match TcpStream::connect_timeout(&address, CONNECT_WITHIN) {
            Ok(_) => return Ok(()),
            Err(error) => why = error.to_string(),
        }
    }
    Err(unreached(why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_as_telemetrygen_has_them_or_plain() {
        let pair = |a: &str, b: &str| Ok((a.to_owned(), b.to_owned()));
        assert_eq!(parse_pair("a=b"), pair("a", "b"));
        assert_eq!(parse_pair("a=\"b c\""), pair("a", "b c"));
        assert_eq!(parse_pair("auth=Bearer x=="), pair("auth", "Bearer x=="));
        assert!(parse_pair("a").is_err() && parse_pair("=b").is_err());
    }

    #[test]
    fn where_nothing_listens_it_is_told_before_anything_is_sent() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = listener.local_addr().unwrap().to_string();
        assert!(reach(&endpoint).is_ok());
        drop(listener);
        let error = reach(&endpoint).unwrap_err();
        assert_eq!(error.exit, Exit::Usage);
        assert!(error.reports[0].to_string().contains(&endpoint));
    }
}
