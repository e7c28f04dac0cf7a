//! The client role: `squall role client`.
//!
//! Get ready, wait for the start, let the producer threads run while counters are reported, then
//! flush and shut down as a well-behaved application does.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::control::{Command, Ready, Report, Setup};
use super::share;
use super::stdio::{self, RoleError};
use crate::clock::RunClock;
use crate::evidence::ClientSample;
use crate::plan::{ClientKind, ClientPlan, Protocol};
use crate::signal::Signal;

mod command;
mod logs;
mod metrics;
mod raw;
mod set_up;
mod traces;

use set_up::Client;

/// How often counters are reported.
const SAMPLE_EVERY: Duration = Duration::from_millis(100);
/// Threads for gRPC's connections; the SDK's batch threads are its own.
const SDK_WORKERS: usize = 2;

/// Plays the role until it is told to finish.
///
/// # Errors
/// When the controller's lines cannot be understood or the role cannot do its work.
pub fn run() -> Result<(), RoleError> {
    let setup = match stdio::set_up()? {
        Setup::Client(setup) => *setup,
        other => return Err(RoleError::of_another(&other)),
    };
    if setup.client.kind == ClientKind::Raw {
        // An SDK runs as it would anywhere.
        share::keep_memory();
    }
    if let Some(program) = setup.command {
        return command::run(program, setup.duration_ns);
    }
    let commands = stdio::commands();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers(&setup.client))
        .enable_all()
        .build()?;
    let client = match build(setup, &runtime) {
        Ok(client) => client,
        Err(error) => {
            let why = error.to_string();
            stdio::report(&Report::Failed { why: why.clone() });
            return Err(RoleError::Failed(why));
        }
    };
    runtime.block_on(conduct(client, commands))
}

/// Threads that a client's connections run on; no more than it has connections at once.
fn workers(client: &ClientPlan) -> usize {
    client.raw.as_ref().map_or(SDK_WORKERS, |raw| {
        let connections = match client.protocol {
            Protocol::Grpc => usize::from(raw.connections),
            Protocol::HttpProtobuf | Protocol::HttpJson => raw.in_flight as usize,
        };
        connections.clamp(1, share::threads())
    })
}

fn build(
    setup: super::control::ClientSetup,
    runtime: &Runtime,
) -> Result<Client, crate::sdk::SdkError> {
    // gRPC channels are bound to the runtime in which they are made.
    let _inside = runtime.enter();
    Client::build(setup)
}

async fn conduct(client: Client, mut commands: mpsc::Receiver<Command>) -> Result<(), RoleError> {
    stdio::report(&Report::Ready(Ready::default()));
    let clock = loop {
        match commands.recv().await {
            Some(Command::Start(clock)) => break clock,
            Some(Command::Finish) | None => return Ok(()),
            Some(_) => {}
        }
    };
    let client = Arc::new(client);
    let mut ticks = interval(SAMPLE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);

    let from_ns = if client.resumes { clock.now_ns() } else { 0 };
    if client.resumes {
        stdio::report(&Report::LoadResumed { at_ns: from_ns });
    }
    let producing = Arc::clone(&client);
    let load = in_thread(move || producing.produce(clock, from_ns));
    let ended = during(load, &client, clock, &mut ticks, &mut commands).await?;
    if ended.is_none() {
        return Ok(());
    }
    let stop_at_ns = client.stop_at_ns.load(Ordering::Relaxed);
    stdio::report(&Report::LoadEnded {
        at_ns: clock.now_ns().min(stop_at_ns),
    });

    let ending = Arc::clone(&client);
    let timeout = Duration::from_nanos(client.shutdown_timeout_ns);
    let shutdown = in_thread(move || ending.shutdown(timeout));
    let ended = during(shutdown, &client, clock, &mut ticks, &mut commands).await?;
    let Some(failures) = ended else {
        return Ok(());
    };
    let mut errors = client.recorder.notes();
    errors.extend(failures);
    tell(&client, clock);
    stdio::report(&Report::ClientDone {
        at_ns: clock.now_ns(),
        errors,
    });
    // The end of this never comes: only a command ends the wait.
    let (_keep, never) = oneshot::channel::<()>();
    during(never, &client, clock, &mut ticks, &mut commands).await?;
    Ok(())
}

/// Runs blocking work on a thread of its own; a panic there ends the wait without a value.
fn in_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> oneshot::Receiver<T> {
    let (done, wait) = oneshot::channel();
    // Nobody waits any more when the role was told to finish meanwhile.
    thread::spawn(move || drop(done.send(work())));
    wait
}

/// Reports samples and obeys commands until the work is done. `None` when the role was told to end.
async fn during<T>(
    mut work: oneshot::Receiver<T>,
    client: &Client,
    clock: RunClock,
    ticks: &mut Interval,
    commands: &mut mpsc::Receiver<Command>,
) -> Result<Option<T>, RoleError> {
    loop {
        tokio::select! {
            done = &mut work => match done {
                Ok(value) => return Ok(Some(value)),
                Err(_) => {
                    let why = "a thread of the client panicked".to_owned();
                    stdio::report(&Report::Failed { why: why.clone() });
                    return Err(RoleError::Failed(why));
                }
            },
            _ = ticks.tick() => tell(client, clock),
            command = commands.recv() => match command {
                Some(Command::StopLoad) => {
                    let now_ns = clock.now_ns();
                    client.stop_at_ns.fetch_min(now_ns, Ordering::Relaxed);
                }
                Some(Command::Finish) | None => return Ok(None),
                Some(_) => {}
            },
        }
    }
}

/// Reports the counters, and that evidence is being lost if it is.
fn tell(client: &Client, clock: RunClock) {
    stdio::report(&Report::Client(sample(client, clock)));
    if let Some(why) = client.recorder.take_failure() {
        stdio::report(&Report::Failed { why });
    }
}

fn sample(client: &Client, clock: RunClock) -> ClientSample {
    let mut sample = ClientSample {
        at_ns: clock.now_ns(),
        requests: client.recorder.requests(),
        ..ClientSample::default()
    };
    for signal in Signal::ALL {
        let slot = signal.index();
        let record = client.recorder.signal(signal);
        let offered = &client.offered[slot];
        sample.handed[slot] = record.handed.load(Ordering::Relaxed);
        sample.queued[slot] = record.queued();
        sample.acknowledged[slot] = record.acknowledged.load(Ordering::Relaxed);
        sample.finished[slot] = record.finished.load(Ordering::Relaxed);
        sample.missed[slot] = offered.missed.load(Ordering::Relaxed);
        let late_ns = offered.lateness_max_ns.swap(0, Ordering::Relaxed);
        sample.lateness_max_ns = sample.lateness_max_ns.max(late_ns);
        (sample.offered[slot], sample.generated[slot]) = match client.is_scheduled(signal) {
            false => (sample.handed[slot], sample.handed[slot]),
            true => (
                offered.offered.load(Ordering::Relaxed),
                record.entered.load(Ordering::Relaxed),
            ),
        };
    }
    sample
}
