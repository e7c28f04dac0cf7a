//! `squall proxy`: a fault proxy that speaks Toxiproxy's HTTP API.

use std::io::{self, Write as _};
use std::path::PathBuf;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::Outcome;
use crate::error::{CliError, Exit};
use crate::toxiproxy::{ApiError, Server};

/// Arguments of `squall proxy`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where the API listens
    #[arg(long, value_name = "HOST", default_value = "127.0.0.1")]
    host: String,
    /// The API's port; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 8474)]
    port: u16,
    /// Proxies to start with: a JSON array as POST /populate takes it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// What every random draw comes from: the same seed, calls and connections give the same faults
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Serve /metrics with the live byte counters of every proxy
    #[arg(long)]
    proxy_metrics: bool,
}

#[derive(Debug, thiserror::Error, miette::Diagnostic)]
enum ProxyError {
    #[error("cannot listen on {address}: {error}")]
    #[diagnostic(help(
        "another Toxiproxy may be listening there; choose another port with --port, or 0 for any free one"
    ))]
    Listen { address: String, error: io::Error },
    #[error("cannot read {file}: {error}")]
    Unreadable { file: String, error: io::Error },
    #[error("{file}: {error}")]
    #[diagnostic(help(
        "a configuration is a JSON array of {{\"name\": …, \"listen\": …, \"upstream\": …}}"
    ))]
    Config { file: String, error: ApiError },
    #[error("standard output or signals: {0}")]
    Io(#[from] io::Error),
}

/// Serves until it is told to stop.
pub fn run(args: Args) -> Outcome {
    let runtime = tokio::runtime::Runtime::new().map_err(internal)?;
    let outcome = runtime.block_on(serve(args));
    runtime.shutdown_background();
    outcome
}

async fn serve(args: Args) -> Outcome {
    // Before anything listens, so that no signal finds the process unprepared.
    let mut interrupt = signal(SignalKind::interrupt()).map_err(internal)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(internal)?;
    let address = format!("{}:{}", args.host, args.port);
    let listener = TcpListener::bind((args.host.as_str(), args.port)).await;
    let listener =
        listener.map_err(|error| CliError::usage(ProxyError::Listen { address, error }))?;
    let server = Server::new(args.seed, args.proxy_metrics);
    if let Some(path) = args.config {
        populate(&server, path).await?;
    }
    let address = listener.local_addr().map_err(internal)?;
    print(&format!("API listening on {address}\n")).map_err(internal)?;
    let stop = async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    server.serve(listener, stop).await;
    Ok(Exit::Pass)
}

async fn populate(server: &Server, path: PathBuf) -> Result<(), CliError> {
    let file = path.display().to_string();
    let config = std::fs::read(&path).map_err(|error| {
        let file = file.clone();
        CliError::usage(ProxyError::Unreadable { file, error })
    })?;
    let populated = server.populate(&config).await;
    populated.map_err(|error| CliError::usage(ProxyError::Config { file, error }))?;
    Ok(())
}

fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

fn internal(error: io::Error) -> CliError {
    CliError::internal(ProxyError::Io(error))
}
