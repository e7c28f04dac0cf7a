//! The target role: `squall role target`. It looks after one program that squall did not write: the
//! collector under test.
//!
//! The program is a child of this process and not of the controller, so that everything that it
//! starts can be found and ended, also when the controller is killed.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command as Process;
use std::time::Duration;

use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};

use super::control::{Command, ProgramCommand, Ready, Report, Setup, TargetSetup};
use super::stdio::{self, RoleError};
use crate::clock::RunClock;
use crate::target::supervised::{Program, Supervised};

/// Plays the role until it is told to finish, or its controller is gone.
///
/// # Errors
/// When the controller's lines cannot be understood or the program does not get ready.
pub fn run() -> Result<(), RoleError> {
    // The signal is one that can be heard: the program has to be ended first.
    let Setup::Target(setup) = stdio::set_up_with(Signal::TERM)? else {
        return Err(RoleError::Setup("not a target's".to_owned()));
    };
    // One thread: the kernel ends the program when the thread that started it ends.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let played = runtime.block_on(play(*setup));
    if let Err(error) = &played {
        let why = error.to_string();
        stdio::report(&Report::Failed { why });
    }
    played
}

/// Becomes `command`, tied to this role: the kernel kills it when the role ends.
///
/// # Errors
/// When there is no such program.
pub fn exec(command: &[OsString]) -> Result<(), RoleError> {
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(io::Error::from)?;
    let Some((program, args)) = command.split_first() else {
        return Err(RoleError::Setup("there is no program to become".to_owned()));
    };
    let error = Process::new(program).args(args).exec();
    let name = program.to_string_lossy();
    Err(RoleError::Failed(format!("cannot start {name}: {error}")))
}

async fn play(setup: TargetSetup) -> Result<(), RoleError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut commands = stdio::commands_until_end();
    Supervised::adopt_orphans()?;
    let program = program(&setup)?;
    let starting = Supervised::start(&program);
    let started = tokio::select! {
        started = starting => started,
        // Whoever waited for it is gone; dropping the start kills what there is.
        _ = terminate.recv() => return Ok(()),
    };
    let running = started.map_err(|error| RoleError::Failed(error.to_string()))?;
    let mut care = Care {
        running: Some(running),
        setup,
        program,
        clock: None,
    };
    stdio::report(&Report::Ready(Ready {
        grpc: care.setup.grpc.clone(),
        http: care.setup.http.clone(),
        ..Ready::default()
    }));
    care.tell_started();
    loop {
        tokio::select! {
            command = commands.recv() => match command {
                Some(Command::Start(clock)) => care.clock = Some(clock),
                Some(Command::Program(command)) => care.obey(command).await,
                Some(Command::Finish) => {
                    care.stop().await;
                    return Ok(());
                }
                Some(other) => stdio::report(&Report::Failed {
                    why: format!("a target cannot obey {other:?}"),
                }),
                // The controller is gone.
                None => break,
            },
            _ = terminate.recv() => break,
            exit = care.ended() => care.bury(exit).await,
        }
    }
    care.kill().await;
    Ok(())
}

/// The program as it is run: through `squall role exec`, which ties it to this process.
fn program(setup: &TargetSetup) -> io::Result<Program> {
    let mut args: Vec<String> = ["role", "exec", "--"].map(str::to_owned).into();
    args.push(setup.command.clone());
    args.extend(setup.args.iter().cloned());
    Ok(Program {
        command: std::env::current_exe()?,
        args,
        env: setup.env.clone(),
        env_removed: Vec::new(),
        folder: setup.folder.clone(),
        log: PathBuf::from(&setup.log),
        log_limit_bytes: setup.log_limit_bytes,
        ready: setup.ready.clone(),
        ready_deadline: Duration::from_nanos(setup.ready_deadline_ns),
    })
}

/// The program, while it runs and while it does not.
struct Care {
    running: Option<Supervised>,
    setup: TargetSetup,
    program: Program,
    clock: Option<RunClock>,
}

impl Care {
    fn now_ns(&self) -> u64 {
        self.clock.map_or(0, |clock| clock.now_ns())
    }

    fn tell_started(&self) {
        if let Some(running) = &self.running {
            stdio::report(&Report::ProgramStarted {
                pid: running.pid,
                at_ns: self.now_ns(),
            });
        }
    }

    /// It has ended; `asked` says whether it was told to.
    fn tell_ended(&mut self, exit: String, asked: bool) {
        self.running = None;
        stdio::report(&Report::ProgramEnded {
            exit,
            asked,
            at_ns: self.now_ns(),
        });
    }

    /// Its end, if it ends by itself.
    async fn ended(&mut self) -> String {
        match &mut self.running {
            Some(running) => running.wait().await,
            None => std::future::pending().await,
        }
    }

    /// It has ended by itself; what it has started ends with it.
    async fn bury(&mut self, exit: String) {
        if let Some(mut running) = self.running.take() {
            running.kill().await;
        }
        self.tell_ended(exit, false);
    }

    async fn obey(&mut self, command: ProgramCommand) {
        let failed = |why: String| stdio::report(&Report::Failed { why });
        match command {
            ProgramCommand::Kill => self.kill().await,
            ProgramCommand::Stop => self.stop().await,
            ProgramCommand::Start if self.running.is_some() => {}
            ProgramCommand::Start => match Supervised::start(&self.program).await {
                Ok(running) => {
                    self.running = Some(running);
                    self.tell_started();
                }
                Err(error) => failed(error.to_string()),
            },
            ProgramCommand::Pause | ProgramCommand::Resume => {
                let signal = match command {
                    ProgramCommand::Pause => Signal::STOP,
                    _ => Signal::CONT,
                };
                if let Some(running) = &mut self.running
                    && let Err(error) = running.signal(signal)
                {
                    failed(format!("the program cannot be signalled: {error}"));
                }
            }
        }
    }

    async fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            let exit = running.kill().await;
            self.tell_ended(exit, true);
        }
    }

    async fn stop(&mut self) {
        if let Some(mut running) = self.running.take() {
            let signal = Signal::from_named_raw(self.setup.stop_signal).unwrap_or(Signal::TERM);
            let grace = Duration::from_nanos(self.setup.grace_ns);
            let (exit, had_to_be_killed) = running.stop(signal, grace).await;
            let exit = if had_to_be_killed {
                let seconds = grace.as_secs_f64();
                format!("{exit}, for it had not ended {seconds} s after it was asked to")
            } else {
                exit
            };
            self.tell_ended(exit, true);
        }
    }
}
