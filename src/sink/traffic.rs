//! What passed a server's doors, valid or not.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::clock::monotonic_ns;

/// Reasons that are kept in words; further ones are only counted.
const EXAMPLES_MAX: usize = 20;

/// Counters that every connection shares.
#[derive(Debug, Default)]
pub struct Traffic {
    requests: AtomicU64,
    wire_bytes: AtomicU64,
    in_flight: AtomicU64,
    connections_open: AtomicU64,
    worked_ns: AtomicU64,
    malformed: AtomicU64,
    frozen: AtomicBool,
    examples: Mutex<Vec<String>>,
    /// The last reason.
    latest: Mutex<Option<String>>,
    unauthenticated: AtomicU64,
    failed_handshakes: AtomicU64,
    /// Why the last one did.
    handshake_failure: Mutex<String>,
}

impl Traffic {
    /// Counts a connection as open for as long as the guard lives.
    pub fn connected(&self) -> Connected<'_> {
        self.connections_open.fetch_add(1, Ordering::Relaxed);
        Connected(self)
    }

    /// Counts a request, and as in flight for as long as the guard lives.
    pub fn begin(&self) -> InFlight<'_> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(self)
    }

    /// Counts the time from `since_monotonic_ns`, when a request had been read, until the guard is
    /// dropped with its answer.
    pub fn work(&self, since_monotonic_ns: u64) -> AtWork<'_> {
        AtWork {
            traffic: self,
            since_monotonic_ns,
        }
    }

    /// From now on no request is answered: the process is about to be killed, and what it has
    /// counted has been told.
    pub fn freeze(&self) {
        self.frozen.store(true, Ordering::SeqCst);
    }

    /// Never returns once requests are no longer answered.
    pub async fn hold_while_frozen(&self) {
        if self.frozen.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
    }

    /// Counts the bytes of a body as they came.
    pub fn add_wire_bytes(&self, bytes: usize) {
        self.wire_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts a request that was not valid OTLP, by the status with which it is answered.
    pub fn malformed(&self, status: &str, why: &str) {
        self.malformed.fetch_add(1, Ordering::Relaxed);
        let words = format!("{status}: {why}");
        let mut examples = lock(&self.examples);
        if examples.len() < EXAMPLES_MAX {
            examples.push(words.clone());
        }
        drop(examples);
        *lock(&self.latest) = Some(words);
    }

    /// Counts a request without the headers that are required.
    pub fn unauthenticated(&self) {
        self.unauthenticated.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a TLS handshake that came to nothing, and keeps why the last one did.
    pub fn handshake_failed(&self, why: &str) {
        self.failed_handshakes.fetch_add(1, Ordering::Relaxed);
        why.clone_into(&mut lock(&self.handshake_failure));
    }

    pub fn unauthenticated_count(&self) -> u64 {
        self.unauthenticated.load(Ordering::Relaxed)
    }

    /// TLS handshakes that failed, and why the last one did, in words.
    pub fn failed_handshakes(&self) -> (u64, String) {
        let count = self.failed_handshakes.load(Ordering::Relaxed);
        (count, lock(&self.handshake_failure).clone())
    }

    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    pub fn wire_bytes(&self) -> u64 {
        self.wire_bytes.load(Ordering::Relaxed)
    }

    pub fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub fn connections_open(&self) -> u64 {
        self.connections_open.load(Ordering::Relaxed)
    }

    /// Time from reading a request to its answer, of all that have been answered. Requests that are
    /// answered side by side count each for itself.
    pub fn worked_ns(&self) -> u64 {
        self.worked_ns.load(Ordering::Relaxed)
    }

    pub fn malformed_count(&self) -> u64 {
        self.malformed.load(Ordering::Relaxed)
    }

    /// The last reason, after its status.
    pub fn last_malformed(&self) -> Option<String> {
        lock(&self.latest).clone()
    }

    /// The first few reasons, each after its status.
    pub fn malformed_examples(&self) -> Vec<String> {
        lock(&self.examples).clone()
    }
}

/// One open connection.
#[derive(Debug)]
pub struct Connected<'a>(&'a Traffic);

impl Drop for Connected<'_> {
    fn drop(&mut self) {
        self.0.connections_open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One request being answered.
#[derive(Debug)]
pub struct InFlight<'a>(&'a Traffic);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One request that has been read and not yet answered.
#[derive(Debug)]
pub struct AtWork<'a> {
    traffic: &'a Traffic,
    since_monotonic_ns: u64,
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        let took_ns = monotonic_ns().saturating_sub(self.since_monotonic_ns);
        self.traffic.worked_ns.fetch_add(took_ns, Ordering::Relaxed);
    }
}

/// Locks what another thread may have left behind in a panic: the values are counters, each of
/// them whole at any moment.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_in_flight_while_their_guard_lives() {
        let traffic = Traffic::default();
        {
            let _first = traffic.begin();
            let _second = traffic.begin();
            assert_eq!(traffic.in_flight(), 2);
        }
        assert_eq!((traffic.in_flight(), traffic.requests()), (0, 2));
    }

    #[test]
    fn only_the_first_reasons_are_kept() {
        let traffic = Traffic::default();
        for index in 0..100 {
            traffic.malformed("http 400", &index.to_string());
        }
        assert_eq!(traffic.malformed_count(), 100);
        assert_eq!(traffic.malformed_examples().len(), EXAMPLES_MAX);
        assert_eq!(traffic.malformed_examples()[0], "http 400: 0");
        assert_eq!(traffic.last_malformed().as_deref(), Some("http 400: 99"));
    }
}
