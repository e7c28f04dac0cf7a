//! `squall role toxiproxy-keeper`: starts the Toxiproxy of a link where it has to be started, and cleans
//! up when the link is gone.
//!
//! It outlives the link for that. However the link ends, a SIGKILL included, the keeper's standard
//! input ends with it; then it removes the link's proxy, or ends the server that it started.

use std::io::{self, BufRead, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Stdio;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use testcontainers::core::{ContainerAsync, ImageExt};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerRequest, GenericImage};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use super::stdio::RoleError;
use crate::plan::toxiproxy::ToxiproxyServer;
use crate::toxiproxy_client::{self, ClientError};

/// First line to the keeper.
#[derive(Debug, Serialize, Deserialize)]
pub struct Keeping {
    pub server: ToxiproxyServer,
    /// Name of the proxy that the link will make on it.
    pub proxy: String,
}

/// Its only line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// Where the server's API listens.
    Ready(SocketAddr),
    Failed(String),
}

/// How long a server that was started may take to answer.
const START: Duration = Duration::from_secs(10);
/// How long a container may take to start, its image's way here included.
const CONTAINER_START: Duration = Duration::from_secs(150);
/// Pause between two looks at it.
const PAUSE: Duration = Duration::from_millis(50);

/// What has to be ended.
enum Server {
    /// Somebody else's.
    Running,
    Container(Box<ContainerAsync<GenericImage>>),
    Child(Box<Child>),
}

/// Plays the role until its input ends.
///
/// # Errors
/// When the first line is not a [`Keeping`].
pub fn run() -> Result<(), RoleError> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    let keeping: Keeping =
        serde_json::from_str(&line).map_err(|error| RoleError::Setup(error.to_string()))?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(keep(keeping))
}

async fn keep(keeping: Keeping) -> Result<(), RoleError> {
    let (server, address) = match start(&keeping.server).await {
        Ok(started) => started,
        Err(why) => {
            tell(&Kept::Failed(why));
            return Ok(());
        }
    };
    tell(&Kept::Ready(address));
    wait_for_the_end_of_the_input();
    stop(server, address, &keeping.proxy)
        .await
        .map_err(RoleError::Failed)
}

/// A link that is gone hears nothing, and what it left is cleaned up all the same.
fn tell(kept: &Kept) {
    if let Ok(line) = serde_json::to_string(kept) {
        let mut out = io::stdout().lock();
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    }
}

fn wait_for_the_end_of_the_input() {
    let mut input = io::stdin().lock();
    let mut ignored = [0; 64];
    while matches!(input.read(&mut ignored), Ok(1..)) {}
}

/// The server, running, and where its API listens.
async fn start(wanted: &ToxiproxyServer) -> Result<(Server, SocketAddr), String> {
    let text = |error: io::Error| error.to_string();
    match wanted {
        ToxiproxyServer::Server(address) => {
            let address = address
                .parse()
                .map_err(|error| format!("{address}: {error}"))?;
            answered(address, Duration::ZERO)
                .await
                .map_err(|error| error.to_string())?;
            Ok((Server::Running, address))
        }
        ToxiproxyServer::Command(program) => {
            let address = free_address().map_err(text)?;
            let mut child = Command::new(program)
                .args(["-host", &address.ip().to_string()])
                .args(["-port", &address.port().to_string()])
                .stdin(Stdio::null())
                // Its output is the link's log; the keeper's own speaks to the link.
                .stdout(io::stderr())
                .kill_on_drop(true)
                .spawn()
                .map_err(|error| format!("cannot start {program}: {error}"))?;
            tokio::select! {
                answer = answered(address, START) => answer.map_err(|error| error.to_string())?,
                exit = child.wait() => {
                    let how = exit.map_or_else(text, |status| status.to_string());
                    return Err(format!("{program} has ended: {how}; its words are in the link's log"));
                }
            }
            Ok((Server::Child(Box::new(child)), address))
        }
        ToxiproxyServer::Image(image) => {
            let address = free_address().map_err(text)?;
            let started = container(image, address).start().await;
            let container =
                started.map_err(|error| format!("cannot start a container of {image}: {error}"))?;
            if let Err(error) = answered(address, START).await {
                let removed = container.rm().await;
                let also = removed.err().map(|error| format!("; and: {error}"));
                return Err(format!("{error}{}", also.unwrap_or_default()));
            }
            Ok((Server::Container(Box::new(container)), address))
        }
    }
}

/// In the host's network, for the server has to reach the link, which listens on 127.0.0.1.
fn container(image: &str, address: SocketAddr) -> ContainerRequest<GenericImage> {
    let (name, tag) = name_and_tag(image);
    GenericImage::new(name, tag)
        .with_network("host")
        .with_cmd([
            format!("-host={}", address.ip()),
            format!("-port={}", address.port()),
        ])
        .with_startup_timeout(CONTAINER_START)
}

/// A port of a registry is no tag.
fn name_and_tag(image: &str) -> (&str, &str) {
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (image, "latest"),
    }
}

/// An address of this machine that nothing listens on now.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// Waits until the server tells its version.
async fn answered(address: SocketAddr, limit: Duration) -> Result<(), ClientError> {
    let deadline = Instant::now() + limit;
    loop {
        match toxiproxy_client::version(address).await {
            Ok(_) => return Ok(()),
            Err(ClientError::Unreachable { .. }) if Instant::now() < deadline => sleep(PAUSE).await,
            Err(error) => return Err(error),
        }
    }
}

async fn stop(server: Server, address: SocketAddr, proxy: &str) -> Result<(), String> {
    match server {
        Server::Running => toxiproxy_client::delete(address, proxy)
            .await
            .map_err(|error| error.to_string()),
        Server::Child(mut child) => child.kill().await.map_err(|error| error.to_string()),
        Server::Container(container) => container.rm().await.map_err(|error| error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_may_have_a_registry_with_a_port_and_no_tag() {
        for (image, parts) in [
            ("a.example/toxi:2.12.0", ("a.example/toxi", "2.12.0")),
            ("toxi", ("toxi", "latest")),
            ("a.example:5000/toxi", ("a.example:5000/toxi", "latest")),
            ("a.example:5000/toxi:9", ("a.example:5000/toxi", "9")),
        ] {
            assert_eq!(name_and_tag(image), parts);
        }
    }
}
