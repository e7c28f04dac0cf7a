//! The link role: `squall role link`.

use std::time::Duration;

use tokio::time::MissedTickBehavior;

use super::control::{Command, LinkSetup, Ready, Report, Setup};
use super::stdio::{self, RoleError};
use crate::clock::RunClock;
use crate::netns::NetnsError;
use crate::plan::{FaultKind, PacketLinkPlan};

mod backend;
mod dns;
#[cfg(target_os = "linux")]
mod packets;
mod proof;
mod proxy;
mod tap;
#[cfg(feature = "toxiproxy")]
mod toxiproxy;

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
        other => return Err(RoleError::of_another(&other)),
    };
    // One thread moves the bytes of a few connections with the fewest wake-ups.
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(serve(setup))
}

/// The link that the controller asks for.
async fn up(setup: &LinkSetup) -> Result<Box<dyn Backend>, RoleError> {
    match (&setup.packets, &setup.toxiproxy) {
        (Some(plan), _) => packets_up(setup, plan).map_err(|error| {
            let (why, help) = error.told();
            stdio::report(&Report::Refused { why, help });
            RoleError::Failed(error.to_string())
        }),
        #[cfg(feature = "toxiproxy")]
        (None, Some(server)) => Ok(Box::new(toxiproxy::Toxiproxy::up(setup, server).await?)),
        #[cfg(not(feature = "toxiproxy"))]
        (None, Some(_)) => Err(RoleError::Failed(
            "this squall was built without the cargo feature `toxiproxy`".to_owned(),
        )),
        (None, None) => Ok(Box::new(Proxy::up(setup).await?)),
    }
}

#[cfg(target_os = "linux")]
fn packets_up(setup: &LinkSetup, plan: &PacketLinkPlan) -> Result<Box<dyn Backend>, NetnsError> {
    Ok(Box::new(packets::Packets::up(setup, plan)?))
}

#[cfg(not(target_os = "linux"))]
fn packets_up(_: &LinkSetup, _: &PacketLinkPlan) -> Result<Box<dyn Backend>, NetnsError> {
    Err(NetnsError::NotLinux)
}

async fn serve(setup: LinkSetup) -> Result<(), RoleError> {
    let mut commands = stdio::commands();
    let mut link = match up(&setup).await {
        Ok(link) => link,
        Err(error) => {
            let why = error.to_string();
            stdio::report(&Report::Failed { why });
            return Err(error);
        }
    };
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
                if let Some(why) = link.failure() {
                    stdio::report(&Report::Failed { why: why.clone() });
                    return Err(RoleError::Failed(why));
                }
                continue;
            }
        };
        match command {
            Some(Command::Start(run_clock)) => {
                clock = Some(run_clock);
                link.start(run_clock);
            }
            Some(Command::Finish) | None => break,
            Some(other) => match obey(link.as_mut(), &dns, other, clock).await {
                Ok(done) => stdio::report(&done),
                Err(why) => stdio::report(&Report::Failed { why }),
            },
        }
    }
    match link.packets() {
        None => {}
        Some(Ok(packets)) => stdio::report(&Report::Packets(Box::new(packets))),
        Some(Err(why)) => stdio::report(&Report::Failed { why }),
    }
    if let Some(taps) = link.taps() {
        stdio::report(&Report::Tapped(taps));
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
                    toxicity,
                    ..
                },
        } => {
            let at_ns = offset_ns(link.start_fault(fault, direction, kind, toxicity).await?);
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
