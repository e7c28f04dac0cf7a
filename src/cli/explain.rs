//! `squall explain RUN`: what became of the items of a stored run, by cause.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;

use super::{Outcome, print};
use crate::error::{CliError, Exit};
use crate::report::explain::{self, CLASSES, Filter};
use crate::signal::Signal;
use crate::store;

/// Arguments of `squall explain`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  squall explain latest
  squall explain latest --signal traces --class dropped_by_client
  squall explain latest --json")]
pub struct Args {
    /// Which run: its folder, its name, a unique beginning or end of it, or `latest`
    run: String,
    /// Only this class of the ledger
    #[arg(long, value_parser = PossibleValuesParser::new(CLASSES))]
    class: Option<String>,
    /// Only this signal: traces, metrics or logs
    #[arg(long, value_parser = parse_signal)]
    signal: Option<Signal>,
    /// As JSON: a list of causes with their examples
    #[arg(long)]
    json: bool,
    /// Where runs are stored
    #[arg(long, value_name = "DIR", default_value = store::RUNS)]
    results: PathBuf,
}

pub fn run(args: Args) -> Outcome {
    let record = store::open(&args.run, &args.results).map_err(CliError::usage)?;
    let filter = Filter {
        class: args.class,
        signal: args.signal,
    };
    if args.json {
        let causes = explain::select(&record, &filter);
        let json = serde_json::to_string_pretty(&causes)
            .map_err(|error| CliError::internal(miette::miette!("{error}")))?;
        print(&format!("{json}\n"))?;
    } else {
        print(&explain::render(&record, &filter))?;
    }
    Ok(Exit::Pass)
}

fn parse_signal(text: &str) -> Result<Signal, String> {
    text.parse()
        .map_err(|()| "one of traces, metrics, logs".to_owned())
}
