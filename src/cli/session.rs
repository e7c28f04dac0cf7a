//! Runs, one or many after each other: from a plan to a record that is stored and reported.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, SystemTime};

use rustix::process::{Pid, kill_process};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{Outcome, live_state, report};
use crate::drive::{Orders, drive};
use crate::error::{CliError, Exit};
use crate::evidence::{Evidence, Stopped};
use crate::judge::{Circumstances, calibration, judge, live, stored_series};
use crate::load::payload;
use crate::plan::Plan;
use crate::record::Record;
use crate::report::live::LiveView;
use crate::store::{RunFolder, StoreError};
use crate::topology::{Topology, TopologyError};
use crate::{fingerprint, observe, store};

/// Signals that may wait to be obeyed: the first ends the load, the second ends the run.
const SIGNALS_WAITING: usize = 4;

/// How long after a failed start a signal may come that explains it.
const SIGNAL_GRACE: Duration = Duration::from_millis(50);

/// How long a self-check tells of its machine.
const FRESH_DAYS: i64 = 30;

/// How the live part of a run ended.
enum Ended {
    Observed(Box<Evidence>),
    /// A signal came before there was any traffic.
    BeforeStart(i32),
}

/// One thread for everything: roles live as long as the thread that started them. The first signal
/// ends a run's load, the second the run.
pub(super) struct Session {
    runtime: tokio::runtime::Runtime,
    stop: mpsc::Receiver<i32>,
}

/// What a run is, beside its plan.
pub(super) struct About<'a> {
    /// Where runs are stored.
    pub results: &'a Path,
    pub replay_of: Option<String>,
    pub notes: Vec<String>,
    pub quiet: bool,
}

/// A run that was made, judged, and saved as far as it could be.
pub(super) struct Done {
    pub record: Record,
    pub evidence: Evidence,
    /// Where its reports are.
    pub reports: Vec<PathBuf>,
    pub unsaved: Vec<StoreError>,
    /// Whether a signal ended it.
    pub interrupted: bool,
}

impl Session {
    pub(super) fn start() -> Result<Self, CliError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| {
                CliError::internal(miette::miette!("cannot start the runtime: {error}"))
            })?;
        let inside = runtime.enter();
        let stop = signals().map_err(|error| {
            CliError::internal(miette::miette!("cannot listen for signals: {error}"))
        })?;
        drop(inside);
        Ok(Self { runtime, stop })
    }

    /// Makes one run, from its folder to its reports.
    pub(super) fn once(&mut self, plan: Plan, about: About<'_>) -> Result<Done, CliError> {
        let _inside = self.runtime.enter();
        let started = SystemTime::now();
        let folder =
            RunFolder::create(about.results, &plan.scenario, started).map_err(CliError::usage)?;
        folder.save_plan(&plan).map_err(|error| {
            folder.discard();
            CliError::usage(error)
        })?;
        let ended = self
            .runtime
            .block_on(observe_run(&plan, &folder, &mut self.stop, about.quiet))
            .map_err(|error| {
                use TopologyError::{NotReady, TargetEnded};
                if matches!(error, NotReady { .. } | TargetEnded { .. }) {
                    // The role's log, or the program's output, tells why.
                    folder.discard_raw_evidence();
                } else {
                    folder.discard();
                }
                CliError::usage(error)
            })?;
        let mut evidence = match ended {
            Ended::Observed(evidence) => *evidence,
            Ended::BeforeStart(signal) => Evidence {
                stopped: Some(Stopped::Signal(signal)),
                ..Evidence::default()
            },
        };
        // From here on nothing ends the command early: what can be saved and shown, is.
        let mut unsaved = Vec::new();
        match folder.save_evidence(&evidence) {
            Ok(()) => folder.discard_raw_evidence(),
            Err(error) => {
                let why = format!("the evidence could not be saved: {error}");
                evidence.incidents.push(why);
                unsaved.push(error);
            }
        }

        let environment: BTreeMap<String, String> = observe::environment()
            .into_iter()
            .chain(evidence.versions.clone())
            .collect();
        let selfcheck = store::selfcheck_for(about.results, &fingerprint::machine(&environment));
        let selfcheck = selfcheck.filter(|known| is_fresh(&known.made, started));
        let circumstances = Circumstances {
            calibration: selfcheck.map(|known| calibration(&known, plan.client.kind)),
            started: chrono::DateTime::<chrono::Utc>::from(started)
                .to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
            environment,
            fingerprint: fingerprint::of(&plan, payload::fingerprint(&plan.load, plan.seed)),
            replay_of: about.replay_of,
            notes: about.notes,
        };
        let (result, histograms) = judge(&plan, &evidence, circumstances);
        let series = stored_series(&evidence);
        unsaved.extend(folder.save_judgment(&result, &series, &histograms).err());
        let record = Record {
            run: folder.name(),
            plan,
            result,
            series,
            histograms,
        };
        let reports = report::save_all(&folder, &record).unwrap_or_else(|error| {
            unsaved.push(error);
            Vec::new()
        });
        Ok(Done {
            record,
            reports,
            unsaved,
            interrupted: matches!(evidence.stopped, Some(Stopped::Signal(_))),
            evidence,
        })
    }

    /// Has another executable do something, to its end. A signal that asks us to end is passed on:
    /// the child has a process group of its own, so that none comes to it twice.
    pub(super) fn other(
        &mut self,
        bin: &Path,
        arguments: &[OsString],
    ) -> Result<ExitStatus, CliError> {
        let _inside = self.runtime.enter();
        let failed = |error: std::io::Error| {
            CliError::usage(miette::miette!("cannot run {}: {error}", bin.display()))
        };
        let mut command = tokio::process::Command::new(bin);
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(failed)?;
        let pid = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        let stop = &mut self.stop;
        self.runtime.block_on(async {
            loop {
                tokio::select! {
                    status = child.wait() => return status.map_err(failed),
                    Some(number) = stop.recv() => {
                        let named = rustix::process::Signal::from_named_raw(number);
                        if let (Some(pid), Some(named)) = (pid, named) {
                            // It may have ended just now.
                            let _ = kill_process(pid, named);
                        }
                    }
                }
            }
        })
    }
}

/// The end of a run that was judged. A result that could not be kept settles nothing; one that
/// was kept counts, whether or not it could be shown.
pub(super) fn end(
    judged: Exit,
    unsaved: Vec<StoreError>,
    shown: Result<bool, CliError>,
) -> Outcome {
    let exit = match judged {
        _ if unsaved.iter().any(StoreError::is_bug) => Exit::Internal,
        Exit::Pass | Exit::Fail if !unsaved.is_empty() => Exit::Inconclusive,
        judged => judged,
    };
    let mut reports: Vec<miette::Report> = unsaved.into_iter().map(Into::into).collect();
    reports.extend(shown.err().into_iter().flat_map(|error| error.reports));
    if reports.is_empty() {
        return Ok(exit);
    }
    Err(CliError { exit, reports })
}

/// Whether a self-check that was made then still tells of the machine.
fn is_fresh(made: &str, now: SystemTime) -> bool {
    let now = chrono::DateTime::<chrono::Utc>::from(now);
    let made = chrono::DateTime::parse_from_rfc3339(made);
    made.is_ok_and(|made| (now - made.to_utc()).num_days().abs() < FRESH_DAYS)
}

/// Brings the roles up, conducts the run, and takes them down, whatever happens.
async fn observe_run(
    plan: &Plan,
    folder: &RunFolder,
    stop: &mut mpsc::Receiver<i32>,
    quiet: bool,
) -> Result<Ended, TopologyError> {
    let topology = tokio::select! {
        topology = Topology::up(plan, folder.path()) => topology,
        Some(signal) = stop.recv() => return Ok(Ended::BeforeStart(signal)),
    };
    let topology = match topology {
        Ok(topology) => topology,
        // A Ctrl-C may reach a role that is being born before it reaches us.
        Err(error) => {
            return match timeout(SIGNAL_GRACE, stop.recv()).await {
                Ok(Some(signal)) => Ok(Ended::BeforeStart(signal)),
                _ => Err(error),
            };
        }
    };
    let total = Duration::from_nanos(plan.run.duration_ns);
    let mut view = (!quiet).then(|| LiveView::new(std::io::stderr().is_terminal(), total));
    let evidence = drive(plan, topology, stop, |live| {
        if let Some(view) = &mut view {
            view.update(&live_state::of(live, plan));
        }
        let value = |name: &str, signal| live.value(name, signal);
        Orders {
            stop: live::abort(&plan.abort_if, &value),
            begin: live::due(&plan.faults, live.at_ns, &value),
        }
    })
    .await;
    if let Some(view) = &mut view {
        view.finish();
    }
    Ok(Ended::Observed(Box::new(evidence)))
}

/// The numbers of the signals that ask for an end, as they come. To be called within the runtime.
fn signals() -> std::io::Result<mpsc::Receiver<i32>> {
    let (sender, receiver) = mpsc::channel(SIGNALS_WAITING);
    for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
        let mut stream = signal(kind)?;
        let sender = sender.clone();
        tokio::spawn(async move {
            while stream.recv().await.is_some() {
                if sender.send(kind.as_raw_value()).await.is_err() {
                    return;
                }
            }
        });
    }
    Ok(receiver)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk_full() -> Vec<StoreError> {
        vec![StoreError::Io {
            action: "write",
            path: "result.json".into(),
            error: std::io::ErrorKind::StorageFull.into(),
        }]
    }

    #[test]
    fn a_result_that_was_not_saved_settles_nothing() {
        for (judged, ended) in [
            (Exit::Pass, Exit::Inconclusive),
            (Exit::Fail, Exit::Inconclusive),
            (Exit::Aborted, Exit::Aborted),
            (Exit::Interrupted(2), Exit::Interrupted(2)),
        ] {
            let error = end(judged, disk_full(), Ok(true)).unwrap_err();
            assert_eq!(error.exit, ended);
            assert_eq!(error.reports.len(), 1);
        }
    }

    #[test]
    fn a_result_that_was_saved_counts_even_if_it_cannot_be_shown() {
        assert_eq!(end(Exit::Pass, Vec::new(), Ok(false)).unwrap(), Exit::Pass);
        let hidden = Err(CliError::usage(miette::miette!("no room")));
        let error = end(Exit::Fail, Vec::new(), hidden).unwrap_err();
        assert_eq!(error.exit, Exit::Fail);
    }
}
