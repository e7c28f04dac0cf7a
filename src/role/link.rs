//! The link role: `squall role link`.

use std::time::Duration;

use tokio::time::MissedTickBehavior;

use super::control::{Command, LinkSetup, Ready, Report, Setup};
use super::stdio::{self, RoleError};
use crate::clock::RunClock;
use crate::plan::FaultKind;

mod backend;
mod dns;
mod proof;
mod proxy;

use backend::Backend;
use dns::Dns;
use proxy::Proxy;

/// How often the link's counters are reported once the run has started.
const SAMPLE_EVERY: Duration = Duration::from_millis(100);

/// Plays the role until it is told to finish.
///
/// # Errors
/// When the controller's lines cannot be understood or the role cannot do its work.
pub fn run() -> Result<(), RoleError> {
    let setup = match stdio::set_up()? {
        Setup::Link(setup) => setup,
        other => return Err(RoleError::Setup(format!("{other:?}"))),
    };
    // One thread moves the bytes of a few connections with the fewest wake-ups.
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(serve(setup))
}

async fn serve(setup: LinkSetup) -> Result<(), RoleError> {
    let mut link: Box<dyn Backend> = Box::new(Proxy::up(&setup).await?);
    let mut commands = stdio::commands();
    let dns = Dns::up(setup.dns).await?;
    let ready = Ready {
        dns: dns.address(),
        ..link.ready()
    };
    stdio::report(&Report::Ready(ready));

    let mut clock: Option<RunClock> = None;
    let mut ticks = tokio::time::interval(SAMPLE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        let command = tokio::select! {
            command = commands.recv() => command,
            _ = ticks.tick(), if clock.is_some() => {
                stdio::report(&Report::Link(link.sample(since_start_ns(clock))));
                continue;
            }
        };
        match command {
            Some(Command::Start(run_clock)) => clock = Some(run_clock),
            Some(Command::Finish) | None => break,
            Some(other) => match obey(link.as_mut(), &dns, other, clock).await {
                Ok(done) => stdio::report(&done),
                Err(why) => stdio::report(&Report::Failed { why }),
            },
        }
    }
    stdio::report(&Report::LinkDone(link.sample(since_start_ns(clock))));
    link.shutdown().await;
    Ok(())
}

/// Begins or ends a fault.
async fn obey(
    link: &mut dyn Backend,
    dns: &Dns,
    command: Command,
    clock: Option<RunClock>,
) -> Result<Report, String> {
    let offset_ns = |monotonic_ns: u64| {
        clock.map_or(0, |clock| {
            monotonic_ns.saturating_sub(clock.start_monotonic_ns)
        })
    };
    match command {
        Command::StartFault {
            fault,
            kind:
                FaultKind::Link {
                    direction,
                    fault: kind,
                },
        } => {
            let at_ns = offset_ns(link.start_fault(fault, direction, kind).await?);
            Ok(Report::FaultStarted { fault, at_ns })
        }
        Command::StartFault {
            fault,
            kind: FaultKind::Dns(kind),
        } => {
            let at_ns = offset_ns(dns.start_fault(fault, kind, link).await?);
            Ok(Report::FaultStarted { fault, at_ns })
        }
        Command::EndFault { fault } => {
            let (ended_ns, proof) = match dns.end_fault(fault) {
                Some(ended) => ended,
                None => link.end_fault(fault).await?,
            };
            Ok(Report::FaultEnded {
                fault,
                at_ns: offset_ns(ended_ns),
                proof,
            })
        }
        other => Err(format!("a link does not understand {other:?}")),
    }
}

/// The run's time; 0 before it starts.
fn since_start_ns(clock: Option<RunClock>) -> u64 {
    clock.map_or(0, |clock| clock.now_ns())
}
