//! The command line: one file per command.

use std::io::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use miette::miette;

use crate::error::{CliError, Exit};

mod amount;
mod baseline;
mod capacity;
mod capture;
mod check;
mod clean;
mod compare;
mod cost;
mod doctor;
mod explain;
mod history;
mod init;
mod live_state;
mod metrics;
mod plan;
mod proxy;
mod relay;
mod replay;
mod report;
mod role;
mod run;
mod schema;
mod selfcheck;
mod send;
mod session;
mod sink;
mod storms;

/// Benchmark and chaos harness for OpenTelemetry (OTLP) pipelines.
#[derive(Debug, Parser)]
#[command(
    name = "squall",
    bin_name = "squall",
    version,
    after_help = AFTER_HELP
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a scenario, judge it, and store and report the result
    Run(run::Args),
    /// Tell what the targets of a scenario cost: runs with them and without them, in pairs
    Cost(cost::Args),
    /// Find the highest rate that a scenario's line carries, and what gives out first
    Capacity(capacity::Args),
    /// Measure what this machine can measure: clock, timers, client, link and sink, noise
    Selfcheck(selfcheck::Args),
    /// Compare runs with a baseline or with each other, or two scenarios in turns
    Compare(Box<compare::Args>),
    /// Keep runs under a name, to compare others with
    Baseline(baseline::Args),
    /// Show metrics over the stored runs of a scenario, and where their level changed
    History(history::Args),
    /// Make room: say what of old runs can go, and remove it
    Clean(clean::Args),
    /// Find every problem of scenario files
    Check(check::Args),
    /// Print the plan: the scenario with every default and seed explicit
    Plan(plan::Args),
    /// Write a commented scenario to start from
    Init(init::Args),
    /// Tell what became of the items of a stored run, by cause
    Explain(explain::Args),
    /// Rebuild the reports of a stored run
    Report(report::Args),
    /// Send load to an endpoint, without a scenario file
    Send(Box<send::Args>),
    /// Receive OTLP, count it and validate it; record it, and send it on
    Sink(sink::Args),
    /// Work on recordings of `squall sink`, or of the Collector's file exporter
    Capture(capture::Args),
    /// Serve faulty connections with Toxiproxy's HTTP API
    Proxy(proxy::Args),
    /// List the storms of the library, or show the timeline that one draws
    Storms(storms::Args),
    /// List every metric that an expectation can name
    Metrics(metrics::Args),
    /// Print the JSON Schema of scenarios or results
    Schema(schema::Args),
    /// Tell what this machine allows, and what to allow where it does not
    Doctor(doctor::Args),
    /// Forward OTLP; the target of shipped scenarios, which can be told to misbehave
    #[command(hide = true)]
    Relay(Box<relay::Args>),
    /// A child process of a run; not for people
    #[command(hide = true)]
    Role(role::Args),
}

const AFTER_HELP: &str = "\
Start here:
  squall init && squall run scenario.yaml

Exit codes:
  0 pass, 1 an expectation failed, 2 wrong usage or scenario, 3 inconclusive,
  4 a regression, 5 aborted by an abort condition, 70 a bug in squall, 130 or 143 interrupted";

/// Parses the command line, runs the command and turns its end into an exit code.
pub fn main() -> ExitCode {
    let command = Cli::parse().command;
    // The panic hook has said what happened; what is left is the exit code.
    match catch_unwind(AssertUnwindSafe(|| run(command))) {
        Ok(Ok(exit)) => exit.into(),
        Ok(Err(error)) => fail(&error),
        Err(_) => fail(&CliError::internal(miette!(
            help = "please report it, with the lines above and the command",
            "this is a bug in squall"
        ))),
    }
}

fn run(command: Command) -> Outcome {
    match command {
        Command::Run(args) => run::run(args),
        Command::Cost(args) => cost::run(args),
        Command::Capacity(args) => capacity::run(args),
        Command::Selfcheck(args) => selfcheck::run(args),
        Command::Baseline(args) => baseline::run(args),
        Command::History(args) => history::run(args),
        Command::Compare(args) => compare::run(*args),
        Command::Clean(args) => clean::run(args),
        Command::Check(args) => check::run(args),
        Command::Plan(args) => plan::run(args),
        Command::Init(args) => init::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Report(args) => report::run(args),
        Command::Send(args) => send::run(*args),
        Command::Sink(args) => sink::run(args),
        Command::Capture(args) => capture::run(args),
        Command::Proxy(args) => proxy::run(args),
        Command::Storms(args) => storms::run(args),
        Command::Metrics(args) => metrics::run(args),
        Command::Schema(args) => schema::run(args),
        Command::Doctor(args) => doctor::run(args),
        Command::Relay(args) => relay::run(*args),
        Command::Role(args) => role::run(args),
    }
}

fn fail(error: &CliError) -> ExitCode {
    for report in &error.reports {
        // Where nobody can be told, the exit code still tells.
        let _ = writeln!(io::stderr(), "{report:?}");
    }
    error.exit.into()
}

/// Prints to standard output. A reader that has gone away, as `head` does, has read enough: that
/// is no error. Returns whether anybody still reads.
///
/// # Errors
/// When standard output cannot be written, for instance to a full disk.
fn print(text: &str) -> Result<bool, CliError> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(CliError::usage(miette!(
            help = "redirect it to where there is room",
            "cannot write to standard output: {error}"
        ))),
    }
}

/// What every command returns.
type Outcome = Result<Exit, CliError>;
