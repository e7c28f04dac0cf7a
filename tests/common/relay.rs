//! `squall relay` as a process of its own.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// A relay that is up. It is killed when it is dropped.
// Each test uses its own part of it.
#[allow(dead_code)]
pub struct RelayProcess {
    pub child: Child,
    pub grpc: String,
    pub http: String,
    pub status: String,
}

impl RelayProcess {
    /// Starts one that sends on to `next`, an address, with these arguments beside.
    pub fn start(next: &str, args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_squall"))
            .args(["relay", "--export", &format!("http://{next}")])
            .args(args)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        let [
            "relay",
            "ready:",
            "grpc",
            grpc,
            "http",
            http,
            "status",
            status,
        ] = words[..]
        else {
            panic!("{line:?}");
        };
        Self {
            grpc: grpc.to_owned(),
            http: http.to_owned(),
            status: status.to_owned(),
            child,
        }
    }
}

impl Drop for RelayProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
