//! Processes that a fault needs and the line does not: started when it begins, gone when it ends.

use std::io;
use std::path::Path;
use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin};

use super::process::role_command;
use crate::role::control::{Setup, StressSetup};

/// A process that competes with the roles for the machine (`squall role stress`). It dies when this
/// value is dropped.
#[derive(Debug)]
pub struct StressProcess {
    pub pid: u32,
    child: Child,
    /// At its end the process exits.
    _stdin: ChildStdin,
}

impl StressProcess {
    /// Starts it. To be called on the controller's main thread, as for the roles.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) async fn spawn(setup: StressSetup, run_folder: &Path) -> io::Result<Self> {
        let mut command = role_command("stress", "stress", run_folder)?;
        let mut child = command.stdout(Stdio::null()).spawn()?;
        let ended = || io::Error::other("it has ended already");
        let pid = child.id().ok_or_else(ended)?;
        let mut stdin = child.stdin.take().ok_or_else(ended)?;
        let mut line = serde_json::to_vec(&Setup::Stress(setup))?;
        line.push(b'\n');
        stdin.write_all(&line).await?;
        Ok(Self {
            pid,
            child,
            _stdin: stdin,
        })
    }

    /// Kills and reaps it.
    ///
    /// # Errors
    /// When the system refuses.
    pub async fn end(mut self) -> io::Result<()> {
        self.child.kill().await
    }
}
