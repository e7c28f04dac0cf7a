//! A program that squall starts as a child of the target role.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use rustix::process::Signal;

use super::setup::{ProcessSetup, TargetSetup};
use super::subject::{Filler, Sampler, Subject, Trouble, no_disk};
use crate::evidence::ProcessSample;
use crate::observe::FamilySampler;
use crate::target::supervised::{Program, StartError, Supervised};
use crate::target::{disk, family};

/// A program, while it runs and while it does not.
pub struct Process {
    program: Program,
    stop_signal: Signal,
    grace: Duration,
    disk: Option<PathBuf>,
    /// Not yet ready, or up.
    running: Option<Supervised>,
}

impl Process {
    /// # Errors
    /// When there is no such program, or the system does not tell where this executable is.
    pub fn new(setup: &TargetSetup, process: &ProcessSetup) -> Result<Self, Trouble> {
        find(
            "the target's program",
            "`process: { command: /PATH/TO/IT }`, or `--set target.process.command=/PATH/TO/IT`",
            process,
        )?;
        let squall = std::env::current_exe();
        // Through `squall role exec`, which ties it to this process.
        let mut args: Vec<String> = ["role", "exec", "--"].map(str::to_owned).into();
        args.push(process.command.clone());
        args.extend(process.args.iter().cloned());
        let program = Program {
            command: squall.map_err(|error| Trouble::Failed(error.to_string()))?,
            args,
            env: process.env.clone(),
            env_removed: Vec::new(),
            secrets: process.secrets.clone(),
            folder: process.folder.clone(),
            log: PathBuf::from(&process.log),
            log_limit_bytes: process.log_limit_bytes,
            ready: setup.ready.clone(),
            ready_deadline: Duration::from_nanos(setup.ready_deadline_ns),
            tells_made: false,
        };
        Ok(Self {
            program,
            stop_signal: Signal::from_named_raw(process.stop_signal).unwrap_or(Signal::TERM),
            grace: Duration::from_nanos(process.grace_ns),
            disk: process.disk.as_ref().map(|disk| disk.folder.clone()),
            running: None,
        })
    }

    async fn start_once(&mut self) -> Result<u32, StartError> {
        let (spawned, heard) = Supervised::spawn(&self.program)?;
        // Kept while it gets ready, so that it can be ended when this is dropped halfway.
        let running = self.running.insert(spawned);
        let ready = running.get_ready(&self.program, heard).await;
        let pid = running.pid;
        if ready.is_err() {
            self.running = None;
        }
        ready.map(|()| pid)
    }

    /// Does something to the disk, beside this thread.
    async fn on_disk(&self, what: fn(&Path) -> io::Result<Filler>) -> Result<Filler, Trouble> {
        let folder = self.disk.clone().ok_or_else(no_disk)?;
        let done = tokio::task::spawn_blocking(move || what(&folder)).await;
        done.map_err(io::Error::from)
            .flatten()
            .map_err(|error| Trouble::Failed(format!("the target's disk: {error}")))
    }
}

/// Looks for the program, whose it is and where its path is given, before it is started: the system's own
/// words would tell neither where it was looked for nor what to do.
pub(in crate::role) fn find(
    whose: &str,
    given: &str,
    process: &ProcessSetup,
) -> Result<(), Trouble> {
    let command = process.command.as_str();
    let (is_there, where_not) = match command.contains('/') {
        true => (process.folder.join(command).is_file(), "there"),
        false => {
            let paths = process.env.get("PATH").map(OsString::from);
            let paths = paths.or_else(|| std::env::var_os("PATH"));
            let paths = paths.unwrap_or_default();
            let mut folders = std::env::split_paths(&paths);
            let is_there = folders.any(|folder| folder.join(command).is_file());
            (is_there, "in PATH")
        }
    };
    match is_there {
        true => Ok(()),
        false => Err(Trouble::Refused {
            why: format!("{whose} `{command}` is not {where_not}"),
            help: format!("install it and add its folder to PATH, or give its path: {given}"),
        }),
    }
}

/// The words for a signal that cannot be sent.
fn unheard(error: io::Error) -> Trouble {
    Trouble::Failed(format!("the program cannot be signalled: {error}"))
}

/// Samples whatever descends from this role, which is the program's.
#[derive(Default)]
pub(in crate::role) struct Family(FamilySampler);

#[async_trait]
impl Sampler for Family {
    async fn sample(&mut self, at_ns: u64) -> Option<ProcessSample> {
        let own = std::process::id();
        self.0.sample(at_ns, || family::children_and_theirs(own))
    }
}

#[async_trait(?Send)]
impl Subject for Process {
    async fn start(&mut self) -> Result<Option<u32>, Trouble> {
        // One that runs is not started twice.
        if let Some(running) = &self.running {
            return Ok(Some(running.pid));
        }
        match self.start_once().await {
            Ok(pid) => Ok(Some(pid)),
            Err(error) => {
                let words = self.program.without_secrets(&error.to_string());
                Err(Trouble::Failed(words))
            }
        }
    }

    async fn kill(&mut self) -> Result<Option<String>, Trouble> {
        match self.running.take() {
            None => Ok(None),
            Some(mut running) => Ok(Some(running.kill().await)),
        }
    }

    async fn stop(&mut self) -> Result<Option<String>, Trouble> {
        let Some(mut running) = self.running.take() else {
            return Ok(None);
        };
        let (exit, had_to_be_killed) = running.stop(self.stop_signal, self.grace).await;
        Ok(Some(if had_to_be_killed {
            let seconds = self.grace.as_secs_f64();
            format!("{exit}, for it had not ended {seconds} s after it was asked to")
        } else {
            exit
        }))
    }

    async fn pause(&mut self) -> Result<(), Trouble> {
        match &mut self.running {
            Some(running) => running.pause().await.map_err(unheard),
            None => Ok(()),
        }
    }

    async fn resume(&mut self) -> Result<(), Trouble> {
        match &mut self.running {
            Some(running) => running.resume().map_err(unheard),
            None => Ok(()),
        }
    }

    async fn ended(&mut self) -> String {
        match &mut self.running {
            Some(running) => running.wait().await,
            None => std::future::pending().await,
        }
    }

    async fn fill_disk(&mut self) -> Result<Filler, Trouble> {
        self.on_disk(disk::fill).await
    }

    async fn free_disk(&mut self) -> Result<Filler, Trouble> {
        self.on_disk(disk::free).await
    }

    fn sampler(&self) -> Option<Box<dyn Sampler>> {
        Some(Box::new(Family::default()))
    }
}
