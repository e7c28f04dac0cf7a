//! Brings the roles of a plan up as processes, each told where the next one listens.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::netns::Door;
use crate::plan::toxiproxy::ToxiproxyServer;
use crate::plan::windows::segments;
use crate::plan::{Plan, Protocol, Resolve, RoleName, SINK_NAME};
use crate::role::control::{ClientSetup, LinkSetup, Ready, Report, Setup, SinkSetup, StressSetup};

mod aide;
mod certificates;
mod evidence_files;
mod guard;
mod held_ports;
mod process;
mod safety;

pub use aide::StressProcess;
pub use guard::Guard;
pub use process::RoleProcess;

use certificates::Certificates;

/// How long a role may take to get ready.
const READY_DEADLINE: Duration = Duration::from_secs(20);
/// How long after its end a role's last words are waited for.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// The same for a link that has a container started, whose image may have to be fetched first.
const CONTAINER_DEADLINE: Duration = Duration::from_secs(180);
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
    #[error("{why}")]
    Refused {
        why: String,
        #[help]
        help: Option<String>,
    },
    #[error("cannot make the evidence files in {path}: {error}")]
    #[diagnostic(help(
        "they need room for every arrival of the run: make room on that disk, name another with `--results DIR`, or lower the rate or the duration"
    ))]
    Evidence { path: String, error: io::Error },
    #[error("{0}")]
    #[diagnostic(help("see `client.tls` in the scenario"))]
    Tls(String),
    #[error("{0}")]
    #[diagnostic(help("take less with `stress`, or run on a machine that has more to spare"))]
    TooMuch(String),
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
    /// Versions of what the roles stand on, as they told.
    pub versions: BTreeMap<String, String>,
    run_folder: PathBuf,
    guard: Option<Guard>,
}

impl Topology {
    /// Starts sink, link and client, in this order, and waits until each is ready. A link of packets
    /// comes first: it is the ground on which the others stand.
    ///
    /// `run_folder` receives the roles' logs and the evidence. Dropping the topology, at any
    /// moment, kills every role.
    ///
    /// # Errors
    /// When a role cannot be started, dies, or is not ready in time.
    pub async fn up(plan: &Plan, run_folder: &Path) -> Result<Self, TopologyError> {
        safety::check(plan).map_err(TopologyError::TooMuch)?;
        let evidence = run_folder.join("evidence");
        let expected =
            evidence_files::create(plan, &evidence).map_err(|error| TopologyError::Evidence {
                path: evidence.display().to_string(),
                error,
            })?;
        let mut stage = Stage::before(run_folder);
        let mut link_setup = LinkSetup {
            upstream: String::new(),
            seed: plan.seed,
            buffer_bytes: plan.link.buffer_bytes,
            packets: plan.link.packets.clone(),
            toxiproxy: plan.link.toxiproxy.clone(),
            dns: plan.client.resolve == Resolve::Dns,
        };
        let ground = match link_setup.packets {
            Some(_) => Some(
                stage
                    .enter(RoleName::Link, Setup::Link(link_setup.clone()), &[], None)
                    .await?,
            ),
            None => None,
        };
        let sides = ground.as_ref().and_then(|(_, ready)| ready.sides.clone());
        let (client_door, sink_door, listen) = match &sides {
            Some(sides) => (Some(&sides.client), Some(&sides.sink), sides.sink_address),
            None => (None, None, IpAddr::V4(Ipv4Addr::LOCALHOST)),
        };
        let certificates = Certificates::of(plan, listen).map_err(TopologyError::Tls)?;

        let sink_setup = Setup::Sink(Box::new(SinkSetup {
            sink: plan.sink.clone(),
            seed: plan.seed,
            expected,
            segments: segments(plan),
            tls: certificates.as_ref().map(Certificates::for_sink),
            listen,
            evidence: evidence.clone(),
            resumes: None,
            content: plan.content.clone(),
        }));
        let (sink, sink_ready) = stage
            .enter(RoleName::Sink, sink_setup, &[], sink_door)
            .await?;
        link_setup.upstream = match plan.client.protocol {
            Protocol::Grpc => sink_ready.grpc,
            Protocol::HttpProtobuf | Protocol::HttpJson => sink_ready.http,
        };

        let (link, destination, ready) = match ground {
            // The client speaks to the sink itself, across the link.
            Some((link, ready)) => (link, link_setup.upstream, ready),
            None => {
                if let Some(ToxiproxyServer::Image(_)) = link_setup.toxiproxy {
                    stage.deadline = CONTAINER_DEADLINE;
                }
                let setup = Setup::Link(link_setup);
                let (link, ready) = stage.enter(RoleName::Link, setup, &[], None).await?;
                stage.deadline = READY_DEADLINE;
                (link, ready.grpc.clone(), ready)
            }
        };

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
            endpoint: endpoint(&destination, certificates.is_some(), plan.client.resolve),
            // Empty where no names are looked up.
            name_server: ready.dns.parse().ok(),
            tls: certificates.as_ref().map(Certificates::for_client),
            evidence: evidence.clone(),
            resumes: false,
            content: plan.content.is_some(),
        }));
        let sdk: Vec<(String, String)> = plan.client.sdk.clone().into_iter().collect();
        let (client, _) = stage
            .enter(RoleName::Client, client_setup, &sdk, client_door)
            .await?;

        Ok(Self {
            client,
            link,
            sink,
            reports: stage.reports,
            evidence,
            versions: ready.versions,
            run_folder: run_folder.to_owned(),
            guard: None,
        })
    }

    /// Starts a process that competes with the roles for the machine.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn stress(&self, setup: StressSetup) -> io::Result<StressProcess> {
        StressProcess::spawn(setup, &self.run_folder).await
    }

    /// The guard of control groups, started when it is first needed.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn guard(&mut self) -> io::Result<&mut Guard> {
        match &mut self.guard {
            Some(guard) => Ok(guard),
            none => Ok(none.insert(Guard::spawn()?)),
        }
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

/// Where it is spoken to. Beside this machine's own address users' certificates know `localhost`, so
/// an encrypted line there is spoken to by that name.
fn endpoint(destination: &str, encrypted: bool, resolve: Resolve) -> String {
    let (address, port) = destination.rsplit_once(':').unwrap_or((destination, ""));
    let scheme = if encrypted { "https" } else { "http" };
    let host = match (resolve, encrypted) {
        (Resolve::Dns, _) => SINK_NAME,
        (Resolve::Address, true) if address == "127.0.0.1" => "localhost",
        (Resolve::Address, _) => address,
    };
    format!("{scheme}://{host}:{port}")
}

/// Where roles come up, one after the other.
struct Stage<'a> {
    run_folder: &'a Path,
    reports_in: mpsc::Sender<Said>,
    reports: mpsc::Receiver<Said>,
    /// How long a role may take to get ready.
    deadline: Duration,
}

impl<'a> Stage<'a> {
    fn before(run_folder: &'a Path) -> Self {
        let (reports_in, reports) = mpsc::channel(REPORTS_WAITING);
        Self {
            run_folder,
            reports_in,
            reports,
            deadline: READY_DEADLINE,
        }
    }

    /// Starts a role, through `door` where there is one, and waits until it is ready.
    async fn enter(
        &mut self,
        role: RoleName,
        setup: Setup,
        variables: &[(String, String)],
        door: Option<&Door>,
    ) -> Result<(RoleProcess, Ready), TopologyError> {
        let reports_in = self.reports_in.clone();
        let mut process = RoleProcess::spawn(role, self.run_folder, variables, door, reports_in)?;
        let ready = self.ready(&mut process, &setup).await?;
        process.is_set_up(setup, ready.clone());
        Ok((process, ready))
    }

    async fn ready(
        &mut self,
        process: &mut RoleProcess,
        setup: &Setup,
    ) -> Result<Ready, TopologyError> {
        let role = process.role;
        let log = process::log_path(self.run_folder, role.as_str())
            .display()
            .to_string();
        let not_ready = |why: String| TopologyError::NotReady {
            role: role.as_str(),
            why,
            log: log.clone(),
        };
        process
            .send_line(setup)
            .await
            .map_err(|error| not_ready(error.to_string()))?;
        let answer = timeout(self.deadline, async {
            let mut ended = None;
            loop {
                tokio::select! {
                    said = self.reports.recv() => match said {
                        Some((from, Report::Ready(ready))) if from == role => return Ok(ready),
                        Some((from, Report::Failed { why })) if from == role => {
                            return Err(not_ready(why));
                        }
                        Some((from, Report::Refused { why, help })) if from == role => {
                            let help = (!help.is_empty()).then_some(help);
                            return Err(TopologyError::Refused { why, help });
                        }
                        Some(_) => {}
                        None => return Err(not_ready("it closed its output".to_owned())),
                    },
                    // Its last words may still be on their way.
                    exit = process.wait(), if ended.is_none() => ended = Some(exit),
                    () = sleep(LAST_WORDS), if ended.is_some() => {
                        return Err(not_ready(format!("it {}", ended.unwrap_or_default())));
                    }
                }
            }
        })
        .await;
        answer.unwrap_or_else(|_| {
            Err(not_ready(format!(
                "nothing was heard from it for {} s",
                self.deadline.as_secs()
            )))
        })
    }
}
