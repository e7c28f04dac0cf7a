//! The embedded TCP proxy: one network hop with faults on it.
//!
//! Bytes take this way: `connection` admits and dials, `pump` reads and writes, `lane` holds
//! what a `fault` delays. `rules` knows which faults are active. Without any, a chunk is
//! written in the same poll that read it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use crate::evidence::{FaultProof, LinkSample};
use crate::plan::{Direction, LinkFault};

pub mod active;
mod connection;
pub mod counters;
pub mod fault;
mod lane;
pub mod observer;
mod pump;
mod ring;
pub mod rules;
mod tally;
mod timer;
pub mod toxic;
mod turns;
pub mod weather;

use active::Begin;
use connection::Shared;
use observer::Observer;
use rules::FaultError;
use toxic::Toxic;
use weather::Weather;

/// Connections that are served at once; more wait in the kernel.
const CONNECTIONS_MAX: usize = 4096;
/// Pause after a failed accept: the process is out of descriptors, and will have some again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// A running proxy. Dropped without [`Link::shutdown`], it stops too, a moment later.
#[derive(Debug)]
pub struct Link {
    local_addr: SocketAddr,
    weather: Weather,
    stop: oneshot::Sender<()>,
    accepting: JoinHandle<()>,
}

impl Link {
    /// Listens on a free port of 127.0.0.1 and serves connections to `upstream`.
    ///
    /// Everything random is drawn from `seed`. Each connection holds at most `buffer_bytes` per
    /// direction, and under latency what it takes to leave throughput alone, 64 MiB at most.
    ///
    /// # Errors
    /// When no port can be opened.
    pub async fn bind(upstream: SocketAddr, seed: u64, buffer_bytes: usize) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let weather = Weather::new(seed);
        Self::open(listener, upstream.to_string(), weather, buffer_bytes)
    }

    /// Serves the connections of `listener` to `upstream` (an address or a name, and a port) under a
    /// weather that may have seen other links before.
    ///
    /// # Errors
    /// When the listener has no address.
    pub fn open(
        listener: TcpListener,
        upstream: String,
        weather: Weather,
        buffer_bytes: usize,
    ) -> io::Result<Self> {
        Self::serve(listener, upstream, weather, buffer_bytes, None)
    }

    /// The same, with somebody who looks at what passes, where there is one.
    ///
    /// # Errors
    /// When the listener has no address.
    pub fn serve(
        listener: TcpListener,
        upstream: String,
        weather: Weather,
        buffer_bytes: usize,
        observer: Option<Arc<dyn Observer>>,
    ) -> io::Result<Self> {
        let local_addr = listener.local_addr()?;
        let shared = Arc::new(Shared {
            upstream,
            buffer_bytes: buffer_bytes.max(1),
            rules: Arc::clone(&weather.rules),
            counters: Arc::clone(&weather.counters),
            observer,
        });
        let (stop, stopped) = oneshot::channel();
        let accepting = tokio::spawn(accept(listener, shared, stopped));
        Ok(Self {
            local_addr,
            weather,
            stop,
            accepting,
        })
    }

    /// Where it listens.
    pub const fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Begins a fault of one part on all connections, existing and new; returns the moment of
    /// [`crate::clock::monotonic_ns`] from which it is in force.
    ///
    /// # Errors
    /// When a fault of this number is active, or it cannot be done to a stream of bytes.
    pub fn start_fault(
        &self,
        id: usize,
        direction: Direction,
        fault: LinkFault,
    ) -> Result<u64, FaultError> {
        let toxic = Toxic::of(&fault).ok_or(FaultError::NotOfBytes(fault.kind()))?;
        let begin = vec![Begin::all(id, direction, toxic)];
        Ok(self.weather.change(&[], begin)?.at_ns)
    }

    /// Ends a fault; returns the moment of its end and what it did. What it held flows on at once.
    ///
    /// # Errors
    /// When no fault of this number is active.
    pub async fn end_fault(&self, id: usize) -> Result<(u64, FaultProof), FaultError> {
        let changed = self.weather.change(&[id], vec![])?;
        let at_ns = changed.at_ns;
        let proofs = changed.proofs().await;
        Ok((at_ns, proofs.into_iter().next().unwrap_or_default()))
    }

    /// The weather over it.
    pub const fn weather(&self) -> &Weather {
        &self.weather
    }

    /// The live counters, stamped with `at_ns`.
    pub fn sample(&self, at_ns: u64) -> LinkSample {
        self.weather.sample(at_ns)
    }

    /// Stops: when this returns, every task has ended and every socket is closed.
    pub async fn shutdown(self) {
        // The task may have ended already, with the runtime; then there is nothing to stop.
        let _ = self.stop.send(());
        let _ = self.accepting.await;
    }
}

/// Accepts until it is told to stop, or until the link is dropped; then ends every connection.
async fn accept(listener: TcpListener, shared: Arc<Shared>, mut stopped: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            _ = &mut stopped => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                Ok((client, _)) => {
                    connections.spawn(connection::serve(Arc::clone(&shared), client));
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
        }
    }
    drop(listener);
    connections.shutdown().await;
}
