//! One role as a child process: started, spoken to, sampled by its pid, ended.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;

use super::{Said, TopologyError};
use crate::netns::Door;
use crate::plan::RoleName;
use crate::role::control::Report;

/// Variables that would bend the roles' traffic, or the SDK's settings, away from the plan.
const FOREIGN_PREFIXES: [&str; 1] = ["OTEL_"];
const FOREIGN_NAMES: [&str; 8] = [
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
];

/// A role's process. It dies when this value is dropped.
#[derive(Debug)]
pub struct RoleProcess {
    pub role: RoleName,
    pub pid: u32,
    child: Child,
    stdin: Option<ChildStdin>,
    exit: Option<ExitStatus>,
}

/// Where a role's standard error goes.
pub(super) fn log_path(run_folder: &Path, role: RoleName) -> PathBuf {
    run_folder
        .join("logs")
        .join(format!("{}.log", role.as_str()))
}

impl RoleProcess {
    /// Starts this executable as `role`, behind `door` where there is one, with `variables` added to
    /// its environment.
    ///
    /// It must be called on the controller's main thread: the kernel kills a role when the thread
    /// that started it ends.
    pub(super) fn spawn(
        role: RoleName,
        run_folder: &Path,
        variables: &[(String, String)],
        door: Option<&Door>,
        reports: mpsc::Sender<Said>,
    ) -> Result<Self, TopologyError> {
        let spawn = || -> io::Result<(Child, u32)> {
            let log = File::create(log_path(run_folder, role))?;
            let mut command = Command::new(std::env::current_exe()?);
            command
                .args(["role", role.as_str()])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(log)
                // A Ctrl-C at the terminal is for the controller alone, which then ends the roles.
                .process_group(0)
                .kill_on_drop(true);
            for (name, _) in std::env::vars_os() {
                let text = name.to_string_lossy();
                if FOREIGN_NAMES.contains(&text.as_ref())
                    || FOREIGN_PREFIXES
                        .iter()
                        .any(|prefix| text.starts_with(prefix))
                {
                    command.env_remove(&name);
                }
            }
            command.envs(variables.iter().map(|(name, value)| (name, value)));
            if let Some(door) = door {
                door.enter_on_spawn(command.as_std_mut())?;
            }
            let child = command.spawn()?;
            let pid = child
                .id()
                .ok_or_else(|| io::Error::other("it has ended already"))?;
            Ok((child, pid))
        };
        let (mut child, pid) = spawn().map_err(|error| TopologyError::Spawn {
            role: role.as_str(),
            error,
        })?;
        if let Some(stdout) = child.stdout.take() {
            tokio::spawn(listen(role, stdout, reports));
        }
        Ok(Self {
            role,
            pid,
            stdin: child.stdin.take(),
            child,
            exit: None,
        })
    }

    /// Sends one line.
    ///
    /// # Errors
    /// When the role no longer reads.
    pub async fn send_line(&mut self, line: &impl Serialize) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        match &mut self.stdin {
            Some(stdin) => {
                stdin.write_all(&bytes).await?;
                stdin.flush().await
            }
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Sends a signal, unless the process has ended.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn signal(&mut self, signal: Signal) -> io::Result<()> {
        if self.has_ended() {
            return Ok(());
        }
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        match pid {
            Some(pid) => Ok(kill_process(pid, signal)?),
            None => Err(io::Error::other("the process has no valid pid")),
        }
    }

    /// Whether the process has ended; does not wait.
    pub fn has_ended(&mut self) -> bool {
        if self.exit.is_none() {
            self.exit = self.child.try_wait().ok().flatten();
        }
        self.exit.is_some()
    }

    /// Waits for its end, and says how it ended.
    pub async fn wait(&mut self) -> String {
        if self.exit.is_none() {
            self.exit = self.child.wait().await.ok();
        }
        self.exit_text()
    }

    /// Kills it and reaps it.
    pub async fn kill(&mut self) -> String {
        // A process that has ended cannot be killed, and need not be.
        let _ = self.child.start_kill();
        self.wait().await
    }

    /// How it ended: `exited 0`, `was killed by signal 9`; `is running` before that.
    pub fn exit_text(&self) -> String {
        use std::os::unix::process::ExitStatusExt;
        match self.exit {
            None => "is running".to_owned(),
            Some(status) => match (status.code(), status.signal()) {
                (Some(code), _) => format!("exited with {code}"),
                (None, Some(signal)) => format!("was killed by signal {signal}"),
                (None, None) => status.to_string(),
            },
        }
    }

    /// Closes its standard input, at which it exits.
    pub fn let_go(&mut self) {
        self.stdin = None;
    }
}

/// Passes every line of a role on. What is not a report is a failure of the role's.
async fn listen(role: RoleName, stdout: ChildStdout, reports: mpsc::Sender<Said>) {
    let mut lines = BufReader::new(stdout).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let report = serde_json::from_str(&line).unwrap_or_else(|error| Report::Failed {
            why: format!("it said something that is not a report ({error}): {line}"),
        });
        if reports.send((role, report)).await.is_err() {
            return;
        }
    }
}
