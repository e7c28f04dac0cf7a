//! `squall sink`: a receiver that counts and validates, for trying out any OTLP sender.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::amount::{parse_bytes, parse_duration};
use super::{Outcome, print};
use crate::error::{CliError, Exit};
use crate::sink::counts::Counts;
use crate::sink::required::Required;
use crate::sink::server::{Door, Limits, Server};
use crate::sink::traffic::Traffic;
use crate::sink::weather::Weather;

mod shown;

use shown::{Shown, Tally};

const TICK: Duration = Duration::from_secs(1);

/// Arguments of `squall sink`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  squall sink
  squall sink --grpc 127.0.0.1:0 --for 30s --json

Exit codes: 0 everything received was valid, 1 something was not")]
pub struct Args {
    /// Where to receive OTLP over gRPC; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4317")]
    grpc: String,
    /// Where to receive OTLP over HTTP, protobuf and JSON
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4318")]
    http: String,
    /// Largest request after decompression, in B, KiB, MiB or GiB
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = parse_bytes)]
    max_request: u64,
    /// Read each request with the full decoder as well, and count it as malformed where the two differ
    #[arg(long)]
    strict: bool,
    /// Stop after this time, in ms, s, m or h; without it, on Ctrl-C
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration)]
    duration: Option<Duration>,
    /// Print JSON, one value a line
    #[arg(long)]
    json: bool,
}

#[derive(Debug, thiserror::Error, miette::Diagnostic)]
enum SinkError {
    #[error("cannot listen on {address} for {protocol}: {error}")]
    #[diagnostic(help("{}", listen_help(error, protocol)))]
    Listen {
        protocol: &'static str,
        address: String,
        error: io::Error,
    },
    #[error("the system refuses what a receiver needs: {0}")]
    Io(#[from] io::Error),
}

fn listen_help(error: &io::Error, protocol: &str) -> String {
    match error.kind() {
        io::ErrorKind::InvalidInput => {
            format!("write HOST:PORT, such as `--{protocol} 127.0.0.1:0`")
        }
        io::ErrorKind::AddrInUse => format!(
            "another process listens there: choose another address with --{protocol}, or port 0 for any free one"
        ),
        _ => format!("choose an address of this machine with --{protocol}"),
    }
}

/// Receives until it is told to stop. Passes when everything that came was valid.
pub fn run(args: Args) -> Outcome {
    let runtime = tokio::runtime::Runtime::new().map_err(internal)?;
    let outcome = runtime.block_on(receive(args));
    runtime.shutdown_background();
    outcome
}

async fn receive(args: Args) -> Outcome {
    let grpc = listen("grpc", &args.grpc).await?;
    let http = listen("http", &args.http).await?;
    let shown = Shown { json: args.json };
    for (protocol, listener) in [("grpc", &grpc), ("http", &http)] {
        let address = listener.local_addr().map_err(internal)?;
        print(&shown.listening(protocol, address))?;
    }
    let server = Arc::new(Server {
        receiver: Arc::new(Counts::default()),
        traffic: Arc::new(Traffic::default()),
        limits: Limits {
            strict: args.strict,
            ..Limits::with_max_request(args.max_request)
        },
        weather: Weather::default(),
        required: Required::default(),
        throttle: None,
    });
    tokio::spawn(Arc::clone(&server).serve(grpc, Door::Grpc, None));
    tokio::spawn(Arc::clone(&server).serve(http, Door::Http, None));
    let tally = watch(&server, &shown, args.duration).await?;
    print(&shown.summary(&tally))?;
    Ok(if tally.is_valid() {
        Exit::Pass
    } else {
        Exit::Fail
    })
}

async fn listen(protocol: &'static str, address: &str) -> Result<TcpListener, CliError> {
    TcpListener::bind(address).await.map_err(|error| {
        CliError::usage(SinkError::Listen {
            protocol,
            address: address.to_owned(),
            error,
        })
    })
}

/// Shows what changes once a second, until the time is over or a signal says stop.
async fn watch(
    server: &Server<Counts>,
    shown: &Shown,
    duration: Option<Duration>,
) -> Result<Tally, CliError> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(internal)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(internal)?;
    let over = async {
        match duration {
            Some(duration) => tokio::time::sleep(duration).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(over);
    let mut ticks = tokio::time::interval(TICK);
    let mut last = Tally::of(&server.receiver, &server.traffic);
    loop {
        let mut stop = tokio::select! {
            _ = ticks.tick() => false,
            () = &mut over => true,
            _ = interrupt.recv() => true,
            _ = terminate.recv() => true,
        };
        let tally = Tally::of(&server.receiver, &server.traffic);
        if tally != last {
            // Without a reader there is nobody to receive for.
            stop |= !print(&shown.change(&last, &tally))?;
        }
        if stop {
            return Ok(tally);
        }
        last = tally;
    }
}

fn internal(error: io::Error) -> CliError {
    CliError::internal(SinkError::Io(error))
}
