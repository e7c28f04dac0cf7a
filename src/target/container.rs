//! A program under test in a container of a Docker-compatible engine.
//!
//! [`engine`] finds the engine, [`image`] builds or pulls, [`running`] starts a container and ends it,
//! [`statistics`] samples it, and [`leftovers`] removes what squall has made, whoever is left to do it.
//! All but the description itself is there with the cargo feature `containers` only.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use crate::plan::ContainerNetwork as Network;

#[cfg(feature = "containers")]
pub mod engine;
#[cfg(feature = "containers")]
pub mod image;
#[cfg(feature = "containers")]
pub mod leftovers;
#[cfg(feature = "containers")]
pub mod running;
#[cfg(feature = "containers")]
pub mod statistics;

/// What is run, and how.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct ContainerSpec {
    pub image: ImageSource,
    /// What the image's entry point is given, in place of its own arguments; empty: its own.
    pub args: Vec<String>,
    /// Added to the image's environment. May hold secrets.
    pub env: BTreeMap<String, String>,
    /// Values that stand in no message.
    #[serde(default)]
    pub secrets: Vec<String>,
    pub network: Network,
    /// Ports that it listens on. On [`Network::Host`] it listens on the machine itself, and nothing
    /// needs to be mapped.
    pub ports: Vec<Port>,
    pub mounts: Vec<Mount>,
    /// Cores that it may use; `None`: all.
    pub cpus: Option<f64>,
    /// Memory that it may use, swap included; `None`: all.
    pub memory_bytes: Option<u64>,
    /// `UID`, `UID:GID` or a name that the image knows; `None`: whoever squall's own files belong to,
    /// so that it can write to what is mounted.
    pub user: Option<String>,
    /// Where its output goes, and how much of it.
    pub log: PathBuf,
    pub log_limit_bytes: u64,
    /// What asks it to end, and how long it may take before it is killed.
    pub stop_signal: i32,
    pub grace_ns: u64,
}

/// The environment may hold secrets, so none of it is shown.
impl std::fmt::Debug for ContainerSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ContainerSpec")
            .field("image", &self.image)
            .finish_non_exhaustive()
    }
}

/// Where the image comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageSource {
    /// `name:tag` or `name@sha256:..`, pulled where the engine does not have it.
    Name(String),
    /// A folder with a `Dockerfile`, all of which is sent to the engine.
    Folder(PathBuf),
}

/// A port of the container and where it is reached, on 127.0.0.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    pub container: u16,
    pub host: u16,
}

/// A file or folder of this machine that it sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    pub host: PathBuf,
    /// An absolute path.
    pub container: String,
    pub read_only: bool,
}

/// How a container reaches a link on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Way {
    /// Address on which the link listens.
    pub listen: std::net::IpAddr,
    /// The host by which the container calls it.
    pub host: String,
}
