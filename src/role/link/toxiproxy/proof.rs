//! What proves that a toxic took effect: besides the server's word, what was counted around it.

use super::TICK;
use crate::plan::{Delay, LinkFault};

/// Counted before and behind Toxiproxy while a fault was in force, the way in which it lay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    pub elapsed_ns: u64,
    pub entered_bytes: u64,
    pub left_bytes: u64,
    /// 1, or 2 for both directions.
    pub ways: u64,
    /// Most that were open at once.
    pub connections: u64,
    /// Connections that ended.
    pub closed: u64,
    /// Crossings timed in the direction that has most of them, and what they took.
    pub timed: u64,
    pub median_ns: u64,
    pub longest_ns: u64,
    /// Ends of streams that came through, and how long the slowest took.
    pub ends: u64,
    pub end_longest_ns: u64,
}

/// A line that is wide enough holds nothing for so long, on a machine that is busy.
const BITE_NS: u64 = 10_000_000;
/// What a bandwidth may let through at once beyond its rate: Toxiproxy's steps of 100 ms, and
/// a chunk on its way.
const BURST_BYTES: u64 = 64 << 10;

/// The proof in words; `None` where what was counted does not prove the fault.
pub fn prove(fault: &LinkFault, seen: &Seen) -> Option<String> {
    let shown = |ns: u64| format!("{:.1} ms", ns as f64 / 1e6);
    let tick_ns = TICK.as_nanos() as u64;
    match *fault {
        LinkFault::Latency(Delay {
            delay_ns,
            jitter_ns,
            ..
        }) => {
            // Jitter scatters the median of a few; half of the delay it cannot take away.
            let least_ns = (delay_ns - jitter_ns.min(delay_ns)).max(delay_ns / 2);
            let late = seen.timed > 0 && seen.median_ns + 2 * tick_ns >= least_ns;
            late.then(|| {
                format!(
                    "{} bytes came through, half of {} crossings took {} or more",
                    seen.left_bytes,
                    seen.timed,
                    shown(seen.median_ns)
                )
            })
        }
        LinkFault::Bandwidth {
            bytes_per_second, ..
        } => {
            let seconds = seen.elapsed_ns as f64 / 1e9 + 0.1;
            let lines = ((seen.connections + seen.closed) * seen.ways) as f64;
            let most = lines * (bytes_per_second as f64 * seconds * 1.05 + BURST_BYTES as f64);
            let paced = seen.longest_ns >= BITE_NS || seen.entered_bytes > seen.left_bytes;
            (seen.left_bytes > 0 && seen.left_bytes as f64 <= most && paced).then(|| {
                format!(
                    "{} bytes came through in {}, held up to {}",
                    seen.left_bytes,
                    shown(seen.elapsed_ns),
                    shown(seen.longest_ns)
                )
            })
        }
        LinkFault::PartitionSilence => (seen.left_bytes == 0 && seen.connections > 0).then(|| {
            format!(
                "{} connections silenced, {} bytes went in, none came out",
                seen.connections, seen.entered_bytes
            )
        }),
        LinkFault::Timeout { .. } => (seen.left_bytes == 0 && seen.entered_bytes > 0).then(|| {
            format!(
                "{} bytes went in and none came out, {} connections ended",
                seen.entered_bytes, seen.closed
            )
        }),
        LinkFault::Limit { bytes } => {
            let lines = (seen.connections + seen.closed) * seen.ways;
            (seen.closed > 0 && seen.left_bytes <= lines * bytes).then(|| {
                format!(
                    "{} connections ended, {} bytes came through",
                    seen.closed, seen.left_bytes
                )
            })
        }
        LinkFault::PartitionReset | LinkFault::ResetPeer { .. } => {
            (seen.left_bytes == 0 && seen.closed > 0).then(|| {
                format!(
                    "{} connections ended, {} bytes went in, none came out",
                    seen.closed, seen.entered_bytes
                )
            })
        }
        LinkFault::SlowClose { delay_ns } => {
            let late = seen.ends > 0 && seen.end_longest_ns + 2 * tick_ns >= delay_ns;
            late.then(|| {
                format!(
                    "the end of {} streams came through, after up to {}",
                    seen.ends,
                    shown(seen.end_longest_ns)
                )
            })
        }
        // Toxiproxy was never asked for it.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Distribution;

    const MS: u64 = 1_000_000;
    const LATENCY: LinkFault = LinkFault::Latency(Delay {
        delay_ns: 50 * MS,
        jitter_ns: 10 * MS,
        distribution: Distribution::Uniform,
        correlation: 0.0,
    });
    const BANDWIDTH: LinkFault = LinkFault::Bandwidth {
        bytes_per_second: 100_000,
        shared: false,
    };
    const SLOW_CLOSE: LinkFault = LinkFault::SlowClose { delay_ns: 300 * MS };
    /// Every fault but the partitions, for a second, on one connection.
    const SEEN: Seen = Seen {
        elapsed_ns: 1_000 * MS,
        entered_bytes: 120_000,
        left_bytes: 100_000,
        ways: 1,
        connections: 1,
        closed: 1,
        timed: 20,
        median_ns: 45 * MS,
        longest_ns: 70 * MS,
        ends: 1,
        end_longest_ns: 301 * MS,
    };

    #[test]
    fn what_was_counted_proves_each_fault() {
        for fault in [LATENCY, BANDWIDTH, SLOW_CLOSE] {
            assert!(prove(&fault, &SEEN).is_some(), "{fault:?}");
        }
        let walled = Seen {
            left_bytes: 0,
            ..SEEN
        };
        assert!(prove(&LinkFault::PartitionSilence, &walled).is_some());
        assert!(prove(&LinkFault::PartitionReset, &walled).is_some());
    }

    #[test]
    fn what_would_be_seen_without_a_fault_proves_none() {
        let fair = Seen {
            entered_bytes: 1_000_000,
            left_bytes: 1_000_000,
            median_ns: 2 * MS,
            longest_ns: 4 * MS,
            end_longest_ns: 3 * MS,
            ..SEEN
        };
        let faults = [
            LATENCY,
            BANDWIDTH,
            SLOW_CLOSE,
            LinkFault::PartitionSilence,
            LinkFault::PartitionReset,
        ];
        for fault in faults {
            assert_eq!(prove(&fault, &fair), None, "{fault:?}");
            assert_eq!(prove(&fault, &Seen::default()), None, "{fault:?}");
        }
    }

    #[test]
    fn a_rate_that_was_passed_is_no_proof_and_so_is_one_that_never_bit() {
        let over = Seen {
            left_bytes: 400_000,
            ..SEEN
        };
        assert_eq!(prove(&BANDWIDTH, &over), None);
        let wide = Seen {
            entered_bytes: 90_000,
            left_bytes: 90_000,
            longest_ns: 4 * MS,
            ..SEEN
        };
        assert_eq!(prove(&BANDWIDTH, &wide), None);
    }
}
