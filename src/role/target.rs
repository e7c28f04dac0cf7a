//! The target role: `squall role target`. It looks after one program that squall did not write: the
//! collector under test.
//!
//! The program is a child of this process and not of the controller, so that everything that it
//! starts can be found and ended, also when the controller is killed. What is done with a program
//! is a [`subject::Subject`], one for each kind of target.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command as Process;
use std::time::Duration;

use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use self::subject::{Filler, Subject, Trouble};
use super::control::{
    Command, ProgramCommand, Ready, Report, ScrapeSetup, Setup, TargetKind, TargetSetup,
};
use super::stdio::{self, RoleError};
use crate::clock::RunClock;
use crate::target::disk;
use crate::target::supervised::Supervised;

pub(super) mod beside;
#[cfg(feature = "containers")]
pub mod container;
pub mod external;
pub mod process;
pub mod setup;
pub mod subject;
pub mod way;

/// Of a disk that is only tried.
const TRIED_DISK_BYTES: u64 = 64 << 10;
/// Commands that may wait until a program has started.
const WAITING_MAX: usize = 64;

/// Plays the role until it is told to finish, or its controller is gone.
///
/// # Errors
/// When the controller's lines cannot be understood or the program does not get ready.
pub fn run() -> Result<(), RoleError> {
    // The signal is one that can be heard: the program has to be ended first.
    let Setup::Target(setup) = stdio::set_up_with(Signal::TERM)? else {
        return Err(RoleError::Setup("not a target's".to_owned()));
    };
    if let Err(trouble) = give_disk(&setup) {
        return Err(told(trouble));
    }
    // One thread: the kernel ends the program when the thread that started it ends.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(play(*setup)).map_err(told)
}

/// Tells the controller why the role ends.
pub(super) fn told(trouble: Trouble) -> RoleError {
    let failed = RoleError::Failed(trouble.to_string());
    stdio::report(&match trouble {
        Trouble::Refused { why, help } => Report::Refused { why, help },
        Trouble::Failed(why) => Report::Failed { why },
    });
    failed
}

/// The small disk of a process that is to have one. Needs a process of one thread.
fn give_disk(setup: &TargetSetup) -> Result<(), Trouble> {
    let TargetKind::Process(process) = &setup.kind else {
        return Ok(());
    };
    let Some(disk) = &process.disk else {
        return Ok(());
    };
    disk::mount(&disk.folder, disk.bytes).map_err(|error| Trouble::Refused {
        why: error.to_string(),
        help: error.help(),
    })?;
    // Entering a user namespace resets it.
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(Signal::TERM))
        .map_err(|error| Trouble::Failed(error.to_string()))?;
    Ok(())
}

/// Tries a small disk on an empty folder, for this process alone; what is in the way, if anything is.
pub fn try_disk(folder: &Path) -> Option<String> {
    let error = disk::mount(folder, TRIED_DISK_BYTES).err()?;
    Some(format!("{error}\n{}", error.help()).trim_end().to_owned())
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

async fn play(setup: TargetSetup) -> Result<(), Trouble> {
    let failed = |error: io::Error| Trouble::Failed(error.to_string());
    let terminate = signal(SignalKind::terminate()).map_err(failed)?;
    Supervised::adopt_orphans().map_err(failed)?;
    let mut care = Care {
        subject: subject(&setup)?,
        commands: stdio::commands_until_end(),
        waiting: VecDeque::new(),
        terminate,
        scrape: setup.scrape,
        clock: None,
        beside: JoinSet::new(),
    };
    let up = care.start().await?;
    if let Up::Ready(pid) = up {
        stdio::report(&Report::Ready(Ready {
            grpc: setup.grpc,
            http: setup.http,
            ..Ready::default()
        }));
        care.tell_started(pid);
    }
    if up != Up::Gone {
        care.obey_all().await?;
    }
    Ok(())
}

/// What there is to look after.
fn subject(setup: &TargetSetup) -> Result<Box<dyn Subject>, Trouble> {
    let deadline = Duration::from_nanos(setup.ready_deadline_ns);
    Ok(match &setup.kind {
        TargetKind::Process(process) => Box::new(process::Process::new(setup, process)?),
        #[cfg(feature = "containers")]
        TargetKind::Container(spec) => Box::new(container::Container::new(setup, spec)),
        #[cfg(not(feature = "containers"))]
        TargetKind::Container(_) => {
            return Err(way::not_built_in());
        }
        TargetKind::External => Box::new(external::External::new(&setup.ready, deadline)?),
    })
}

/// What has become of a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Up {
    /// It is ready; its pid, where squall started it.
    Ready(Option<u32>),
    /// The command that comes next is to end it.
    BrokenOff,
    /// The controller is gone, and now so is what was started.
    Gone,
}

/// What happens next.
enum Next {
    Command(Command),
    Ended(String),
    ControllerGone,
}

/// The program, and who commands it.
struct Care {
    subject: Box<dyn Subject>,
    commands: mpsc::Receiver<Command>,
    /// Commands that came while the program started.
    waiting: VecDeque<Command>,
    terminate: tokio::signal::unix::Signal,
    scrape: Option<ScrapeSetup>,
    clock: Option<RunClock>,
    /// Samples and scrapes, once the run has begun.
    beside: JoinSet<()>,
}

impl Care {
    /// Starts the program. What is to end it breaks the start off; all else waits for its end.
    async fn start(&mut self) -> Result<Up, Trouble> {
        let mut starting = self.subject.start();
        loop {
            tokio::select! {
                started = &mut starting => return started.map(Up::Ready),
                command = self.commands.recv() => match command {
                    Some(command) => {
                        let ends = matches!(
                            command,
                            Command::Finish
                                | Command::Program(ProgramCommand::Kill | ProgramCommand::Stop)
                        );
                        if self.waiting.len() < WAITING_MAX {
                            self.waiting.push_back(command);
                        }
                        if ends {
                            return Ok(Up::BrokenOff);
                        }
                    }
                    None => break,
                },
                _ = self.terminate.recv() => break,
            }
        }
        drop(starting);
        // There is nobody left to tell.
        let _ = self.subject.kill().await;
        Ok(Up::Gone)
    }

    async fn next(&mut self) -> Next {
        if let Some(command) = self.waiting.pop_front() {
            return Next::Command(command);
        }
        tokio::select! {
            command = self.commands.recv() => command.map_or(Next::ControllerGone, Next::Command),
            _ = self.terminate.recv() => Next::ControllerGone,
            exit = self.subject.ended() => Next::Ended(exit),
        }
    }

    /// Until it is told to finish, or its controller is gone.
    async fn obey_all(&mut self) -> Result<(), Trouble> {
        loop {
            match self.next().await {
                Next::Command(Command::Start(clock)) => self.begin(clock),
                Next::Command(Command::Program(command)) => match self.obey(command).await {
                    Ok(Up::Gone) => return Ok(()),
                    Ok(_) => {}
                    Err(trouble) => tell_failed(trouble.to_string()),
                },
                Next::Command(Command::Finish) => {
                    let exit = self.subject.finish().await?;
                    if exit.is_some() {
                        self.tell_ended(exit, true);
                    }
                    return Ok(());
                }
                Next::Command(_) => {
                    tell_failed("a target cannot obey another role's command".to_owned());
                }
                Next::Ended(exit) => {
                    // What it has started ends with it.
                    if let Err(trouble) = self.subject.kill().await {
                        tell_failed(trouble.to_string());
                    }
                    self.tell_ended(Some(exit), false);
                }
                Next::ControllerGone => {
                    // There is nobody left to tell.
                    let _ = self.subject.kill().await;
                    return Ok(());
                }
            }
        }
    }

    async fn obey(&mut self, command: ProgramCommand) -> Result<Up, Trouble> {
        match command {
            // Whoever asks for an end or a start waits for the answer, whatever it is.
            ProgramCommand::Kill => {
                let exit = self.subject.kill().await;
                return self.answer_ended(exit);
            }
            ProgramCommand::Stop => {
                let exit = self.subject.stop().await;
                return self.answer_ended(exit);
            }
            ProgramCommand::Start => {
                let up = self.start().await;
                match &up {
                    Ok(Up::Ready(pid)) => self.tell_started(*pid),
                    Ok(Up::BrokenOff | Up::Gone) => {}
                    Err(_) => self.tell_ended(None, true),
                }
                return up;
            }
            ProgramCommand::Pause => self.subject.pause().await?,
            ProgramCommand::Resume => self.subject.resume().await?,
            ProgramCommand::FillDisk => {
                let Filler { bytes, free_bytes } = self.subject.fill_disk().await?;
                let at_ns = self.now_ns();
                stdio::report(&Report::DiskFilled {
                    bytes,
                    free_bytes,
                    at_ns,
                });
            }
            ProgramCommand::FreeDisk => {
                let Filler { bytes, free_bytes } = self.subject.free_disk().await?;
                let at_ns = self.now_ns();
                stdio::report(&Report::DiskFreed {
                    bytes,
                    free_bytes,
                    at_ns,
                });
            }
        }
        Ok(Up::Ready(None))
    }

    /// The run begins at this clock's offset 0.
    fn begin(&mut self, clock: RunClock) {
        self.clock = Some(clock);
        self.beside = beside::begin(clock, self.subject.sampler(), self.scrape.clone());
    }

    fn now_ns(&self) -> u64 {
        self.clock.map_or(0, |clock| clock.now_ns())
    }

    fn tell_started(&self, pid: Option<u32>) {
        if let Some(pid) = pid {
            let at_ns = self.now_ns();
            stdio::report(&Report::ProgramStarted { pid, at_ns });
        }
    }

    /// It does not run: it has ended, or there was nothing to end. `asked` says whether it was told to.
    fn tell_ended(&self, exit: Option<String>, asked: bool) {
        let at_ns = self.now_ns();
        stdio::report(&Report::ProgramEnded { exit, asked, at_ns });
    }

    fn answer_ended(&self, exit: Result<Option<String>, Trouble>) -> Result<Up, Trouble> {
        let (exit, trouble) = match exit {
            Ok(exit) => (exit, None),
            Err(trouble) => (None, Some(trouble)),
        };
        self.tell_ended(exit, true);
        trouble.map_or(Ok(Up::Ready(None)), Err)
    }
}

fn tell_failed(why: String) {
    stdio::report(&Report::Failed { why });
}
