//! The same plan at another rate, for as long as one trial of a search for capacity.

use super::schedule::{MOST_ARRIVALS, MOST_RATE};
use super::{ArrivalProcess, ClientKind, LoadPlan, Plan, RateProfile};
use crate::signal::Signal;

/// Part of a trial that is warm-up at most.
const WARMUP_SHARE: u64 = 5;

/// Why a plan has no rate that could be scaled.
#[derive(Debug, Clone, PartialEq, thiserror::Error, miette::Diagnostic)]
pub enum NotScalable {
    #[error("`{scenario}` sends nothing, so there is no rate to raise")]
    #[diagnostic(help("give it a load, such as `load: {{ traces: {{ rate: 2k/s }} }}`"))]
    NoLoad { scenario: String },
    #[error("the client of `{scenario}` is a program of your own, which alone knows its rate")]
    #[diagnostic(help(
        "search with the SDK's client or a raw one: `client: {{ kind: raw }}` and a `load`"
    ))]
    OwnProgram { scenario: String },
    #[error("{signal}: the rate is 0, and any multiple of it is as well")]
    #[diagnostic(help(
        "give it the share that it has of the whole load, such as `--set load.{signal}.rate=1k/s`, or leave the signal out"
    ))]
    NoRate { signal: Signal },
    #[error("{signal}: a closed loop has no rate to raise: it sends as fast as it is answered")]
    #[diagnostic(help(
        "give the load a rate in the place of `closed_loop`, such as `rate: 2k/s`; `squall run` tells what the loop carries"
    ))]
    ClosedLoop { signal: Signal },
    #[error("{signal}: the rate is {shape}, and capacity is searched by one that does not change")]
    #[diagnostic(help("give the load a plain rate, such as `rate: 2k/s`"))]
    Profile { signal: Signal, shape: &'static str },
    #[error(
        "{signal}: at {rate_per_s:.0}/s the SDK sends a batch every {every_ms} ms, and a trial has to see several of them"
    )]
    #[diagnostic(help(
        "let it flush sooner, such as `--set client.sdk.{variable}=200ms`, or make the trials longer: `--trial 20s`"
    ))]
    Flush {
        signal: Signal,
        rate_per_s: f64,
        every_ms: u64,
        variable: &'static str,
    },
    #[error(
        "{signal}: a request of {items} is due every {every_ms} ms at {rate_per_s:.0}/s, and a trial has to see several of them"
    )]
    #[diagnostic(help(
        "make requests smaller, such as `--set client.raw.items_per_request=16`, or the trials longer: `--trial 20s`"
    ))]
    Requests {
        signal: Signal,
        rate_per_s: f64,
        items: u32,
        every_ms: u64,
    },
    #[error(
        "{signal}: {rate_per_s:.0}/s for {seconds:.0} s is more than squall can time, or hold in memory"
    )]
    #[diagnostic(help(
        "at most {}M/s and {}M arrivals in a trial: lower `--to` and `--from`, or make trials shorter",
        MOST_RATE / 1e6,
        MOST_ARRIVALS / 1e6
    ))]
    TooMuch {
        signal: Signal,
        rate_per_s: f64,
        seconds: f64,
    },
    #[error(
        "the fault `{fault}` comes and goes, and a trial is too short to tell what it does to capacity"
    )]
    #[diagnostic(help(
        "leave it out, or make it the weather of the whole run: a fault without `at` and `for`"
    ))]
    Fault { fault: String },
}

impl Plan {
    /// The rate of all signals together, in items per second as the scenario counts them.
    ///
    /// # Errors
    /// When there is none that could be scaled.
    pub fn total_rate(&self) -> Result<f64, NotScalable> {
        if self.is_command() {
            let scenario = self.scenario.clone();
            return Err(NotScalable::OwnProgram { scenario });
        }
        let mut total = 0.0;
        for signal in self.load.signals() {
            total += constant_rate(&self.load, signal)?;
        }
        if let Some(fault) = self.faults.iter().find(|fault| !fault.lasts_all_run()) {
            let fault = fault.name.clone();
            return Err(NotScalable::Fault { fault });
        }
        if total > 0.0 {
            return Ok(total);
        }
        let scenario = self.scenario.clone();
        Err(NotScalable::NoLoad { scenario })
    }

    /// The same plan with all rates scaled alike, so that together they are `total_per_s`, and a load
    /// that lasts `trial_ns`.
    ///
    /// # Errors
    /// As [`Self::total_rate`].
    pub fn at_rate(&self, total_per_s: f64, trial_ns: u64) -> Result<Plan, NotScalable> {
        let factor = total_per_s / self.total_rate()?;
        let mut plan = self.clone();
        let load = &mut plan.load;
        let arrivals = [
            load.traces.as_mut().map(|load| &mut load.arrivals),
            load.metrics.as_mut().map(|load| &mut load.arrivals),
            load.logs.as_mut().map(|load| &mut load.arrivals),
        ];
        for arrivals in arrivals.into_iter().flatten() {
            if let RateProfile::Constant { rate } = &mut arrivals.profile {
                *rate *= factor;
            }
        }
        plan.run.duration_ns = trial_ns;
        plan.run.warmup_ns = plan.run.warmup_ns.min(trial_ns / WARMUP_SHARE);
        for signal in plan.load.signals() {
            plan.can_be_timed(signal)?;
            plan.sees_batches(signal)?;
        }
        // What takes longer than the load to drain was more than the line can carry.
        plan.run.drain_ns = plan.run.drain_ns.min(trial_ns.max(MIN_DRAIN_NS));
        Ok(plan)
    }
}

impl Plan {
    /// As a scenario's own rates are checked: `check` has not seen this one.
    fn can_be_timed(&self, signal: Signal) -> Result<(), NotScalable> {
        let rate_per_s = constant_rate(&self.load, signal)?;
        let seconds = self.run.duration_ns as f64 / 1e9;
        let items = f64::from(self.items_per_arrival(signal));
        if rate_per_s <= MOST_RATE && rate_per_s * seconds / items <= MOST_ARRIVALS {
            return Ok(());
        }
        Err(NotScalable::TooMuch {
            signal,
            rate_per_s,
            seconds,
        })
    }

    fn items_per_arrival(&self, signal: Signal) -> u32 {
        let arrivals = self.load.arrivals(signal);
        arrivals.map_or(1, |arrivals| arrivals.items_per_arrival.max(1))
    }

    /// Whether each third of the steady phase has a batch of the signal.
    fn sees_batches(&self, signal: Signal) -> Result<(), NotScalable> {
        let third_ms = (self.run.duration_ns - self.run.warmup_ns) / 3 / 1_000_000;
        let rate_per_s = constant_rate(&self.load, signal)?;
        if self.client.kind == ClientKind::Raw {
            let items = self.items_per_arrival(signal);
            let every_ms = (f64::from(items) / rate_per_s * 1e3) as u64;
            return match every_ms <= third_ms {
                true => Ok(()),
                false => Err(NotScalable::Requests {
                    signal,
                    rate_per_s,
                    items,
                    every_ms,
                }),
            };
        }
        let (variable, batch) = match signal {
            Signal::Traces => ("OTEL_BSP_SCHEDULE_DELAY", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE"),
            Signal::Logs => (
                "OTEL_BLRP_SCHEDULE_DELAY",
                "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE",
            ),
            // A point is collected when it is sent: there is none that waits.
            Signal::Metrics => return Ok(()),
        };
        let setting = |name: &str| self.client.sdk.get(name)?.parse::<u64>().ok();
        let (Some(delay_ms), Some(batch)) = (setting(variable), setting(batch)) else {
            return Ok(());
        };
        let full_ms = (batch as f64 / rate_per_s * 1e3) as u64;
        let every_ms = delay_ms.min(full_ms);
        if every_ms <= third_ms {
            return Ok(());
        }
        Err(NotScalable::Flush {
            signal,
            rate_per_s,
            every_ms,
            variable,
        })
    }
}

/// The conductor looks for two quiet seconds.
const MIN_DRAIN_NS: u64 = 4_000_000_000;

fn constant_rate(load: &LoadPlan, signal: Signal) -> Result<f64, NotScalable> {
    let Some(arrivals) = load.arrivals(signal) else {
        return Ok(0.0);
    };
    if matches!(arrivals.process, ArrivalProcess::ClosedLoop { .. }) {
        return Err(NotScalable::ClosedLoop { signal });
    }
    let shape = match &arrivals.profile {
        RateProfile::Constant { rate } if *rate > 0.0 => return Ok(*rate),
        RateProfile::Constant { .. } => return Err(NotScalable::NoRate { signal }),
        RateProfile::Ramp { .. } => "a ramp",
        RateProfile::Steps { .. } => "a staircase",
        RateProfile::Spike { .. } => "a spike",
        RateProfile::Sine { .. } => "a sine",
        RateProfile::Recorded { .. } => "recorded",
    };
    Err(NotScalable::Profile { signal, shape })
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{SECOND_NS, cut, link_fault, metrics, plan};
    use super::super::{LinkFault, RateStep};
    use super::*;

    #[test]
    fn all_signals_are_scaled_alike_and_the_timeline_is_a_trials() {
        let mut plan = plan();
        plan.load.metrics = Some(metrics());
        assert_eq!(plan.total_rate(), Ok(110.0));
        let scaled = plan.at_rate(1100.0, 5 * SECOND_NS).unwrap();
        assert_eq!(constant_rate(&scaled.load, Signal::Logs), Ok(1000.0));
        assert_eq!(constant_rate(&scaled.load, Signal::Metrics), Ok(100.0));
        assert_eq!(scaled.run.duration_ns, 5 * SECOND_NS);
        assert_eq!(scaled.run.warmup_ns, SECOND_NS);
        assert_eq!(scaled.run.drain_ns, 5 * SECOND_NS);
        assert_eq!(scaled.total_rate(), Ok(1100.0));
    }

    #[test]
    fn what_has_no_rate_to_scale_is_refused() {
        let mut nothing = plan();
        nothing.load = LoadPlan::default();
        assert!(matches!(
            nothing.total_rate(),
            Err(NotScalable::NoLoad { .. })
        ));
        let with = |change: fn(&mut super::super::ArrivalPlan)| {
            let mut plan = plan();
            if let Some(logs) = &mut plan.load.logs {
                change(&mut logs.arrivals);
            }
            plan.total_rate().unwrap_err()
        };
        let signal = Signal::Logs;
        let zero = with(|a| a.profile = RateProfile::Constant { rate: 0.0 });
        assert_eq!(zero, NotScalable::NoRate { signal });
        let closed = with(|a| a.process = ArrivalProcess::ClosedLoop { outstanding: 1 });
        assert_eq!(closed, NotScalable::ClosedLoop { signal });
        let steps = with(|a| {
            let steps = vec![RateStep {
                rate: 1.0,
                for_ns: 1,
            }];
            a.profile = RateProfile::Steps { steps };
        });
        assert!(matches!(steps, NotScalable::Profile { .. }));
    }

    #[test]
    fn a_trial_sees_several_batches() {
        let mut slow = plan();
        let sdk = &mut slow.client.sdk;
        sdk.insert("OTEL_BLRP_SCHEDULE_DELAY".to_owned(), "5000".to_owned());
        sdk.insert(
            "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE".to_owned(),
            "512".to_owned(),
        );
        let refused = slow.at_rate(100.0, 5 * SECOND_NS).unwrap_err();
        assert!(matches!(refused, NotScalable::Flush { every_ms: 5000, .. }));
        // Batches that fill do not wait, and longer trials see more of them.
        assert!(slow.at_rate(1000.0, 5 * SECOND_NS).is_ok());
        assert!(slow.at_rate(100.0, 20 * SECOND_NS).is_ok());
    }

    #[test]
    fn a_rate_that_no_scenario_may_have_no_trial_may_have() {
        let plan = plan();
        assert!(plan.at_rate(MOST_RATE, 5 * SECOND_NS).is_ok());
        for (rate, seconds) in [(1e12, 5), (MOST_RATE, 3600)] {
            let refused = plan.at_rate(rate, seconds * SECOND_NS).unwrap_err();
            assert!(
                matches!(refused, NotScalable::TooMuch { .. }),
                "{refused:?}"
            );
        }
    }

    #[test]
    fn a_trial_sees_several_requests() {
        let mut raw = plan();
        raw.client.kind = ClientKind::Raw;
        if let Some(logs) = &mut raw.load.logs {
            logs.arrivals.items_per_arrival = 512;
        }
        let refused = raw.at_rate(100.0, 5 * SECOND_NS).unwrap_err();
        assert!(
            matches!(refused, NotScalable::Requests { every_ms: 5120, .. }),
            "{refused:?}"
        );
        assert!(raw.at_rate(1000.0, 5 * SECOND_NS).is_ok());
    }

    #[test]
    fn weather_of_the_whole_run_stays_and_other_faults_are_refused() {
        let mut weather = plan();
        let slow = link_fault("slow", 0, None, LinkFault::PartitionSilence);
        weather.faults.push(slow);
        assert_eq!(weather.at_rate(1.0, SECOND_NS).unwrap().faults.len(), 1);
        weather.faults.push(cut("cut", 4, 5));
        let fault = "cut".to_owned();
        assert_eq!(weather.total_rate(), Err(NotScalable::Fault { fault }));
    }
}
