//! A role's side of the conversation with its controller, on standard input and output.

use std::io::{self, BufRead, Write};
use std::process;

use rustix::process::Signal;
use tokio::sync::mpsc;

use super::control::{Command, Report, Setup};

/// Why a role ends early.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum RoleError {
    #[error("this role was given the set-up of another one, or none: {0}")]
    Setup(String),
    #[error("standard input or output: {0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Failed(String),
}

impl RoleError {
    /// A role was given the set-up of another one, of which nothing is told but whose it is: it may
    /// hold secrets.
    pub fn of_another(setup: &Setup) -> Self {
        let whose = match setup {
            Setup::Client(_) => "client",
            Setup::Link(_) => "link",
            Setup::Sink(_) => "sink",
            Setup::Stress(_) => "stress",
            Setup::Target(_) => "target",
        };
        Self::Setup(whose.to_owned())
    }
}

/// Commands that may wait to be obeyed; the controller sends a handful.
const COMMANDS_WAITING: usize = 64;

/// Ties this process to its controller and reads its set-up.
///
/// From now on the process dies with its controller: the kernel kills it when the controller
/// does, and where the kernel cannot, the end of standard input ends it (see [`commands`]).
///
/// # Errors
/// When the first line is missing or is not a set-up.
pub fn set_up() -> Result<Setup, RoleError> {
    set_up_with(Signal::KILL)
}

/// The same for a role that has something to put away first: the kernel sends it `death` when its
/// controller dies.
///
/// # Errors
/// When the first line is missing or is not a set-up.
pub fn set_up_with(death: Signal) -> Result<Setup, RoleError> {
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(death)).map_err(io::Error::from)?;
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    // The words of the error could hold a secret of the set-up.
    serde_json::from_str(&line).map_err(|error| {
        let (kind, column) = (error.classify(), error.column());
        RoleError::Setup(format!("{kind:?} error at column {column}"))
    })
}

/// Every further command, read by a thread of its own. The end of the input exits the process.
pub fn commands() -> mpsc::Receiver<Command> {
    read_commands(|| process::exit(0))
}

/// The same for a role that has something to put away first: at the end of the input, the receiver
/// ends.
pub fn commands_until_end() -> mpsc::Receiver<Command> {
    read_commands(|| {})
}

fn read_commands(at_end: impl FnOnce() + Send + 'static) -> mpsc::Receiver<Command> {
    let (sender, receiver) = mpsc::channel(COMMANDS_WAITING);
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines() {
            let Ok(line) = line else { break };
            match serde_json::from_str(&line) {
                // A role that no longer listens is on its way out.
                Ok(command) => drop(sender.blocking_send(command)),
                Err(error) => report(&Report::Failed {
                    why: format!("cannot understand the controller's line {line:?}: {error}"),
                }),
            }
        }
        drop(sender);
        at_end();
    });
    receiver
}

/// Writes one line to the controller. A controller that no longer reads is gone, and so is the role.
pub fn report(report: &Report) {
    let write = || -> io::Result<()> {
        let mut line = serde_json::to_vec(report)?;
        line.push(b'\n');
        let mut out = io::stdout().lock();
        out.write_all(&line)?;
        out.flush()
    };
    if write().is_err() {
        process::exit(0);
    }
}
