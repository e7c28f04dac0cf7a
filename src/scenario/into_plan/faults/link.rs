//! Faults of the link.

use super::Kinds;
use crate::plan::{Direction, FaultKind, LinkFault};
use crate::scenario::file::{FaultFile, PartitionFile};
use crate::scenario::into_plan::{HOUR, Planner};

/// Their keys.
pub(super) const KINDS: [&str; 4] = ["partition", "latency", "bandwidth", "slow_close"];

impl Planner<'_> {
    pub(super) fn link_kinds(&mut self, path: &str, file: &FaultFile, kinds: &mut Kinds) {
        let direction = file.direction.unwrap_or(Direction::Both);
        let link = |fault: LinkFault| Some(FaultKind::Link { direction, fault });
        if let Some(partition) = file.partition {
            let fault = match partition {
                PartitionFile::Silence => LinkFault::PartitionSilence,
                PartitionFile::Reset => LinkFault::PartitionReset,
            };
            kinds.push(("partition", link(fault)));
        }
        if let Some(latency) = file.latency {
            let jitter_ns = latency.jitter.map_or(0, |time| time.0);
            let fault = latency.delay.map(|delay| {
                let key = format!("{path}.latency.delay");
                let delay_ns = self.time(&key, Some(delay), 0, 0..=HOUR);
                if jitter_ns > delay_ns {
                    self.problem(
                        &format!("{path}.latency.jitter"),
                        "the jitter is larger than the delay",
                        "bytes cannot arrive before they were sent: at most `delay`",
                    );
                }
                LinkFault::Latency {
                    delay_ns,
                    jitter_ns,
                }
            });
            kinds.push(("latency.delay", fault.and_then(link)));
        }
        if let Some(bandwidth) = file.bandwidth {
            if bandwidth.0 == 0 {
                self.problem(
                    &format!("{path}.bandwidth"),
                    "nothing would pass at all",
                    "say `partition: silence` for that",
                );
            }
            let fault = LinkFault::Bandwidth {
                bytes_per_second: bandwidth.0,
            };
            kinds.push(("bandwidth", link(fault)));
        }
        if let Some(delay) = file.slow_close {
            let delay_ns = delay.0;
            kinds.push(("slow_close", link(LinkFault::SlowClose { delay_ns })));
        }
    }
}
