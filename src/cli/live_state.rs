//! What the conductor knows of a run, as the live view shows it.

use crate::drive::live::Live;
use crate::evidence::SaidSample;
use crate::plan::Plan;
use crate::plan::windows::segment_at;
use crate::report::live::{LiveRole, LiveSaid, LiveSignal, LiveState};

/// The phase of a run that was stopped, by a signal or by an abort condition.
const STOPPED: &str = "stopped (Ctrl-C again: end now)";

/// The state to show now.
pub fn of(live: &Live, plan: &Plan) -> LiveState {
    let value = |name: &str, signal| live.value(name, signal).unwrap_or(0.0);
    let signals = plan
        .load
        .signals()
        .map(|sent| {
            let signal = Some(sent);
            LiveSignal {
                signal: sent,
                offered: value("offered", signal) as u64,
                generated: value("generated", signal) as u64,
                acknowledged: value("acknowledged", signal) as u64,
                received: value("received", signal) as u64,
                offered_per_second: value("offered.rate", signal),
                generated_per_second: value("generated.rate", signal),
                acknowledged_per_second: value("acknowledged.rate", signal),
                received_per_second: value("received.rate", signal),
            }
        })
        .collect();
    let newest = live.series.client.last();
    let total = |slots: &[u64; 3]| slots.iter().sum::<u64>();
    LiveState {
        at_ns: live.at_ns,
        phase: if live.stopped {
            STOPPED.to_owned()
        } else {
            let phase = live.segments[segment_at(&live.segments, live.at_ns)].phase;
            phase.as_str().to_owned()
        },
        signals,
        delivery_p99_ns: live
            .series
            .sink
            .last()
            .map(|sample| sample.delivery_p99_ns)
            .filter(|p99_ns| *p99_ns > 0),
        roles: plan
            .roles()
            .filter_map(|role| {
                Some(LiveRole {
                    role: plan.name_of(role).to_owned(),
                    cpu: live.cpu_cores(role.as_str())?,
                    rss_bytes: live.rss_bytes(role.as_str())?,
                })
            })
            .collect(),
        active_faults: live.active_faults.clone(),
        in_flight: newest.map_or(0, |s| total(&s.handed).saturating_sub(total(&s.finished))),
        queue: newest.map_or(0, |s| total(&s.queued)),
        said: said(plan, &live.series.said),
    }
}

/// What each target said last, of the series that the scenario names.
fn said(plan: &Plan, samples: &[SaidSample]) -> Vec<LiveSaid> {
    let told = plan
        .targets
        .iter()
        .filter(|target| target.metrics.is_some());
    let newest = told.filter_map(|target| {
        let mut samples = samples.iter().rev();
        samples.find(|sample| sample.target == target.name)
    });
    newest
        .flat_map(|sample| {
            sample.values.iter().map(|(series, value)| LiveSaid {
                target: sample.target.clone(),
                series: series.clone(),
                value: *value,
            })
        })
        .collect()
}
