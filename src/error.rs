//! How a command ends: its exit code, or an error that says what is wrong and how to mend it.

use std::process::ExitCode;

/// Every way in which a command can end, with its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Everything held.
    Pass,
    /// An expectation failed.
    Fail,
    /// Wrong usage, or a scenario that cannot be run.
    Usage,
    /// Nobody can tell.
    Inconclusive,
    /// Worse than what it was compared with.
    Regression,
    /// An abort condition stopped the run.
    Aborted,
    /// A bug in squall.
    Internal,
    /// Stopped by this signal (SIGINT or SIGTERM).
    Interrupted(u8),
}

impl Exit {
    /// The process's exit code.
    pub const fn code(self) -> u8 {
        match self {
            Exit::Pass => 0,
            Exit::Fail => 1,
            Exit::Usage => 2,
            Exit::Inconclusive => 3,
            Exit::Regression => 4,
            Exit::Aborted => 5,
            Exit::Internal => 70,
            Exit::Interrupted(signal) => 128 + signal,
        }
    }
}

impl Exit {
    /// Of several ends, the one that the command ends with: of two the first in the order of severity
    /// (a bug, wrong usage, an interruption, an abort, a doubt, a failure, a regression).
    pub const fn or(self, other: Self) -> Self {
        if other.rank() < self.rank() {
            other
        } else {
            self
        }
    }

    const fn rank(self) -> u8 {
        match self {
            Exit::Internal => 0,
            Exit::Usage => 1,
            Exit::Interrupted(_) => 2,
            Exit::Aborted => 3,
            Exit::Inconclusive => 4,
            Exit::Fail => 5,
            Exit::Regression => 6,
            Exit::Pass => 7,
        }
    }
}

impl Exit {
    /// The exit that a stored exit code stands for; a code that squall does not know is a bug.
    pub const fn from_code(code: u8) -> Self {
        match code {
            0 => Exit::Pass,
            1 => Exit::Fail,
            2 => Exit::Usage,
            3 => Exit::Inconclusive,
            4 => Exit::Regression,
            5 => Exit::Aborted,
            130 => Exit::Interrupted(2),
            143 => Exit::Interrupted(15),
            _ => Exit::Internal,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}

/// An error at the edge: what the user reads, and the exit code that goes with it.
#[derive(Debug)]
pub struct CliError {
    pub exit: Exit,
    /// Boxed reports, one per problem, in the order in which they are shown.
    pub reports: Vec<miette::Report>,
}

impl CliError {
    /// The user can mend it: exit code 2.
    pub fn usage(report: impl Into<miette::Report>) -> Self {
        Self {
            exit: Exit::Usage,
            reports: vec![report.into()],
        }
    }

    /// Problems of a scenario, all of them: exit code 2.
    pub fn problems(problems: Vec<impl Into<miette::Report>>) -> Self {
        Self {
            exit: Exit::Usage,
            reports: problems.into_iter().map(Into::into).collect(),
        }
    }

    /// squall's own fault, or the machine's: exit code 70.
    pub fn internal(report: impl Into<miette::Report>) -> Self {
        Self {
            exit: Exit::Internal,
            reports: vec![report.into()],
        }
    }
}
