//! One container: started, waited for, signalled, removed.

use std::time::Duration;

use futures_util::StreamExt;
use testcontainers::bollard::Docker;
use testcontainers::bollard::models::{
    ContainerState, HostConfig, HostConfigLogConfig, PortBinding,
};
use testcontainers::bollard::query_parameters::{
    InspectContainerOptions, KillContainerOptionsBuilder, WaitContainerOptionsBuilder,
};
use testcontainers::core::{AccessMode, ImageExt};
use testcontainers::core::{ContainerAsync, IntoContainerPort, Mount as BindMount};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerRequest, GenericImage};
use tokio::io::AsyncRead;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::engine::{EngineError, is_unknown, start_error, words};
use super::image::name_and_tag;
use super::leftovers::LABEL;
use super::{ContainerSpec, Network};
use crate::target::output::{self, Heard, Log, Wanted};
use crate::target::probe;
use crate::target::supervised::Ready;

/// Between two questions whether it is ready.
const ASK_EVERY: Duration = Duration::from_millis(25);
/// How long a killed container may take to be gone, and its last words to arrive.
const DEATH: Duration = Duration::from_secs(10);
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How often an engine that does not answer is asked for the end of a container, and how long between.
const ASKED_AGAIN: usize = 25;
const ASK_AGAIN: Duration = Duration::from_millis(200);
/// How an engine keeps what a container says, until squall has read it: bounded, like squall's own.
const ENGINE_LOG: (&str, &str) = ("json-file", "16m");
/// Signals are numbered up to this; an exit code of 128 and more tells of one.
const SIGNALS: i64 = 64;

/// A container that was started. End it with [`Running::kill`] or [`Running::stop`], which remove it.
pub struct Running {
    docker: Docker,
    container: ContainerAsync<GenericImage>,
    /// Of its first process on this machine; 0 where that cannot be told.
    pub pid: u32,
    /// How it ended, once it has.
    exit: watch::Receiver<Option<String>>,
    tasks: JoinSet<()>,
    log: Log,
    paused: bool,
}

impl Running {
    /// Starts a container of `image` for `target`; [`Running::get_ready`] is to follow, with what is
    /// heard of it. May be dropped halfway; what there is then has the target's label.
    ///
    /// # Errors
    /// When the engine cannot start it.
    pub async fn start(
        docker: &Docker,
        spec: &ContainerSpec,
        image: &str,
        target: &str,
        ready: &Ready,
    ) -> Result<(Self, watch::Receiver<Heard>), EngineError> {
        let container = request(spec, image, target)
            .start()
            .await
            .map_err(|error| start_error(image, &error))?;
        let mut tasks = JoinSet::new();
        let (heard_in, heard) = watch::channel(Heard::default());
        let log = Log::at(&spec.log, spec.log_limit_bytes);
        let (stdout, stderr) = (container.stdout(true), container.stderr(true));
        tasks.spawn(copy(stdout, log.clone(), ready, heard_in.clone()));
        tasks.spawn(copy(stderr, log.clone(), ready, heard_in));
        let (exit_in, exit) = watch::channel(None);
        let id = container.id().to_owned();
        let memory_bytes = spec.memory_bytes;
        let watching = docker.clone();
        tokio::spawn(async move {
            let exit = exit_of(&watching, &id, memory_bytes).await;
            // Nobody may be left to hear of it.
            let _ = exit_in.send(Some(exit));
        });
        let pid = pid_here(docker, container.id()).await;
        let started = Self {
            docker: docker.clone(),
            container,
            pid,
            exit,
            tasks,
            log,
            paused: false,
        };
        Ok((started, heard))
    }

    /// The engine's id for it.
    pub fn id(&self) -> &str {
        self.container.id()
    }

    /// Waits until it is ready. May be dropped halfway.
    ///
    /// # Errors
    /// When it ends at once, or is not ready in time.
    pub async fn get_ready(
        &mut self,
        ready: &Ready,
        deadline: Duration,
        mut heard: watch::Receiver<Heard>,
    ) -> Result<(), EngineError> {
        let mut last = String::new();
        let is_ready = async {
            match ready {
                Ready::Says(text) => {
                    last = format!("it did not say {text:?}");
                    if heard.wait_for(|heard| heard.found).await.is_err() {
                        // It has closed its output; its end, or the deadline, decides.
                        std::future::pending::<()>().await;
                    }
                }
                Ready::Started => {}
                Ready::Probe(asked) => {
                    while let Err(why) = probe::ask(asked).await {
                        last = why;
                        sleep(ASK_EVERY).await;
                    }
                }
            }
        };
        let mut exit = self.exit.clone();
        let decided = timeout(deadline, async {
            tokio::select! {
                biased;
                exit = ended(&mut exit) => Err(exit),
                () = is_ready => Ok(()),
            }
        })
        .await;
        let exit = match decided {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(exit)) => Some(exit),
            Err(_) => None,
        };
        if exit.is_some() {
            self.hear_the_last_words().await;
        }
        let last_words = self.log.last_words();
        Err(match exit {
            Some(exit) => EngineError::Ended { exit, last_words },
            None => EngineError::NotReady {
                deadline,
                why: last,
                last_words,
            },
        })
    }

    /// Waits for its end, and says how it ended. May be dropped halfway, and asked again.
    pub async fn ended(&mut self) -> String {
        ended(&mut self.exit).await
    }

    /// Stops all of its processes, or lets them go on.
    ///
    /// # Errors
    /// When the engine refuses.
    pub async fn pause(&mut self, paused: bool) -> Result<(), EngineError> {
        if paused == self.paused || self.exit.borrow().is_some() {
            return Ok(());
        }
        let (what, done) = if paused {
            ("pause", self.container.pause().await)
        } else {
            ("resume", self.container.unpause().await)
        };
        if let Err(error) = done {
            let why = error.to_string();
            if !is_over(&why) {
                return Err(EngineError::Control { what, why });
            }
        }
        self.paused = paused;
        Ok(())
    }

    /// Asks it to end with `signal`, and kills it when it has not within `grace`. Says how it ended,
    /// and whether it had to be killed. Nothing of it is left.
    ///
    /// # Errors
    /// When the engine refuses.
    pub async fn stop(
        mut self,
        signal: i32,
        grace: Duration,
    ) -> Result<(String, bool), EngineError> {
        // A paused process hears nothing, and some engines refuse to tell it.
        self.pause(false).await?;
        self.signal(signal).await?;
        match timeout(grace, self.ended()).await {
            Ok(exit) => {
                self.remove().await?;
                Ok((exit, false))
            }
            Err(_) => Ok((self.kill().await?, true)),
        }
    }

    /// Kills it, removes it, and says how it ended.
    ///
    /// # Errors
    /// When the engine refuses.
    pub async fn kill(mut self) -> Result<String, EngineError> {
        self.signal(rustix::process::Signal::KILL.as_raw()).await?;
        self.pause(false).await?;
        let exit = timeout(DEATH, self.ended()).await;
        self.remove().await?;
        Ok(exit.unwrap_or_else(|_| "was removed, for it did not die".to_owned()))
    }

    /// To its first process, unless it has ended.
    async fn signal(&mut self, signal: i32) -> Result<(), EngineError> {
        if self.exit.borrow().is_some() {
            return Ok(());
        }
        let options = KillContainerOptionsBuilder::new()
            .signal(&signal.to_string())
            .build();
        match self.docker.kill_container(self.id(), Some(options)).await {
            Err(error) if !is_over(&words(&error)) && !is_unknown(&error) => {
                Err(EngineError::Control {
                    what: "signal",
                    why: words(&error),
                })
            }
            _ => Ok(()),
        }
    }

    async fn hear_the_last_words(&mut self) {
        let deadline = Instant::now() + LAST_WORDS;
        while let Ok(Some(_)) = timeout_at(deadline, self.tasks.join_next()).await {}
    }

    async fn remove(mut self) -> Result<(), EngineError> {
        self.hear_the_last_words().await;
        self.container
            .rm()
            .await
            .map_err(|error| EngineError::Control {
                what: "remove",
                why: error.to_string(),
            })
    }
}

/// It has ended between the question and the answer, or its engine has resumed it to kill it.
fn is_over(why: &str) -> bool {
    why.contains("is not running") || why.contains("is not paused")
}

async fn ended(exit: &mut watch::Receiver<Option<String>>) -> String {
    let told = exit.wait_for(Option::is_some).await;
    let told = told.ok().and_then(|exit| exit.clone());
    // The task that tells it always does before it ends.
    told.unwrap_or_else(|| "has ended".to_owned())
}

fn request(spec: &ContainerSpec, image: &str, target: &str) -> ContainerRequest<GenericImage> {
    let (name, tag) = name_and_tag(image);
    let mut request = ContainerRequest::from(GenericImage::new(name, tag))
        .with_cmd(spec.args.clone())
        .with_label(LABEL, target);
    for (name, value) in &spec.env {
        request = request.with_env_var(name, value);
    }
    for mount in &spec.mounts {
        let access = if mount.read_only {
            AccessMode::ReadOnly
        } else {
            AccessMode::ReadWrite
        };
        let source = mount.host.display().to_string();
        request = request.with_mount(
            BindMount::bind_mount(source, mount.container.clone()).with_access_mode(access),
        );
    }
    for port in &spec.ports {
        request = request.with_mapped_port(port.host, port.container.tcp());
    }
    if let Some(user) = &spec.user {
        request = request.with_user(user);
    }
    let spec = spec.clone();
    request.with_host_config_modifier(move |host| confine(host, &spec))
}

/// Limits, the network, and ports on 127.0.0.1 alone.
fn confine(host: &mut HostConfig, spec: &ContainerSpec) {
    host.publish_all_ports = Some(false);
    host.nano_cpus = spec.cpus.map(|cpus| (cpus * 1e9).round() as i64);
    let memory = spec
        .memory_bytes
        .map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
    host.memory = memory;
    host.memory_swap = memory;
    let (driver, size) = ENGINE_LOG;
    host.log_config = Some(HostConfigLogConfig {
        typ: Some(driver.to_owned()),
        config: Some([("max-size".to_owned(), size.to_owned())].into()),
    });
    match spec.network {
        Network::Host => {
            host.network_mode = Some("host".to_owned());
            host.port_bindings = None;
        }
        Network::Bridge => {
            let gateway = "host.docker.internal:host-gateway".to_owned();
            host.extra_hosts.get_or_insert_default().push(gateway);
            let bindings = spec.ports.iter().map(|port| {
                let binding = PortBinding {
                    host_ip: Some("127.0.0.1".to_owned()),
                    host_port: Some(port.host.to_string()),
                };
                (format!("{}/tcp", port.container), Some(vec![binding]))
            });
            host.port_bindings = Some(bindings.collect());
        }
    }
}

fn copy(
    source: impl AsyncRead + Unpin + Send + 'static,
    log: Log,
    ready: &Ready,
    heard: watch::Sender<Heard>,
) -> impl Future<Output = ()> + Send + 'static {
    let text = match ready {
        Ready::Says(text) => Some(text.clone()),
        Ready::Probe(_) | Ready::Started => None,
    };
    let wanted = Wanted { text, made: false };
    async move {
        // A log that cannot be written must not stop what is being measured.
        let _ = output::keep(source, &log, wanted, &heard).await;
    }
}

/// Waits for the end of a container, and says how it ended.
async fn exit_of(docker: &Docker, id: &str, memory_bytes: Option<u64>) -> String {
    let mut failed = 0;
    loop {
        let options = WaitContainerOptionsBuilder::new()
            .condition("not-running")
            .build();
        // Whatever it answers, the state tells.
        let _ = Box::pin(docker.wait_container(id, Some(options)))
            .next()
            .await;
        let inspected = docker
            .inspect_container(id, None::<InspectContainerOptions>)
            .await;
        match inspected {
            Ok(container) => {
                let state = container.state.unwrap_or_default();
                if state.running != Some(true) {
                    return exit_text(&state, memory_bytes);
                }
            }
            Err(error) if is_unknown(&error) => return "was removed".to_owned(),
            Err(error) if failed >= ASKED_AGAIN => {
                let why = words(&error);
                return format!("is lost: its engine does not answer ({why})");
            }
            Err(_) => {
                failed += 1;
                sleep(ASK_AGAIN).await;
            }
        }
    }
}

fn exit_text(state: &ContainerState, memory_bytes: Option<u64>) -> String {
    if state.oom_killed == Some(true) {
        let limit = memory_bytes.map(|bytes| format!(", of which it may use {} MiB", bytes >> 20));
        return format!("was killed for want of memory{}", limit.unwrap_or_default());
    }
    match state.exit_code {
        Some(code) if (129..=128 + SIGNALS).contains(&code) => {
            format!("was killed by signal {}", code - 128)
        }
        Some(code) => format!("exited with {code}"),
        None => "has ended".to_owned(),
    }
}

/// The pid of its first process, where that is a process of this machine.
async fn pid_here(docker: &Docker, id: &str) -> u32 {
    let inspected = docker
        .inspect_container(id, None::<InspectContainerOptions>)
        .await;
    let state = inspected.ok().and_then(|container| container.state);
    let pid = state.and_then(|state| state.pid).unwrap_or(0);
    // An engine in a virtual machine counts pids of its own.
    let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    match u32::try_from(pid) {
        Ok(pid) if groups.contains(id) => pid,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_has_words() {
        let state = |exit_code, oom_killed| ContainerState {
            exit_code: Some(exit_code),
            oom_killed: Some(oom_killed),
            ..ContainerState::default()
        };
        for (state, limit, words) in [
            (state(0, false), None, "exited with 0"),
            (state(3, false), Some(1), "exited with 3"),
            (state(137, false), None, "was killed by signal 9"),
            (
                state(137, true),
                Some(64 << 20),
                "was killed for want of memory, of which it may use 64 MiB",
            ),
            (state(137, true), None, "was killed for want of memory"),
        ] {
            assert_eq!(exit_text(&state, limit), words);
        }
    }
}
