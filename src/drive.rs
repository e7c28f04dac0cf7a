//! Conducts a run: starts the load, acts out the faults, samples, drains, and gathers the evidence.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::clock::RunClock;
use crate::evidence::{Evidence, SinkEvidence, Stopped};
use crate::plan::{Plan, RoleName};
use crate::role::control::{Command, Report};
use crate::topology::{Said, Topology};

mod collect;
mod faults;
pub mod live;
mod quiescence;
mod sampling;
mod sums;
mod timeline;

use collect::ReceivedByDeadline;
use faults::FaultLog;
use live::Live;
use quiescence::Quiescence;
use sampling::Sampling;
use timeline::{Step, Timeline};

/// How often everything is sampled.
const TICK: Duration = Duration::from_millis(100);
/// From the order to start until the load's first moment, so that every role has the clock by then.
const LEAD: Duration = Duration::from_millis(300);
/// How long a stopped run may still drain.
const STOPPED_DRAIN_NS: u64 = 3_000_000_000;
/// How long after the drain's deadline receipts are still looked for, to tell what came late.
const LATE_NS: u64 = 2_000_000_000;
/// How long after the load's planned end, or after a stop, the client may take to say that the load has ended.
const LOAD_END_GRACE_NS: u64 = 5_000_000_000;
/// How long a role may take to say what is left and exit.
const FINISH_DEADLINE: Duration = Duration::from_secs(10);

/// Conducts a run of `plan` on a topology that is up, and takes the topology down.
///
/// `stop` delivers the numbers of signals that ask for an end: the first ends the load and drains
/// for a short while, the second ends the run at once. `on_tick` sees the run ten times a second
/// and may end it.
pub async fn drive(
    plan: &Plan,
    topology: Topology,
    stop: &mut mpsc::Receiver<i32>,
    on_tick: impl FnMut(&Live) -> Option<Stopped>,
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
    sampling: Sampling,
    quiescence: Quiescence,
    live: Live,
    incidents: Vec<String>,
    stopped: Option<Stopped>,
    /// Killed by a fault, or dead of itself.
    client_killed: bool,
    /// When the load is to end: as planned, or when the run was stopped.
    load_must_end_ns: u64,
    load_ended_ns: Option<u64>,
    client_done_ns: Option<u64>,
    quiescent_ns: Option<u64>,
    by_deadline: Option<ReceivedByDeadline>,
    sink: SinkEvidence,
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
            sampling,
            quiescence: Quiescence::default(),
            live: Live::default(),
            incidents,
            stopped: None,
            client_killed: false,
            load_must_end_ns: plan.run.duration_ns,
            load_ended_ns: None,
            client_done_ns: None,
            quiescent_ns: None,
            by_deadline: None,
            sink: SinkEvidence::default(),
            topology,
        }
    }

    /// Until the pipeline is quiescent, or the drain's deadline has passed, or the run is cut short.
    async fn conduct(
        &mut self,
        stop: &mut mpsc::Receiver<i32>,
        mut on_tick: impl FnMut(&Live) -> Option<Stopped>,
    ) {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            let next_step = self
                .timeline
                .next_at_ns()
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
                    let abort = on_tick(&self.live);
                    // Without load every rate falls to nothing, and nothing is left to stop.
                    let under_load = self.load_ended_ns.is_none();
                    if let Some(abort) = abort.filter(|_| under_load && self.stopped.is_none()) {
                        self.stop(abort).await;
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
            Report::Client(sample) => self.live.series.client.push(sample),
            Report::Link(sample) => self.live.series.link.push(sample),
            Report::Sink(sample) => self.live.series.sink.push(sample),
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
            Report::SinkDone(evidence) => self.sink = *evidence,
            Report::LinkDone(sample) => self.live.series.link.push(sample),
            Report::Failed { why } => {
                self.incidents.push(format!("{}: {why}", role.as_str()));
            }
            Report::Ready(_) | Report::ProgramStarted { .. } | Report::ProgramEnded { .. } => {}
        }
    }

    /// Everything on the timeline that is due.
    async fn act(&mut self) {
        let now_ns = self.clock.now_ns();
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
        self.load_ended_ns.get_or_insert(now_ns);
        self.client_done_ns.get_or_insert(now_ns);
    }

    fn sample(&mut self) {
        let now_ns = self.clock.now_ns();
        self.sampling.sample(now_ns, &mut self.live);
        self.faults.observe(&self.live);
        self.live.at_ns = now_ns;
        self.live.active_faults = self.faults.active();
        if self.client_done_ns.is_some() {
            self.quiescence.observe(now_ns, &self.live.series);
        }
    }

    fn watch_roles(&mut self) {
        for role in RoleName::ALL {
            let expected = role == RoleName::Client && self.client_killed;
            let process = self.topology.role_mut(role);
            if expected || !process.has_ended() || self.live.dead.contains(&role) {
                continue;
            }
            self.incidents
                .push(format!("the {} {}", role.as_str(), process.exit_text()));
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
        if self.client_done_ns.is_some() && self.quiescence.is_quiet() {
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
        self.hear_until(|run| run.faults.active().is_empty(), Duration::from_secs(2))
            .await;
        self.sample();
        let ended_ns = self.clock.now_ns();
        let exits = self.end_roles().await;
        if !self.live.dead.contains(&RoleName::Sink) && self.sink.signals.is_empty() {
            self.incidents
                .push("the sink did not say what it saw".to_owned());
        }
        self.faults.judge_healing(&self.live.series);
        collect::evidence(self, ended_ns, exits)
    }

    /// Client first, so that nothing is sent into a link that is gone; the sink's last word last.
    async fn end_roles(&mut self) -> Vec<(RoleName, String)> {
        let mut exits = Vec::new();
        for role in [RoleName::Client, RoleName::Link, RoleName::Sink] {
            let process = self.topology.role_mut(role);
            if !process.has_ended() {
                // A role that no longer reads has ended, or is killed below.
                let _ = process.send_line(&Command::Finish).await;
            }
            if role == RoleName::Sink {
                self.hear_until(|run| !run.sink.signals.is_empty(), FINISH_DEADLINE)
                    .await;
            }
            let process = self.topology.role_mut(role);
            let waited = timeout(FINISH_DEADLINE, process.wait()).await;
            let exit = match waited {
                Ok(exit) => exit,
                Err(_) => {
                    let exit = self.topology.role_mut(role).kill().await;
                    self.incidents.push(format!(
                        "the {} did not end when it was told to",
                        role.as_str()
                    ));
                    exit
                }
            };
            exits.push((role, exit));
            self.topology.role_mut(role).let_go();
        }
        exits
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
