//! `squall role NAME`: a child process of a run.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::ValueEnum;

use super::{Outcome, print};
use crate::error::{CliError, Exit};
use crate::role;

/// Arguments of `squall role`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which role to play
    role: Role,
    /// The program that `exec` becomes
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Role {
    Client,
    Guard,
    /// Cleans up when another role is gone
    #[cfg(feature = "containers")]
    Keeper,
    Link,
    Sink,
    Stress,
    Target,
    Exec,
    /// Says whether a small disk can be put on the folder that follows: nothing, or what is in the way
    Disk,
}

pub fn run(args: Args) -> Outcome {
    let result = match args.role {
        Role::Disk => {
            let folder = args.command.first().map(PathBuf::from).unwrap_or_default();
            let in_the_way = role::target::try_disk(&folder);
            return print(&in_the_way.unwrap_or_default()).map(|_| Exit::Pass);
        }
        Role::Client => role::client::run(),
        Role::Guard => role::guard::run(),
        #[cfg(feature = "containers")]
        Role::Keeper => role::keeper::run(),
        Role::Link => role::link::run(),
        Role::Sink => role::sink::run(),
        Role::Stress => role::stress::run(),
        Role::Target => role::target::run(),
        Role::Exec => role::target::exec(&args.command),
    };
    result.map(|()| Exit::Pass).map_err(CliError::internal)
}
