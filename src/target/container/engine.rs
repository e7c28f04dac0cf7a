//! The engine: found where Docker's clients find it, and what can go wrong with it, in words.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

pub use testcontainers::bollard::Docker;
use testcontainers::bollard::errors::Error as Refusal;
use testcontainers::bollard::query_parameters::InspectNetworkOptions;
use testcontainers::core::client::docker_client_instance;
use testcontainers::core::error::{ClientError, TestcontainersError};

use super::{Network, Way};

/// How long an engine may take to answer at all.
const ANSWER: Duration = Duration::from_secs(10);
/// How engines name their default network.
const BRIDGES: [&str; 2] = ["bridge", "podman"];
/// By this name, engines that live in a virtual machine let containers call the machine itself.
const HOST_NAME: &str = "host.docker.internal";

/// Why the engine did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("no container engine answers: {0}")]
    NoEngine(String),
    #[error(
        "the container engine is on another machine ({0}), which cannot reach squall's links on this one"
    )]
    Elsewhere(String),
    #[error("the engine does not have the image {image} and cannot pull it: {why}")]
    Pull { image: String, why: String },
    #[error("cannot build an image from {folder}: {why}{last_lines}")]
    Build {
        folder: String,
        why: String,
        last_lines: String,
    },
    #[error("cannot start a container of {image}: {why}")]
    Start { image: String, why: String },
    #[error("it {exit} before it was ready{last_words}")]
    Ended { exit: String, last_words: String },
    #[error("it was not ready within {} s: {why}{last_words}", deadline.as_secs_f64())]
    NotReady {
        deadline: Duration,
        why: String,
        last_words: String,
    },
    #[error("the engine cannot {what} the container: {why}")]
    Control { what: &'static str, why: String },
    #[error("the engine's network for containers cannot be found: {0}")]
    NoBridge(String),
}

impl EngineError {
    /// What to do about it, where the machine and not the target is at fault.
    pub fn help(&self) -> Option<&'static str> {
        match self {
            EngineError::NoEngine(_) => Some(
                "start Docker, or Podman's socket (`systemctl --user start podman.socket`) and name it in DOCKER_HOST; or run the collector as a process: `target: { process: .. }`",
            ),
            EngineError::Elsewhere(_) => {
                Some("use an engine of this machine: leave DOCKER_HOST out, or name a local socket")
            }
            EngineError::Pull { .. } => Some(
                "check the name and the tag, and whether this machine reaches the registry (`docker pull`); an image that is there already is not pulled",
            ),
            _ => None,
        }
    }
}

/// The engine, which has answered.
///
/// # Errors
/// When none does.
pub async fn connect() -> Result<Docker, EngineError> {
    let host = std::env::var("DOCKER_HOST").ok();
    if let Some(other) = host.as_deref().filter(|host| is_elsewhere(host)) {
        return Err(EngineError::Elsewhere(other.to_owned()));
    }
    let silent = |why: String| EngineError::NoEngine(looked_at(host.as_deref(), &why));
    let docker = docker_client_instance()
        .await
        .map_err(|error| silent(error.to_string()))?;
    match tokio::time::timeout(ANSWER, docker.ping()).await {
        Ok(Ok(_)) => Ok(docker),
        Ok(Err(error)) => Err(silent(words(&error))),
        Err(_) => Err(silent(format!("no answer within {} s", ANSWER.as_secs()))),
    }
}

/// The user of a container to whom files belong that are this process's here; `None`: any, for an
/// engine in a virtual machine shares them with all.
///
/// # Errors
/// When the engine does not say what it is.
pub async fn user_like_us(docker: &Docker) -> Result<Option<String>, EngineError> {
    if !cfg!(target_os = "linux") {
        return Ok(None);
    }
    let info = docker.info().await;
    let info = info.map_err(|error| EngineError::NoEngine(words(&error)))?;
    let options = info.security_options.unwrap_or_default();
    // It maps its own user, which is ours, to the containers' root.
    if options
        .iter()
        .any(|option| option.contains("name=rootless"))
    {
        return Ok(Some("0:0".to_owned()));
    }
    let (user, group) = (rustix::process::getuid(), rustix::process::getgid());
    Ok(Some(format!("{}:{}", user.as_raw(), group.as_raw())))
}

/// An address that is not this machine's.
fn is_elsewhere(host: &str) -> bool {
    let Some((scheme, rest)) = host.split_once("://") else {
        return false;
    };
    let name = rest.split(['/', ':']).next().unwrap_or_default();
    let local = matches!(name, "localhost" | "127.0.0.1" | "" | "[");
    !matches!(scheme, "unix" | "npipe") && !local
}

/// Where an engine was looked for.
fn looked_at(host: Option<&str>, why: &str) -> String {
    match host {
        Some(host) => format!("at DOCKER_HOST={host}: {why}"),
        None => format!(
            "DOCKER_HOST is not set, and at /var/run/docker.sock, $XDG_RUNTIME_DIR/.docker/run/docker.sock, ~/.docker/run/docker.sock and ~/.docker/desktop/docker.sock: {why}"
        ),
    }
}

/// What the engine said, without the client's words around it.
pub(super) fn words(refusal: &Refusal) -> String {
    match refusal {
        Refusal::DockerResponseServerError { message, .. } => message.trim().to_owned(),
        Refusal::DockerStreamError { error } => error.trim().to_owned(),
        other => other.to_string(),
    }
}

/// Whether the engine does not know what it was asked about.
pub(super) fn is_unknown(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::DockerResponseServerError {
            status_code: 404,
            ..
        }
    )
}

/// Why an image could not be pulled or a container not be started.
pub(super) fn start_error(image: &str, error: &TestcontainersError) -> EngineError {
    let image = image.to_owned();
    match error {
        TestcontainersError::Client(ClientError::PullImage { err, .. }) => EngineError::Pull {
            image,
            why: words(err),
        },
        TestcontainersError::Client(
            ClientError::CreateContainer(refusal)
            | ClientError::StartContainer(refusal)
            | ClientError::Init(refusal),
        ) => EngineError::Start {
            image,
            why: words(refusal),
        },
        other => EngineError::Start {
            image,
            why: other.to_string(),
        },
    }
}

/// How a container in `network` reaches what squall serves on this machine.
///
/// # Errors
/// When no engine answers, or it has no bridge.
pub async fn way_to_us(network: Network) -> Result<Way, EngineError> {
    let here = IpAddr::from(Ipv4Addr::LOCALHOST);
    if network == Network::Host {
        return Ok(Way {
            listen: here,
            host: here.to_string(),
        });
    }
    let docker = connect().await?;
    if !cfg!(target_os = "linux") {
        return Ok(Way {
            listen: here,
            host: HOST_NAME.to_owned(),
        });
    }
    let mut why = String::new();
    for name in BRIDGES {
        match docker
            .inspect_network(name, None::<InspectNetworkOptions>)
            .await
        {
            Ok(bridge) => {
                let configs = bridge.ipam.and_then(|ipam| ipam.config).unwrap_or_default();
                let gateway = configs.iter().find_map(|config| {
                    gateway(config.gateway.as_deref(), config.subnet.as_deref())
                });
                match gateway {
                    Some(gateway) => {
                        return Ok(Way {
                            listen: gateway.into(),
                            host: gateway.to_string(),
                        });
                    }
                    None => why = format!("{name} has no gateway"),
                }
            }
            Err(error) => why = words(&error),
        }
    }
    Err(EngineError::NoBridge(why))
}

/// The machine's own address on a network: told, or else the first that it has.
fn gateway(told: Option<&str>, subnet: Option<&str>) -> Option<Ipv4Addr> {
    let told = told.and_then(|gateway| gateway.parse().ok());
    told.or_else(|| {
        let (first, _) = subnet?.split_once('/')?;
        let first: Ipv4Addr = first.parse().ok()?;
        Some(Ipv4Addr::from_bits(first.to_bits().checked_add(1)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_is_told_or_the_first_address() {
        let at = |text: &str| text.parse::<Ipv4Addr>().ok();
        let subnet = Some("172.17.0.0/16");
        assert_eq!(gateway(Some("172.17.0.9"), subnet), at("172.17.0.9"));
        assert_eq!(gateway(None, subnet), at("172.17.0.1"));
        assert_eq!(gateway(Some(""), subnet), at("172.17.0.1"));
        assert_eq!(gateway(None, Some("fd00::/64")), None);
        assert_eq!(gateway(None, None), None);
    }

    #[test]
    fn an_engine_of_another_machine_is_told_from_one_of_this() {
        for (host, elsewhere) in [
            ("unix:///var/run/docker.sock", false),
            ("tcp://127.0.0.1:2375", false),
            ("http://localhost:2375", false),
            ("tcp://10.1.2.3:2375", true),
            ("https://build.example:2376", true),
        ] {
            assert_eq!(is_elsewhere(host), elsewhere, "{host}");
        }
    }

    #[test]
    fn the_places_are_named() {
        assert_eq!(
            looked_at(Some("unix:///x"), "gone"),
            "at DOCKER_HOST=unix:///x: gone"
        );
        assert!(looked_at(None, "gone").contains("/var/run/docker.sock"));
    }
}
