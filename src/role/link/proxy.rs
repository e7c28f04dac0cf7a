//! The embedded TCP proxy as a link.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::backend::Backend;
use super::proof::prove;
use crate::evidence::LinkSample;
use crate::link::Link;
use crate::plan::{Direction, LinkFault};
use crate::role::control::{LinkSetup, Ready};
use crate::role::stdio::RoleError;

/// The proxy, and the faults that are active on it.
pub struct Proxy {
    link: Link,
    active: BTreeMap<usize, LinkFault>,
}

impl Proxy {
    /// Opens it before `setup.upstream`.
    pub async fn up(setup: &LinkSetup) -> Result<Self, RoleError> {
        let upstream = setup.upstream.parse().map_err(|error| {
            RoleError::Failed(format!("upstream {:?}: {error}", setup.upstream))
        })?;
        let buffer_bytes = usize::try_from(setup.buffer_bytes).unwrap_or(usize::MAX);
        Ok(Self {
            link: Link::bind(upstream, setup.seed, buffer_bytes).await?,
            active: BTreeMap::new(),
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
    ) -> Result<u64, String> {
        let started = self.link.start_fault(id, direction, fault.clone());
        let started_ns = started.map_err(|error| error.to_string())?;
        self.active.insert(id, fault);
        Ok(started_ns)
    }

    async fn end_fault(&mut self, id: usize) -> Result<(u64, Option<String>), String> {
        let ended = self.link.end_fault(id).await;
        let (ended_ns, proof) = ended.map_err(|error| error.to_string())?;
        let fault = self.active.remove(&id);
        Ok((ended_ns, fault.and_then(|fault| prove(&fault, &proof))))
    }

    fn sample(&self, at_ns: u64) -> LinkSample {
        self.link.sample(at_ns)
    }

    async fn shutdown(self: Box<Self>) {
        self.link.shutdown().await;
    }
}
