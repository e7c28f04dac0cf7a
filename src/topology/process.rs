//! One role as a child process: started, spoken to, sampled by its pid, ended.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::held_ports::HeldPorts;
use super::{Said, TopologyError};
use crate::clock::RunClock;
use crate::netns::Door;
use crate::plan::RoleName;
use crate::role::control::{Command as RoleCommand, Ready, Report, Setup};

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

/// How long a killed process's last words may take to be heard: they wait in a pipe.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How long a target's role may take to end what its program has started, where nobody waits for more.
const PROGRAM_END: Duration = Duration::from_secs(2);

/// A role's process. It dies when this value is dropped.
#[derive(Debug)]
pub struct RoleProcess {
    pub role: RoleName,
    pub pid: u32,
    child: Child,
    stdin: Option<ChildStdin>,
    exit: Option<ExitStatus>,
    listener: JoinHandle<()>,
    recipe: Recipe,
    /// What it was set up with and what it answered, once it was ready.
    set_up: Option<(Setup, Ready)>,
    held_ports: Option<HeldPorts>,
    /// The program that it looks after, if it does, while that lives.
    pub program: Option<u32>,
    /// How the processes before this one ended.
    past: Vec<String>,
}

impl Drop for RoleProcess {
    /// A role with a program that is killed at once would leave behind what its program has started. So it is
    /// asked first, and has a moment to end all that.
    fn drop(&mut self) {
        let has_program = self.looks_after_program();
        let Some(pid) = Pid::from_raw(self.pid.cast_signed()).filter(|_| has_program) else {
            return;
        };
        let deadline = Instant::now() + PROGRAM_END;
        let mut asked = false;
        while let (Ok(None), true) = (self.child.try_wait(), Instant::now() < deadline) {
            if !asked {
                // It may end meanwhile.
                let _ = kill_process(pid, Signal::TERM);
                asked = true;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// What it takes to start the process, and to start it again.
#[derive(Debug)]
struct Recipe {
    role: RoleName,
    run_folder: PathBuf,
    variables: Vec<(String, String)>,
    door: Option<Door>,
    reports: mpsc::Sender<Said>,
}

/// A process that has just been started.
struct Born {
    child: Child,
    pid: u32,
    stdin: Option<ChildStdin>,
    listener: JoinHandle<()>,
}

impl Recipe {
    fn start(&self) -> io::Result<Born> {
        let mut command = role_command(self.role.kind(), self.role.as_str(), &self.run_folder)?;
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        if let Some(door) = &self.door {
            door.enter_on_spawn(command.as_std_mut())?;
        }
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let ended = || io::Error::other("it has ended already");
        let pid = child.id().ok_or_else(ended)?;
        let stdout = child.stdout.take().ok_or_else(ended)?;
        Ok(Born {
            pid,
            stdin: child.stdin.take(),
            listener: tokio::spawn(listen(self.role, stdout, self.reports.clone())),
            child,
        })
    }
}

/// Where a role's standard error goes.
pub(super) fn log_path(run_folder: &Path, role: &str) -> PathBuf {
    run_folder.join("logs").join(format!("{role}.log"))
}

/// This executable as a role: in a process group of its own, spoken to on its standard input, with
/// its log in the run's folder and nothing in its environment that would bend its traffic.
pub(super) fn role_command(kind: &str, name: &str, run_folder: &Path) -> io::Result<Command> {
    let mut log = OpenOptions::new();
    let log: File = log
        .create(true)
        .append(true)
        .open(log_path(run_folder, name))?;
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["role", kind])
        .stdin(Stdio::piped())
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
    Ok(command)
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
        let recipe = Recipe {
            role,
            run_folder: run_folder.to_owned(),
            variables: variables.to_vec(),
            door: door.cloned(),
            reports,
        };
        let born = recipe.start().map_err(|error| TopologyError::Spawn {
            role: role.as_str(),
            error,
        })?;
        Ok(Self {
            role,
            pid: born.pid,
            stdin: born.stdin,
            child: born.child,
            exit: None,
            listener: born.listener,
            recipe,
            set_up: None,
            held_ports: None,
            program: None,
            past: Vec::new(),
        })
    }

    /// Whether its work is to look after a program that is not squall's.
    pub fn looks_after_program(&self) -> bool {
        match &self.set_up {
            Some((Setup::Client(client), _)) => client.command.is_some(),
            _ => matches!(self.role, RoleName::Target(_)),
        }
    }

    /// It is ready: with what it was set up, and what it said.
    pub(super) fn is_set_up(&mut self, setup: Setup, ready: Ready) {
        self.set_up = Some((setup, ready));
    }

    /// Starts it again in the middle of a run, after it was killed: same set-up, same addresses.
    /// It reports [`Report::Ready`] when it is up; whatever the process before it said has been
    /// heard by then.
    ///
    /// # Errors
    /// When it never was up, or cannot be started.
    pub async fn restart(&mut self, clock: RunClock) -> io::Result<()> {
        let (setup, ready) = self
            .set_up
            .as_ref()
            .ok_or_else(|| io::Error::other("it was never ready"))?;
        let setup = setup.resuming(ready, clock);
        // Words that cannot be heard by now are lost with it.
        let _ = timeout(LAST_WORDS, &mut self.listener).await;
        self.past.push(self.own_exit_text());
        let born = self.recipe.start()?;
        self.pid = born.pid;
        self.child = born.child;
        self.stdin = born.stdin;
        self.listener = born.listener;
        self.exit = None;
        self.send_line(&setup).await?;
        self.send_line(&RoleCommand::Start(clock)).await
    }

    /// Keeps the addresses of a killed process for the next one: until [`Self::free_ports`] the
    /// system gives them to nobody else, and who connects there is refused.
    pub fn hold_ports(&mut self) {
        let ready = self.set_up.as_ref().map(|(_, ready)| ready);
        self.held_ports = ready.map(HeldPorts::of);
    }

    pub fn free_ports(&mut self) {
        self.held_ports = None;
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
        self.wait().await;
        self.own_exit_text()
    }

    /// How it ended: `exited with 0`, `was killed by signal 9`; `is running` before that. Of a role
    /// that was started again, how each of its processes ended.
    pub fn exit_text(&self) -> String {
        let own = self.own_exit_text();
        match self.past.is_empty() {
            true => own,
            false => format!("{}, then {own}", self.past.join(", then ")),
        }
    }

    fn own_exit_text(&self) -> String {
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
