//! The embedded TCP proxy as a link.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::net::TcpListener;

use super::backend::Backend;
use super::proof::prove;
use super::tap::{Tap, Tapping};
use crate::clock::RunClock;
use crate::evidence::{LinkSample, TapEvidence};
use crate::link::Link;
use crate::link::active::Begin;
use crate::link::observer::Observer;
use crate::link::rules::FaultError;
use crate::link::toxic::Toxic;
use crate::link::weather::Weather;
use crate::plan::{Direction, LinkFault, Toxicity};
use crate::role::control::{LinkSetup, Ready};
use crate::role::stdio::RoleError;

/// Where a link listens that nobody told where.
const ANY_PORT: &str = "127.0.0.1:0";
/// Most parts of one fault: there are fewer kinds.
const PARTS_MAX: usize = 64;

/// The proxy, and the faults that are active on it.
pub struct Proxy {
    link: Link,
    active: BTreeMap<usize, LinkFault>,
    tap: Option<Arc<Tap>>,
}

impl Proxy {
    /// Opens it before `setup.upstream`.
    pub async fn up(setup: &LinkSetup) -> Result<Self, RoleError> {
        let port = setup.upstream.rsplit_once(':').map(|(_, port)| port);
        if port.and_then(|port| port.parse::<u16>().ok()).is_none() {
            let why = format!("upstream {:?} is not HOST:PORT", setup.upstream);
            return Err(RoleError::Failed(why));
        }
        let listen = setup.listen.as_deref().unwrap_or(ANY_PORT);
        let listener = TcpListener::bind(listen)
            .await
            .map_err(|error| RoleError::Failed(format!("it cannot listen on {listen}: {error}")))?;
        let buffer_bytes = usize::try_from(setup.buffer_bytes).unwrap_or(usize::MAX);
        let tap = setup.tap.as_ref().map(Tap::open).transpose();
        let tap = tap
            .map_err(|error| RoleError::Failed(format!("cannot open the tap's files: {error}")))?
            .map(Arc::new);
        let observer = tap
            .as_ref()
            .map(|tap| Arc::new(Tapping(Arc::clone(tap))) as Arc<dyn Observer>);
        let weather = Weather::new(setup.seed);
        let upstream = setup.upstream.clone();
        let link = Link::serve(listener, upstream, weather, buffer_bytes, observer)?;
        Ok(Self {
            link,
            active: BTreeMap::new(),
            tap,
        })
    }
}

#[async_trait]
impl Backend for Proxy {
    fn ready(&self) -> Ready {
        let address = self.link.local_addr().to_string();
        Ready {
            grpc: address.clone(),
            http: address,
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
        let mut begin = Vec::new();
        for (part, part_id) in fault.parts().iter().zip(part_ids(id)) {
            let toxic = Toxic::of(part);
            begin.push(Begin {
                id: part_id,
                group: id,
                direction,
                toxic: toxic.ok_or_else(|| FaultError::NotOfBytes(part.kind()).to_string())?,
                toxicity,
            });
        }
        let changed = self.link.weather().change(&[], begin);
        let at_ns = changed.map_err(|error| error.to_string())?.at_ns;
        self.active.insert(id, fault);
        Ok(at_ns)
    }

    async fn end_fault(&mut self, id: usize) -> Result<(u64, Option<String>), String> {
        let fault = self.active.remove(&id);
        let fault = fault.ok_or_else(|| FaultError::NotActive(id).to_string())?;
        let ids: Vec<usize> = part_ids(id).take(fault.parts().len()).collect();
        let changed = self.link.weather().change(&ids, vec![]);
        let changed = changed.map_err(|error| error.to_string())?;
        let at_ns = changed.at_ns;
        Ok((at_ns, prove(&fault, &changed.proofs().await)))
    }

    fn sample(&self, at_ns: u64) -> LinkSample {
        self.link.sample(at_ns)
    }

    fn start(&mut self, clock: RunClock) {
        if let Some(tap) = &self.tap {
            tap.start(clock);
        }
    }

    fn failure(&self) -> Option<String> {
        self.tap.as_ref()?.failure().map(str::to_owned)
    }

    fn taps(&self) -> Option<Vec<TapEvidence>> {
        Some(self.tap.as_ref()?.counts())
    }

    async fn shutdown(self: Box<Self>) {
        self.link.shutdown().await;
    }
}

/// The numbers of a fault's parts on the link.
fn part_ids(fault: usize) -> impl Iterator<Item = usize> {
    (0..PARTS_MAX).map(move |part| fault * PARTS_MAX + part)
}
