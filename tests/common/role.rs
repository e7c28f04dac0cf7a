//! A `squall role NAME` process, driven as the controller drives it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command as Process, Stdio};

use squall::clock::RunClock;
use squall::role::control::{Command, Ready, Report, Setup};

/// A role and both ends of its conversation. It is killed when it is dropped.
pub struct Role {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    pub ready: Ready,
}

impl Role {
    /// Starts a role and waits until it is ready.
    pub fn start(name: &str, setup: &Setup) -> Self {
        Self::start_in(name, setup, &BTreeMap::new())
    }

    /// The same, with these variables in its environment.
    pub fn start_in(name: &str, setup: &Setup, environment: &BTreeMap<String, String>) -> Self {
        let mut child = Process::new(env!("CARGO_BIN_EXE_squall"))
            .args(["role", name])
            .envs(environment)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut role = Self {
            input: child.stdin.take().unwrap(),
            output: BufReader::new(child.stdout.take().unwrap()),
            child,
            ready: Ready::default(),
        };
        role.write(setup);
        match role.next_report() {
            Report::Ready(ready) => role.ready = ready,
            other => panic!("not ready: {other:?}"),
        }
        role
    }

    fn write(&mut self, value: &impl serde::Serialize) {
        let line = serde_json::to_string(value).unwrap();
        writeln!(self.input, "{line}").unwrap();
    }

    pub fn command(&mut self, command: &Command) {
        self.write(command);
    }

    /// Starts a run that began `ago_ns` ago.
    pub fn start_run(&mut self, ago_ns: u64) -> RunClock {
        let now = RunClock::starting_in(std::time::Duration::ZERO);
        let clock = RunClock {
            start_monotonic_ns: now.start_monotonic_ns - ago_ns,
            start_unix_ns: now.start_unix_ns - ago_ns,
        };
        self.command(&Command::Start(clock));
        clock
    }

    /// The next line; fails the test when there is none.
    pub fn next_report(&mut self) -> Report {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line:?}: {error}"))
    }

    /// Reads until `wanted` finds what it looks for.
    pub fn wait_for<T>(&mut self, mut wanted: impl FnMut(Report) -> Option<T>) -> T {
        loop {
            if let Some(found) = wanted(self.next_report()) {
                return found;
            }
        }
    }

    /// The pid of the program of a target's role, once it is up; fails the test when it fails.
    pub fn program_started(&mut self) -> u32 {
        self.wait_for(|report| match report {
            Report::ProgramStarted { pid, .. } => Some(pid),
            Report::Failed { why } => panic!("{why}"),
            _ => None,
        })
    }

    /// How its program ended, and whether it had been asked to.
    pub fn program_ended(&mut self) -> (String, bool) {
        self.wait_for(|report| match report {
            Report::ProgramEnded { exit, asked, .. } => Some((exit.unwrap_or_default(), asked)),
            Report::Failed { why } => panic!("{why}"),
            _ => None,
        })
    }

    /// Waits for the end; whether it exited with success.
    pub fn ended(&mut self) -> bool {
        self.child.wait().unwrap().success()
    }

    /// Ends the role's input, as the death of its controller does; the exit's success.
    pub fn orphan(mut self) -> bool {
        let Self { input, child, .. } = &mut self;
        // Replaces the pipe, which closes it.
        let mut other = Process::new("true").stdin(Stdio::piped()).spawn().unwrap();
        *input = other.stdin.take().unwrap();
        other.wait().unwrap();
        child.wait().unwrap().success()
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
