//! `squall metrics`.

use super::Outcome;
use crate::error::Exit;

/// Arguments of `squall metrics`.
#[derive(Debug, clap::Args)]
pub struct Args {}

pub fn run(_args: Args) -> Outcome {
    Ok(Exit::Internal)
}
