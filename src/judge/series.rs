//! What is kept over time: the live samples, and latency percentiles by second of the due time.

use crate::evidence::Evidence;
use crate::record::{LatencyBins, StoredSeries};

/// The series as they are stored.
pub fn stored_series(evidence: &Evidence) -> StoredSeries {
    let delivery = evidence
        .sink
        .signals
        .iter()
        .map(|seen| {
            let quantile = |q: f64| {
                seen.by_due_bin
                    .iter()
                    .map(|bin| bin.quantile_ns(q).map(|ns| ns as f64 / 1e9))
                    .collect()
            };
            LatencyBins {
                signal: seen.signal,
                p50_s: quantile(0.5),
                p90_s: quantile(0.9),
                p99_s: quantile(0.99),
                max_s: quantile(1.0),
            }
        })
        .collect();
    StoredSeries {
        live: evidence.series.clone(),
        roles: evidence.roles.clone(),
        delivery,
    }
}
