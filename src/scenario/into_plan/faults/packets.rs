//! Faults that only a link of packets can do.

use super::Kinds;
use crate::plan::{
    Direction, FaultKind, LinkBackend, LinkFault, LinkPlan, Loss, PacketFault, Queue, Toxicity,
};
use crate::scenario::file::{BurstsFile, CorruptFile, FaultFile, LossFile, LossWaysFile, RateFile};
use crate::scenario::into_plan::{HOUR, Planner};
use crate::scenario::units::{Share, Time};

/// Their keys.
pub(super) const KINDS: [&str; 5] = ["reorder", "duplicate", "rate", "mtu", "flap"];
/// Smallest packet that every IPv4 link must carry, and the largest that there is.
const MTU: std::ops::RangeInclusive<u64> = 68..=65_535;
/// Most packets that a list may name.
const LISTED_MAX: usize = 100_000;

impl Planner<'_> {
    pub(super) fn packet_kinds(
        &mut self,
        path: &str,
        file: &FaultFile,
        plan: &LinkPlan,
        kinds: &mut Kinds,
    ) {
        let via = plan.via;
        let direction = file.direction.unwrap_or(Direction::Both);
        let link = |fault: PacketFault| FaultKind::Link {
            // Set by whoever knows which one.
            link: 0,
            direction,
            fault: LinkFault::Packets(fault),
            toxicity: Toxicity::default(),
        };
        // A share is modelled by other links.
        let only_packets = |loss: &&LossFile| match loss {
            LossFile::Share(_) => false,
            LossFile::Ways(ways) => ways.bursts.is_some() || ways.packets.is_some(),
        };
        if let Some(loss) = file
            .loss
            .as_ref()
            .filter(|loss| via == LinkBackend::Netns || only_packets(loss))
        {
            let (missing, fault) = self.packet_loss(&format!("{path}.loss"), loss);
            kinds.push((missing, fault.map(PacketFault::Loss).map(link)));
        }
        if let Some(reorder) = file.reorder {
            let share = self.some_share(&format!("{path}.reorder.share"), reorder.share);
            let by_ns = self.some_time(&format!("{path}.reorder.by"), reorder.by);
            let missing = if share.is_none() {
                "reorder.share"
            } else {
                "reorder.by"
            };
            let fault = share.zip(by_ns);
            let fault = fault.map(|(share, by_ns)| PacketFault::Reorder { share, by_ns });
            kinds.push((missing, fault.map(link)));
        }
        if let Some(share) = self.some_share(&format!("{path}.duplicate"), file.duplicate) {
            kinds.push(("duplicate", Some(link(PacketFault::Duplicate { share }))));
        }
        if let Some(CorruptFile::Share(share)) = file.corrupt {
            let share = self.some_share(&format!("{path}.corrupt"), Some(share));
            let fault = share.map(|share| PacketFault::Corrupt { share });
            kinds.push(("corrupt", fault.map(link)));
        }
        if let Some(rate) = file.rate {
            let (missing, fault) = self.line(&format!("{path}.rate"), rate);
            kinds.push((missing, fault.map(link)));
        }
        if let Some(mtu) = file.mtu {
            let key = format!("{path}.mtu");
            let bytes = self.count(&key, Some(mtu.0), *MTU.start(), MTU);
            // Within the range of `MTU`.
            let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
            let packets = plan.packets.as_ref();
            if let Some(link) = packets.filter(|link| bytes >= link.mtu_bytes) {
                let message = format!("no packet is larger than {} bytes anyway", link.mtu_bytes);
                let help = "less than `link.mtu`, which is 1500B where it is not set";
                self.problem(&key, message, help);
            }
            kinds.push(("mtu", Some(link(PacketFault::Mtu { bytes }))));
        }
        if let Some(flap) = file.flap {
            let up_ns = self.some_time(&format!("{path}.flap.up"), flap.up);
            let down_ns = self.some_time(&format!("{path}.flap.down"), flap.down);
            let missing = if up_ns.is_none() {
                "flap.up"
            } else {
                "flap.down"
            };
            let fault = up_ns.zip(down_ns);
            let fault = fault.map(|(up_ns, down_ns)| PacketFault::Flap { up_ns, down_ns });
            kinds.push((missing, fault.map(link)));
        }
    }

    fn packet_loss(&mut self, path: &str, file: &LossFile) -> (&'static str, Option<Loss>) {
        let independent = |share: Option<f64>| share.map(|share| Loss::Independent { share });
        match file {
            LossFile::Share(share) => ("loss", independent(self.some_share(path, Some(*share)))),
            LossFile::Ways(ways) => ("loss", self.one_loss(path, ways)),
        }
    }

    fn one_loss(&mut self, path: &str, ways: &LossWaysFile) -> Option<Loss> {
        if ways.retransmit.is_some() {
            let what = "packets are sent again by the kernel, when it sees fit";
            self.problem(&format!("{path}.retransmit"), what, "leave it out");
        }
        let mut kinds: Vec<(&str, Option<Loss>)> = Vec::new();
        if let Some(share) = self.some_share(&format!("{path}.share"), ways.share) {
            kinds.push(("share", Some(Loss::Independent { share })));
        }
        if let Some(bursts) = ways.bursts {
            kinds.push(self.bursts(&format!("{path}.bursts"), bursts));
        }
        if let Some(packets) = &ways.packets {
            let mut packets = packets.clone();
            packets.sort_unstable();
            packets.dedup();
            let fits =
                packets.first().is_some_and(|first| *first > 0) && packets.len() <= LISTED_MAX;
            if !fits {
                self.problem(
                    &format!("{path}.packets"),
                    "these are no packets to lose",
                    format!("numbers from 1, {LISTED_MAX} of them at most, such as `[3, 17]`"),
                );
            }
            kinds.push(("packets", Some(Loss::Exact { packets })));
        }
        self.only_one(path, &["share", "bursts", "packets"], kinds)
    }

    fn bursts(&mut self, path: &str, file: BurstsFile) -> (&'static str, Option<Loss>) {
        let enter = self.some_share(&format!("{path}.enter"), file.enter);
        let leave = self.some_share(&format!("{path}.leave"), file.leave);
        let mut state = |key: &str, share: Option<Share>, default: f64| {
            let key = format!("{path}.{key}");
            self.share(&key, share, default)
        };
        let loss_bad = state("lost_in_burst", file.lost_in_burst, 1.0);
        let loss_good = state("lost_between", file.lost_between, 0.0);
        let missing = if enter.is_none() {
            "bursts.enter"
        } else {
            "bursts.leave"
        };
        let loss = enter.zip(leave).map(|(enter, leave)| Loss::GilbertElliott {
            enter,
            leave,
            loss_bad,
            loss_good,
        });
        (missing, loss)
    }

    fn line(&mut self, path: &str, file: RateFile) -> (&'static str, Option<PacketFault>) {
        let Some(limit) = file.limit else {
            return ("rate.limit", None);
        };
        if limit.0 == 0 {
            self.problem(
                &format!("{path}.limit"),
                "nothing would pass at all",
                "say `partition: silence` for that",
            );
        }
        let mut queues: Vec<(&str, Option<Queue>)> = Vec::new();
        if let Some(bytes) = file.queue {
            // A queue that does not hold one packet passes none.
            let bytes = self.bytes(&format!("{path}.queue"), bytes.0, 1_500, 1 << 30);
            queues.push(("queue", Some(Queue::Bytes(bytes))));
        }
        if let Some(packets) = file.queue_packets {
            let key = format!("{path}.queue_packets");
            let packets = self.count(&key, Some(packets), 1, 1..=1_000_000);
            queues.push(("queue_packets", Some(Queue::Packets(packets))));
        }
        let stated = |key: &str| self.document.has(&format!("{path}.{key}"));
        if !stated("queue") && !stated("queue_packets") {
            self.problem(
                path,
                "nothing says how much may wait before the line",
                "add `queue` (bytes, such as `64KiB`) or `queue_packets`: what comes beyond is dropped",
            );
            return ("rate", None);
        }
        let queue = self.only_one(path, &["queue", "queue_packets"], queues);
        let fault = queue.map(|queue| PacketFault::Rate {
            bytes_per_second: limit.0,
            queue,
        });
        ("rate", fault)
    }

    /// A share that makes a difference: above 0 %, and no more than all.
    fn some_share(&mut self, path: &str, share: Option<Share>) -> Option<f64> {
        let share = share?.0;
        if !(share > 0.0 && share <= 1.0) {
            self.problem(
                path,
                format!("{}% of packets is out of range", share * 100.0),
                "above 0%, and 100% at most",
            );
        }
        Some(share)
    }

    /// A time that makes a difference.
    fn some_time(&mut self, path: &str, time: Option<Time>) -> Option<u64> {
        let ns = time?.0;
        Some(self.time(path, Some(Time(ns)), ns, 1..=HOUR))
    }
}
