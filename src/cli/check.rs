//! `squall check`.

use super::Outcome;
use crate::error::Exit;

/// Arguments of `squall check`.
#[derive(Debug, clap::Args)]
pub struct Args {}

pub fn run(_args: Args) -> Outcome {
    Ok(Exit::Internal)
}
