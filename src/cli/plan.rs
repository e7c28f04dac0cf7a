//! `squall plan`.

use super::Outcome;
use crate::error::Exit;

/// Arguments of `squall plan`.
#[derive(Debug, clap::Args)]
pub struct Args {}

pub fn run(_args: Args) -> Outcome {
    Ok(Exit::Internal)
}
