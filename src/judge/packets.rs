//! What a link of packets has to answer for: what it lost of its own, and whether it kept time.

use std::collections::BTreeMap;

use super::facts::Facts;
use super::harness::check;
use crate::evidence::{Evidence, LaneCounts};
use crate::record::CheckResult;
use crate::units;

/// The checks of a run over a link of packets; none for any other.
pub(super) fn checks(facts: &Facts<'_>) -> Vec<CheckResult> {
    if facts.plan.links.iter().all(|link| link.packets.is_none()) {
        return Vec::new();
    }
    let Some(packets) = &facts.evidence.packets else {
        return vec![check(
            "the packet link told what it did",
            false,
            "nothing".to_owned(),
            "its counts",
            "without its counts nobody knows what the link itself lost",
        )];
    };
    let lanes = [&packets.up, &packets.down];
    vec![faithful(lanes), closes(lanes), on_time(facts, lanes)]
}

/// A sum over both directions.
fn sum(lanes: [&LaneCounts; 2], count: fn(&LaneCounts) -> u64) -> u64 {
    lanes.into_iter().map(count).sum()
}

fn faithful(lanes: [&LaneCounts; 2]) -> CheckResult {
    let overflowed = sum(lanes, |lane| lane.overflowed);
    let unsent = sum(lanes, |lane| lane.unsent);
    let missed = sum(lanes, |lane| lane.missed);
    check(
        "the packet link lost nothing of its own",
        lanes.iter().all(|lane| lane.is_faithful()),
        format!(
            "{} packets lost",
            overflowed.saturating_add(unsent).saturating_add(missed)
        ),
        "0 packets",
        format!(
            "{missed} packets were not read in time, {overflowed} found no room (`link.buffer`) and \
             {unsent} were refused by the kernel: no fault asked for that"
        ),
    )
}

fn closes(lanes: [&LaneCounts; 2]) -> CheckResult {
    check(
        "the packet link accounts for every packet",
        lanes.iter().all(|lane| lane.closes()),
        format!(
            "{} received, {} sent, {} dropped by faults",
            sum(lanes, |lane| lane.received),
            sum(lanes, |lane| lane.sent),
            sum(lanes, |lane| lane.dropped)
        ),
        "received and copies = sent, dropped and held",
        "its counts do not add up",
    )
}

fn on_time(facts: &Facts<'_>, lanes: [&LaneCounts; 2]) -> CheckResult {
    let limit_ns = facts.plan.run.lateness_limit_ns;
    let p99_ns = lanes
        .iter()
        .filter_map(|lane| lane.lateness.quantile_ns(0.99))
        .max();
    let shown = |ns: u64| units::seconds(ns as f64 / 1e9);
    check(
        "the packet link kept time",
        p99_ns.is_some_and(|p99_ns| p99_ns <= limit_ns),
        p99_ns.map_or("not measured".to_owned(), shown),
        format!("p99 <= {}", shown(limit_ns)),
        "packets left later than they were due: this machine could not carry them on time",
    )
}

/// The environment with what was in force on the link.
pub(super) fn environment(
    mut environment: BTreeMap<String, String>,
    evidence: &Evidence,
) -> BTreeMap<String, String> {
    if let Some(packets) = &evidence.packets {
        let congestion = &packets.congestion;
        let facts = [
            ("link_rights", packets.rights.as_str().to_owned()),
            ("link_mtu_bytes", packets.mtu_bytes.to_string()),
            ("link_congestion_client", congestion.client.clone()),
            ("link_congestion_sink", congestion.sink.clone()),
            ("link_congestion_pinned", congestion.pinned.to_string()),
        ];
        environment.extend(facts.map(|(name, value)| (name.to_owned(), value)));
    }
    environment
}

/// The same in one sentence, for every report.
pub(super) fn note(evidence: &Evidence) -> Option<String> {
    let packets = evidence.packets.as_ref()?;
    let congestion = &packets.congestion;
    let control = if congestion.client == congestion.sink {
        congestion.client.clone()
    } else {
        format!(
            "{} (client) and {} (sink)",
            congestion.client, congestion.sink
        )
    };
    let how = if congestion.pinned {
        "pinned"
    } else {
        "the machine's own"
    };
    Some(format!(
        "link via netns, made with {}: packets of {} bytes at most, congestion control {control} ({how})",
        packets.rights.as_str(),
        packets.mtu_bytes
    ))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::healthy;
    use super::*;
    use crate::evidence::{Congestion, PacketEvidence, Rights};
    use crate::plan::fixture::plan;
    use crate::plan::{LinkBackend, PacketLinkPlan, Plan};
    use crate::record::Verdict;

    fn over_packets() -> Plan {
        let mut plan = plan();
        plan.links[0].via = LinkBackend::Netns;
        plan.links[0].packets = Some(PacketLinkPlan {
            mtu_bytes: 1500,
            congestion: Some("cubic".to_owned()),
        });
        plan
    }

    fn lane() -> LaneCounts {
        let mut lane = LaneCounts {
            received: 100,
            sent: 98,
            dropped: 2,
            ..LaneCounts::default()
        };
        lane.lateness.record_ns(80_000, 98);
        lane
    }

    fn evidence(plan: &Plan, up: LaneCounts) -> Evidence {
        Evidence {
            packets: Some(PacketEvidence {
                rights: Rights::Anybody,
                mtu_bytes: 1500,
                congestion: Congestion {
                    client: "cubic".to_owned(),
                    sink: "cubic".to_owned(),
                    pinned: true,
                },
                up,
                down: lane(),
                rejected_by_client: 0,
                rejected_by_sink: 0,
            }),
            ..healthy(plan)
        }
    }

    /// Names of the checks that do not hold.
    fn failing(plan: &Plan, evidence: &Evidence) -> Vec<String> {
        checks(&Facts::of(plan, evidence))
            .into_iter()
            .filter(|check| check.verdict == Verdict::Inconclusive)
            .map(|check| check.name)
            .collect()
    }

    #[test]
    fn each_check_fails_on_its_own() {
        let plan = over_packets();
        let name = |lane| failing(&plan, &evidence(&plan, lane));
        assert!(name(lane()).is_empty());
        let missed = LaneCounts {
            missed: 1,
            ..lane()
        };
        assert_eq!(name(missed), ["the packet link lost nothing of its own"]);
        let astray = LaneCounts { sent: 97, ..lane() };
        assert_eq!(name(astray), ["the packet link accounts for every packet"]);
        let mut late = lane();
        late.lateness.record_ns(60_000_000, 50);
        assert_eq!(name(late), ["the packet link kept time"]);
        let silent = Evidence {
            packets: None,
            ..evidence(&plan, lane())
        };
        assert_eq!(
            failing(&plan, &silent),
            ["the packet link told what it did"]
        );
        assert!(checks(&Facts::of(&crate::plan::fixture::plan(), &silent)).is_empty());
    }

    #[test]
    fn what_was_in_force_is_told() {
        let plan = over_packets();
        let evidence = evidence(&plan, lane());
        let told = environment(BTreeMap::new(), &evidence);
        assert_eq!(told["link_congestion_sink"], "cubic");
        assert_eq!(told["link_mtu_bytes"], "1500");
        assert_eq!(
            note(&evidence).unwrap(),
            "link via netns, made with a user namespace: packets of 1500 bytes at most, congestion \
             control cubic (pinned)"
        );
    }
}
