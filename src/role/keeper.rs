//! `squall role keeper`: cleans up after another role, outside of squall's own processes.
//!
//! It outlives that role for it. However the role ends, a SIGKILL included, the keeper's standard input
//! ends with it; then it removes what the role has made: a target's containers and image, or a link's
//! proxy or server.

use std::io::{self, BufRead, Write};
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::stdio::RoleError;
#[cfg(feature = "toxiproxy")]
use crate::plan::toxiproxy::ToxiproxyServer;
use crate::target::container::leftovers;

pub mod handle;
#[cfg(feature = "toxiproxy")]
mod toxiproxy;

/// First line to the keeper: after whom it cleans up.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keeping {
    #[cfg(feature = "toxiproxy")]
    Toxiproxy {
        server: ToxiproxyServer,
        /// Name of the proxy that the link will make on it.
        proxy: String,
    },
    /// Of a target in a container: the value of its label. Further lines are [`Making`]s.
    Containers { target: String },
}

/// Every further line from a target's role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Making {
    /// The engine is about to be asked for something that has to be removed.
    Begun,
    /// It has answered.
    Done,
}

/// Its only line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// It watches; where a Toxiproxy's API listens.
    Ready(Option<SocketAddr>),
    Failed(String),
}

/// Plays the role until its input ends.
///
/// # Errors
/// When the first line is not a [`Keeping`], or something cannot be removed.
pub fn run() -> Result<(), RoleError> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    let keeping: Keeping =
        serde_json::from_str(&line).map_err(|error| RoleError::Setup(error.to_string()))?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(async {
            match keeping {
                #[cfg(feature = "toxiproxy")]
                Keeping::Toxiproxy { server, proxy } => toxiproxy::keep(&server, &proxy).await,
                Keeping::Containers { target } => {
                    tell(&Kept::Ready(None));
                    let may_come = last_making() == Some(Making::Begun);
                    leftovers::remove(&target, may_come)
                        .await
                        .map_err(|error| RoleError::Failed(error.to_string()))
                }
            }
        })
}

/// A role that is gone hears nothing, and what it left is cleaned up all the same.
fn tell(kept: &Kept) {
    if let Ok(line) = serde_json::to_string(kept) {
        let mut out = io::stdout().lock();
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    }
}

/// What was heard last before the input ended.
fn last_making() -> Option<Making> {
    let lines = io::stdin().lock().lines().map_while(Result::ok);
    lines
        .filter_map(|line| serde_json::from_str(&line).ok())
        .last()
}

#[cfg(feature = "toxiproxy")]
fn wait_for_the_end_of_the_input() {
    // Nothing more comes from a link; its end is what is waited for.
    let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
}
