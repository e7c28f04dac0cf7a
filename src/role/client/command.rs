//! A client that is a program of the user's: started at the run's start, watched from outside, and ended
//! with everything that it has started.
//!
//! What it sends goes to the sink without a look from here, but for what it says that it made.

use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

use crate::clock::RunClock;
use crate::evidence::CommandEvidence;
use crate::role::control::{Command, ProcessSetup, ProgramReady, Ready, Report};
use crate::role::stdio::{self, RoleError};
use crate::role::target::subject::Trouble;
use crate::role::target::{beside, process, told};
use crate::target::output::Heard;
use crate::target::supervised::{Program, Supervised};

/// Plays the role until it is told to finish, or its controller is gone.
///
/// # Errors
/// When there is no such program, or the system does not let it be looked after.
pub(super) fn run(setup: ProcessSetup, duration_ns: u64) -> Result<(), RoleError> {
    // The signal is one that can be heard: the program has to be ended first.
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(Signal::TERM))
        .map_err(std::io::Error::from)?;
    // One thread: the kernel ends the program when the thread that started it ends.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(play(&setup, duration_ns)).map_err(told)
}

async fn play(setup: &ProcessSetup, duration_ns: u64) -> Result<(), Trouble> {
    let failed = |error: std::io::Error| Trouble::Failed(error.to_string());
    let mut orders = Orders {
        terminate: signal(SignalKind::terminate()).map_err(failed)?,
        commands: stdio::commands_until_end(),
    };
    Supervised::adopt_orphans().map_err(failed)?;
    let given = "`client: { kind: command, command: { run: [/PATH/TO/IT] } }`";
    process::find("the client's program", given, setup)?;
    let program = program(setup).map_err(failed)?;
    stdio::report(&Report::Ready(Ready::default()));
    let Some(clock) = orders.start().await else {
        return Ok(());
    };
    tokio::select! {
        () = tokio::time::sleep(clock.until(0)) => {}
        _ = orders.end() => return Ok(()),
    }
    let mut life = Life {
        program,
        clock,
        signal: Signal::from_named_raw(setup.stop_signal).unwrap_or(Signal::TERM),
        grace: Duration::from_nanos(setup.grace_ns),
        evidence: CommandEvidence::default(),
    };
    if life.live(&mut orders, duration_ns).await == End::ControllerGone {
        return Ok(());
    }
    let at_ns = clock.now_ns();
    stdio::report(&Report::Command(Box::new(life.evidence)));
    stdio::report(&Report::ClientDone {
        at_ns,
        errors: Vec::new(),
    });
    while matches!(orders.end().await, End::StopLoad) {}
    Ok(())
}

fn program(setup: &ProcessSetup) -> std::io::Result<Program> {
    // Through `squall role exec`, which ties it to this process.
    let mut args: Vec<String> = ["role", "exec", "--"].map(str::to_owned).into();
    args.push(setup.command.clone());
    args.extend(setup.args.iter().cloned());
    Ok(Program {
        command: std::env::current_exe()?,
        args,
        env: setup.env.clone(),
        env_removed: Vec::new(),
        secrets: setup.secrets.clone(),
        folder: setup.folder.clone(),
        log: PathBuf::from(&setup.log),
        log_limit_bytes: setup.log_limit_bytes,
        ready: ProgramReady::Started,
        ready_deadline: Duration::ZERO,
        tells_made: true,
    })
}

/// What ends the program's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// It is to end as at the planned end.
    StopLoad,
    /// At once.
    Finish,
    ControllerGone,
}

/// Who commands.
struct Orders {
    commands: mpsc::Receiver<Command>,
    terminate: tokio::signal::unix::Signal,
}

impl Orders {
    /// The run's clock; `None` where there is to be no run.
    async fn start(&mut self) -> Option<RunClock> {
        loop {
            tokio::select! {
                command = self.commands.recv() => match command? {
                    Command::Start(clock) => return Some(clock),
                    Command::Finish => return None,
                    _ => {}
                },
                _ = self.terminate.recv() => return None,
            }
        }
    }

    /// Until the program is to end. May be dropped halfway.
    async fn end(&mut self) -> End {
        loop {
            tokio::select! {
                command = self.commands.recv() => match command {
                    Some(Command::StopLoad) => return End::StopLoad,
                    Some(Command::Finish) => return End::Finish,
                    Some(_) => {}
                    None => return End::ControllerGone,
                },
                _ = self.terminate.recv() => return End::ControllerGone,
            }
        }
    }
}

/// The program, from its start to its end.
struct Life {
    program: Program,
    clock: RunClock,
    signal: Signal,
    grace: Duration,
    evidence: CommandEvidence,
}

impl Life {
    /// Starts it and waits for its end, which comes of itself, at the end of the run, or on demand.
    async fn live(&mut self, orders: &mut Orders, duration_ns: u64) -> End {
        let (mut running, heard) = match Supervised::spawn(&self.program) {
            Ok(spawned) => spawned,
            Err(error) => {
                let why = self.program.without_secrets(&error.to_string());
                stdio::report(&Report::Failed { why });
                self.tell_load_ended();
                return End::Finish;
            }
        };
        let sampler: Box<process::Family> = Box::default();
        let _samples = beside::begin(self.clock, Some(sampler), None);
        let at_ns = self.clock.now_ns();
        self.evidence.started_ns = Some(at_ns);
        let pid = running.pid;
        stdio::report(&Report::ProgramStarted { pid, at_ns });
        let end = tokio::select! {
            exit = running.wait() => {
                self.ended(exit);
                self.tell_load_ended();
                // What it has started ends with it.
                running.kill().await;
                self.hear(&running, &heard);
                return End::StopLoad;
            }
            () = tokio::time::sleep(self.clock.until(duration_ns)) => End::StopLoad,
            end = orders.end() => end,
        };
        if end == End::ControllerGone {
            // There is nobody left to tell.
            running.kill().await;
            return end;
        }
        self.evidence.asked_ns = Some(self.clock.now_ns());
        self.tell_load_ended();
        let end = match end {
            End::StopLoad => self.stop(&mut running, orders).await,
            end => end,
        };
        if self.evidence.ended_ns.is_none() {
            let exit = running.kill().await;
            self.evidence.killed = true;
            self.ended(exit);
        }
        self.hear(&running, &heard);
        end
    }

    /// Asks it to end and waits for as long as it may take; what it is to be killed for, if it is.
    async fn stop(&mut self, running: &mut Supervised, orders: &mut Orders) -> End {
        loop {
            tokio::select! {
                (exit, killed) = running.stop(self.signal, self.grace) => {
                    self.evidence.killed = killed;
                    self.ended(exit);
                    return End::StopLoad;
                }
                end = orders.end() => if end != End::StopLoad {
                    return end;
                },
            }
        }
    }

    fn ended(&mut self, exit: String) {
        self.evidence.exit = exit;
        self.evidence.ended_ns = Some(self.clock.now_ns());
    }

    /// Nothing more is sent that was not made by now.
    fn tell_load_ended(&self) {
        let at_ns = self.clock.now_ns();
        stdio::report(&Report::LoadEnded { at_ns });
    }

    /// What it has said in the end.
    fn hear(&mut self, running: &Supervised, heard: &watch::Receiver<Heard>) {
        let made = heard.borrow().made.clone();
        self.evidence.made = made.items;
        self.evidence.unread = made.unread;
        self.evidence.last_words = self.program.without_secrets(&running.last_words());
    }
}
