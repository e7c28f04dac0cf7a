//! `squall relay`: a small OTLP forwarder that can be told to misbehave. Not in the help: it is the
//! target of shipped scenarios and of tests.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::amount::{parse_bytes, parse_duration};
use super::{Outcome, print};
use crate::error::{CliError, Exit};
use crate::relay::bug::{Bug, SPELLINGS};
use crate::relay::{Doors, Relay, RelayError, Settings};
use crate::sink::tls::TlsError;

mod secured;

/// Arguments of `squall relay`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where to send what comes in, over gRPC: http://HOST:PORT or https://HOST:PORT
    #[arg(long, value_name = "URL")]
    export: String,
    #[command(flatten)]
    secured: secured::Args,
    /// Where to receive OTLP over gRPC; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    grpc: String,
    /// Where to receive OTLP over HTTP
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    http: String,
    /// Where to serve /health, /metrics and gRPC health
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    status: String,
    /// Requests that may wait
    #[arg(long, value_name = "N", default_value_t = 1000)]
    queue: usize,
    /// Keep the queue in this folder, so that it survives
    #[arg(long, value_name = "DIR")]
    spool: Option<PathBuf>,
    /// Requests that are sent at once
    #[arg(long, value_name = "N", default_value_t = 2)]
    workers: usize,
    /// For one attempt
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = parse_duration)]
    timeout: Duration,
    /// How long a request is tried for before it is dropped
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = parse_duration)]
    retry_for: Duration,
    /// How long the shutdown may flush
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = parse_duration)]
    grace: Duration,
    /// Items per second that are sent on at most
    #[arg(long, value_name = "RATE")]
    throttle: Option<f64>,
    /// Largest request after decompression
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = parse_bytes)]
    max_request: u64,
    /// A way to be wrong; can be given several times
    #[arg(long = "bug", value_name = "BUG", help = format!("A way to be wrong, any number of times: {SPELLINGS}"))]
    bugs: Vec<Bug>,
    /// File that tells which items the bugs touched
    #[arg(long, value_name = "FILE")]
    oracle: Option<PathBuf>,
}

#[derive(Debug, thiserror::Error, miette::Diagnostic)]
enum RelayUsage {
    #[error("cannot listen on {address}: {error}")]
    Listen { address: String, error: io::Error },
    #[error("cannot read {path}: {error}")]
    Unreadable { path: String, error: io::Error },
    #[error("the environment has no variable {variable}")]
    Variable { variable: String },
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("--throttle {0}: the rate must be above 0")]
    Throttle(f64),
    #[error(transparent)]
    Relay(#[from] RelayError),
}

/// Relays until it is told to stop.
pub fn run(args: Args) -> Outcome {
    let runtime = tokio::runtime::Runtime::new().map_err(internal)?;
    let outcome = runtime.block_on(relay(args));
    runtime.shutdown_background();
    outcome
}

async fn relay(args: Args) -> Outcome {
    // Before anything listens, so that no signal finds the process unprepared.
    let mut interrupt = signal(SignalKind::interrupt()).map_err(internal)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(internal)?;
    if let Some(rate) = args
        .throttle
        .filter(|rate| !(*rate > 0.0 && rate.is_finite()))
    {
        return Err(CliError::usage(RelayUsage::Throttle(rate)));
    }
    // Both TLS stacks use it; a second call of a process has nothing to do.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let secured = args.secured.read()?;
    let doors = Doors {
        grpc: listen(&args.grpc).await?,
        http: listen(&args.http).await?,
        status: listen(&args.status).await?,
    };
    let settings = Settings {
        export: args.export,
        export_ca: secured.export_ca,
        export_identity: secured.export_identity,
        export_headers: secured.export_headers,
        tls: secured.tls,
        queue_requests: args.queue,
        workers: args.workers,
        timeout: args.timeout,
        retry_for: args.retry_for,
        grace: args.grace,
        throttle: args.throttle,
        spool: args.spool,
        max_request_bytes: args.max_request,
        bugs: args.bugs,
        oracle: args.oracle,
    };
    let relay =
        Relay::start(settings, doors).map_err(|error| CliError::usage(RelayUsage::Relay(error)))?;
    let [grpc, http, status] = relay.addresses;
    print(&format!(
        "relay ready: grpc {grpc} http {http} status {status}\n"
    ))?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    let left = relay.stop().await.map_err(internal)?;
    if left > 0 {
        print(&format!("relay stopped: {left} items were not sent on\n"))?;
        return Ok(Exit::Fail);
    }
    print("relay stopped: everything was sent on\n")?;
    Ok(Exit::Pass)
}

async fn listen(address: &str) -> Result<TcpListener, CliError> {
    TcpListener::bind(address).await.map_err(|error| {
        let address = address.to_owned();
        CliError::usage(RelayUsage::Listen { address, error })
    })
}

fn internal(error: io::Error) -> CliError {
    CliError::internal(RelayUsage::Relay(error.into()))
}
