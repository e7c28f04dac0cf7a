//! Brings the roles of a plan up as processes, each told where the next one listens.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::plan::windows::segments;
use crate::plan::{Plan, Protocol, Resolve, RoleName, SINK_NAME};
use crate::role::control::{ClientSetup, LinkSetup, Ready, Report, Setup, SinkSetup};

mod certificates;
mod evidence_files;
mod process;

pub use process::RoleProcess;

use certificates::Certificates;

/// How long a role may take to get ready.
const READY_DEADLINE: Duration = Duration::from_secs(20);
/// Reports that may wait for the conductor; at ten a second from each role, minutes of them.
const REPORTS_WAITING: usize = 4096;

/// Why a topology did not come up.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum TopologyError {
    #[error("cannot start the {role}: {error}")]
    #[diagnostic(help(
        "squall runs itself as a child process: look at the limits on processes, memory and open files (`ulimit -a`)"
    ))]
    Spawn {
        role: &'static str,
        error: io::Error,
    },
    #[error("the {role} did not get ready: {why}")]
    #[diagnostic(help("its own words are in {log}"))]
    NotReady {
        role: &'static str,
        why: String,
        log: String,
    },
    #[error("cannot make the evidence files in {path}: {error}")]
    #[diagnostic(help(
        "they need room for every arrival of the run: make room on that disk, name another with `--results DIR`, or lower the rate or the duration"
    ))]
    Evidence { path: String, error: io::Error },
    #[error("{0}")]
    #[diagnostic(help("see `client.tls` in the scenario"))]
    Tls(String),
}

/// What a role said, and which.
pub type Said = (RoleName, Report);

/// The running roles.
#[derive(Debug)]
pub struct Topology {
    pub client: RoleProcess,
    pub link: RoleProcess,
    pub sink: RoleProcess,
    pub reports: mpsc::Receiver<Said>,
    /// Folder of the mapped files and journals.
    pub evidence: PathBuf,
}

impl Topology {
    /// Starts sink, link and client, in this order, and waits until each is ready.
    ///
    /// `run_folder` receives the roles' logs and the evidence. Dropping the topology, at any
    /// moment, kills every role.
    ///
    /// # Errors
    /// When a role cannot be started, dies, or is not ready in time.
    pub async fn up(plan: &Plan, run_folder: &Path) -> Result<Self, TopologyError> {
        let evidence = run_folder.join("evidence");
        let expected =
            evidence_files::create(plan, &evidence).map_err(|error| TopologyError::Evidence {
                path: evidence.display().to_string(),
                error,
            })?;
        let certificates = Certificates::of(&plan.client.tls).map_err(TopologyError::Tls)?;
        let (reports_in, mut reports) = mpsc::channel(REPORTS_WAITING);

        let sink_setup = Setup::Sink(Box::new(SinkSetup {
            sink: plan.sink.clone(),
            seed: plan.seed,
            expected,
            segments: segments(plan),
            tls: certificates.as_ref().map(Certificates::for_sink),
            evidence: evidence.clone(),
        }));
        let mut sink = RoleProcess::spawn(RoleName::Sink, run_folder, &[], reports_in.clone())?;
        let sink_ready = ready(&mut sink, &sink_setup, &mut reports, run_folder).await?;

        let link_setup = Setup::Link(LinkSetup {
            upstream: match plan.client.protocol {
                Protocol::Grpc => sink_ready.grpc,
                Protocol::HttpProtobuf | Protocol::HttpJson => sink_ready.http,
            },
            seed: plan.seed,
            buffer_bytes: plan.link.buffer_bytes,
            dns: plan.client.resolve == Resolve::Dns,
        });
        let mut link = RoleProcess::spawn(RoleName::Link, run_folder, &[], reports_in.clone())?;
        let link_ready = ready(&mut link, &link_setup, &mut reports, run_folder).await?;

        let client_setup = Setup::Client(Box::new(ClientSetup {
            seed: plan.seed,
            duration_ns: plan.run.duration_ns,
            miss_after_ns: plan.run.miss_after_ns,
            load: plan.load.clone(),
            client: plan.client.clone(),
            headers: plan
                .client
                .headers
                .iter()
                .map(|(name, value)| (name.clone(), value.reveal().to_owned()))
                .collect(),
            endpoint: endpoint(
                &link_ready.grpc,
                certificates.is_some(),
                plan.client.resolve,
            ),
            // Empty where no names are looked up.
            name_server: link_ready.dns.parse().ok(),
            tls: certificates.as_ref().map(Certificates::for_client),
            evidence: evidence.clone(),
        }));
        let sdk: Vec<(String, String)> = plan.client.sdk.clone().into_iter().collect();
        let mut client = RoleProcess::spawn(RoleName::Client, run_folder, &sdk, reports_in)?;
        ready(&mut client, &client_setup, &mut reports, run_folder).await?;

        Ok(Self {
            client,
            link,
            sink,
            reports,
            evidence,
        })
    }

    /// Every role, for sampling and for ending.
    pub fn roles_mut(&mut self) -> [&mut RoleProcess; 3] {
        [&mut self.client, &mut self.link, &mut self.sink]
    }

    /// One role.
    pub fn role_mut(&mut self, role: RoleName) -> &mut RoleProcess {
        match role {
            RoleName::Client => &mut self.client,
            RoleName::Link => &mut self.link,
            RoleName::Sink => &mut self.sink,
        }
    }
}

/// Certificates are made for names, so an encrypted line is spoken to by one.
fn endpoint(link: &str, encrypted: bool, resolve: Resolve) -> String {
    let (address, port) = link.rsplit_once(':').unwrap_or((link, ""));
    let scheme = if encrypted { "https" } else { "http" };
    let host = match (resolve, encrypted) {
        (Resolve::Dns, _) => SINK_NAME,
        (Resolve::Address, true) => "localhost",
        (Resolve::Address, false) => address,
    };
    format!("{scheme}://{host}:{port}")
}

async fn ready(
    process: &mut RoleProcess,
    setup: &Setup,
    reports: &mut mpsc::Receiver<Said>,
    run_folder: &Path,
) -> Result<Ready, TopologyError> {
    let role = process.role;
    let not_ready = |why: String| TopologyError::NotReady {
        role: role.as_str(),
        why,
        log: process::log_path(run_folder, role).display().to_string(),
    };
    process
        .send_line(setup)
        .await
        .map_err(|error| not_ready(error.to_string()))?;
    let answer = timeout(READY_DEADLINE, async {
        loop {
            tokio::select! {
                said = reports.recv() => match said {
                    Some((from, Report::Ready(ready))) if from == role => return Ok(ready),
                    Some((from, Report::Failed { why })) if from == role => return Err(why),
                    Some(_) => {}
                    None => return Err("it closed its output".to_owned()),
                },
                exit = process.wait() => return Err(format!("it {exit}")),
            }
        }
    })
    .await;
    match answer {
        Ok(Ok(ready)) => Ok(ready),
        Ok(Err(why)) => Err(not_ready(why)),
        Err(_) => Err(not_ready(format!(
            "nothing was heard from it for {} s",
            READY_DEADLINE.as_secs()
        ))),
    }
}
