//! A fault: when, where, and what.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::answer_fault::{AnswerFault, TlsFault};
use super::dns::DnsFault;
use super::expectation::Expectation;
use super::link_fault::{LinkFault, Toxicity};
use super::role::RoleName;
use crate::signal::Signal;

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

/// Bits of [`FaultPlan::number`]: enough that no two faults meet, and room for the parts of each.
const NUMBER_BITS: u32 = 48;

impl FaultPlan {
    /// The number under which the role that injects it knows it, and from which, with the seed, its
    /// draws there begin: the first 48 bits of the SHA-256 of the name, a zero byte, and the occurrence
    /// (four bytes, little endian). So other faults of the plan do not change what this one draws.
    pub fn number(&self) -> usize {
        let mut hash = Sha256::new();
        hash.update(&self.name);
        hash.update([0]);
        hash.update(self.occurrence.to_le_bytes());
        let first = hash.finalize().into_iter().take(8);
        let number = first.fold(0_u64, |number, byte| number << 8 | u64::from(byte));
        (number >> (u64::BITS - NUMBER_BITS)) as usize
    }

    /// Weather of the whole run: it opens no window of its own and has no recovery.
    pub fn lasts_all_run(&self) -> bool {
        let lasts = !matches!(
            self.kind,
            FaultKind::Process {
                fault: ProcessFault::Kill,
                ..
            }
        );
        self.start_ns == 0 && self.end_ns.is_none() && self.when.is_none() && lasts
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
        /// Which of the plan's links, from 0.
        #[serde(default)]
        link: u8,
        direction: Direction,
        fault: LinkFault,
        #[serde(default)]
        toxicity: Toxicity,
    },
    Process {
        role: RoleName,
        fault: ProcessFault,
    },
    /// A process of squall's own competes with the roles for the machine.
    Stress {
        /// Thousandths of all the machine's cores.
        cpu_permille: u32,
        /// Memory that it holds and has touched.
        memory_bytes: u64,
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
    /// Of the name server beside the link.
    Dns(DnsFault),
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
    /// Of a target: asked to end with its stop signal, killed where it does not; started again at the
    /// fault's end, where it has one.
    Stop,
    /// Of a target: its own disk is full until the fault's end.
    DiskFull,
    /// SIGSTOP until the fault's end, then SIGCONT.
    Pause,
    /// SIGKILL, and started again at the fault's end.
    Restart,
    /// SIGKILL every `every_ns`, each time started again after `down_ns`.
    CrashLoop { every_ns: u64, down_ns: u64 },
    /// At most that many thousandths of one core.
    CpuLimit { millicores: u32 },
    /// At most that much resident memory in all.
    MemoryLimit { bytes: u64 },
    /// That many file descriptors more than are open when the fault begins, and no further.
    Descriptors { left: u64 },
}

impl ProcessFault {
    /// Whether the process is killed and started again.
    pub const fn restarts(self) -> bool {
        matches!(self, ProcessFault::Restart | ProcessFault::CrashLoop { .. })
    }
}

impl FaultKind {
    /// Who makes it happen.
    pub const fn injector(&self) -> Injector {
        match self {
            FaultKind::Link { link, .. } => Injector::Role(RoleName::Link(*link)),
            // The name server stands beside the first link.
            FaultKind::Dns(_) => Injector::Role(RoleName::Link(0)),
            FaultKind::Answer { .. } | FaultKind::Tls(_) => Injector::Role(RoleName::Sink),
            FaultKind::Process { .. } | FaultKind::Stress { .. } => Injector::Controller,
        }
    }

    /// The role that it strikes; `None`: the machine, and so all of them.
    pub const fn struck(&self) -> Option<RoleName> {
        match self {
            FaultKind::Process { role, .. } => Some(*role),
            FaultKind::Stress { .. } => None,
            _ => match self.injector() {
                Injector::Role(role) => Some(role),
                Injector::Controller => None,
            },
        }
    }

    /// The name under which results and reports know it.
    pub fn name(&self) -> String {
        match self {
            FaultKind::Link { fault, .. } => fault.kinds(),
            FaultKind::Answer { fault, .. } => format!("answer.{}", fault.kind()),
            FaultKind::Tls(fault) => format!("tls.{}", fault.kind()),
            FaultKind::Process { role, fault } => format!("{}.{}", role.as_str(), fault.kind()),
            FaultKind::Stress { .. } => "machine.stress".to_owned(),
            FaultKind::Dns(fault) => format!("dns.{}", fault.as_str()),
        }
    }
}

impl ProcessFault {
    /// The name of its kind, as scenarios have it.
    pub const fn kind(self) -> &'static str {
        match self {
            ProcessFault::Kill => "kill",
            ProcessFault::Stop => "stop",
            ProcessFault::DiskFull => "disk_full",
            ProcessFault::Pause => "pause",
            ProcessFault::Restart => "restart",
            ProcessFault::CrashLoop { .. } => "crash_loop",
            ProcessFault::CpuLimit { .. } => "cpu_limit",
            ProcessFault::MemoryLimit { .. } => "memory_limit",
            ProcessFault::Descriptors { .. } => "descriptors",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_has_its_number_from_its_name_and_occurrence() {
        let number = |name: &str, occurrence, start_ns| {
            let fault = FaultPlan {
                name: name.to_owned(),
                occurrence,
                storm: None,
                when: None,
                start_ns,
                end_ns: None,
                kind: FaultKind::Tls(TlsFault::Expired),
            };
            fault.number()
        };
        assert_eq!(number("cut", 1, 0), number("cut", 1, 5));
        let names = ["cut", "cut2", "flaky-wifi.dropout"];
        let numbers = names.map(|name| [1, 2, 3].map(|time| number(name, time, 0)));
        let all: std::collections::HashSet<usize> = numbers.into_iter().flatten().collect();
        assert_eq!(all.len(), 9);
        assert!(all.iter().all(|number| *number < 1 << NUMBER_BITS));
    }
}
