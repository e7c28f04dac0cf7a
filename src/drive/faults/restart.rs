//! A process that is killed and started again, once or over and over.
//!
//! The sink is the measuring instrument: before it is killed it stops counting and answering, and
//! tells what it has counted. From outside that is a crash: requests without an answer, connections
//! reset, ports closed.

use std::io;

use crate::clock::RunClock;
use crate::plan::{FaultPlan, ProcessFault, RoleName};
use crate::role::control::Command;
use crate::topology::Topology;

/// What is to be done to the process next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// It is to go down: the sink is told to say what it has counted, others are killed at once.
    Strike,
    Kill,
    Revive,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Up,
    /// The sink has been told to stop counting.
    Freezing,
    Down,
    /// Started again, not yet ready.
    Starting,
}

/// One restart or crash loop under way.
#[derive(Debug)]
pub struct Restart {
    pub role: RoleName,
    down_ns: u64,
    state: State,
    /// No further strike: once the process is up, the fault is over.
    ending: bool,
    /// What is to be done, and when; in no order.
    agenda: Vec<(u64, Move)>,
    killed: Vec<u32>,
    /// Every kill was really one by SIGKILL.
    all_killed: bool,
}

impl Restart {
    /// The plan's restarts, from `now_ns` on.
    pub fn of(plan: &FaultPlan, role: RoleName, fault: ProcessFault, now_ns: u64) -> Self {
        let length_ns = plan
            .end_ns
            .unwrap_or(u64::MAX)
            .saturating_sub(plan.start_ns);
        let (every_ns, down_ns) = match fault {
            ProcessFault::CrashLoop { every_ns, down_ns } => (every_ns, down_ns),
            _ => (length_ns, length_ns),
        };
        Self {
            role,
            down_ns,
            state: State::Up,
            ending: false,
            agenda: strikes(length_ns, every_ns, down_ns)
                .map(|after_ns| (now_ns.saturating_add(after_ns), Move::Strike))
                .collect(),
            killed: Vec::new(),
            all_killed: true,
        }
    }

    /// When something is to be done next.
    pub fn next_at_ns(&self) -> Option<u64> {
        self.agenda.iter().map(|(at_ns, _)| *at_ns).min()
    }

    /// Whether the process is dead because of this.
    pub fn is_down(&self) -> bool {
        self.state == State::Down
    }

    /// Does the next thing that is due; false when nothing is.
    pub async fn act(
        &mut self,
        now_ns: u64,
        topology: &mut Topology,
        clock: RunClock,
    ) -> io::Result<bool> {
        let due = (0..self.agenda.len())
            .filter(|index| self.agenda[*index].0 <= now_ns)
            .min_by_key(|index| self.agenda[*index].0);
        let Some(due) = due else {
            return Ok(false);
        };
        let (_, next) = self.agenda.swap_remove(due);
        let Some(process) = topology.role_mut(self.role) else {
            return Ok(true);
        };
        match (next, self.state) {
            (Move::Strike, State::Up | State::Starting) if self.role == RoleName::Sink => {
                // One that is not ready yet obeys once it is: it may have counted something.
                self.state = State::Freezing;
                process.send_line(&Command::Checkpoint).await?;
            }
            (Move::Strike, State::Up | State::Starting) => self.kill(topology, clock).await,
            // It is down, or about to be.
            (Move::Strike, State::Freezing | State::Down) => {}
            (Move::Kill, _) => self.kill(topology, clock).await,
            (Move::Revive, _) => {
                self.state = State::Starting;
                process.restart(clock).await?;
            }
        }
        Ok(true)
    }

    async fn kill(&mut self, topology: &mut Topology, clock: RunClock) {
        let Some(process) = topology.role_mut(self.role) else {
            return;
        };
        self.killed.push(process.pid);
        self.all_killed &= process.kill().await.contains("signal 9");
        process.hold_ports();
        self.state = State::Down;
        let now_ns = clock.now_ns();
        let down_ns = if self.ending { 0 } else { self.down_ns };
        self.agenda
            .push((now_ns.saturating_add(down_ns), Move::Revive));
    }

    /// The sink has said what it counted.
    pub fn checkpointed(&mut self) {
        if self.state == State::Freezing {
            self.agenda.push((0, Move::Kill));
        }
    }

    /// The process is up again; whether the fault is over with that.
    pub fn is_ready(&mut self) -> bool {
        if self.state == State::Starting {
            self.state = State::Up;
        }
        self.ending && self.state == State::Up
    }

    /// To be over as soon as the process is up; whether it is.
    pub fn end(&mut self) -> bool {
        self.ending = true;
        self.agenda.retain(|(_, next)| *next != Move::Strike);
        for (at_ns, next) in &mut self.agenda {
            if *next == Move::Revive {
                *at_ns = 0;
            }
        }
        self.state == State::Up
    }

    /// What proves it: who was killed, and who took the place.
    pub fn proof(&self, topology: &mut Topology) -> Option<String> {
        let process = topology.role_mut(self.role)?;
        let alive = !process.has_ended();
        (alive && self.all_killed && !self.killed.is_empty()).then(|| {
            let killed: Vec<String> = self.killed.iter().map(u32::to_string).collect();
            let noun = if killed.len() == 1 {
                "process"
            } else {
                "processes"
            };
            format!(
                "{noun} {} killed by signal 9, process {} took over",
                killed.join(", "),
                process.pid
            )
        })
    }
}

/// When the process goes down, from the fault's start: each time so early that it is back by the end.
pub(super) fn strikes(length_ns: u64, every_ns: u64, down_ns: u64) -> impl Iterator<Item = u64> {
    (0..)
        .map(move |index: u64| index.saturating_mul(every_ns))
        .take_while(move |at_ns| *at_ns == 0 || at_ns.saturating_add(down_ns) <= length_ns)
        .take(if every_ns == 0 { 1 } else { usize::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_loop_strikes_while_there_is_time_to_come_back() {
        let all = |length, every, down| strikes(length, every, down).collect::<Vec<_>>();
        assert_eq!(all(10, 3, 1), [0, 3, 6, 9]);
        assert_eq!(all(9, 3, 1), [0, 3, 6]);
        // A restart is down for all of its length.
        assert_eq!(all(5, 5, 5), [0]);
    }
}
