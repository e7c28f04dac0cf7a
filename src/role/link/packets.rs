//! The packet link as a link: below the addresses of client and sink, which are started on its sides.
//!
//! Its own threads move the packets. They answer a question between two batches, so asking them
//! does not keep this role from its commands.

use std::collections::BTreeMap;
use std::net::IpAddr;

use async_trait::async_trait;

use super::backend::Backend;
use crate::evidence::{LinkSample, PacketEvidence};
use crate::netns::impairment::Impairment;
use crate::netns::{NetnsError, PacketLink, Sample, Setup, Side};
use crate::plan::{Direction, LinkBackend, LinkFault, PacketFault, PacketLinkPlan, Toxicity};
use crate::role::control::{LinkSetup, Ready, Sides};

mod proof;

use proof::{Effect, prove};

/// A fault under way.
struct Active {
    fault: LinkFault,
    direction: Direction,
    /// What both kernels had thrown away when it began.
    rejected: u64,
}

/// The link, and the faults that are active on it.
pub struct Packets {
    link: PacketLink,
    mtu_bytes: u32,
    active: BTreeMap<usize, Active>,
}

impl Packets {
    /// Brings it up, with its namespaces in this process.
    ///
    /// # Errors
    /// When the machine does not allow it, or lacks what the plan asks for.
    pub fn up(setup: &LinkSetup, plan: &PacketLinkPlan) -> Result<Self, NetnsError> {
        let link = PacketLink::up(&Setup {
            seed: setup.seed,
            mtu_bytes: plan.mtu_bytes,
            congestion: plan.congestion.clone(),
            held_max_bytes: usize::try_from(setup.buffer_bytes).unwrap_or(usize::MAX),
        })?;
        Ok(Self {
            link,
            mtu_bytes: plan.mtu_bytes,
            active: BTreeMap::new(),
        })
    }
}

/// The impairment that makes a fault; `None` for what packets cannot do.
fn impairment(fault: &LinkFault) -> Option<Impairment> {
    let impairment = match fault {
        LinkFault::Latency(delay) => Impairment::Delay(delay.clone()),
        LinkFault::PartitionSilence => Impairment::Partition,
        LinkFault::Packets(fault) => match fault.clone() {
            PacketFault::Loss(loss) => Impairment::Loss(loss),
            PacketFault::Reorder { share, by_ns } => Impairment::Reorder { share, by_ns },
            PacketFault::Duplicate { share } => Impairment::Duplicate { share },
            PacketFault::Corrupt { share } => Impairment::Corrupt { share },
            PacketFault::Rate {
                bytes_per_second,
                queue,
            } => Impairment::Rate {
                bytes_per_second,
                queue,
            },
            PacketFault::Mtu { bytes } => Impairment::Mtu { bytes },
            PacketFault::Flap { up_ns, down_ns } => Impairment::Flap { up_ns, down_ns },
        },
        _ => return None,
    };
    Some(impairment)
}

const fn rejected(sample: &Sample) -> u64 {
    sample.rejected_by_client + sample.rejected_by_sink
}

#[async_trait]
impl Backend for Packets {
    fn ready(&self) -> Ready {
        let sides = Sides {
            client: self.link.door(Side::Client),
            sink: self.link.door(Side::Sink),
            sink_address: IpAddr::V4(self.link.address(Side::Sink)),
        };
        Ready {
            sides: Some(Box::new(sides)),
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
            return Err("a packet link knows no connections to choose from".to_owned());
        }
        let impairment = impairment(&fault)
            .filter(|_| fault.backends().contains(&LinkBackend::Netns))
            .ok_or_else(|| format!("a packet link cannot do {}", fault.kind()))?;
        let told = |error: NetnsError| error.to_string();
        let rejected = rejected(&self.link.sample().map_err(told)?);
        let started_ns = self.link.start(id, direction, &impairment).map_err(told)?;
        let active = Active {
            fault,
            direction,
            rejected,
        };
        self.active.insert(id, active);
        Ok(started_ns)
    }

    async fn end_fault(&mut self, id: usize) -> Result<(u64, Option<String>), String> {
        let told = |error: NetnsError| error.to_string();
        let (ended_ns, tally) = self.link.end(id).map_err(told)?;
        let rejected_now = rejected(&self.link.sample().map_err(told)?);
        let proof = self.active.remove(&id).and_then(|active| {
            let effect = Effect {
                tally,
                rejected: rejected_now.saturating_sub(active.rejected),
                lanes: if active.direction == Direction::Both {
                    2
                } else {
                    1
                },
            };
            prove(&active.fault, &effect)
        });
        Ok((ended_ns, proof))
    }

    fn sample(&self, at_ns: u64) -> LinkSample {
        // A relay that has ended is told of at the next fault, or at the end, and until then
        // nothing moves.
        self.link.sample().map_or_else(
            |_| LinkSample {
                at_ns,
                ..LinkSample::default()
            },
            |sample| LinkSample {
                at_ns,
                up_bytes: sample.up.sent_bytes,
                down_bytes: sample.down.sent_bytes,
                held_bytes: sample.up.held_bytes + sample.down.held_bytes,
                ..LinkSample::default()
            },
        )
    }

    fn packets(&self) -> Option<Result<PacketEvidence, String>> {
        let evidence = self.link.sample().map(|sample| PacketEvidence {
            rights: self.link.rights(),
            mtu_bytes: self.mtu_bytes,
            congestion: self.link.congestion().clone(),
            up: sample.up,
            down: sample.down,
            rejected_by_client: sample.rejected_by_client,
            rejected_by_sink: sample.rejected_by_sink,
        });
        Some(evidence.map_err(|error| error.to_string()))
    }

    async fn shutdown(self: Box<Self>) {
        drop(self);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Delay;

    #[test]
    fn what_a_packet_link_says_it_can_do_has_its_impairment_and_nothing_else() {
        let kinds = [
            LinkFault::Latency(Delay::fixed(1)),
            LinkFault::Bandwidth {
                bytes_per_second: 1,
                shared: false,
            },
            LinkFault::PartitionSilence,
            LinkFault::PartitionReset,
            LinkFault::SlowClose { delay_ns: 1 },
            LinkFault::Packets(PacketFault::Duplicate { share: 0.5 }),
        ];
        for kind in kinds {
            let can = kind.backends().contains(&LinkBackend::Netns);
            assert_eq!(impairment(&kind).is_some(), can, "{kind:?}");
        }
    }
}
