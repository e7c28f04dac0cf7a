//! The name server beside the link, and its faults.

use std::time::Duration;

use super::backend::Backend;
use crate::clock::monotonic_ns;
use crate::dns::server::Server;
use crate::plan::{Direction, DnsFault, LinkFault, Toxicity};
use crate::role::stdio::RoleError;

/// How often, and how many times, one looks whether every connection is gone.
const RESET_LOOK: Duration = Duration::from_millis(1);
const RESET_LOOKS: u32 = 200;

/// The run's name server; without one, where the client needs no names.
pub struct Dns {
    server: Option<Server>,
}

impl Dns {
    /// Starts the name server where it is `wanted`.
    pub async fn up(wanted: bool) -> Result<Self, RoleError> {
        let server = match wanted {
            true => Some(Server::bind().await?),
            false => None,
        };
        Ok(Self { server })
    }

    /// Where it answers; empty without one.
    pub fn address(&self) -> String {
        let address = self.server.as_ref().map(Server::local_addr);
        address.map_or_else(String::new, |address| address.to_string())
    }

    /// Begins a fault and resets every connection that is open: a name is looked up for a new one
    /// only. Returns the moment of [`monotonic_ns`] from which it is in force.
    pub async fn start_fault(
        &self,
        id: usize,
        fault: DnsFault,
        link: &mut dyn Backend,
    ) -> Result<u64, String> {
        let Some(server) = &self.server else {
            return Err("this run has no name server".to_owned());
        };
        server.begin(id, fault);
        let started_ns = monotonic_ns();
        // The number is the link's to use: the fault that has it is not one of the link's.
        link.start_fault(
            id,
            Direction::Both,
            LinkFault::PartitionReset,
            Toxicity::default(),
        )
        .await?;
        for _ in 0..RESET_LOOKS {
            if link.sample(0).connections_open == 0 {
                break;
            }
            tokio::time::sleep(RESET_LOOK).await;
        }
        link.end_fault(id).await?;
        Ok(started_ns)
    }

    /// Ends a fault. `None` when it is none of the name server's.
    pub fn end_fault(&self, id: usize) -> Option<(u64, Option<String>)> {
        let (fault, struck) = self.server.as_ref()?.end(id)?;
        let ended_ns = monotonic_ns();
        let how = match fault {
            DnsFault::Nxdomain => "answered that there is no such name",
            DnsFault::Servfail => "answered with a server failure",
            DnsFault::Silence => "left without an answer",
            DnsFault::DeadAddress => "answered with a dead address",
        };
        let proof = (struck > 0).then(|| format!("{struck} queries {how}"));
        Some((ended_ns, proof))
    }
}
