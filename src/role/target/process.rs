//! A program that squall starts as a child of the target role.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use rustix::process::Signal;

use super::setup::{ProcessSetup, TargetSetup};
use super::subject::{Sampler, Subject, Trouble};
use crate::target::supervised::{Program, Supervised};

/// A program, while it runs and while it does not.
pub struct Process {
    program: Program,
    stop_signal: Signal,
    grace: Duration,
    /// Not yet ready, or up.
    running: Option<Supervised>,
}

impl Process {
    /// # Errors
    /// When the system does not tell where this executable is.
    pub fn new(setup: &TargetSetup, process: &ProcessSetup) -> io::Result<Self> {
        // Through `squall role exec`, which ties it to this process.
        let mut args: Vec<String> = ["role", "exec", "--"].map(str::to_owned).into();
        args.push(process.command.clone());
        args.extend(process.args.iter().cloned());
        let program = Program {
            command: std::env::current_exe()?,
            args,
            env: process.env.clone(),
            env_removed: Vec::new(),
            folder: process.folder.clone(),
            log: PathBuf::from(&process.log),
            log_limit_bytes: process.log_limit_bytes,
            ready: setup.ready.clone(),
            ready_deadline: Duration::from_nanos(setup.ready_deadline_ns),
        };
        Ok(Self {
            program,
            stop_signal: Signal::from_named_raw(process.stop_signal).unwrap_or(Signal::TERM),
            grace: Duration::from_nanos(process.grace_ns),
            running: None,
        })
    }

    fn signal(&mut self, signal: Signal) -> Result<(), Trouble> {
        match &mut self.running {
            None => Ok(()),
            Some(running) => running.signal(signal).map_err(|error| {
                Trouble::Failed(format!("the program cannot be signalled: {error}"))
            }),
        }
    }
}

#[async_trait(?Send)]
impl Subject for Process {
    async fn start(&mut self) -> Result<Option<u32>, Trouble> {
        let failed =
            |error: crate::target::supervised::StartError| Trouble::Failed(error.to_string());
        let (spawned, heard) = Supervised::spawn(&self.program).map_err(failed)?;
        let running = self.running.insert(spawned);
        let pid = running.pid;
        if let Err(error) = running.get_ready(&self.program, heard).await {
            self.running = None;
            return Err(failed(error));
        }
        Ok(Some(pid))
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
        self.signal(Signal::STOP)
    }

    async fn resume(&mut self) -> Result<(), Trouble> {
        self.signal(Signal::CONT)
    }

    async fn ended(&mut self) -> String {
        match &mut self.running {
            Some(running) => running.wait().await,
            None => std::future::pending().await,
        }
    }

    fn sampler(&self) -> Option<Box<dyn Sampler>> {
        None
    }
}
