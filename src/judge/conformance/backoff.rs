//! The back-off grows and has jitter. Sections "Failures" of OTLP/gRPC (exponential back-off),
//! "OTLP/HTTP Throttling" and "OTLP/HTTP Connection" (exponential, with a random jitter).

use std::collections::BTreeMap;

use super::exchange::{Exchange, Said};
use super::{Tally, seconds};
use crate::plan::RetryPlan;
use crate::record::{ConformanceCheck, RetryWaits};

/// Waits before one retry from which its median is believed.
const GROWTH_WAITS: usize = 3;
/// Waits before one retry from which their scatter is believed.
const JITTER_WAITS: usize = 8;
/// Least distance of the quartiles, as a share of the median, that is jitter and not a clock's noise.
const JITTER_SHARE: f64 = 0.05;

/// Waits between the answer to an attempt and the batch's next, sorted, by retry from 1. Where the
/// server asked for a wait, the back-off from there on is not the client's own and is left out.
#[derive(Debug)]
pub(super) struct Waits {
    by_retry: BTreeMap<u32, Vec<u64>>,
}

impl Waits {
    pub fn of(exchanges: &[Exchange<'_>]) -> Self {
        let mut by_retry: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
        for exchange in exchanges {
            for (retry, pair) in (1..).zip(exchange.attempts.windows(2)) {
                let (Some(answered_ns), None) = (pair[0].answered_ns, pair[0].asked()) else {
                    break;
                };
                if pair[0].said == Said::Success {
                    break;
                }
                let waited_ns = pair[1].sent_ns.saturating_sub(answered_ns);
                by_retry.entry(retry).or_default().push(waited_ns);
            }
        }
        by_retry
            .values_mut()
            .for_each(|waits| waits.sort_unstable());
        Self { by_retry }
    }

    /// Between two retries whose delays the client's policy sets further apart than its jitter
    /// reaches, the median wait must grow.
    pub fn growth(&self, retry: &RetryPlan) -> ConformanceCheck {
        let mut tally = Tally::default();
        for (number, waits) in &self.by_retry {
            let Some(next) = self.by_retry.get(&(number + 1)) else {
                continue;
            };
            if waits.len().min(next.len()) < GROWTH_WAITS || !must_grow(retry, *number) {
                continue;
            }
            let (before_ns, after_ns) = (quantile(waits, 0.5), quantile(next, 0.5));
            if after_ns > before_ns {
                tally.kept();
            } else {
                tally.violated(format!(
                    "the median wait is {} before retry {number} and {} before retry {}",
                    seconds(before_ns),
                    seconds(after_ns),
                    number + 1
                ));
            }
        }
        tally.conclude(
            "the back-off grows",
            "OTLP: Failures; OTLP/HTTP Throttling",
            self.medians(),
            "fewer than three batches were retried twice, or the policy lets no growth be seen",
        )
    }

    /// The waits before one and the same retry must differ from batch to batch.
    pub fn jitter(&self) -> ConformanceCheck {
        let mut tally = Tally::default();
        let enough = self
            .by_retry
            .iter()
            .filter(|(_, waits)| waits.len() >= JITTER_WAITS);
        let scatter = |waits: &[u64]| {
            let apart_ns = quantile(waits, 0.75) - quantile(waits, 0.25);
            apart_ns as f64 / quantile(waits, 0.5).max(1) as f64
        };
        let widest = enough
            .map(|(number, waits)| (scatter(waits), *number))
            .max_by(|a, b| a.0.total_cmp(&b.0));
        let mut observed = String::new();
        if let Some((share, number)) = widest {
            observed = format!(
                "the middle half of the waits before retry {number} lies within {:.1} % of their median",
                share * 100.0
            );
            if share >= JITTER_SHARE {
                tally.kept();
            } else {
                tally.violated(observed.clone());
            }
        }
        tally.conclude(
            "the back-off has jitter",
            "OTLP: OTLP/HTTP Connection",
            observed,
            "fewer than eight batches were retried",
        )
    }

    pub fn distribution(&self) -> Vec<RetryWaits> {
        let s = |ns: u64| ns as f64 / 1e9;
        self.by_retry
            .iter()
            .map(|(retry, waits)| RetryWaits {
                retry: *retry,
                count: waits.len() as u64,
                min_s: s(quantile(waits, 0.0)),
                median_s: s(quantile(waits, 0.5)),
                max_s: s(quantile(waits, 1.0)),
            })
            .collect()
    }

    fn medians(&self) -> String {
        let medians: Vec<String> = self
            .by_retry
            .values()
            .map(|waits| seconds(quantile(waits, 0.5)))
            .collect();
        format!("median waits of {}", medians.join(", "))
    }
}

/// Whether the policy's delay before the retry after `number` is larger than any wait before it.
fn must_grow(retry: &RetryPlan, number: u32) -> bool {
    let delay_ns = |number: u32| {
        let factor = 1_u64.checked_shl(number - 1).unwrap_or(u64::MAX);
        let delay_ns = retry.initial_delay_ns.saturating_mul(factor);
        delay_ns.min(retry.max_delay_ns)
    };
    let (before_ns, after_ns) = (delay_ns(number), delay_ns(number + 1));
    after_ns > before_ns && after_ns - before_ns >= retry.max_jitter_ns
}

/// Of sorted values, at least one.
fn quantile(sorted: &[u64], q: f64) -> u64 {
    let last = sorted.len().saturating_sub(1);
    sorted[(last as f64 * q).round() as usize]
}
