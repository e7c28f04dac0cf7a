//! Begins and ends faults of the sink.

use std::sync::Arc;

use rustls::ServerConfig;

use crate::clock::RunClock;
use crate::plan::TlsFault;
use crate::role::control::{Command, Report, SinkTls};
use crate::sink::tls::{self, TlsError};
use crate::sink::weather::Weather;

/// What serves the wrong certificates, one for each fault.
pub(super) fn wrong_certificates(
    tls: &SinkTls,
) -> Result<Vec<(TlsFault, Arc<ServerConfig>)>, TlsError> {
    tls.wrong
        .iter()
        .map(|(fault, cert, key)| {
            let acceptor = tls::acceptor(cert, key, tls.client_ca.as_deref())?;
            Ok((*fault, Arc::clone(acceptor.config())))
        })
        .collect()
}

/// Begins or ends a fault, and says so.
pub(super) fn obey(weather: &Weather, clock: Option<RunClock>, command: Command) -> Report {
    let offset_ns = |monotonic_ns: u64| {
        clock.map_or(0, |clock| {
            monotonic_ns.saturating_sub(clock.start_monotonic_ns)
        })
    };
    let done = match command {
        Command::StartFault { fault, kind } => {
            weather
                .start(fault, kind)
                .map(|started_ns| Report::FaultStarted {
                    fault,
                    at_ns: offset_ns(started_ns),
                })
        }
        Command::EndFault { fault } => {
            weather
                .end(fault)
                .map(|(ended_ns, proof)| Report::FaultEnded {
                    fault,
                    at_ns: offset_ns(ended_ns),
                    proof,
                })
        }
        other => Err(format!("a sink cannot obey {other:?}")),
    };
    done.unwrap_or_else(|why| Report::Failed { why })
}
