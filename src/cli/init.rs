//! `squall init`: a commented scenario to start from.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

use miette::miette;

use super::{Outcome, print};
use crate::error::{CliError, Exit};
use crate::scenario;

/// Arguments of `squall init`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where to write it
    #[arg(default_value = "scenario.yaml")]
    path: PathBuf,
}

pub fn run(args: Args) -> Outcome {
    let path = args.path.display();
    // `create_new` looks and creates in one step, so that nothing is ever overwritten.
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&args.path)
        .and_then(|mut file| file.write_all(scenario::STARTING.as_bytes()));
    match written {
        Ok(()) => {
            print(&format!(
                "wrote {path}\nnext: squall check {path} && squall run {path}\n"
            ))?;
            Ok(Exit::Pass)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(CliError::usage(miette!(
            help = "name another path, or move the file away",
            "{path} exists and is not overwritten"
        ))),
        Err(error) => Err(CliError::usage(miette!(
            help = "name a path in a folder that you can write to",
            "{path} cannot be written: {error}"
        ))),
    }
}
