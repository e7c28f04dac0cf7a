//! Keeping for a link: starts its Toxiproxy where it has to be started, and removes the link's proxy, or
//! ends the server, when the link is gone.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Stdio;
use std::time::Duration;

use testcontainers::core::{ContainerAsync, ImageExt};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerRequest, GenericImage};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use super::{Kept, tell, wait_for_the_end_of_the_input};
use crate::plan::toxiproxy::ToxiproxyServer;
use crate::role::stdio::RoleError;
use crate::target::container::image::name_and_tag;
use crate::toxiproxy_client::{self, ClientError};

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

/// Starts `wanted`, and cleans up after the link that makes `proxy` on it.
///
/// # Errors
/// When it cannot clean up.
pub async fn keep(wanted: &ToxiproxyServer, proxy: &str) -> Result<(), RoleError> {
    let (server, address) = match start(wanted).await {
        Ok(started) => started,
        Err(why) => {
            tell(&Kept::Failed(why));
            return Ok(());
        }
    };
    tell(&Kept::Ready(Some(address)));
    wait_for_the_end_of_the_input();
    stop(server, address, proxy)
        .await
        .map_err(RoleError::Failed)
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
