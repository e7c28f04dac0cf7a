//! `squall check`: every problem of every file.

use std::path::PathBuf;

use super::{Outcome, print};
use crate::error::{CliError, Exit};
use crate::scenario;

/// Arguments of `squall check`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Scenario files
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Override a value, such as `load.traces.rate=5k/s`
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
