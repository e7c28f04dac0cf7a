//! A target's program that is killed, or asked to end, and started again where the fault has an end.
//!
//! The target's role does it and says when it is done.

use std::io;

use crate::plan::{FaultKind, FaultPlan, ProcessFault, RoleName};
use crate::role::control::{Command, ProgramCommand};
use crate::topology::Topology;

use super::restart::strikes;
use super::{Entry, FaultLog, Work};
use crate::units;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Move {
    Strike,
    Revive,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Up,
    /// It has been told to end.
    Falling,
    Down,
    /// Started again, not yet ready.
    Rising,
}

/// One kill, stop, restart or crash loop under way.
#[derive(Debug)]
pub struct Downtime {
    pub role: RoleName,
    how: ProgramCommand,
    /// From a strike to the next start; `None`: it stays down.
    down_ns: Option<u64>,
    state: State,
    /// No further strike: once the program is up, the fault is over.
    ending: bool,
    struck_ns: u64,
    /// What is to be done, and when; in no order.
    agenda: Vec<(u64, Move)>,
    /// How each of its processes ended.
    ends: Vec<String>,
    /// A strike met nothing that ran: that strike proves nothing, and so the fault does not.
    missed: bool,
    /// Who runs since the last strike.
    successor: Option<u32>,
}

impl Downtime {
    /// The plan's strikes, from `now_ns` on.
    pub fn of(plan: &FaultPlan, role: RoleName, fault: ProcessFault, now_ns: u64) -> Self {
        let length_ns = plan
            .end_ns
            .map(|end_ns| end_ns.saturating_sub(plan.start_ns));
        let how = match fault {
            ProcessFault::Stop => ProgramCommand::Stop,
            _ => ProgramCommand::Kill,
        };
        let (every_ns, down_ns) = match fault {
            ProcessFault::CrashLoop { every_ns, down_ns } => (every_ns, Some(down_ns)),
            ProcessFault::Kill => (0, None),
            _ => (0, length_ns),
        };
        let strikes = strikes(
            length_ns.unwrap_or(u64::MAX),
            every_ns,
            down_ns.unwrap_or(0),
        );
        Self {
            role,
            how,
            down_ns,
            state: State::Up,
            ending: false,
            struck_ns: now_ns,
            agenda: strikes
                .map(|after_ns| (now_ns.saturating_add(after_ns), Move::Strike))
                .collect(),
            ends: Vec::new(),
            missed: false,
            successor: None,
        }
    }

    /// When something is to be done next.
    pub fn next_at_ns(&self) -> Option<u64> {
        self.agenda.iter().map(|(at_ns, _)| *at_ns).min()
    }

    /// Does the next thing that is due; false when nothing is.
    pub async fn act(&mut self, now_ns: u64, topology: &mut Topology) -> io::Result<bool> {
        let due = (0..self.agenda.len())
            .filter(|index| self.agenda[*index].0 <= now_ns)
            .min_by_key(|index| self.agenda[*index].0);
        let Some(due) = due else {
            return Ok(false);
        };
        let (_, next) = self.agenda.swap_remove(due);
        let command = match (next, self.state) {
            (Move::Strike, State::Up | State::Rising) => {
                self.state = State::Falling;
                self.struck_ns = now_ns;
                self.successor = None;
                self.how
            }
            (Move::Revive, State::Down) => {
                self.state = State::Rising;
                ProgramCommand::Start
            }
            // It is down, or about to be, or up already.
            (Move::Strike, State::Falling | State::Down) | (Move::Revive, _) => return Ok(true),
        };
        let role = topology.role_mut(self.role);
        let role = role.ok_or_else(|| io::Error::other("there is no such target"))?;
        role.send_line(&Command::Program(command)).await?;
        Ok(true)
    }

    /// Its program does not run: how it ended, or nothing where there was none to end or it could
    /// not be started. Whether the fault is over with that.
    pub fn program_ended(&mut self, pid: Option<u32>, exit: Option<&str>, now_ns: u64) -> bool {
        let rose = self.state == State::Rising;
        if !rose && self.state != State::Falling {
            return false;
        }
        self.state = State::Down;
        let process = pid.map_or("its process".to_owned(), |pid| format!("process {pid}"));
        match exit {
            Some(exit) => self.ends.push(format!("{process} {exit}")),
            None => self.missed = true,
        }
        let more = self.agenda.iter().any(|(_, next)| *next == Move::Strike);
        match self.down_ns {
            // It did not come up, and nobody will try again.
            Some(_) if rose && (self.ending || !more) => return true,
            Some(_) if self.ending => self.agenda.push((now_ns, Move::Revive)),
            Some(down_ns) => {
                let since_ns = if rose { now_ns } else { self.struck_ns };
                let revive_ns = since_ns.saturating_add(down_ns).max(now_ns);
                self.agenda.push((revive_ns, Move::Revive));
            }
            None => return true,
        }
        false
    }

    /// Whether its program is to run again.
    pub const fn brings_back(&self) -> bool {
        self.down_ns.is_some()
    }

    /// Its program is up again; whether the fault is over with that.
    pub fn program_started(&mut self, pid: u32) -> bool {
        if self.state == State::Rising {
            self.state = State::Up;
            self.successor = Some(pid);
        }
        let more = self.agenda.iter().any(|(_, next)| *next == Move::Strike);
        self.state == State::Up && (self.ending || !more) && self.successor.is_some()
    }

    /// To be over as soon as the program is up; whether it is.
    pub fn end(&mut self) -> bool {
        self.ending = true;
        self.agenda.retain(|(_, next)| *next != Move::Strike);
        for (at_ns, _) in &mut self.agenda {
            *at_ns = 0;
        }
        self.state == State::Up
    }

    /// What proves it: who ended how, and who took the place.
    pub fn proof(&self) -> Option<String> {
        let killed = |end: &String| end.contains("signal 9");
        let as_told = self.how == ProgramCommand::Stop || self.ends.iter().all(killed);
        let revived = self.down_ns.is_none() || self.successor.is_some();
        if self.ends.is_empty() || self.missed || !as_told || !revived {
            return None;
        }
        let ends = self.ends.join(", ");
        Some(match self.successor {
            Some(pid) => format!("{ends}; process {pid} took over"),
            None => ends,
        })
    }
}

impl FaultLog {
    /// A target's program has ended: what was to make it, if anything was, may be over with that.
    pub fn program_ended(
        &mut self,
        role: RoleName,
        pid: Option<u32>,
        exit: Option<&str>,
        at_ns: u64,
    ) {
        for entry in &mut self.entries {
            if let Work::Downtime(downtime) = &mut entry.work
                && downtime.role == role
                && downtime.program_ended(pid, exit, at_ns)
            {
                entry.program_is_up_for_good(at_ns);
            }
        }
    }

    /// Whether a fault that keeps a target's program down will start it again.
    pub fn brings_back(&self, role: RoleName) -> bool {
        self.downtimes()
            .any(|downtime| downtime.role == role && downtime.brings_back())
    }

    /// A target's program is up again.
    pub fn program_started(&mut self, role: RoleName, pid: u32, at_ns: u64) {
        for entry in &mut self.entries {
            if let Work::Downtime(downtime) = &mut entry.work
                && downtime.role == role
                && downtime.program_started(pid)
            {
                entry.program_is_up_for_good(at_ns);
            }
        }
    }

    /// The disk of a target is full.
    pub fn disk_filled(&mut self, role: RoleName, bytes: u64, free_bytes: u64, at_ns: u64) {
        for entry in self.disk_faults(role) {
            entry.evidence.started_ns = Some(at_ns);
            entry.evidence.proof = Some(format!(
                "{} written until no more fitted, {} left",
                units::bytes(bytes as f64),
                units::bytes(free_bytes as f64)
            ));
        }
    }

    /// It has room again.
    pub fn disk_freed(&mut self, role: RoleName, free_bytes: u64, at_ns: u64) {
        for entry in self.disk_faults(role) {
            entry.active = false;
            entry.evidence.ended_ns = Some(at_ns);
            entry.evidence.healed = Some(free_bytes > 0);
        }
    }

    fn disk_faults(&mut self, role: RoleName) -> impl Iterator<Item = &mut Entry> {
        let full = FaultKind::Process {
            role,
            fault: ProcessFault::DiskFull,
        };
        let entries = self.entries.iter_mut();
        entries.filter(move |entry| entry.active && entry.plan.kind == full)
    }
}

impl Entry {
    /// A target's program will not be struck again.
    pub(super) fn program_is_up_for_good(&mut self, now_ns: u64) {
        if let Work::Downtime(downtime) = std::mem::take(&mut self.work) {
            self.evidence.proof = downtime.proof();
        }
        self.active = false;
        self.evidence.ended_ns = Some(now_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture::client_fault;

    const SECOND_NS: u64 = 1_000_000_000;
    const TARGET: RoleName = RoleName::Target(0);

    #[test]
    fn a_kill_is_over_when_the_program_is_dead() {
        let plan = client_fault("kill", 5, None, ProcessFault::Kill);
        let mut kill = Downtime::of(&plan, TARGET, ProcessFault::Kill, 5);
        assert_eq!(kill.next_at_ns(), Some(5));
        kill.agenda.clear();
        kill.state = State::Falling;
        assert!(kill.program_ended(Some(7), Some("was killed by signal 9"), 6));
        assert_eq!(kill.proof().unwrap(), "process 7 was killed by signal 9");
    }

    #[test]
    fn a_program_that_takes_long_to_end_is_started_again_at_once() {
        let plan = client_fault("stop", 5, Some(6), ProcessFault::Stop);
        let mut stop = Downtime::of(&plan, TARGET, ProcessFault::Stop, 5 * SECOND_NS);
        stop.agenda.clear();
        stop.state = State::Falling;
        stop.struck_ns = 5 * SECOND_NS;
        assert!(!stop.program_ended(Some(7), Some("exited with 0"), 8 * SECOND_NS));
        assert_eq!(stop.next_at_ns(), Some(8 * SECOND_NS));
        assert_eq!(stop.proof(), None);
        stop.agenda.clear();
        stop.state = State::Rising;
        assert!(stop.program_started(8));
        let proof = stop.proof().unwrap();
        assert_eq!(proof, "process 7 exited with 0; process 8 took over");
    }

    #[test]
    fn a_death_that_nobody_asked_for_proves_nothing() {
        let plan = client_fault("kill", 5, None, ProcessFault::Kill);
        let mut kill = Downtime::of(&plan, TARGET, ProcessFault::Kill, 5);
        assert!(!kill.program_ended(Some(7), Some("was killed by signal 11"), 4));
        assert_eq!(kill.proof(), None);
    }

    fn crash_loop() -> Downtime {
        let fault = ProcessFault::CrashLoop {
            every_ns: 4 * SECOND_NS,
            down_ns: SECOND_NS,
        };
        let plan = client_fault("loop", 4, Some(12), fault);
        Downtime::of(&plan, TARGET, fault, 4 * SECOND_NS)
    }

    #[test]
    fn a_program_that_has_ended_of_itself_is_started_again_after_the_strike() {
        let mut restart = crash_loop();
        restart.agenda.retain(|(at_ns, _)| *at_ns > 4 * SECOND_NS);
        restart.state = State::Falling;
        restart.struck_ns = 4 * SECOND_NS;
        assert!(!restart.program_ended(None, None, 4 * SECOND_NS));
        assert_eq!(restart.next_at_ns(), Some(5 * SECOND_NS));
        assert_eq!(restart.agenda.len(), 2, "{:?}", restart.agenda);
        restart.agenda.clear();
        restart.state = State::Rising;
        assert!(restart.program_started(8));
        assert_eq!(restart.proof(), None);
    }

    #[test]
    fn a_start_that_fails_is_tried_again_while_strikes_follow_and_never_proven() {
        let mut restart = crash_loop();
        restart
            .ends
            .push("process 7 was killed by signal 9".to_owned());
        restart.agenda.retain(|(at_ns, _)| *at_ns > 4 * SECOND_NS);
        restart.state = State::Rising;
        assert!(!restart.program_ended(None, None, 6 * SECOND_NS));
        assert_eq!(restart.next_at_ns(), Some(7 * SECOND_NS));
        restart.agenda.clear();
        restart.state = State::Rising;
        assert!(restart.program_ended(None, None, 9 * SECOND_NS));
        assert_eq!(restart.proof(), None);
    }
}
