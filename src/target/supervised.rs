//! One program: started, waited for, signalled, ended with everything that it has started.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::family::{self, descendants};
use super::output::{self, Heard, Log, Wanted};
use super::probe::{self, Probe};
use crate::plan::secret::REDACTED;

/// Between two questions whether it is ready.
const ASK_EVERY: Duration = Duration::from_millis(25);
/// How often what is left of a family is looked for, and how many times.
const REAP_EVERY: Duration = Duration::from_millis(10);
const REAP_ROUNDS: usize = 200;
/// How a program says that all is well.
const EXITED_WELL: &str = "exited with 0";
/// How often what still goes is stopped, and how many times.
const PAUSE_EVERY: Duration = Duration::from_millis(5);
const PAUSE_ROUNDS: usize = 200;

/// A program and how it is run.
#[derive(Clone)]
pub struct Program {
    pub command: PathBuf,
    pub args: Vec<String>,
    /// Added to what squall's own environment has.
    pub env: BTreeMap<String, String>,
    /// Taken out of it before.
    pub env_removed: Vec<String>,
    /// Not to be shown, should it say them.
    pub secrets: Vec<String>,
    /// Where it runs.
    pub folder: PathBuf,
    /// Where its output goes, standard output and standard error together.
    pub log: PathBuf,
    pub log_limit_bytes: u64,
    pub ready: Ready,
    /// How long it may take to be ready.
    pub ready_deadline: Duration,
    /// Whether to listen for how many items it makes ([`super::made`]).
    pub tells_made: bool,
}

impl Program {
    /// Words about it, without its secrets.
    pub fn without_secrets(&self, words: &str) -> String {
        without_secrets(&self.secrets, words)
    }
}

/// Words without any of `secrets`.
pub fn without_secrets(secrets: &[String], words: &str) -> String {
    let secrets = secrets.iter().filter(|secret| !secret.is_empty());
    secrets.fold(words.to_owned(), |words, secret| {
        words.replace(secret, REDACTED)
    })
}

/// What shows that it is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ready {
    Probe(Probe),
    /// It has said this.
    Says(String),
    /// Nothing: it is up as soon as it is started.
    Started,
}

/// Why a program is not up.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("`{command}` cannot be started: {error}")]
    Spawn { command: String, error: io::Error },
    #[error("it {exit} before it was ready{last_words}")]
    Ended { exit: String, last_words: String },
    #[error("it was not ready within {} s: {why}{last_words}", deadline.as_secs_f64())]
    NotReady {
        deadline: Duration,
        why: String,
        last_words: String,
    },
}

/// A program that is up. Dropped, it is killed; end it with [`Supervised::stop`] or
/// [`Supervised::kill`] to take its family along.
#[derive(Debug)]
pub struct Supervised {
    pub pid: u32,
    child: Child,
    copying: JoinSet<()>,
    log: Log,
}

impl Supervised {
    /// Makes this process the one to which the orphans among its descendants fall, so that none of
    /// them can get away.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn adopt_orphans() -> io::Result<()> {
        #[cfg(target_os = "linux")]
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
        Ok(())
    }

    /// Starts it; [`Supervised::get_ready`] is to follow, with what is heard of it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(program: &Program) -> Result<(Self, watch::Receiver<Heard>), StartError> {
        let (heard_in, heard) = watch::channel(Heard::default());
        match Self::spawn_heard(program, heard_in) {
            Ok(spawned) => Ok((spawned, heard)),
            Err(error) => Err(StartError::Spawn {
                command: program.command.display().to_string(),
                error,
            }),
        }
    }

    /// Waits until it is ready. May be dropped halfway.
    ///
    /// # Errors
    /// When it ends at once, or is not ready in time; then nothing of it is left.
    pub async fn get_ready(
        &mut self,
        program: &Program,
        heard: watch::Receiver<Heard>,
    ) -> Result<(), StartError> {
        let ready = timeout(program.ready_deadline, self.wait_ready(program, heard)).await;
        let mut failure = match ready {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(exit)) => StartError::Ended {
                exit,
                last_words: String::new(),
            },
            Err(_) => StartError::NotReady {
                last_words: String::new(),
                deadline: program.ready_deadline,
                why: match &program.ready {
                    Ready::Says(text) => format!("it did not say {text:?}"),
                    Ready::Started => "it was not started".to_owned(),
                    Ready::Probe(probe) => match probe::ask(probe).await {
                        Ok(()) => "it became ready too late".to_owned(),
                        Err(why) => why,
                    },
                },
            },
        };
        // A daemon's starter ends well, and leaves the daemon behind.
        let left_behind = match &mut failure {
            StartError::Ended { exit, .. } if exit == EXITED_WELL => {
                !descendants(std::process::id()).is_empty()
            }
            _ => false,
        };
        self.kill().await;
        if let (true, StartError::Ended { exit, .. }) = (left_behind, &mut failure) {
            exit.push_str(
                " and left processes in the background, which were ended (a target has to stay in \
                 the foreground)",
            );
        }
        if let StartError::Ended { last_words, .. } | StartError::NotReady { last_words, .. } =
            &mut failure
        {
            *last_words = self.log.last_words();
        }
        Err(failure)
    }

    fn spawn_heard(program: &Program, heard: watch::Sender<Heard>) -> io::Result<Self> {
        let mut command = Command::new(&program.command);
        for name in &program.env_removed {
            command.env_remove(name);
        }
        let mut child = command
            .args(&program.args)
            .envs(&program.env)
            .current_dir(&program.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A Ctrl-C at the terminal is for squall alone, which then ends the program.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let pid = child
            .id()
            .ok_or_else(|| io::Error::other("it has ended already"))?;
        let text = match &program.ready {
            Ready::Says(text) => Some(text.clone()),
            Ready::Probe(_) | Ready::Started => None,
        };
        let errors = Wanted { text, made: false };
        let words = Wanted {
            made: program.tells_made,
            ..errors.clone()
        };
        let log = Log::at(&program.log, program.log_limit_bytes);
        let mut copying = JoinSet::new();
        if let Some(stdout) = child.stdout.take() {
            copying.spawn(copy(stdout, log.clone(), words, heard.clone()));
        }
        if let Some(stderr) = child.stderr.take() {
            copying.spawn(copy(stderr, log.clone(), errors, heard));
        }
        Ok(Self {
            pid,
            child,
            copying,
            log,
        })
    }

    /// Until it is ready; its end in words, if it ends before.
    async fn wait_ready(
        &mut self,
        program: &Program,
        mut heard: watch::Receiver<Heard>,
    ) -> Result<(), String> {
        let ready = async {
            match &program.ready {
                Ready::Says(_) => {
                    if heard.wait_for(|heard| heard.found).await.is_err() {
                        // It has closed its output; its end, or the deadline, decides.
                        std::future::pending::<()>().await;
                    }
                }
                Ready::Started => {}
                Ready::Probe(probe) => {
                    while probe::ask(probe).await.is_err() {
                        sleep(ASK_EVERY).await;
                    }
                }
            }
        };
        tokio::select! {
            biased;
            exit = self.child.wait() => Err(exit_text(exit.ok())),
            () = ready => Ok(()),
        }
    }

    /// Sends a signal to the program itself, unless it has ended.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn signal(&mut self, signal: Signal) -> io::Result<()> {
        if self.child.try_wait()?.is_some() {
            return Ok(());
        }
        match Pid::from_raw(self.pid.cast_signed()) {
            Some(pid) => Ok(kill_process(pid, signal)?),
            None => Err(io::Error::other("it has no valid pid")),
        }
    }

    /// Stops the whole family. What is born meanwhile is stopped as well.
    ///
    /// # Errors
    /// When one of them cannot be stopped.
    pub async fn pause(&mut self) -> io::Result<()> {
        self.signal(Signal::STOP)?;
        for _ in 0..PAUSE_ROUNDS {
            let going = family::going(std::process::id());
            if going.is_empty() {
                return Ok(());
            }
            signal_each(&going, Signal::STOP);
            sleep(PAUSE_EVERY).await;
        }
        let left = family::going(std::process::id()).len();
        Err(io::Error::other(format!(
            "{left} of its processes do not stop"
        )))
    }

    /// Lets the whole family go on.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn resume(&mut self) -> io::Result<()> {
        signal_each(&descendants(std::process::id()), Signal::CONT);
        self.signal(Signal::CONT)
    }

    /// The last lines that it has said, as the end of a message; nothing where there are none.
    pub fn last_words(&self) -> String {
        self.log.last_words()
    }

    /// Waits for its end, and says how it ended: `exited with 0`, `was killed by signal 9`.
    pub async fn wait(&mut self) -> String {
        exit_text(self.child.wait().await.ok())
    }

    /// Asks it to end with `signal`, and kills it when it has not within `grace`. Says how it ended,
    /// and whether it had to be killed. Nothing of its family is left.
    pub async fn stop(&mut self, signal: Signal, grace: Duration) -> (String, bool) {
        // One that has ended cannot be asked, and need not be.
        let _ = self.signal(signal);
        // A stopped process hears nothing.
        let _ = self.resume();
        match timeout(grace, self.child.wait()).await {
            Ok(exit) => {
                self.end_family().await;
                (exit_text(exit.ok()), false)
            }
            Err(_) => (self.kill().await, true),
        }
    }

    /// Kills it with its whole family, and says how it ended.
    pub async fn kill(&mut self) -> String {
        // One that has ended cannot be killed, and need not be.
        let _ = self.child.start_kill();
        let exit = self.child.wait().await;
        self.end_family().await;
        exit_text(exit.ok())
    }

    /// Kills what it has started and left behind. Everything that descends from this process is
    /// the program's: the orphans fall to whoever has called [`Supervised::adopt_orphans`].
    async fn end_family(&mut self) {
        for _ in 0..REAP_ROUNDS {
            let left = descendants(std::process::id());
            if left.is_empty() {
                break;
            }
            for pid in left {
                if let Some(pid) = Pid::from_raw(pid.cast_signed()) {
                    // It may have ended meanwhile.
                    let _ = kill_process(pid, Signal::KILL);
                    let _ =
                        rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::NOHANG);
                }
            }
            sleep(REAP_EVERY).await;
        }
        let deadline = Instant::now() + Duration::from_secs(1);
        // The last words are in the pipes.
        while let Ok(Some(_)) = tokio::time::timeout_at(deadline, self.copying.join_next()).await {}
    }
}

fn signal_each(pids: &[u32], signal: Signal) {
    for pid in pids
        .iter()
        .filter_map(|pid| Pid::from_raw(pid.cast_signed()))
    {
        // It may have ended meanwhile.
        let _ = kill_process(pid, signal);
    }
}

async fn copy(
    source: impl tokio::io::AsyncRead + Unpin + Send + 'static,
    log: Log,
    wanted: Wanted,
    heard: watch::Sender<Heard>,
) {
    // A log that cannot be written must not stop what is being measured.
    let _ = output::keep(source, &log, wanted, &heard).await;
}

fn exit_text(exit: Option<ExitStatus>) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match exit.map(|status| (status.code(), status.signal())) {
        Some((Some(code), _)) => format!("exited with {code}"),
        Some((None, Some(signal))) => format!("was killed by signal {signal}"),
        Some((None, None)) | None => "has ended".to_owned(),
    }
}
