//! `squall sink`: a receiver that counts and validates, for trying out any OTLP sender; it can record
//! what comes and send it on.

use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::amount::{parse_bytes, parse_duration};
use super::{Outcome, print};
use crate::error::{CliError, Exit};
use crate::report::live::receiving::ReceivingView;
use crate::role::share;
use crate::sink::passing::Passing;
use crate::sink::required::Required;
use crate::sink::server::{Door, Limits, Server};
use crate::sink::traffic::Traffic;
use crate::sink::weather::Weather;

mod beyond;
mod shown;

use beyond::Beyond;
use shown::{Shown, Tally};

/// Between two looks at the counters where lines are printed.
const TICK: Duration = Duration::from_secs(1);
/// The same where a view is kept up on a terminal.
const LIVE_TICK: Duration = Duration::from_millis(100);

/// Arguments of `squall sink`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  squall sink
  squall sink --grpc 127.0.0.1:0 --for 30s --json
  squall sink --record day.jsonl --forward collector:4317

A recording is as the OpenTelemetry Collector's file exporter writes it, and is with the
system before its sender is answered. With --forward, what the next hop says is the answer,
and what it accepted is recorded.

When a request cannot be recorded, on a full disk for instance, the sink by default takes
nothing more and ends, so that no recording looks whole that is not; the sender is told to
try again. Either way what was recorded before stays whole.

Exit codes: 0 everything received was valid, and recorded where that was asked for; 1 not")]
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
    #[command(flatten)]
    beyond: beyond::Args,
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
    share::keep_memory();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(share::threads())
        .enable_all()
        .build()
        .map_err(internal)?;
    let outcome = runtime.block_on(receive(args));
    runtime.shutdown_background();
    outcome
}

async fn receive(args: Args) -> Outcome {
    let (receiver, beyond) = args.beyond.receiver()?;
    let grpc = listen("grpc", &args.grpc).await?;
    let http = listen("http", &args.http).await?;
    let shown = Shown { json: args.json };
    for (protocol, listener) in [("grpc", &grpc), ("http", &http)] {
        let address = listener.local_addr().map_err(internal)?;
        print(&shown.listening(protocol, address))?;
    }
    let server = Arc::new(Server {
        receiver: Arc::new(receiver),
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
    let mut tally = watch(&server, &beyond, &shown, args.duration).await?;
    if let Some((_, recorder)) = &beyond.recorder {
        // Connections go on until the end: some request may have been recorded since the last look.
        tally.is_recorded(recorder.finish());
    }
    print(&shown.summary(&tally))?;
    Ok(if tally.is_good() {
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

/// Shows what changes until the time is over, a signal says stop, or nothing more can be recorded.
async fn watch(
    server: &Server<Passing>,
    beyond: &Beyond,
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
    let is_watched = !shown.json && io::stdout().is_terminal() && io::stderr().is_terminal();
    let mut view = is_watched.then(ReceivingView::on_terminal);
    let mut ticks = tokio::time::interval(if is_watched { LIVE_TICK } else { TICK });
    let started = Instant::now();
    let mut last = Tally::of(server, beyond);
    loop {
        let mut stop = tokio::select! {
            _ = ticks.tick() => false,
            () = &mut over => true,
            _ = interrupt.recv() => true,
            _ = terminate.recv() => true,
            _ = server.receiver.until_failed() => true,
        };
        let tally = Tally::of(server, beyond);
        if let Some(view) = &mut view {
            view.update(tally.live(started.elapsed(), &server.traffic));
        } else if tally != last {
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
