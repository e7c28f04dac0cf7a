//! `squall check`: every problem of every file.

use std::path::PathBuf;

use super::{Outcome, print};
use crate::error::{CliError, Exit};
use crate::scenario;

/// Arguments of `squall check`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  squall check scenarios/*.yaml
  squall check scenario.yaml --set run.duration=5m

Exit codes: 0 every file can be run, 2 at least one cannot")]
pub struct Args {
    /// Scenario files, or the plan.json of stored runs
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Override a value of the scenario, such as `load.traces.rate=5k/s`; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
}

pub fn run(args: Args) -> Outcome {
    let mut reports = Vec::new();
    for file in &args.files {
        match scenario::load(file, &args.overrides) {
            Ok(_) => {
                print(&format!("ok  {}\n", file.display()))?;
            }
            Err(problems) => reports.extend(problems.into_iter().map(miette::Report::new)),
        }
    }
    if reports.is_empty() {
        return Ok(Exit::Pass);
    }
    Err(CliError {
        exit: Exit::Usage,
        reports,
    })
}
