//! Brings the roles of a plan up as processes, each told where the next one listens.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::netns::Door;
use crate::plan::{ExternalTarget, Plan, RoleName, TargetKind};
use crate::role::control::{Command, Ready, Report, Setup, StressSetup};

mod aide;
mod certificates;
mod command;
mod evidence_files;
mod guard;
mod held_ports;
mod line;
mod ports;
mod process;
mod safety;
mod target;

pub use aide::StressProcess;
pub use guard::Guard;
pub use process::RoleProcess;

use line::Line;

/// How long a role may take to get ready.
const READY_DEADLINE: Duration = Duration::from_secs(20);
/// How long after its end a role's last words are waited for.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// The same where a container is started, whose image may have to be fetched first.
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
    #[error("{role} did not get ready: {why}")]
    #[diagnostic(help("its own words are in {log}"))]
    NotReady {
        /// `the link`, or a target's name.
        role: String,
        why: String,
        log: String,
    },
    #[error("{name} did not get ready: {why}")]
    #[diagnostic(help("is it running at {endpoint}? squall does not start an external target"))]
    NotReached {
        name: String,
        why: String,
        endpoint: String,
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
    #[diagnostic(help("see `client.tls` and `sink.tls` in the scenario"))]
    Tls(String),
    #[error("{target} {exit} before the load began")]
    #[diagnostic(help("its own words are in {log}"))]
    TargetEnded {
        target: String,
        exit: String,
        log: String,
    },
    #[error("the target `{name}` cannot be started: {why}")]
    Target { name: String, why: String },
    #[error("the client's program cannot be started: {0}")]
    Command(String),
    #[error("{0}")]
    #[diagnostic(help("take less with `stress`, or run on a machine that has more to spare"))]
    TooMuch(String),
}

/// What a role said, and which.
pub type Said = (RoleName, Report);

/// What comes first of a role that is to end.
#[derive(Debug)]
pub enum EndOrWords {
    /// How it ended.
    End(String),
    Words(Box<Said>),
}

/// The running roles. Links and targets are in the order of the plan.
#[derive(Debug)]
pub struct Topology {
    pub client: RoleProcess,
    links: Vec<RoleProcess>,
    targets: Vec<RoleProcess>,
    pub sink: RoleProcess,
    pub reports: mpsc::Receiver<Said>,
    /// Folder of the mapped files and journals.
    pub evidence: PathBuf,
    /// Versions of what the roles stand on, as they told.
    pub versions: BTreeMap<String, String>,
    run_folder: PathBuf,
    guard: Option<Guard>,
    /// For as long as a target may be started again.
    _kept: target::Kept,
}

impl Topology {
    /// Starts everything from the sink to the client, each told where the next one listens, and waits
    /// until each is ready. A link of packets comes first: it is the ground on which the others stand.
    ///
    /// `run_folder` receives the roles' logs and the evidence. Dropping the topology, at any
    /// moment, kills every role.
    ///
    /// # Errors
    /// When a role cannot be started, dies, or is not ready in time.
    pub async fn up(plan: &Plan, run_folder: &Path) -> Result<Self, TopologyError> {
        safety::check(plan).map_err(TopologyError::TooMuch)?;
        let evidence = run_folder.join("evidence");
        let no_room = |error| TopologyError::Evidence {
            path: evidence.display().to_string(),
            error,
        };
        let expected = evidence_files::create(plan, &evidence).map_err(no_room)?;
        for (index, _) in tapped(plan) {
            evidence_files::taps::create(index, &expected, &evidence).map_err(no_room)?;
        }
        let stage = Stage::before(plan, run_folder);
        Line::up(plan, stage, evidence, expected).await
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
    pub fn roles_mut(&mut self) -> impl Iterator<Item = &mut RoleProcess> {
        std::iter::once(&mut self.client)
            .chain(&mut self.links)
            .chain(&mut self.targets)
            .chain(std::iter::once(&mut self.sink))
    }

    /// Every role.
    pub fn roles(&self) -> impl Iterator<Item = &RoleProcess> {
        std::iter::once(&self.client)
            .chain(&self.links)
            .chain(&self.targets)
            .chain(std::iter::once(&self.sink))
    }

    /// One role.
    ///
    /// # Errors
    /// When the plan does not have it.
    pub fn role(&mut self, role: RoleName) -> io::Result<&mut RoleProcess> {
        self.role_mut(role)
            .ok_or_else(|| io::Error::other(format!("this run has no {}", role.as_str())))
    }

    /// Says something to a role.
    ///
    /// # Errors
    /// When it no longer listens.
    pub async fn tell(&mut self, role: RoleName, command: &Command) -> io::Result<()> {
        self.role(role)?.send_line(command).await
    }

    /// Waits for a role's end or for what any role says, whichever comes first. May be dropped
    /// halfway.
    ///
    /// `None` for a role that the plan does not have.
    pub async fn end_or_words(&mut self, role: RoleName) -> Option<EndOrWords> {
        let process = match role {
            RoleName::Client => &mut self.client,
            RoleName::Link(index) => self.links.get_mut(usize::from(index))?,
            RoleName::Target(index) => self.targets.get_mut(usize::from(index))?,
            RoleName::Sink => &mut self.sink,
        };
        Some(tokio::select! {
            exit = process.wait() => EndOrWords::End(exit),
            Some(said) = self.reports.recv() => EndOrWords::Words(Box::new(said)),
        })
    }

    /// One role; `None` for one that the plan does not have.
    pub fn role_mut(&mut self, role: RoleName) -> Option<&mut RoleProcess> {
        match role {
            RoleName::Client => Some(&mut self.client),
            RoleName::Link(index) => self.links.get_mut(usize::from(index)),
            RoleName::Target(index) => self.targets.get_mut(usize::from(index)),
            RoleName::Sink => Some(&mut self.sink),
        }
    }
}

/// The links that have a tap, and their numbers.
pub(crate) fn tapped(plan: &Plan) -> impl Iterator<Item = (usize, RoleName)> + '_ {
    let roles = (0_u8..).map(RoleName::Link);
    let links = plan.links.iter().enumerate().zip(roles);
    links
        .filter(|((_, link), _)| link.tap)
        .map(|((index, _), role)| (index, role))
}

/// What messages call a role: targets have names of their own.
pub fn called(plan: &Plan, role: RoleName) -> String {
    match role {
        RoleName::Target(_) => plan.name_of(role).to_owned(),
        RoleName::Client | RoleName::Link(_) | RoleName::Sink => format!("the {}", role.as_str()),
    }
}

/// What squall did not start, and has no words of.
fn external(plan: &Plan, role: RoleName) -> Option<&ExternalTarget> {
    let RoleName::Target(index) = role else {
        return None;
    };
    match &plan.targets.get(usize::from(index))?.kind {
        TargetKind::External(external) => Some(external),
        TargetKind::Process(_) | TargetKind::Container(_) => None,
    }
}

/// File of what a role, or the program that it looks after, has written.
fn words_of(plan: &Plan, run_folder: &Path, role: RoleName) -> String {
    let name = match role {
        RoleName::Target(_) => target::output_name(plan.name_of(role)),
        RoleName::Client | RoleName::Link(_) | RoleName::Sink => role.as_str().to_owned(),
    };
    process::log_path(run_folder, &name).display().to_string()
}

/// Where roles come up, one after the other.
struct Stage<'a> {
    plan: &'a Plan,
    run_folder: &'a Path,
    reports_in: mpsc::Sender<Said>,
    reports: mpsc::Receiver<Said>,
    /// How long a role may take to get ready.
    deadline: Duration,
    /// The programs of the targets that are up.
    programs: BTreeMap<RoleName, u32>,
}

impl<'a> Stage<'a> {
    fn before(plan: &'a Plan, run_folder: &'a Path) -> Self {
        let (reports_in, reports) = mpsc::channel(REPORTS_WAITING);
        Self {
            plan,
            run_folder,
            reports_in,
            reports,
            deadline: READY_DEADLINE,
            programs: BTreeMap::new(),
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
        let (plan, run_folder) = (self.plan, self.run_folder);
        let not_ready = |why: String| match external(plan, role) {
            Some(external) => TopologyError::NotReached {
                name: called(plan, role),
                why,
                endpoint: external.endpoint.clone(),
            },
            None => TopologyError::NotReady {
                role: called(plan, role),
                why,
                log: words_of(plan, run_folder, role),
            },
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
                        Some((from, Report::ProgramStarted { pid, .. })) => {
                            self.programs.insert(from, pid);
                        }
                        Some((from, Report::ProgramEnded { exit: Some(exit), .. })) => {
                            return Err(TopologyError::TargetEnded {
                                target: called(plan, from),
                                exit,
                                log: words_of(plan, run_folder, from),
                            });
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
