//! A standalone `squall sink --json` process.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use squall::role::control::Ready;

/// A sink on free ports. It is killed when it is dropped.
pub struct Sink {
    child: Child,
    output: BufReader<ChildStdout>,
    pub at: Ready,
}

impl Sink {
    pub fn start(args: &[&str]) -> Self {
        Self::start_by(Command::new(env!("CARGO_BIN_EXE_squall")), args)
    }

    /// The same by another command, to which its own arguments are added.
    pub fn start_by(mut command: Command, args: &[&str]) -> Self {
        let mut child = command
            .args([
                "sink",
                "--json",
                "--grpc",
                "127.0.0.1:0",
                "--http",
                "127.0.0.1:0",
            ])
            .args(args)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut sink = Self {
            output: BufReader::new(child.stdout.take().unwrap()),
            child,
            at: Ready::default(),
        };
        for _ in 0..2 {
            let listening = sink.line().expect("it says where it listens");
            let address = listening["listening"]["address"]
                .as_str()
                .unwrap()
                .to_owned();
            match listening["listening"]["protocol"].as_str() {
                Some("grpc") => sink.at.grpc = address,
                Some("http") => sink.at.http = address,
                other => panic!("{other:?}"),
            }
        }
        sink
    }

    fn line(&mut self) -> Option<serde_json::Value> {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        (!line.is_empty()).then(|| serde_json::from_str(&line).unwrap())
    }

    /// Peak resident memory in bytes; `None` where the system does not tell.
    pub fn peak_rss_bytes(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
        let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kib * 1024)
    }

    /// Asks it to stop; its summary and exit code.
    pub fn stop(self) -> (serde_json::Value, i32) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.ended()
    }

    /// Waits for its end; its summary and exit code.
    pub fn ended(mut self) -> (serde_json::Value, i32) {
        let mut summary = None;
        while let Some(line) = self.line() {
            if let Some(found) = line.get("summary") {
                summary = Some(found.clone());
            }
        }
        let code = self.child.wait().unwrap().code().unwrap();
        (summary.expect("a summary is printed"), code)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
