//! What proves that a fault of the proxy took effect.

use crate::evidence::FaultProof;
use crate::plan::LinkFault;

/// Longest time for which a line that is wide enough holds a chunk: a limit that never held one
/// for longer never bit.
const BITE_NS: u64 = 1_000_000;

/// What the injector counted of each part, in words; `None` where that does not prove all of them.
pub fn prove(fault: &LinkFault, proofs: &[FaultProof]) -> Option<String> {
    let parts = fault.parts();
    if parts.len() != proofs.len() {
        return None;
    }
    let words = parts
        .iter()
        .zip(proofs)
        .map(|(part, proof)| of_part(part, proof));
    Some(words.collect::<Option<Vec<String>>>()?.join("; "))
}

fn of_part(fault: &LinkFault, proof: &FaultProof) -> Option<String> {
    let &FaultProof {
        chunks,
        bytes,
        connections,
        acts,
        ..
    } = proof;
    let ms = |ns: u64| format!("{:.1} ms", ns as f64 / 1e6);
    let longest = ms(proof.held_max_ns);
    let average = |count: u64| ms(proof.held_total_ns / count.max(1));
    let (proven, words) = match fault {
        LinkFault::Latency(delay) => (
            chunks > 0 && proof.held_max_ns >= delay.least_ns(),
            format!(
                "{chunks} chunks ({bytes} bytes) delayed, {} on average",
                average(chunks)
            ),
        ),
        LinkFault::ConnectLatency(delay) => (
            connections > 0 && proof.held_max_ns >= delay.least_ns(),
            format!(
                "{connections} new connections passed on late, {} on average",
                average(connections)
            ),
        ),
        LinkFault::Bandwidth { .. } => (
            proof.held_max_ns >= BITE_NS,
            format!("{bytes} bytes paced in {chunks} chunks, held up to {longest}"),
        ),
        LinkFault::PartitionSilence => (
            connections > 0 && proof.leaked_bytes == 0,
            format!("{connections} connections silenced, {bytes} bytes held, none leaked"),
        ),
        LinkFault::PartitionReset => (
            connections > 0 && proof.leaked_bytes == 0,
            format!("{connections} connections reset, no byte leaked"),
        ),
        LinkFault::SlowClose { .. } => (
            connections > 0,
            format!("the end of {connections} streams held up to {longest}"),
        ),
        LinkFault::Timeout { .. } => (
            connections > 0,
            format!("{bytes} bytes of {connections} connections thrown away, {acts} times closed"),
        ),
        LinkFault::ResetPeer { .. } => (
            acts > 0,
            format!("{acts} times reset after something came, {bytes} bytes thrown away"),
        ),
        LinkFault::Slicer { .. } => (acts > 0, format!("{acts} pieces, held up to {longest}")),
        LinkFault::Limit { .. } => (
            acts > 0,
            format!("{acts} times closed at the limit, {bytes} bytes beyond it thrown away"),
        ),
        LinkFault::Loss { .. } => (
            acts > 0,
            format!(
                "{acts} losses modelled as stalls of a retransmission, up to {longest}; \
                 no packet was lost"
            ),
        ),
        LinkFault::Corrupt { .. } => (
            acts > 0,
            format!("{acts} bits flipped in {connections} connections"),
        ),
        // Its parts are proven, each for itself; packets are another backend's.
        LinkFault::Together(_) | LinkFault::Packets(_) => return None,
    };
    proven.then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Delay;

    const MS: u64 = 1_000_000;
    const BIT: FaultProof = FaultProof {
        chunks: 4,
        bytes: 100,
        connections: 1,
        held_max_ns: 46 * MS,
        held_total_ns: 180 * MS,
        leaked_bytes: 0,
        acts: 3,
    };

    fn proven(fault: &LinkFault, proof: FaultProof) -> bool {
        prove(fault, &[proof]).is_some()
    }

    #[test]
    fn a_fault_that_did_nothing_has_no_proof() {
        let kinds = [
            LinkFault::Latency(Delay::uniform(50 * MS, 5 * MS)),
            LinkFault::ConnectLatency(Delay::fixed(40 * MS)),
            LinkFault::Bandwidth {
                bytes_per_second: 1000,
                shared: true,
            },
            LinkFault::PartitionSilence,
            LinkFault::PartitionReset,
            LinkFault::SlowClose { delay_ns: 1 },
            LinkFault::Timeout { timeout_ns: 1 },
            LinkFault::ResetPeer { timeout_ns: 1 },
            LinkFault::Slicer {
                average_bytes: 1,
                variation_bytes: 0,
                delay_ns: 0,
            },
            LinkFault::Limit { bytes: 1 },
            LinkFault::Loss {
                share: 0.1,
                retransmit_ns: 1,
            },
            LinkFault::Corrupt { every_bytes: 1 },
        ];
        for kind in &kinds {
            assert!(proven(kind, BIT), "{kind:?}");
            assert!(!proven(kind, FaultProof::default()), "{kind:?}");
        }
        let all = LinkFault::Together(kinds.to_vec());
        let mut proofs = vec![BIT; kinds.len()];
        let words = prove(&all, &proofs).unwrap();
        assert_eq!(words.matches("; ").count(), kinds.len(), "{words}");
        assert!(words.contains("modelled"));
        proofs[3] = FaultProof::default();
        assert_eq!(prove(&all, &proofs), None, "one part did nothing");
    }

    #[test]
    fn what_is_not_enough_proves_nothing() {
        let short = FaultProof {
            held_max_ns: 44 * MS,
            ..BIT
        };
        let latency = LinkFault::Latency(Delay::uniform(50 * MS, 5 * MS));
        assert!(!proven(&latency, short), "not held for as long as asked");
        let wide = FaultProof {
            held_max_ns: 20_000,
            ..BIT
        };
        let bandwidth = LinkFault::Bandwidth {
            bytes_per_second: 1000,
            shared: false,
        };
        assert!(!proven(&bandwidth, wide), "the line was wide enough");
        let leaking = FaultProof {
            leaked_bytes: 1,
            ..BIT
        };
        assert!(!proven(&LinkFault::PartitionSilence, leaking));
        assert!(!proven(&LinkFault::PartitionReset, leaking));
    }
}
