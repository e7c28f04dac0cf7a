//! `squall plan`: the scenario with everything explicit.

use std::path::PathBuf;

use miette::IntoDiagnostic;

use super::{Outcome, print};
use crate::error::{CliError, Exit};
use crate::scenario;

/// Arguments of `squall plan`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A scenario file, or a stored plan.json
    file: PathBuf,
    /// Override a value of the scenario, such as `load.traces.rate=5k/s`; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// As JSON, the form in which runs store it, instead of YAML
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> Outcome {
    let plan = scenario::load(&args.file, &args.overrides).map_err(|problems| CliError {
        exit: Exit::Usage,
        reports: problems.into_iter().map(miette::Report::new).collect(),
    })?;
    if args.json {
        let text = serde_json::to_string_pretty(&plan).into_diagnostic();
        print(&(text.map_err(CliError::internal)? + "\n"))?;
    } else {
        let text = serde_saphyr::to_string(&plan).into_diagnostic();
        print(&text.map_err(CliError::internal)?)?;
    }
    Ok(Exit::Pass)
}
