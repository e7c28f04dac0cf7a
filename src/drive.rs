//! Conducts a run: starts the load, acts out the faults, samples, drains, and gathers the evidence.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::clock::RunClock;
use crate::evidence::{
    CommandEvidence, Evidence, PacketEvidence, Silence, SinkEvidence, Stopped, TapEvidence,
    TargetExit,
};
use crate::plan::windows::segments_with;
use crate::plan::{Plan, RoleName};
use crate::role::control::{Command, Report};
use crate::topology::{Said, Topology};

mod collect;
pub mod content;
mod continued;
mod ending;
mod faults;
pub mod live;
mod quiescence;
mod sampling;
mod sums;
mod targets;
mod timeline;

use collect::ReceivedByDeadline;
use continued::Before;
use faults::FaultLog;
use live::Live;
use quiescence::Quiescence;
use sampling::Sampling;
use timeline::{Step, Timeline};

/// How often everything is sampled.
const TICK: Duration = Duration::from_millis(100);
/// From the order to start until the load's first moment, so that every role has the clock by then.
const LEAD: Duration = Duration::from_millis(300);
/// From the moment at which a fault's condition holds to its start.
const CONDITION_LEAD_NS: u64 = 50_000_000;
/// How long a stopped run may still drain.
const STOPPED_DRAIN_NS: u64 = 3_000_000_000;
/// How long after the drain's deadline receipts are still looked for, to tell what came late.
const LATE_NS: u64 = 2_000_000_000;
/// How long after the load's planned end, or after a stop, the client may take to say that the load has ended.
const LOAD_END_GRACE_NS: u64 = 5_000_000_000;
/// How long a role may take to say what is left and exit.
const FINISH_DEADLINE: Duration = Duration::from_secs(10);
/// How long the roles may take to end what is still active at the run's end. A server that another
/// project wrote may have to answer several times for that.
const SETTLE_DEADLINE: Duration = Duration::from_secs(8);

/// What whoever looks on wants done.
#[derive(Debug, Default)]
pub struct Orders {
    /// End the run.
    pub stop: Option<Stopped>,
    /// Start these faults, by their index in the plan. One that has begun does not begin again.
    pub begin: Vec<usize>,
}

/// Conducts a run of `plan` on a topology that is up, and takes the topology down.
///
/// `stop` delivers the numbers of signals that ask for an end: the first ends the load and drains
/// for a short while, the second ends the run at once. `on_tick` sees the run ten times a second
/// and orders its end, or the start of faults that wait for a condition.
pub async fn drive(
    plan: &Plan,
    topology: Topology,
    stop: &mut mpsc::Receiver<i32>,
    on_tick: impl FnMut(&Live) -> Orders,
) -> Evidence {
    let mut run = Run::start(plan, topology).await;
    run.conduct(stop, on_tick).await;
    run.finish().await
}

/// A run under way.
struct Run<'a> {
    plan: &'a Plan,
    topology: Topology,
    clock: RunClock,
    timeline: Timeline,
    faults: FaultLog,
    /// Faults whose condition has held, with their starts.
    begun: Vec<(usize, u64)>,
    sampling: Sampling,
    quiescence: Quiescence,
    live: Live,
    incidents: Vec<String>,
    stopped: Option<Stopped>,
    /// Killed by a fault, or dead of itself.
    client_killed: bool,
    /// When a client that was started again began to keep the schedule.
    client_resumes: Vec<u64>,
    /// What the processes of restarted roles counted before.
    before: Before,
    /// When the load is to end: as planned, or when the run was stopped.
    load_must_end_ns: u64,
    load_ended_ns: Option<u64>,
    client_done_ns: Option<u64>,
    quiescent_ns: Option<u64>,
    by_deadline: Option<ReceivedByDeadline>,
    /// Of all the sink's processes that have told it.
    sink: SinkEvidence,
    packets: Option<PacketEvidence>,
    /// What the taps counted.
    taps: Vec<TapEvidence>,
    /// The last of them has.
    sink_done: bool,
    /// Ends of targets' programs that nobody brought about.
    target_exits: Vec<TargetExit>,
    /// Targets that could not always be asked what they say of themselves.
    silences: BTreeMap<RoleName, Silence>,
    /// Of a program of the user's own as the client, once it has ended.
    command: Option<CommandEvidence>,
    /// The roles are told to end: a target that is gone is not silent.
    ending: bool,
}

impl<'a> Run<'a> {
    async fn start(plan: &'a Plan, mut topology: Topology) -> Self {
        let clock = RunClock::starting_in(LEAD);
        let mut incidents = Vec::new();
        for role in topology.roles_mut() {
            if let Err(error) = role.send_line(&Command::Start(clock)).await {
                incidents.push(format!(
                    "the {} could not be told to start: {error}",
                    role.role.as_str()
                ));
            }
        }
        let sampling = Sampling::of(&topology);
        Self {
            plan,
            clock,
            timeline: Timeline::of(plan),
            faults: FaultLog::of(plan),
            begun: Vec::new(),
            sampling,
            quiescence: Quiescence::default(),
            live: Live::of(plan),
            incidents,
            stopped: None,
            client_killed: false,
            client_resumes: Vec::new(),
            before: Before::default(),
            load_must_end_ns: plan.run.duration_ns,
            load_ended_ns: None,
            client_done_ns: None,
            quiescent_ns: None,
            by_deadline: None,
            sink: SinkEvidence::default(),
            packets: None,
            taps: Vec::new(),
            sink_done: false,
            target_exits: Vec::new(),
            silences: BTreeMap::new(),
            command: None,
            ending: false,
            topology,
        }
    }

    /// Until the pipeline is quiescent, or the drain's deadline has passed, or the run is cut short.
    async fn conduct(
        &mut self,
        stop: &mut mpsc::Receiver<i32>,
        mut on_tick: impl FnMut(&Live) -> Orders,
    ) {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            let next_step = [self.timeline.next_at_ns(), self.faults.next_at_ns()]
                .into_iter()
                .flatten()
                .min()
                .map_or(Duration::from_secs(3600), |at_ns| self.clock.until(at_ns));
            tokio::select! {
                Some(said) = self.topology.reports.recv() => self.hear(said),
                () = sleep(next_step) => self.act().await,
                Some(signal) = stop.recv() => {
                    let signal = Stopped::Signal(signal);
                    if self.stopped.is_some() {
                        // Who interrupts an aborted run has interrupted it.
                        self.stopped = Some(signal);
                        return;
                    }
                    self.stop(signal).await;
                }
                _ = tick.tick() => {
                    self.sample();
                    let orders = on_tick(&self.live);
                    // Without load every rate falls to nothing, and nothing is left to stop.
                    if self.load_ended_ns.is_none() && self.stopped.is_none() {
                        match orders.stop {
                            Some(abort) => self.stop(abort).await,
                            None => self.schedule(orders.begin).await,
                        }
                    }
                    self.watch_roles();
                    if self.is_over() {
                        return;
                    }
                }
            }
        }
    }

    fn hear(&mut self, (role, report): Said) {
        match report {
            Report::Client(sample) => {
                self.live.series.client.push(self.before.client(sample));
            }
            Report::Link(sample) | Report::LinkDone(sample) => {
                self.live.series.link_mut(role.as_str()).push(sample);
            }
            Report::Sink(sample) => self.live.series.sink.push(self.before.sink(sample)),
            Report::SinkCheckpoint(evidence) => {
                self.sink.absorb(*evidence);
                self.faults.checkpointed();
            }
            Report::LoadResumed { at_ns } => self.client_resumes.push(at_ns),
            Report::FaultStarted { fault, at_ns } => self.faults.started(fault, at_ns),
            Report::FaultEnded {
                fault,
                at_ns,
                proof,
            } => self.faults.ended(fault, at_ns, proof),
            Report::LoadEnded { at_ns } => self.load_ended_ns = Some(at_ns),
            Report::ClientDone { at_ns, errors } => {
                self.client_done_ns = Some(at_ns);
                self.live.client_errors = errors;
            }
            Report::Command(command) => self.command = Some(*command),
            Report::SinkDone(evidence) => {
                self.sink.absorb(*evidence);
                self.sink_done = true;
            }
            Report::Packets(packets) => self.packets = Some(*packets),
            Report::Tapped(taps) => self.taps.extend(taps),
            Report::Failed { why } | Report::Refused { why, .. } => {
                let name = self.plan.name_of(role);
                self.incidents.push(format!("{name}: {why}"));
            }
            Report::Ready(_) => self.is_ready_again(role),
            Report::ProgramStarted { pid, at_ns } => self.program_started(role, pid, at_ns),
            Report::ProgramEnded { exit, asked, at_ns } => {
                self.program_ended(role, exit, asked, at_ns);
            }
            Report::Program(sample) => self.program_sampled(role, sample),
            Report::Scraped {
                at_ns,
                values,
                failed,
                last_failure,
            } => {
                self.scraped(role, at_ns, values);
                self.was_silent(role, failed, last_failure);
            }
            Report::DiskFilled {
                bytes,
                free_bytes,
                at_ns,
            } => self.faults.disk_filled(role, bytes, free_bytes, at_ns),
            Report::DiskFreed {
                free_bytes, at_ns, ..
            } => self.faults.disk_freed(role, free_bytes, at_ns),
        }
    }

    fn is_ready_again(&mut self, role: RoleName) {
        let series = &self.live.series;
        match role {
            RoleName::Client => self.before.client_restarts(series.client.last()),
            RoleName::Sink => self.before.sink_restarts(series.sink.last()),
            RoleName::Link(_) | RoleName::Target(_) => {}
        }
        if let Some(process) = self.topology.role_mut(role) {
            process.free_ports();
        }
        let now_ns = self.clock.now_ns();
        self.faults.is_ready(role, &mut self.topology, now_ns);
    }

    /// Everything that is due: on the timeline, and for the faults that are under way.
    async fn act(&mut self) {
        let now_ns = self.clock.now_ns();
        if let Err(error) = self.faults.act(&mut self.topology, self.clock).await {
            self.incidents.push(format!("a restart: {error}"));
        }
        for step in self.timeline.due(now_ns) {
            let result = match step {
                Step::Start(fault) => {
                    self.faults
                        .begin(fault, &mut self.topology, self.clock)
                        .await
                }
                Step::End(fault) => self.faults.end(fault, &mut self.topology, self.clock).await,
            };
            if let Err(error) = result {
                let name = &self.plan.faults[step.fault()].name;
                self.incidents.push(format!("{name}: {error}"));
            }
            if let Step::Start(fault) = step
                && self.faults.kills(fault, RoleName::Client)
            {
                self.client_is_dead();
            }
        }
    }

    /// Puts faults whose condition has held on the timeline. They start a little later, so that the
    /// sink knows of the new windows before anything is due in them.
    async fn schedule(&mut self, faults: Vec<usize>) {
        let start_ns = self.clock.now_ns().saturating_add(CONDITION_LEAD_NS);
        let has_begun = |begun: &[(usize, u64)], fault: usize| begun.iter().any(|b| b.0 == fault);
        let before = self.begun.len();
        for fault in faults {
            let in_load = start_ns < self.plan.run.duration_ns;
            if in_load && !has_begun(&self.begun, fault) {
                let end_ns = self.plan.faults[fault].end_from(start_ns);
                self.timeline.add(fault, start_ns, end_ns);
                self.begun.push((fault, start_ns));
            }
        }
        if self.begun.len() == before {
            return;
        }
        self.live.segments = segments_with(self.plan, &self.begun);
        let command = Command::Segments {
            segments: self.live.segments.clone(),
            from_ns: start_ns,
        };
        if let Err(error) = self.topology.sink.send_line(&command).await {
            self.incidents
                .push(format!("the sink cannot be told of a fault: {error}"));
        }
    }

    /// Ends the load now, heals every fault, and shortens the drain.
    async fn stop(&mut self, stopped: Stopped) {
        self.stopped = Some(stopped);
        self.live.stopped = true;
        self.load_must_end_ns = self.clock.now_ns().min(self.load_must_end_ns);
        self.timeline.clear();
        self.faults.end_all(&mut self.topology, self.clock).await;
        if self.load_ended_ns.is_none()
            && !self.client_killed
            && let Err(error) = self.topology.client.send_line(&Command::StopLoad).await
        {
            self.incidents
                .push(format!("the client cannot be stopped: {error}"));
        }
    }

    fn client_is_dead(&mut self) {
        let now_ns = self.clock.now_ns();
        self.client_killed = true;
        self.faults.client_kills.push(now_ns);
        self.load_ended_ns.get_or_insert(now_ns);
        self.client_done_ns.get_or_insert(now_ns);
    }

    fn sample(&mut self) {
        let now_ns = self.clock.now_ns();
        for role in self.topology.roles() {
            self.sampling.follow(role.role, role.pid, &self.live);
        }
        self.sampling.sample(now_ns, &mut self.live);
        self.faults.observe(&self.live);
        self.live.at_ns = now_ns;
        self.live.active_faults = self.faults.active();
        if self.client_done_ns.is_some() {
            self.quiescence.observe(now_ns, &self.live.series);
        }
    }

    fn watch_roles(&mut self) {
        for role in self.plan.roles() {
            let expected =
                (role == RoleName::Client && self.client_killed) || self.faults.keeps_down(role);
            let Some(process) = self.topology.role_mut(role) else {
                continue;
            };
            if expected || !process.has_ended() || self.live.dead.contains(&role) {
                continue;
            }
            let exit = process.exit_text();
            let called = crate::topology::called(self.plan, role);
            let of_limit = self.faults.died(role, &called, &exit);
            if role == RoleName::Client && of_limit {
                // The fault did to it what a kill does.
                self.client_is_dead();
                continue;
            }
            self.incidents.push(format!("{called} {exit}"));
            self.live.dead.push(role);
            if role == RoleName::Client {
                self.client_is_dead();
            }
        }
        let overdue_ns = self.load_must_end_ns.saturating_add(LOAD_END_GRACE_NS);
        if self.load_ended_ns.is_none() && self.clock.now_ns() > overdue_ns {
            self.incidents
                .push("the client did not end the load when it should have".to_owned());
            self.load_ended_ns = Some(self.load_must_end_ns);
        }
    }

    fn is_over(&mut self) -> bool {
        let now_ns = self.clock.now_ns();
        let Some(load_ended_ns) = self.load_ended_ns else {
            // Without its sink or link a load tells nothing; the client is stopped with the rest.
            return self.live.dead.iter().any(|role| *role != RoleName::Client);
        };
        if self.client_done_ns.is_some()
            && self.quiescence.is_quiet(self.is_closed())
            && !self.more_may_come()
        {
            self.quiescent_ns = Some(now_ns);
            return true;
        }
        let drain_ns = match self.stopped {
            None => self.plan.run.drain_ns,
            Some(_) => self.plan.run.drain_ns.min(STOPPED_DRAIN_NS),
        };
        // A stopped run's drain begins when it was stopped, which is when its load ended.
        let deadline_ns = load_ended_ns.saturating_add(drain_ns);
        if now_ns >= deadline_ns && self.by_deadline.is_none() {
            if self.client_done_ns.is_some() && self.quiescence.is_quiet(false) {
                // Whatever a target still holds, it does not send it.
                self.quiescent_ns = Some(now_ns);
                return true;
            }
            self.by_deadline = Some(ReceivedByDeadline::read(
                self.plan,
                &self.topology.evidence,
                now_ns,
            ));
        }
        now_ns >= deadline_ns.saturating_add(LATE_NS)
    }

    /// Heals what is still broken, asks every role for the rest, ends them, and reads their files.
    async fn finish(mut self) -> Evidence {
        self.faults.end_all(&mut self.topology, self.clock).await;
        self.settle().await;
        self.sample();
        let ended_ns = self.clock.now_ns();
        self.ending = true;
        let exits = self.end_roles().await;
        if !self.live.dead.contains(&RoleName::Sink) && !self.sink_done {
            self.incidents
                .push("the sink did not say what it saw".to_owned());
        }
        self.faults.judge_healing(&self.live.series);
        collect::evidence(self, ended_ns, exits)
    }

    /// Until every fault has ended: a role that is down is started again, and says so.
    async fn settle(&mut self) {
        let settling = async {
            while !self.faults.active().is_empty() {
                let next = self.faults.next_at_ns();
                let wait = next.map_or(FINISH_DEADLINE, |at_ns| self.clock.until(at_ns));
                tokio::select! {
                    Some(said) = self.topology.reports.recv() => self.hear(said),
                    () = sleep(wait) => self.act().await,
                }
            }
        };
        // A fault that does not end by then has no proof.
        let _ = timeout(SETTLE_DEADLINE, settling).await;
    }

    /// Listens to the roles until `done`, for `limit` at most.
    async fn hear_until(&mut self, done: impl Fn(&Self) -> bool, limit: Duration) {
        let listening = async {
            while !done(self) {
                match self.topology.reports.recv().await {
                    Some(said) => self.hear(said),
                    None => return,
                }
            }
        };
        // When the time is up, whatever was not said is missing from the evidence.
        let _ = timeout(limit, listening).await;
    }
}
