//! When each arrival of a producer is due: a pure function of the plan and the seed.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{ArrivalPlan, ArrivalProcess, RateProfile};
use crate::signal::Signal;

/// Largest rate that can be timed, in items per second.
pub const MOST_RATE: f64 = 10e6;
/// Most arrivals of one signal in a run: their due times are kept in memory.
pub const MOST_ARRIVALS: f64 = 200e6;

/// Resolution with which a profile that is not constant is integrated.
const STEP_NS: u64 = 1_000_000;
/// Part of an arrival by which the integral may be off: sums of doubles are not exact, and an arrival
/// on the border of two steps, or of the run, belongs to the later one.
const ROUNDING: f64 = 1e-6;

/// Due times of one producer's arrivals within `[0, duration_ns)`, in order, no two the same: the due
/// time alone tells the arrival.
///
/// Arrivals are where the integral of the rate crosses whole numbers (constant) or the partial sums
/// of exponential gaps (Poisson: inversion of the integrated rate, Çinlar 1975). Empty in a closed
/// loop, which has no schedule.
pub fn due_times_ns(
    arrivals: &ArrivalPlan,
    producer: u16,
    seed: u64,
    duration_ns: u64,
) -> Vec<u64> {
    let mut gaps = match arrivals.process {
        ArrivalProcess::ClosedLoop { .. } => return Vec::new(),
        ArrivalProcess::Constant => Gaps::Even {
            // Producers interleave instead of releasing all at the same moment.
            first: f64::from(producer) / f64::from(arrivals.producers.max(1)),
            begun: false,
        },
        ArrivalProcess::Poisson => Gaps::Exponential(Box::new(ChaCha8Rng::seed_from_u64(
            seed ^ (u64::from(producer) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15),
        ))),
    };
    let share = f64::from(arrivals.producers.max(1)) * f64::from(arrivals.items_per_arrival.max(1));
    let per_ns = |at_ns: u64| arrivals.profile.rate_at(at_ns) / share / 1e9;

    let mut due = Vec::new();
    let mut target = gaps.next();
    let mut integral = 0.0;
    let mut at_ns = 0;
    while at_ns < duration_ns {
        let step_ns = STEP_NS.min(duration_ns - at_ns);
        // The midpoint is exact for constant and linear rates.
        let rate = per_ns(at_ns + step_ns / 2);
        let gained = rate * step_ns as f64;
        while target < integral + gained - ROUNDING {
            // Negative, and then 0, for an arrival that was left over from the step before.
            let into_step = (target - integral) / rate;
            let due_ns = at_ns + (into_step as u64).min(step_ns - 1);
            due.push(due.last().map_or(due_ns, |last| due_ns.max(last + 1)));
            target += gaps.next();
        }
        integral += gained;
        at_ns += step_ns;
    }
    due
}

/// Seed of one signal's schedule: signals must not march in step.
pub const fn schedule_seed(seed: u64, signal: Signal) -> u64 {
    seed.wrapping_add((signal.index() as u64 + 1).wrapping_mul(0xd1b5_4a32_d192_ed03))
}

enum Gaps {
    Even { first: f64, begun: bool },
    Exponential(Box<ChaCha8Rng>),
}

impl Gaps {
    fn next(&mut self) -> f64 {
        match self {
            Gaps::Even { first, begun } => {
                if std::mem::replace(begun, true) {
                    1.0
                } else {
                    *first
                }
            }
            Gaps::Exponential(rng) => -(1.0 - rng.random::<f64>()).ln(),
        }
    }
}

impl RateProfile {
    /// The signal's rate at that moment, in items per second, never negative.
    pub fn rate_at(&self, at_ns: u64) -> f64 {
        let rate = match self {
            RateProfile::Constant { rate } => *rate,
            RateProfile::Ramp { from, to, over_ns } => {
                let done = (at_ns as f64 / (*over_ns).max(1) as f64).min(1.0);
                from + (to - from) * done
            }
            RateProfile::Steps { steps } => {
                let mut end_ns = 0_u64;
                steps
                    .iter()
                    .find(|step| {
                        end_ns = end_ns.saturating_add(step.for_ns);
                        at_ns < end_ns
                    })
                    .or(steps.last())
                    .map_or(0.0, |step| step.rate)
            }
            RateProfile::Spike {
                base,
                peak,
                at_ns: spike_ns,
                for_ns,
            } => {
                let inside = (*spike_ns..spike_ns.saturating_add(*for_ns)).contains(&at_ns);
                if inside { *peak } else { *base }
            }
            RateProfile::Sine {
                mean,
                amplitude,
                period_ns,
            } => {
                let turns = at_ns as f64 / (*period_ns).max(1) as f64;
                mean + amplitude * (std::f64::consts::TAU * turns).sin()
            }
            RateProfile::Recorded { points } => {
                let next = points.partition_point(|point| point.at_ns <= at_ns);
                next.checked_sub(1).map_or(0.0, |index| points[index].rate)
            }
        };
        rate.max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND_NS: u64 = 1_000_000_000;

    fn plan(process: ArrivalProcess, profile: RateProfile) -> ArrivalPlan {
        ArrivalPlan {
            process,
            profile,
            items_per_arrival: 1,
            producers: 1,
        }
    }

    #[test]
    fn a_constant_rate_is_evenly_spaced_and_exact() {
        let plan = plan(
            ArrivalProcess::Constant,
            RateProfile::Constant { rate: 1000.0 },
        );
        let due = due_times_ns(&plan, 0, 1, 10 * SECOND_NS);
        assert_eq!(due.len(), 10_000);
        assert_eq!(due[0], 0);
        for rate in [3.0, 7.0, 100.0, 300.0, 333.0] {
            let plan = ArrivalPlan {
                profile: RateProfile::Constant { rate },
                ..plan.clone()
            };
            let due = due_times_ns(&plan, 0, 1, 10 * SECOND_NS);
            assert_eq!(due.len() as f64, rate * 10.0);
        }
        assert!(
            due.windows(2)
                .all(|pair| pair[1].abs_diff(pair[0] + 1_000_000) <= 1)
        );
    }

    #[test]
    fn producers_and_items_per_arrival_share_the_rate() {
        let mut plan = plan(
            ArrivalProcess::Constant,
            RateProfile::Constant { rate: 1200.0 },
        );
        plan.items_per_arrival = 4;
        plan.producers = 3;
        let arrivals: usize = (0..3)
            .map(|producer| due_times_ns(&plan, producer, 1, SECOND_NS).len())
            .sum();
        assert_eq!(arrivals * 4, 1200);
    }

    #[test]
    fn a_closed_loop_has_no_schedule() {
        let plan = plan(
            ArrivalProcess::ClosedLoop { outstanding: 8 },
            RateProfile::Constant { rate: 1.0 },
        );
        assert!(due_times_ns(&plan, 0, 1, SECOND_NS).is_empty());
    }

    #[test]
    fn poisson_gaps_are_exponential_in_mean_and_variance() {
        let plan = plan(
            ArrivalProcess::Poisson,
            RateProfile::Constant { rate: 5000.0 },
        );
        let due = due_times_ns(&plan, 0, 7, 20 * SECOND_NS);
        let gaps: Vec<f64> = due.windows(2).map(|p| (p[1] - p[0]) as f64 / 1e9).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        // 100,000 gaps: the mean's standard error is 0.3 %, the variance's under 1 %.
        assert!((mean * 5000.0 - 1.0).abs() < 0.02, "mean {mean}");
        assert!((variance * 25e6 - 1.0).abs() < 0.05, "variance {variance}");
    }

    #[test]
    fn each_profile_offers_its_integral() {
        let cases = [
            (
                RateProfile::Ramp {
                    from: 0.0,
                    to: 1000.0,
                    over_ns: 10 * SECOND_NS,
                },
                5000,
            ),
            (
                RateProfile::Steps {
                    steps: vec![
                        super::super::RateStep {
                            rate: 100.0,
                            for_ns: 2 * SECOND_NS,
                        },
                        super::super::RateStep {
                            rate: 300.0,
                            for_ns: SECOND_NS,
                        },
                    ],
                },
                200 + 8 * 300,
            ),
            (
                RateProfile::Spike {
                    base: 100.0,
                    peak: 1000.0,
                    at_ns: SECOND_NS,
                    for_ns: SECOND_NS,
                },
                1900,
            ),
            (
                RateProfile::Sine {
                    mean: 100.0,
                    amplitude: 50.0,
                    period_ns: SECOND_NS,
                },
                1000,
            ),
            (
                RateProfile::Recorded {
                    points: vec![
                        super::super::RatePoint {
                            at_ns: SECOND_NS,
                            rate: 10.0,
                        },
                        super::super::RatePoint {
                            at_ns: 2 * SECOND_NS,
                            rate: 100.0,
                        },
                    ],
                },
                10 + 800,
            ),
        ];
        for (profile, expected) in cases {
            let name = format!("{profile:?}");
            let due = due_times_ns(
                &plan(ArrivalProcess::Constant, profile),
                0,
                1,
                10 * SECOND_NS,
            );
            assert!(
                due.len().abs_diff(expected) <= 1,
                "{name}: {} of {expected}",
                due.len()
            );
        }
    }

    proptest! {
        #[test]
        fn due_times_are_ordered_within_the_run_and_repeatable(
            rate in 0.0_f64..5000.0, seed: u64, poisson: bool, duration_ms in 0_u64..3000,
        ) {
            let process = if poisson { ArrivalProcess::Poisson } else { ArrivalProcess::Constant };
            let plan = plan(process, RateProfile::Constant { rate });
            let duration_ns = duration_ms * 1_000_000;
            let due = due_times_ns(&plan, 0, seed, duration_ns);
            prop_assert!(due.windows(2).all(|pair| pair[0] <= pair[1]));
            prop_assert!(due.last().is_none_or(|last| *last < duration_ns));
            prop_assert_eq!(due, due_times_ns(&plan, 0, seed, duration_ns));
        }
    }
}
