//! A fault: when, where, and what.

use serde::{Deserialize, Serialize};

use super::answer_fault::{AnswerFault, TlsFault};
use super::link_fault::LinkFault;
use crate::signal::Signal;

/// One fault with its window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaultPlan {
    pub name: String,
    pub start_ns: u64,
    /// `None`: it has no end (a kill), or lasts as long as the run.
    pub end_ns: Option<u64>,
    pub kind: FaultKind,
}

impl FaultPlan {
    /// Weather of the whole run: it opens no window of its own and has no recovery.
    pub fn lasts_all_run(&self) -> bool {
        self.start_ns == 0
            && self.end_ns.is_none()
            && !matches!(self.kind, FaultKind::Process { .. })
    }
}

/// Where and what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    Link {
        direction: Direction,
        fault: LinkFault,
    },
    Process {
        role: RoleName,
        fault: ProcessFault,
    },
    /// The sink's answers and connections.
    Answer {
        fault: AnswerFault,
        /// Of the requests, or connections, 0 to 1; which ones is drawn from the seed.
        share: f64,
        /// Requests of that signal only.
        signal: Option<Signal>,
    },
    /// The sink's TLS.
    Tls(TlsFault),
}

/// Who makes a fault happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Injector {
    /// That role, when the controller tells it to.
    Role(RoleName),
    /// The controller itself.
    Controller,
}

/// Which way: `up` is towards the sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    Up,
    Down,
    Both,
}

impl Direction {
    pub const fn covers_up(self) -> bool {
        matches!(self, Direction::Up | Direction::Both)
    }
    pub const fn covers_down(self) -> bool {
        matches!(self, Direction::Down | Direction::Both)
    }
}

/// What can happen to a role's process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProcessFault {
    /// SIGKILL.
    Kill,
    /// SIGSTOP until the fault's end, then SIGCONT.
    Pause,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RoleName {
    Client,
    Link,
    Sink,
}

impl RoleName {
    pub const ALL: [RoleName; 3] = [RoleName::Client, RoleName::Link, RoleName::Sink];

    pub const fn as_str(self) -> &'static str {
        match self {
            RoleName::Client => "client",
            RoleName::Link => "link",
            RoleName::Sink => "sink",
        }
    }
}

impl FaultKind {
    /// Who makes it happen.
    pub const fn injector(&self) -> Injector {
        match self {
            FaultKind::Link { .. } => Injector::Role(RoleName::Link),
            FaultKind::Answer { .. } | FaultKind::Tls(_) => Injector::Role(RoleName::Sink),
            FaultKind::Process { .. } => Injector::Controller,
        }
    }

    /// The name under which results and reports know it.
    pub fn name(&self) -> String {
        match self {
            FaultKind::Link { fault, .. } => fault.kind().to_owned(),
            FaultKind::Answer { fault, .. } => format!("answer.{}", fault.kind()),
            FaultKind::Tls(fault) => format!("tls.{}", fault.kind()),
            FaultKind::Process { role, fault } => {
                let what = match fault {
                    ProcessFault::Kill => "kill",
                    ProcessFault::Pause => "pause",
                };
                format!("{}.{what}", role.as_str())
            }
        }
    }
}
