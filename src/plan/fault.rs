//! A fault: when, where, and what.

use serde::{Deserialize, Serialize};

use super::expectation::Expectation;
use super::link_fault::LinkFault;

/// One fault with its window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaultPlan {
    pub name: String,
    /// Which time it is, from 1. Occurrences of one fault share its name.
    #[serde(default = "first")]
    pub occurrence: u32,
    /// The storm that it is a part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storm: Option<String>,
    /// It starts when this holds for the first time at or after `start_ns`, and then lasts as long
    /// as from `start_ns` to `end_ns`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Expectation>,
    pub start_ns: u64,
    /// `None`: it has no end (a kill), or lasts as long as the run.
    pub end_ns: Option<u64>,
    pub kind: FaultKind,
}

fn first() -> u32 {
    1
}

impl FaultPlan {
    /// Weather of the whole run: it opens no window of its own and has no recovery.
    pub fn lasts_all_run(&self) -> bool {
        self.start_ns == 0
            && self.end_ns.is_none()
            && self.when.is_none()
            && matches!(self.kind, FaultKind::Link { .. })
    }

    /// Its end when it starts at `start_ns`; `None` where it has none.
    pub fn end_from(&self, start_ns: u64) -> Option<u64> {
        let end_ns = self.end_ns?;
        Some(start_ns.saturating_add(end_ns.saturating_sub(self.start_ns)))
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
            FaultKind::Process { .. } => Injector::Controller,
        }
    }

    /// The name under which results and reports know it.
    pub fn name(&self) -> String {
        match self {
            FaultKind::Link { fault, .. } => fault.kind().to_owned(),
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
