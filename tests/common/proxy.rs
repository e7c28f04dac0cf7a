//! A standalone `squall proxy` process.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use super::http::{self, Answer};

/// A proxy whose API has a free port. It is killed when it is dropped.
pub struct Proxy {
    child: Child,
    pub api: SocketAddr,
}

impl Proxy {
    pub fn start(args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_squall"))
            .args(["proxy", "--port", "0"])
            .args(args)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("API listening on ").unwrap();
        Self {
            api: address.parse().unwrap(),
            child,
        }
    }

    pub fn request(&self, verb: &str, path: &str, body: &str) -> Answer {
        http::request(self.api, verb, path, "", body)
    }

    /// A request that must succeed; its JSON.
    pub fn ask(&self, verb: &str, path: &str, body: &str) -> serde_json::Value {
        let answer = self.request(verb, path, body);
        assert!(answer.status < 300, "{verb} {path}: {answer:?}");
        if answer.body.is_empty() {
            return serde_json::Value::Null;
        }
        answer.json()
    }

    /// Creates a proxy; returns where it listens.
    pub fn create(&self, name: &str, upstream: SocketAddr) -> SocketAddr {
        let body = format!(r#"{{"name":"{name}","listen":"127.0.0.1:0","upstream":"{upstream}"}}"#);
        let made = self.ask("POST", "/proxies", &body);
        made["listen"].as_str().unwrap().parse().unwrap()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop with `signal`; its exit code.
    pub fn stop(mut self, signal: rustix::process::Signal) -> i32 {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
        self.child.wait().unwrap().code().unwrap()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
