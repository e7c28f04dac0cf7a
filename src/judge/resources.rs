//! What the roles and the machine used, over a window of the run's clock.

use super::facts::Facts;
use super::growth;
use super::measure::{Measured, ratio, series_at, within};
use crate::evidence::{LinkSample, MachineSample, ProcessSample};
use crate::plan::expectation::Window;
use crate::plan::{RoleName, TargetKind, TargetPlan};

/// Measures `client.cpu`, `link.up.rate`, `machine.steal.max` and the like; `None` for other names.
pub(super) fn measure(facts: &Facts<'_>, name: &str, window: &Window) -> Option<Measured> {
    if let Some(slope) = growth::of_metric(facts, name, window) {
        return Some(slope.map(|slope| slope.per_second));
    }
    let (owner, what) = name.split_once('.')?;
    let intervals = facts.intervals(window);
    match owner {
        "machine" => machine(&facts.evidence.series.machine, what, &intervals),
        "link" if matches!(what, "up.rate" | "down.rate" | "cpu.per_byte") => {
            link(facts, what, &intervals)
        }
        "client" | "link" | "target" | "sink" | "controller" => {
            role(facts, owner, what, &intervals)
        }
        _ => None,
    }
}

fn role(facts: &Facts<'_>, role: &str, what: &str, intervals: &[(u64, u64)]) -> Option<Measured> {
    if !matches!(
        what,
        "cpu"
            | "cpu.per_item"
            | "rss.max"
            | "rss.mean"
            | "threads.max"
            | "fds.max"
            | "context_switches.rate"
    ) {
        return None;
    }
    let counted = !matches!(what, "fds.max" | "context_switches.rate");
    let mut targets = facts.plan.targets.iter();
    let in_container = |target: &TargetPlan| matches!(target.kind, TargetKind::Container(_));
    if role == "target" && !counted && targets.any(in_container) {
        return Some(Err("the engine does not count it of a container".to_owned()));
    }
    // There may be several links, and several targets.
    let roles = facts.evidence.roles.iter();
    let sampled: Vec<&[ProcessSample]> = roles
        .filter(|evidence| RoleName::is_of_kind(&evidence.role, role))
        .map(|evidence| evidence.samples.as_slice())
        .filter(|samples| !samples.is_empty())
        .collect();
    if sampled.is_empty() {
        return Some(Err(format!("the {role} was not sampled")));
    }
    let largest = |value: fn(&ProcessSample) -> u64| {
        let inside = sampled.iter().copied().flatten();
        let inside = inside.filter(|sample| within(intervals, sample.at_ns));
        inside
            .map(value)
            .max()
            .map(|max| max as f64)
            .ok_or_else(no_samples)
    };
    let sum_of = |measured: &dyn Fn(&[ProcessSample]) -> Measured| -> Measured {
        sampled.iter().map(|samples| measured(samples)).sum()
    };
    Some(match what {
        "cpu" => sum_of(&|samples| rate(samples, intervals, cpu_ns)).map(|ns_per_s| ns_per_s / 1e9),
        "cpu.per_item" => {
            let items = match role {
                "sink" | "target" => "received",
                _ => "generated",
            };
            let last = sampled.iter().filter_map(|samples| samples.last());
            let cpu_ns: u64 = last.map(cpu_ns).sum();
            facts
                .ledger_count(items, None, &Window::Whole)
                .and_then(|items| ratio(cpu_ns as f64 / 1e9, items, "there were no items"))
        }
        "rss.max" => largest(|sample| sample.rss_bytes),
        "threads.max" => largest(|sample| sample.threads),
        "fds.max" => largest(|sample| sample.fds),
        "rss.mean" => sum_of(&|samples| {
            let inside = samples.iter();
            let inside = inside.filter(|sample| within(intervals, sample.at_ns));
            let (sum, count) = inside.fold((0.0, 0.0), |(sum, count), sample| {
                (sum + sample.rss_bytes as f64, count + 1.0)
            });
            ratio(sum, count, "the window has no samples")
        }),
        _ => sum_of(&|samples| {
            rate(samples, intervals, |sample| {
                sample.context_switches_voluntary + sample.context_switches_involuntary
            })
        }),
    })
}

fn cpu_ns(sample: &ProcessSample) -> u64 {
    sample.cpu_user_ns + sample.cpu_system_ns
}

/// Increase of a counter per second of the intervals that samples cover.
fn rate(
    samples: &[ProcessSample],
    intervals: &[(u64, u64)],
    value: impl Fn(&ProcessSample) -> u64,
) -> Measured {
    let mut gained = 0.0;
    let mut length_s = 0.0;
    for (start_ns, end_ns) in intervals {
        let mut inside = samples
            .iter()
            .filter(|sample| (*start_ns..=*end_ns).contains(&sample.at_ns));
        if let (Some(first), Some(last)) = (inside.next(), inside.next_back()) {
            gained += value(last).saturating_sub(value(first)) as f64;
            length_s += (last.at_ns - first.at_ns) as f64 / 1e9;
        }
    }
    ratio(gained, length_s, "the window has no samples")
}

fn link(facts: &Facts<'_>, what: &str, intervals: &[(u64, u64)]) -> Option<Measured> {
    let samples = &facts.evidence.series.link;
    let bytes: fn(&LinkSample) -> u64 = match what {
        "up.rate" => |sample| sample.up_bytes,
        "down.rate" => |sample| sample.down_bytes,
        _ => {
            let carried = samples.last().map_or(0, |s| s.up_bytes + s.down_bytes);
            let cpu_ns = facts
                .evidence
                .roles
                .iter()
                .find(|evidence| evidence.role == "link")
                .and_then(|evidence| evidence.samples.last())
                .map_or(0, cpu_ns);
            let per_byte = ratio(
                cpu_ns as f64 / 1e9,
                carried as f64,
                "the link carried nothing",
            );
            return Some(per_byte);
        }
    };
    let at = |at_ns| series_at(samples, at_ns, |sample| sample.at_ns, bytes);
    let mut gained = 0.0;
    let mut length_s = 0.0;
    for (start_ns, end_ns) in intervals {
        if let (Some(before), Some(after)) = (at(*start_ns), at(*end_ns)) {
            gained += after.saturating_sub(before) as f64;
            length_s += (end_ns - start_ns) as f64 / 1e9;
        }
    }
    Some(ratio(gained, length_s, "the window has no samples"))
}

fn machine(samples: &[MachineSample], what: &str, intervals: &[(u64, u64)]) -> Option<Measured> {
    let inside = || {
        samples
            .iter()
            .filter(|sample| within(intervals, sample.at_ns))
    };
    let largest = |values: &mut dyn Iterator<Item = f64>| {
        values
            .reduce(f64::max)
            .ok_or_else(|| "this machine does not tell".to_owned())
    };
    Some(match what {
        "steal.max" => largest(&mut inside().map(|sample| sample.steal)),
        "pressure.cpu.max" => largest(&mut inside().filter_map(|sample| sample.pressure_cpu)),
        "busy.mean" => {
            let (sum, count) = inside().fold((0.0, 0.0), |(sum, count), sample| {
                (sum + sample.busy, count + 1.0)
            });
            ratio(sum, count, "the window has no samples")
        }
        _ => return None,
    })
}

fn no_samples() -> String {
    "the window has no samples".to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::facts::Facts;
    use super::super::fixture::healthy;
    use super::*;
    use crate::evidence::Evidence;
    use crate::metric;
    use crate::plan::fixture::{SECOND_NS, cut, plan, plan_with_target};
    use crate::plan::{ContainerNetwork, ContainerTarget, ImagePlan, Plan, StopPlan};

    fn measured(evidence: &Evidence, name: &str, window: Window) -> Measured {
        let mut plan = plan();
        plan.faults.push(cut("cut", 8, 10));
        let facts = Facts::of(&plan, evidence);
        facts.measure(metric::find(name).unwrap(), None, &window)
    }

    #[test]
    fn use_is_that_of_the_window() {
        let mut evidence = healthy(&plan());
        for sample in &mut evidence.roles[0].samples {
            if (8 * SECOND_NS..10 * SECOND_NS).contains(&sample.at_ns) {
                sample.rss_bytes = 5 << 20;
            }
            // A whole core from 8 s on.
            sample.cpu_user_ns += sample.at_ns.saturating_sub(8 * SECOND_NS);
        }
        let during = || Window::During("cut".to_owned());
        let steady = || Window::In(crate::plan::expectation::Phase::Warmup);
        let mib = f64::from(1 << 20);
        assert_eq!(
            measured(&evidence, "client.rss.max", during()),
            Ok(5.0 * mib)
        );
        assert_eq!(measured(&evidence, "client.rss.max", steady()), Ok(mib));
        assert_eq!(measured(&evidence, "client.threads.max", during()), Ok(3.0));
        let near = |name, window, truth: f64| {
            let seen = measured(&evidence, name, window).unwrap();
            assert!(
                (seen / truth - 1.0).abs() < 0.01,
                "{name}: {seen}, not {truth}"
            );
        };
        near("client.cpu", during(), 1.02);
        near("client.cpu", steady(), 0.02);
        near("sink.cpu", Window::Whole, 0.02);
        near("sink.cpu.per_item", Window::Whole, 22.5 * 0.02 / 2000.0);
        near("link.up.rate", during(), 10_000.0);
        near("link.cpu.per_byte", Window::Whole, 22.5 * 0.02 / 202_000.0);
    }

    #[test]
    fn what_the_engine_does_not_count_is_not_zero() {
        let mut plan = plan_with_target();
        let mut evidence = healthy(&plan);
        evidence.roles[0].role = "target".to_owned();
        let value = |plan: &Plan, name| {
            let facts = Facts::of(plan, &evidence);
            facts.measure(metric::find(name).unwrap(), None, &Window::Whole)
        };
        assert_eq!(value(&plan, "target.fds.max"), Ok(7.0));
        plan.targets[0].kind = TargetKind::Container(ContainerTarget {
            image: ImagePlan::Name("relay".to_owned()),
            args: Vec::new(),
            env: BTreeMap::new(),
            secret_env: BTreeMap::new(),
            files: BTreeMap::new(),
            stop: StopPlan {
                signal: 15,
                grace_ns: SECOND_NS,
            },
            log_limit_bytes: 1,
            cpu_millicores: None,
            memory_bytes: None,
            network: ContainerNetwork::default(),
            user: None,
        });
        assert!(value(&plan, "target.fds.max").is_err());
        assert!(value(&plan, "target.context_switches.rate").is_err());
        assert!(value(&plan, "target.rss.max").is_ok());
    }

    #[test]
    fn what_was_not_sampled_has_no_value() {
        let mut evidence = healthy(&plan());
        evidence.roles.clear();
        for name in [
            "client.cpu",
            "sink.rss.max",
            "machine.steal.max",
            "machine.busy.mean",
        ] {
            assert!(measured(&evidence, name, Window::Whole).is_err(), "{name}");
        }
    }
}
