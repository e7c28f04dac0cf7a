//! The weather over a sink: which faults are active, whom each strikes, and what it did.
//!
//! A request meets one fault at most, the first that its draw falls to. What it draws depends on the
//! seed, the fault's number, and the number of the request among those of its signal (or of the
//! connection among all) since the fault began, and on nothing else.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, RwLock, Weak};

use rustls::ServerConfig;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use super::gate::Cut;
use super::plant::mix;
use super::traffic::lock;
use crate::clock::{RunClock, monotonic_ns};
use crate::journal::{AnswerLine, Journal};
use crate::plan::{AnswerFault, FaultKind, TlsFault};
use crate::signal::Signal;

mod line;
mod proof;
mod strike;

pub use line::Line;
pub use strike::{Effect, Strike};

use proof::Tally;

/// Answers that one fault holds back at once; further ones go out as usual, and are counted.
const HELD_MAX: usize = 4096;
/// Lines that the journal of answers takes; further requests are only counted.
const LINES_MAX: u64 = 200_000;

/// What strikes a sink. The default is fair weather.
#[derive(Debug, Default)]
pub struct Weather {
    seed: u64,
    certificates: Vec<(TlsFault, Arc<ServerConfig>)>,
    answers: Option<Journal>,
    lines_written: AtomicU64,
    failure: OnceLock<String>,
    clock: OnceLock<RunClock>,
    /// False in fair weather: then nothing else is looked at.
    stormy: AtomicBool,
    active: RwLock<Vec<Arc<Active>>>,
    connections: AtomicU64,
    open: Mutex<Vec<Weak<Line>>>,
}

/// A fault under way.
#[derive(Debug)]
struct Active {
    id: usize,
    kind: FaultKind,
    requests: [AtomicU64; 3],
    held: Semaphore,
    tally: Tally,
}

impl Active {
    /// The fault of whole connections, where it is one.
    fn of_connections(&self) -> Option<(AnswerFault, f64)> {
        match self.kind {
            FaultKind::Answer { fault, share, .. } if fault.strikes_connections() => {
                Some((fault, share))
            }
            _ => None,
        }
    }

    fn tls(&self) -> Option<TlsFault> {
        match self.kind {
            FaultKind::Tls(fault) => Some(fault),
            _ => None,
        }
    }
}

impl Weather {
    /// Fair weather so far. `certificates` are served under the faults of TLS that need one; a line for
    /// every struck request goes to `answers`.
    pub fn new(
        seed: u64,
        certificates: Vec<(TlsFault, Arc<ServerConfig>)>,
        answers: Journal,
    ) -> Self {
        Self {
            seed,
            certificates,
            answers: Some(answers),
            ..Self::default()
        }
    }

    /// The run begins. Only the first call counts.
    pub fn set_clock(&self, clock: RunClock) {
        let _ = self.clock.set(clock);
    }

    /// Why the journal can no longer be written, if it cannot.
    pub fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    /// Begins a fault; returns the moment of [`monotonic_ns`] from which it is in force.
    ///
    /// # Errors
    /// When it is none of a sink's, has no certificate, or one of this number is active.
    pub fn start(&self, id: usize, kind: FaultKind) -> Result<u64, String> {
        if !matches!(kind, FaultKind::Answer { .. } | FaultKind::Tls(_)) {
            return Err(format!("a sink cannot do {}", kind.name()));
        }
        let fault = Arc::new(Active {
            id,
            kind,
            requests: Default::default(),
            held: Semaphore::new(HELD_MAX),
            tally: Tally::default(),
        });
        if let Some(tls) = fault.tls()
            && tls != TlsFault::HandshakeStall
            && self.certificate(tls).is_none()
        {
            return Err(format!("there is no certificate for {}", tls.kind()));
        }
        let mut active = self.active.write().unwrap_or_else(|e| e.into_inner());
        if active.iter().any(|other| other.id == id) {
            return Err(format!("fault {id} is active already"));
        }
        active.push(Arc::clone(&fault));
        self.stormy.store(true, Ordering::Release);
        for line in self.open_lines() {
            self.strike_existing(&fault, &line);
        }
        Ok(monotonic_ns())
    }

    /// Ends a fault and heals what it struck; returns the moment of its end, and what proves that it
    /// took effect.
    ///
    /// # Errors
    /// When no fault of this number is active.
    pub fn end(&self, id: usize) -> Result<(u64, Option<String>), String> {
        let mut active = self.active.write().unwrap_or_else(|e| e.into_inner());
        let found = active.iter().position(|fault| fault.id == id);
        let fault = active.remove(found.ok_or_else(|| format!("fault {id} is not active"))?);
        self.stormy.store(!active.is_empty(), Ordering::Release);
        for line in self.open_lines() {
            line.heal(&fault);
        }
        Ok((monotonic_ns(), fault.tally.prove(&fault.kind)))
    }

    /// A connection has been accepted.
    pub fn admit(&self) -> Arc<Line> {
        let number = self.connections.fetch_add(1, Ordering::Relaxed);
        let line = Arc::new(Line::new(number));
        // Held until the connection is on the list, so that a fault that starts now finds it there
        // or is found by it.
        let active = self.active.read().unwrap_or_else(|e| e.into_inner());
        for fault in active.iter() {
            if let Some((what, share)) = fault.of_connections()
                && self.draws(fault, CONNECTIONS, number, share)
            {
                line.suffer(fault, what);
            }
            if let Some(tls) = fault.tls() {
                line.made_under(fault);
                if tls == TlsFault::HandshakeStall {
                    line.gate.silence();
                }
            }
        }
        let mut open = lock(&self.open);
        open.retain(|line| line.strong_count() > 0);
        open.push(Arc::downgrade(&line));
        line
    }

    /// Shakes hands as the weather wants it: the acceptor to use instead of the usual one.
    pub fn acceptor(&self, line: &Line) -> Option<TlsAcceptor> {
        let config = self.certificate(line.tls_fault()?)?;
        Some(TlsAcceptor::from(Arc::clone(config)))
    }

    /// The fault that strikes the next request of that signal, if one does.
    pub fn strike(&self, signal: Signal) -> Option<Strike<'_>> {
        if !self.stormy.load(Ordering::Acquire) {
            return None;
        }
        let active = self.active.read().unwrap_or_else(|e| e.into_inner());
        active.iter().find_map(|active| {
            let FaultKind::Answer {
                fault,
                share,
                signal: only,
            } = active.kind
            else {
                return None;
            };
            if fault.strikes_connections() || only.is_some_and(|only| only != signal) {
                return None;
            }
            let index = signal.index();
            let number = active.requests[index].fetch_add(1, Ordering::Relaxed);
            self.draws(active, index as u64, number, share)
                .then(|| Strike::new(self, Arc::clone(active), fault, signal))
        })
    }

    fn strike_existing(&self, fault: &Arc<Active>, line: &Arc<Line>) {
        match fault.kind {
            FaultKind::Tls(_) => {
                let first = line.gate.cut(Cut::Close);
                fault.tally.closed(u64::from(first));
            }
            FaultKind::Answer {
                fault: what, share, ..
            } if self.draws(fault, CONNECTIONS, line.number, share) => {
                if what.strikes_connections() {
                    line.suffer(fault, what);
                } else if what == AnswerFault::Goaway && line.go_away() {
                    fault.tally.closed(1);
                }
            }
            _ => {}
        }
    }

    fn draws(&self, fault: &Active, stream: u64, number: u64, share: f64) -> bool {
        drawn(self.seed, fault.id as u64, stream, number, share)
    }

    fn certificate(&self, fault: TlsFault) -> Option<&Arc<ServerConfig>> {
        let found = self.certificates.iter().find(|(of, _)| *of == fault);
        found.map(|(_, config)| config)
    }

    fn open_lines(&self) -> Vec<Arc<Line>> {
        lock(&self.open).iter().filter_map(Weak::upgrade).collect()
    }

    fn write(&self, line: &AnswerLine) {
        let Some(answers) = &self.answers else { return };
        if self.lines_written.fetch_add(1, Ordering::Relaxed) < LINES_MAX
            && let Err(error) = answers.append(line)
        {
            let _ = self.failure.set(format!("the journal of answers: {error}"));
        }
    }

    fn since_start_ns(&self, at_monotonic_ns: u64) -> u64 {
        self.clock.get().map_or(0, |clock| {
            at_monotonic_ns.saturating_sub(clock.start_monotonic_ns)
        })
    }
}

/// The stream of draws of connections, beside those of the signals.
const CONNECTIONS: u64 = 3;

/// Whether the `number`-th of that stream falls to that fault.
fn drawn(seed: u64, fault: u64, stream: u64, number: u64, share: f64) -> bool {
    let draw = mix(seed ^ mix(fault ^ mix(stream ^ mix(number))));
    // 53 bits are what a double holds; a share of 1 takes every one of them.
    ((draw >> 11) as f64) < share * (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests;
