//! The command line: one file per command.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::error::{CliError, Exit};

mod check;
mod explain;
mod init;
mod live_state;
mod metrics;
mod plan;
mod proxy;
mod report;
mod role;
mod run;
mod schema;
mod sink;

/// Benchmark and chaos harness for OpenTelemetry (OTLP) pipelines.
#[derive(Debug, Parser)]
#[command(name = "squall", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a scenario, judge it, and store and report the result
    Run(run::Args),
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
    /// Receive OTLP, count it and validate it
    Sink(sink::Args),
    /// Serve faulty connections with Toxiproxy's HTTP API
    Proxy(proxy::Args),
    /// List every metric that an expectation can name
    Metrics(metrics::Args),
    /// Print the JSON Schema of scenarios or results
    Schema(schema::Args),
    /// A child process of a run; not for people
    #[command(hide = true)]
    Role(role::Args),
}

/// Parses the command line, runs the command and turns its end into an exit code.
pub fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(args) => run::run(args),
        Command::Check(args) => check::run(args),
        Command::Plan(args) => plan::run(args),
        Command::Init(args) => init::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Report(args) => report::run(args),
        Command::Sink(args) => sink::run(args),
        Command::Proxy(args) => proxy::run(args),
        Command::Metrics(args) => metrics::run(args),
        Command::Schema(args) => schema::run(args),
        Command::Role(args) => role::run(args),
    };
    match result {
        Ok(exit) => exit.into(),
        Err(error) => fail(&error),
    }
}

fn fail(error: &CliError) -> ExitCode {
    for report in &error.reports {
        eprintln!("{report:?}");
    }
    error.exit.into()
}

/// What every command returns.
type Outcome = Result<Exit, CliError>;
