//! The link itself: brought up, impaired, sampled, torn down.

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::Command;

use serde::{Deserialize, Serialize};

use super::birth::{Born, Room, born};
use super::door::Door;
use super::impairment::Impairment;
use super::kernel;
use super::netlink::{End, Mac};
use super::relay::{ETHERNET_BYTES, LaneSample, Relay};
use super::sys::{self, Ring};
use super::tally::Tally;
use super::{Congestion, LaneCounts, NetnsError, Rights, Setup, Side};
use crate::plan::Direction;

/// Addresses for measuring network devices (RFC 2544): nobody's real ones.
const CLIENT: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);
const SINK: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 2);
const PREFIX_BITS: u8 = 30;
const CLIENT_MAC: Mac = [2, 0, 0, 0, 0, 1];
const SINK_MAC: Mac = [2, 0, 0, 0, 0, 2];
const LOOPBACK: i32 = 1;
/// Index of `eth0` on both sides.
const ETH0: i32 = 2;
const MIDDLE_CLIENT: i32 = 2;
const MIDDLE_SINK: i32 = 3;
/// Memory in which the kernel leaves packets for each direction.
const RING_BYTES: usize = 16 << 20;
/// Room for a VLAN tag, which no packet here should have.
const TAG_BYTES: usize = 4;
/// ethtool's commands that set checksums, scatter-gather, TSO, GSO and GRO.
const OFFLOADS: [u32; 6] = [0x17, 0x15, 0x19, 0x1f, 0x24, 0x2c];

/// What a link has counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Towards the sink.
    pub up: LaneCounts,
    /// Towards the client.
    pub down: LaneCounts,
    /// What each active impairment did so far, both directions together, by number.
    pub impairments: BTreeMap<usize, Tally>,
    /// Packets that the client side's kernel threw away as broken.
    pub rejected_by_client: u64,
    /// Packets that the sink side's kernel threw away as broken.
    pub rejected_by_sink: u64,
}

/// A running link. Dropped, it is gone: threads, interfaces and namespaces, unless a process that
/// entered still holds its own.
#[derive(Debug)]
pub struct PacketLink {
    up: Relay,
    down: Relay,
    client: Room,
    sink: Room,
    user: Option<OwnedFd>,
    congestion: Congestion,
    active: BTreeMap<usize, Direction>,
}

impl PacketLink {
    /// Tries whether a link can be made here, and with whose rights; leaves nothing behind.
    ///
    /// # Errors
    /// Says what is in the way, and what to allow.
    pub fn probe() -> Result<Rights, NetnsError> {
        Ok(Self::up(&Setup::new(0))?.rights())
    }

    /// Brings the link up. It takes some ten milliseconds.
    ///
    /// # Errors
    /// When the kernel refuses: says what to allow.
    pub fn up(setup: &Setup) -> Result<Self, NetnsError> {
        let mtu_bytes = setup.mtu_bytes;
        if !(68..=65_535).contains(&mtu_bytes) {
            return Err(NetnsError::Mtu { mtu_bytes });
        }
        let Born {
            client,
            sink,
            middle,
            packets: [client_end, sink_end],
            user,
        } = born()?;
        let failed = |what| move |source| NetnsError::SetUp { what, source };
        let sides = [
            (
                &client,
                "client",
                MIDDLE_CLIENT,
                CLIENT_MAC,
                [2, 0, 0, 0, 1, 1],
            ),
            (&sink, "sink", MIDDLE_SINK, SINK_MAC, [2, 0, 0, 0, 1, 2]),
        ];
        for (room, name, index, mac, middle_mac) in sides {
            let here = End {
                name,
                index,
                mac: middle_mac,
            };
            let there = End {
                name: "eth0",
                index: ETH0,
                mac,
            };
            middle
                .add_veth(here, there, room.namespace.as_fd(), mtu_bytes)
                .map_err(failed("a veth pair"))?;
            middle.up(index).map_err(failed("the middle's interface"))?;
        }
        furnish(&client, CLIENT, SINK, SINK_MAC).map_err(failed("the client side"))?;
        furnish(&sink, SINK, CLIENT, CLIENT_MAC).map_err(failed("the sink side"))?;
        let wanted = setup.congestion.as_deref();
        let congestion = Congestion {
            client: kernel::pin(&client.congestion, wanted)?,
            sink: kernel::pin(&sink.congestion, wanted)?,
            pinned: wanted.is_some(),
        };
        let frame_bytes = mtu_bytes as usize + ETHERNET_BYTES + TAG_BYTES;
        let relays = || -> io::Result<(Relay, Relay)> {
            let (to_client, to_sink) = (client_end.try_clone()?, sink_end.try_clone()?);
            let client_ring = Ring::bind(client_end, MIDDLE_CLIENT, frame_bytes, RING_BYTES)?;
            let sink_ring = Ring::bind(sink_end, MIDDLE_SINK, frame_bytes, RING_BYTES)?;
            let (held, seed) = (setup.held_max_bytes, setup.seed);
            Ok((
                Relay::start("relay-up", client_ring, to_sink, seed, held)?,
                Relay::start("relay-down", sink_ring, to_client, !seed, held)?,
            ))
        };
        let (up, down) = relays().map_err(failed("the relay"))?;
        Ok(Self {
            up,
            down,
            client,
            sink,
            user,
            congestion,
            active: BTreeMap::new(),
        })
    }

    /// Whose rights it was made with.
    pub const fn rights(&self) -> Rights {
        if self.user.is_some() {
            Rights::Anybody
        } else {
            Rights::Root
        }
    }

    /// The address of a side, as the other one reaches it.
    pub const fn address(&self, side: Side) -> Ipv4Addr {
        match side {
            Side::Client => CLIENT,
            Side::Sink => SINK,
        }
    }

    /// The congestion control in force.
    pub const fn congestion(&self) -> &Congestion {
        &self.congestion
    }

    const fn room(&self, side: Side) -> &Room {
        match side {
            Side::Client => &self.client,
            Side::Sink => &self.sink,
        }
    }

    /// The way into a side, which can be sent to another process of this user.
    pub fn door(&self, side: Side) -> Door {
        Door::to(self.user.as_ref(), &self.room(side).namespace)
    }

    /// Makes `command` start its processes on a side; see [`Door::enter_on_spawn`].
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub fn enter_on_spawn(&self, side: Side, command: &mut Command) -> io::Result<()> {
        self.door(side).enter_on_spawn(command)
    }

    /// Runs `work` in a thread of its own on a side. Sockets that it opens stay there.
    ///
    /// # Errors
    /// When the link was made in a user namespace, which threads cannot enter.
    pub fn within<T: Send>(
        &self,
        side: Side,
        work: impl FnOnce() -> T + Send,
    ) -> Result<T, NetnsError> {
        if self.user.is_some() {
            return Err(NetnsError::NoThreads);
        }
        let namespace = self.room(side).namespace.as_fd();
        std::thread::scope(|scope| {
            let entered = scope.spawn(|| {
                sys::set_namespace(namespace, libc::CLONE_NEWNET)?;
                Ok(work())
            });
            match entered.join() {
                Ok(done) => done.map_err(|source| NetnsError::SetUp {
                    what: "entering a side",
                    source,
                }),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    /// Begins an impairment under a number of the caller's; returns the moment of
    /// [`crate::clock::monotonic_ns`] from which it is in force in each of its directions.
    ///
    /// # Errors
    /// When it makes no sense, or one of this number is active.
    pub fn start(
        &mut self,
        id: usize,
        direction: Direction,
        impairment: &Impairment,
    ) -> Result<u64, NetnsError> {
        impairment.check()?;
        if self.active.contains_key(&id) {
            return Err(NetnsError::Active { id });
        }
        let mut start_ns = 0;
        for relay in self.relays(direction) {
            start_ns = start_ns.max(relay.begin(id, impairment)?);
        }
        self.active.insert(id, direction);
        Ok(start_ns)
    }

    /// Ends an impairment; returns when it had ended in each direction, and what it did. Packets
    /// that it held pass at the time that it gave them.
    ///
    /// # Errors
    /// When none of this number is active.
    pub fn end(&mut self, id: usize) -> Result<(u64, Tally), NetnsError> {
        let direction = self
            .active
            .remove(&id)
            .ok_or(NetnsError::NotActive { id })?;
        let (mut end_ns, mut tally) = (0, Tally::default());
        for relay in self.relays(direction) {
            let (at_ns, part) = relay.end(id)?;
            end_ns = end_ns.max(at_ns);
            tally = tally.plus(part);
        }
        Ok((end_ns, tally))
    }

    /// Ends every impairment.
    ///
    /// # Errors
    /// When a relay has ended.
    pub fn heal(&mut self) -> Result<BTreeMap<usize, Tally>, NetnsError> {
        let active: Vec<usize> = self.active.keys().copied().collect();
        active
            .into_iter()
            .map(|id| Ok((id, self.end(id)?.1)))
            .collect()
    }

    /// What was counted so far.
    ///
    /// # Errors
    /// When a relay has ended, or `/proc` cannot be read.
    pub fn sample(&self) -> Result<Sample, NetnsError> {
        let (up, down): (LaneSample, LaneSample) = (self.up.sample()?, self.down.sample()?);
        let mut impairments: BTreeMap<usize, Tally> = BTreeMap::new();
        for (id, tally) in up.impairments.into_iter().chain(down.impairments) {
            let sum = impairments.entry(id).or_default();
            *sum = sum.plus(tally);
        }
        Ok(Sample {
            up: up.counts,
            down: down.counts,
            impairments,
            rejected_by_client: kernel::rejected(&self.client.snmp)?,
            rejected_by_sink: kernel::rejected(&self.sink.snmp)?,
        })
    }

    fn relays(&self, direction: Direction) -> impl Iterator<Item = &Relay> {
        let up = direction.covers_up().then_some(&self.up);
        let down = direction.covers_down().then_some(&self.down);
        up.into_iter().chain(down)
    }
}

/// Gives a side its loopback, its address, its neighbour, and an interface without offloads.
fn furnish(room: &Room, own: Ipv4Addr, other: Ipv4Addr, other_mac: Mac) -> io::Result<()> {
    let netlink = &room.netlink;
    for command in OFFLOADS {
        sys::offload_off(netlink.socket(), c"eth0", command)?;
    }
    netlink.up(LOOPBACK)?;
    netlink.up(ETH0)?;
    netlink.add_address(ETH0, own, PREFIX_BITS)?;
    netlink.add_neighbour(ETH0, other, other_mac)
}
