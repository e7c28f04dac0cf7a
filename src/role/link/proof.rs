//! What proves that a fault of the proxy took effect.

use crate::evidence::FaultProof;
use crate::plan::LinkFault;

/// Longest time for which a line that is wide enough holds a chunk: a limit that never held one
/// for longer never bit.
const BITE_NS: u64 = 1_000_000;

/// What the injector counted, in words; `None` where that does not prove the fault.
pub fn prove(fault: &LinkFault, proof: &FaultProof) -> Option<String> {
    let held = |held_ns: u64| format!("{:.1} ms", held_ns as f64 / 1e6);
    match *fault {
        LinkFault::Packets(_) => None,
        LinkFault::Latency {
            delay_ns,
            jitter_ns,
        } => {
            let least_ns = delay_ns.saturating_sub(jitter_ns);
            (proof.chunks > 0 && proof.held_max_ns >= least_ns).then(|| {
                format!(
                    "{} chunks ({} bytes) delayed, {} on average",
                    proof.chunks,
                    proof.bytes,
                    held(proof.held_total_ns / proof.chunks.max(1))
                )
            })
        }
        LinkFault::Bandwidth { .. } => (proof.held_max_ns >= BITE_NS).then(|| {
            format!(
                "{} bytes paced in {} chunks, held up to {}",
                proof.bytes,
                proof.chunks,
                held(proof.held_max_ns)
            )
        }),
        LinkFault::PartitionSilence => {
            (proof.connections > 0 && proof.leaked_bytes == 0).then(|| {
                format!(
                    "{} connections silenced, {} bytes held, none leaked",
                    proof.connections, proof.bytes
                )
            })
        }
        LinkFault::PartitionReset => (proof.connections > 0 && proof.leaked_bytes == 0)
            .then(|| format!("{} connections reset, no byte leaked", proof.connections)),
        LinkFault::SlowClose { .. } => (proof.connections > 0).then(|| {
            format!(
                "the end of {} streams held up to {}",
                proof.connections,
                held(proof.held_max_ns)
            )
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_that_did_nothing_has_no_proof() {
        let latency = LinkFault::Latency {
            delay_ns: 50_000_000,
            jitter_ns: 5_000_000,
        };
        let bandwidth = LinkFault::Bandwidth {
            bytes_per_second: 1000,
        };
        let slow_close = LinkFault::SlowClose { delay_ns: 1 };
        let bit = FaultProof {
            chunks: 4,
            bytes: 100,
            connections: 1,
            held_max_ns: 46_000_000,
            held_total_ns: 180_000_000,
            leaked_bytes: 0,
        };
        let kinds = [
            latency.clone(),
            bandwidth.clone(),
            slow_close,
            LinkFault::PartitionSilence,
            LinkFault::PartitionReset,
        ];
        for kind in kinds {
            assert!(prove(&kind, &bit).is_some(), "{kind:?}");
            assert_eq!(prove(&kind, &FaultProof::default()), None, "{kind:?}");
        }
        // Not held for as long as was asked; a line that was wide enough; a wall with a hole in it.
        let short = FaultProof {
            held_max_ns: 44_000_000,
            ..bit
        };
        assert_eq!(prove(&latency, &short), None);
        let wide = FaultProof {
            held_max_ns: 20_000,
            ..bit
        };
        assert_eq!(prove(&bandwidth, &wide), None);
        let leaking = FaultProof {
            leaked_bytes: 1,
            ..bit
        };
        assert_eq!(prove(&LinkFault::PartitionSilence, &leaking), None);
        assert_eq!(prove(&LinkFault::PartitionReset, &leaking), None);
    }
}
