//! `squall schema`: the JSON Schemas of what squall reads and writes.

use clap::ValueEnum;

use super::{Outcome, print};
use crate::error::Exit;
use crate::scenario::schema;

/// Arguments of `squall schema`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Of which format
    #[arg(default_value = "scenario")]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// Scenario files
    Scenario,
    /// Storm files
    Storm,
    /// result.json
    Result,
}

pub fn run(args: Args) -> Outcome {
    let schema = match args.format {
        Format::Scenario => schema::scenario(),
        Format::Storm => schema::storm(),
        Format::Result => schema::result(),
    };
    print(&schema::printed(&schema))?;
    Ok(Exit::Pass)
}
