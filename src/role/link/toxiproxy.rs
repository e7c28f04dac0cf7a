//! A real Toxiproxy as a link, between two thin links of our own that count:
//! client, front link, Toxiproxy, back link, sink.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, sleep};

use super::backend::Backend;
use crate::clock::monotonic_ns;
use crate::evidence::LinkSample;
use crate::link::Link;
use crate::link::weather::Weather;
use crate::plan::toxiproxy::{ToxiproxyServer, toxics};
use crate::plan::{Delay, Direction, LinkFault, Toxicity};
use crate::role::control::{LinkSetup, Ready};
use crate::role::keeper::Keeping;
use crate::role::keeper::handle::Keeper;
use crate::role::stdio::RoleError;
use crate::toxiproxy_client::{self, Client};

mod crossing;
mod meter;
mod proof;

use meter::Meter;
use proof::prove;

/// How often the counters are looked at while a fault is active.
const TICK: Duration = Duration::from_millis(2);
/// What was beyond a toxic when it came is at the other side by then.
const SETTLED: Duration = Duration::from_millis(50);
/// By when a first connection through Toxiproxy has come out of it.
const THROUGH_BY: Duration = Duration::from_secs(2);
/// How much longer than the delay a latency toxic stays after a disconnect. See [`Toxiproxy::drain`].
const DRAIN_MARGIN: Duration = Duration::from_millis(100);
/// Longest such wait.
const DRAIN_MOST: Duration = Duration::from_secs(3);

/// The way through Toxiproxy, and the faults that are active on it.
pub struct Toxiproxy {
    client: Client,
    keeper: Keeper,
    front: Link,
    back: Link,
    meter: Arc<Mutex<Meter>>,
    ticking: Ticking,
    version: String,
    active: BTreeMap<usize, Active>,
}

/// A fault, and the names of its toxics.
struct Active {
    fault: LinkFault,
    toxics: Vec<String>,
}

impl Toxiproxy {
    /// Brings it up before `setup.upstream`.
    pub async fn up(setup: &LinkSetup, server: &ToxiproxyServer) -> Result<Self, RoleError> {
        let failed = |error: toxiproxy_client::ClientError| RoleError::Failed(error.to_string());
        // No two runs have the same, nor does anybody who shares the server.
        let proxy = format!("squall-{}-{:x}", std::process::id(), monotonic_ns());
        let keeper = Keeper::start(&Keeping::Toxiproxy {
            server: server.clone(),
            proxy: proxy.clone(),
        })
        .await?;
        let server = keeper
            .server
            .ok_or_else(|| RoleError::Failed("the keeper names no server".to_owned()))?;
        let version = toxiproxy_client::version(server).await;
        let client = Client::new(server, proxy)?;
        let (back, behind) = counting(setup, setup.upstream.clone()).await?;
        let listen = client.create(back.local_addr()).await.map_err(failed)?;
        leads_through(listen, &behind, server).await?;
        let (front, before) = counting(setup, listen.to_string()).await?;
        let meter = Arc::new(Mutex::new(Meter::new(before, behind)));
        Ok(Self {
            client,
            keeper,
            front,
            back,
            ticking: Ticking(tokio::spawn(tick(Arc::clone(&meter)))),
            meter,
            version: version.map_err(failed)?,
            active: BTreeMap::new(),
        })
    }

    fn meter(&self) -> MutexGuard<'_, Meter> {
        locked(&self.meter)
    }

    /// Waits until what was in flight when a connection last ended has left a latency toxic:
    /// Toxiproxy 2.12 may hang for good when the toxic is removed before that.
    async fn drain(&self, fault: &LinkFault) {
        let LinkFault::Latency(Delay {
            delay_ns,
            jitter_ns,
            ..
        }) = *fault
        else {
            return;
        };
        let longest = Duration::from_nanos(delay_ns.saturating_add(jitter_ns)) + DRAIN_MARGIN;
        let deadline = Instant::now() + DRAIN_MOST;
        while Instant::now() < deadline {
            let since_ns = monotonic_ns().saturating_sub(self.meter().closed_ns());
            if Duration::from_nanos(since_ns) >= longest {
                return;
            }
            sleep(TICK).await;
        }
    }

    async fn add(
        &self,
        id: usize,
        direction: Direction,
        fault: &LinkFault,
        added: &mut Vec<String>,
    ) -> Result<(), String> {
        for spec in toxics(fault, direction)? {
            let text = |error: toxiproxy_client::ClientError| error.to_string();
            let name = self.client.free_name(id, &spec).await.map_err(text)?;
            // Before it is there for sure: what may be there is removed at the end.
            added.push(name.clone());
            self.client.add(&name, &spec).await.map_err(text)?;
        }
        Ok(())
    }
}

#[async_trait]
impl Backend for Toxiproxy {
    fn ready(&self) -> Ready {
        let address = self.front.local_addr().to_string();
        Ready {
            grpc: address.clone(),
            http: address,
            versions: BTreeMap::from([("toxiproxy_version".to_owned(), self.version.clone())]),
            ..Ready::default()
        }
    }

    async fn start_fault(
        &mut self,
        id: usize,
        direction: Direction,
        fault: LinkFault,
        toxicity: Toxicity,
    ) -> Result<u64, String> {
        if toxicity != Toxicity::default() {
            return Err("a toxicity below 100% is not asked of a Toxiproxy".to_owned());
        }
        if !self.meter().is_watching() {
            self.meter().settle();
        }
        let mut added = Vec::new();
        let result = self.add(id, direction, &fault, &mut added).await;
        let toxics = added;
        self.active.insert(id, Active { fault, toxics });
        result?;
        sleep(SETTLED).await;
        let started_ns = monotonic_ns();
        self.meter().watch(id, direction, started_ns);
        Ok(started_ns)
    }

    async fn end_fault(&mut self, id: usize) -> Result<(u64, Option<String>), String> {
        let active = self.active.remove(&id);
        let active = active.ok_or_else(|| format!("fault {id} is not active"))?;
        self.drain(&active.fault).await;
        // Until here it is wholly in force; bytes may flow before the server has answered below.
        let ended_ns = monotonic_ns();
        let seen = self.meter().unwatch(id, ended_ns);
        let mut removed = Ok(());
        for name in &active.toxics {
            let result = self.client.remove(name).await;
            removed = removed.and(result.map_err(|error| error.to_string()));
        }
        removed?;
        if matches!(
            active.fault,
            LinkFault::PartitionReset
                | LinkFault::ResetPeer { .. }
                | LinkFault::Timeout { .. }
                | LinkFault::Limit { .. }
        ) {
            // What the connections that it ended had not passed on never comes.
            self.meter().settle();
        }
        let proof = seen.and_then(|seen| prove(&active.fault, &seen));
        Ok((ended_ns, proof))
    }

    fn sample(&self, at_ns: u64) -> LinkSample {
        self.meter().sample(at_ns)
    }

    async fn shutdown(mut self: Box<Self>) {
        drop(self.ticking);
        self.front.shutdown().await;
        self.keeper.end();
        self.back.shutdown().await;
    }
}

/// The task that looks at the counters; it ends with this.
struct Ticking(JoinHandle<()>);

impl Drop for Ticking {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A link without faults, and what it counts.
async fn counting(setup: &LinkSetup, upstream: String) -> Result<(Link, Weather), RoleError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let weather = Weather::new(setup.seed);
    let buffer_bytes = usize::try_from(setup.buffer_bytes).unwrap_or(usize::MAX);
    let link = Link::open(listener, upstream, weather.clone(), buffer_bytes)?;
    Ok((link, weather))
}

/// Fails where a connection to `listen` does not come out of Toxiproxy on this machine.
async fn leads_through(
    listen: SocketAddr,
    behind: &Weather,
    server: SocketAddr,
) -> Result<(), RoleError> {
    let deadline = Instant::now() + THROUGH_BY;
    let connected = TcpStream::connect(listen).await;
    while connected.is_ok() && Instant::now() < deadline {
        if behind.sample(0).connections_total > 0 {
            return Ok(());
        }
        sleep(TICK).await;
    }
    Err(RoleError::Failed(format!(
        "a connection to the Toxiproxy at {server} does not come out on this machine's 127.0.0.1: if it runs in a container, it needs the host's network (`--network host`)"
    )))
}

/// Looks at the counters while a fault is active.
async fn tick(meter: Arc<Mutex<Meter>>) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let mut meter = locked(&meter);
        if meter.is_watching() {
            meter.observe(monotonic_ns());
        }
    }
}

/// Counters are good even if a thread panicked beside them.
fn locked(meter: &Mutex<Meter>) -> MutexGuard<'_, Meter> {
    meter.lock().unwrap_or_else(PoisonError::into_inner)
}
