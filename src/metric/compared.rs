//! How the registry's metrics are compared from run to run: what makes one value of many runs, what is
//! noise, and which change matters. A scenario's `regression:` overrides the thresholds.

use crate::metric::{Metric, Unit};
use crate::signal::Signal;
use crate::stats::compare::{Repeatable, Rule, Threshold};

/// What makes one value, to be shown, of many runs' values. The comparison itself takes each run's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregation {
    /// Percentiles: of all runs' histograms, added up.
    Pooled,
    /// Costs, rates, peaks: the median of the runs.
    Median,
    /// What is counted: the sum over the runs.
    Sum,
}

/// How one metric is compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Compared {
    pub aggregation: Aggregation,
    pub repeatable: Repeatable,
    pub threshold: Threshold,
}

/// The metrics that gate unless a scenario says otherwise. Few, for each one more makes it harder to
/// see a change of any. One that a run does not have does not count.
pub const GATED: [&str; 3] = [
    "client.allocations.per_item",
    "client.cpu.per_item",
    "delivery.latency.p99",
];

/// Deterministic costs: the same program and the same load give the same value on any machine.
const DETERMINISTIC: [&str; 4] = [
    "client.allocations.per_item",
    "client.allocated.bytes.per_item",
    "client.syscalls.per_item",
    "wire.bytes.per_item",
];

/// How the metric of that name is compared, unless a scenario says otherwise.
pub fn compared(name: &str, metric: &Metric) -> Compared {
    let plain = plain(name);
    let deterministic = is_deterministic(name);
    let last = plain.rsplit('.').next().unwrap_or_default();
    let counted = metric.unit == Unit::Count && !["max", "mean", "per_item"].contains(&last);
    let threshold = match () {
        () if deterministic => Threshold::Relative(0.01),
        // Losses, retries and the like are mostly none: any that is sure matters.
        () if metric.signed || counted => Threshold::Absolute(0.0),
        () if last == "per_item" => Threshold::Relative(0.05),
        () => Threshold::Relative(0.1),
    };
    let digits = last.strip_prefix('p').unwrap_or_default();
    let percentile = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let aggregation = match () {
        () if percentile => Aggregation::Pooled,
        () if counted => Aggregation::Sum,
        () => Aggregation::Median,
    };
    Compared {
        aggregation,
        repeatable: match deterministic {
            true => Repeatable::Deterministic,
            false => Repeatable::Noisy,
        },
        threshold,
    }
}

impl Compared {
    /// The rule to judge by, where a comparison of the same with the same has shown changes of up to
    /// `noise_floor`.
    pub fn rule(self, metric: &Metric, noise_floor: f64) -> Rule {
        Rule {
            better: metric.better,
            repeatable: self.repeatable,
            threshold: self.threshold,
            noise_floor,
        }
    }
}

/// Whether the metric of that name has the same value on any machine.
pub fn is_deterministic(name: &str) -> bool {
    DETERMINISTIC.contains(&plain(name))
}

/// The name without a signal's prefix.
pub fn plain(name: &str) -> &str {
    let stripped = Signal::ALL
        .iter()
        .find_map(|signal| name.strip_prefix(signal.as_str())?.strip_prefix('.'));
    stripped.unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::find;

    fn of(name: &str) -> Compared {
        compared(name, find(plain(name)).unwrap())
    }

    #[test]
    fn what_a_metric_is_decides_how_it_is_compared() {
        let p99 = of("traces.delivery.latency.p99");
        assert_eq!(p99.aggregation, Aggregation::Pooled);
        assert_eq!(p99.threshold, Threshold::Relative(0.1));
        let cpu = of("client.cpu.per_item");
        assert_eq!(cpu.threshold, Threshold::Relative(0.05));
        assert_eq!(
            (cpu.aggregation, cpu.repeatable),
            (Aggregation::Median, Repeatable::Noisy)
        );
        let wire = of("wire.bytes.per_item");
        assert_eq!(wire.threshold, Threshold::Relative(0.01));
        assert_eq!(wire.repeatable, Repeatable::Deterministic);
        assert_eq!(of("attempts").aggregation, Aggregation::Sum);
        for name in ["client.threads.max", "batch.items.mean"] {
            assert_eq!(of(name).aggregation, Aggregation::Median);
            assert_eq!(of(name).threshold, Threshold::Relative(0.1));
        }
        // It can shrink: a share of it says nothing.
        assert_eq!(of("client.rss.slope").threshold, Threshold::Absolute(0.0));
    }

    #[test]
    fn what_gates_is_either_deterministic_or_noisy_with_a_threshold_that_twenty_pairs_can_hold() {
        for name in GATED {
            let Some(metric) = find(name) else {
                continue;
            };
            let compared = compared(name, metric);
            let size = compared.threshold.size();
            assert!(
                compared.repeatable == Repeatable::Deterministic || size >= 0.025,
                "{name}"
            );
        }
    }
}
