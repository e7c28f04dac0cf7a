//! One connection, as the weather sees it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use super::Active;
use crate::plan::{AnswerFault, FaultKind, TlsFault};
use crate::sink::gate::{Cut, Gate};
use crate::sink::traffic::lock;

/// A connection's handle. Its owner serves the connection through `gate`, and ends it when the gate
/// is cut or once it has been told to go away.
#[derive(Debug)]
pub struct Line {
    pub gate: Arc<Gate>,
    pub(super) number: u64,
    leave: Notify,
    leaving: AtomicBool,
    /// What strikes the connection as a whole.
    faults: Mutex<Vec<Arc<Active>>>,
}

impl Line {
    pub(super) fn new(number: u64) -> Self {
        Self {
            gate: Arc::default(),
            number,
            leave: Notify::new(),
            leaving: AtomicBool::new(false),
            faults: Mutex::default(),
        }
    }

    /// Waits until the connection is told to take no further requests.
    pub async fn until_leaving(&self) {
        self.leave.notified().await;
    }

    /// Tells so; whether it was not told before.
    pub(super) fn go_away(&self) -> bool {
        let first = !self.leaving.swap(true, Ordering::Relaxed);
        self.leave.notify_one();
        first
    }

    /// A fault of connections strikes this one.
    pub(super) fn suffer(&self, fault: &Arc<Active>, what: AnswerFault) {
        match what {
            AnswerFault::SlowReader { bytes_per_second } => self.gate.slow_down(bytes_per_second),
            _ => self.gate.silence(),
        }
        lock(&self.faults).push(Arc::clone(fault));
    }

    /// It was accepted under a fault of TLS.
    pub(super) fn made_under(&self, fault: &Arc<Active>) {
        lock(&self.faults).push(Arc::clone(fault));
    }

    /// The connection is closed once so many bytes have gone out, unless an earlier request has
    /// set that.
    pub(super) fn close_after(&self, fault: &Arc<Active>, bytes: u64) {
        let mut faults = lock(&self.faults);
        if !faults.iter().any(|other| other.id == fault.id) {
            faults.push(Arc::clone(fault));
            self.gate.close_after(bytes);
        }
    }

    /// The fault of TLS under which it was accepted.
    pub(super) fn tls_fault(&self) -> Option<TlsFault> {
        lock(&self.faults).iter().find_map(|fault| fault.tls())
    }

    /// The handshake is over. Whether it succeeded is the sender's to say.
    pub fn shook_hands(&self, succeeded: bool) {
        for fault in lock(&self.faults).iter() {
            if fault.tls().is_some() {
                fault.tally.handshake(succeeded);
            }
        }
    }

    /// The fault has ended.
    pub(super) fn heal(&self, fault: &Active) {
        let mut faults = lock(&self.faults);
        let Some(at) = faults.iter().position(|other| other.id == fault.id) else {
            return;
        };
        self.settle(&faults.remove(at));
        match fault.kind {
            FaultKind::Tls(_) => {
                self.gate.cut(Cut::Close);
            }
            // Who was silent for so long knows nothing of the connection any more.
            FaultKind::Answer {
                fault: AnswerFault::HalfOpen,
                ..
            } => {
                self.gate.cut(Cut::Reset);
            }
            _ => self.gate.open(),
        }
    }

    /// Counts what the fault did to this connection.
    fn settle(&self, fault: &Active) {
        let did = match fault.kind {
            FaultKind::Answer {
                fault: AnswerFault::CloseAtResponse { .. },
                ..
            } => self.gate.is_cut(),
            _ => self.gate.held(),
        };
        if did {
            fault.tally.connection(self.gate.sipped());
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        for fault in lock(&self.faults).iter() {
            self.settle(fault);
        }
    }
}
