//! A role's side of its keeper: a process that sees to it that nothing is left.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};

use super::{Keeping, Kept, Making};
use crate::role::stdio::RoleError;

/// How long it may take to clean up, and how often its end is looked for.
const GONE_BY: Duration = Duration::from_secs(15);
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A keeper. Dropped, it cleans up a moment later; with [`Keeper::end`], at once.
#[derive(Debug)]
pub struct Keeper {
    child: Child,
    stdin: Option<ChildStdin>,
    /// Where a Toxiproxy's API listens.
    pub server: Option<SocketAddr>,
}

impl Keeper {
    /// Starts it, and through it what it is to start; the controller limits how long that may take.
    ///
    /// # Errors
    /// When it cannot be started, or says that it cannot do its work.
    pub async fn start(keeping: &Keeping) -> Result<Self, RoleError> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["role", "keeper"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // What ends the role's whole group must not end this.
            .process_group(0)
            .spawn()?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(RoleError::Failed("the keeper has no pipes".to_owned()));
        };
        let mut keeper = Self {
            child,
            stdin: Some(stdin),
            server: None,
        };
        keeper.write(keeping).await?;
        let answer = BufReader::new(stdout).lines().next_line().await?;
        match serde_json::from_str(&answer.unwrap_or_default()) {
            Ok(Kept::Ready(server)) => keeper.server = server,
            Ok(Kept::Failed(why)) => return Err(RoleError::Failed(why)),
            Err(error) => {
                return Err(RoleError::Failed(format!(
                    "the keeper said nothing that can be understood: {error}"
                )));
            }
        }
        Ok(keeper)
    }

    /// Tells it what may have to be removed.
    ///
    /// # Errors
    /// When it is gone.
    pub async fn tell(&mut self, making: Making) -> Result<(), RoleError> {
        self.write(&making).await
    }

    async fn write(&mut self, value: &impl serde::Serialize) -> Result<(), RoleError> {
        let mut line = serde_json::to_vec(value).map_err(std::io::Error::from)?;
        line.push(b'\n');
        if let Some(stdin) = &mut self.stdin {
            stdin.write_all(&line).await?;
            stdin.flush().await?;
        }
        Ok(())
    }

    /// Has it clean up, and waits for that. Blocks, for it is the last thing that a role does.
    pub fn end(&mut self) {
        self.stdin = None;
        let deadline = Instant::now() + GONE_BY;
        // Its own words about what it could not clean up are in the log.
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(LOOK_EVERY);
        }
    }
}
