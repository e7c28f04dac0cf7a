//! The link's side of its keeper: a process that sees to it that nothing is left.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::timeout;

use crate::role::stdio::RoleError;
use crate::role::toxiproxy_keeper::{Keeping, Kept};

/// How long it may take to clean up.
const GONE_BY: Duration = Duration::from_secs(6);

/// A keeper. Dropped, it cleans up a moment later.
#[derive(Debug)]
pub struct Keeper {
    child: Child,
    stdin: ChildStdin,
    /// Where the server's API listens.
    pub server: SocketAddr,
}

impl Keeper {
    /// Starts it, and through it the server; the controller limits how long that may take.
    pub async fn start(keeping: &Keeping) -> Result<Self, RoleError> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["role", "toxiproxy-keeper"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(RoleError::Failed("the keeper has no pipes".to_owned()));
        };
        let mut line = serde_json::to_vec(keeping).map_err(std::io::Error::from)?;
        line.push(b'\n');
        stdin.write_all(&line).await?;
        let answer = BufReader::new(stdout).lines().next_line().await?;
        let kept = serde_json::from_str(&answer.unwrap_or_default());
        match kept {
            Ok(Kept::Ready(server)) => Ok(Self {
                child,
                stdin,
                server,
            }),
            Ok(Kept::Failed(why)) => Err(RoleError::Failed(why)),
            Err(error) => Err(RoleError::Failed(format!(
                "the keeper of Toxiproxy said nothing that can be understood: {error}"
            ))),
        }
    }

    /// Has it clean up, and waits for that.
    pub async fn end(self) {
        let Self {
            mut child, stdin, ..
        } = self;
        drop(stdin);
        // Its own words about what it could not clean up are in the log.
        let _ = timeout(GONE_BY, child.wait()).await;
    }
}
