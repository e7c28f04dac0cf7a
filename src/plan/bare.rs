//! The same run without its targets, to tell what the targets cost.

use super::expectation::{Comparison, Expectation, Window};
use super::{FaultKind, FaultPlan, Place, Plan, RoleName, TlsPlan};
use crate::metric::said;

/// A plan without targets.
#[derive(Debug, Clone, PartialEq)]
pub struct Bare {
    pub plan: Plan,
    /// What cannot be without a target and is missing, in words.
    pub left_out: Vec<String>,
}

impl Plan {
    /// The same load over the client's first link straight to the sink. `None` for a plan without a
    /// target.
    pub fn without_targets(&self) -> Option<Bare> {
        if self.targets.is_empty() {
            return None;
        }
        let mut plan = self.clone();
        plan.targets.clear();
        plan.links.truncate(1);
        let link = plan.links.first_mut()?;
        link.name = RoleName::Link(0).as_str().to_owned();
        link.to = Place::Sink;
        // Without a target the client's settings are the sink's as well.
        plan.sink.tls = TlsPlan::Off;
        // What the client does not send itself, a target was to add.
        let mut missing = Vec::new();
        plan.sink.require.retain(|name, value| {
            let mut sent = self.client.headers.iter();
            let is_sent = sent.any(|(n, v)| n.eq_ignore_ascii_case(name) && v == value);
            if !is_sent {
                missing.push(format!("sink.require ({name})"));
            }
            is_sent
        });
        let gone: Vec<&FaultPlan> = self.faults.iter().filter(|f| !self.stays(f)).collect();
        let mut left_out: Vec<String> = gone
            .iter()
            .map(|fault| format!("fault {} ({})", fault.name, self.kind_of(&fault.kind)))
            .collect();
        left_out.dedup();
        left_out.extend(missing);
        let gone: Vec<&str> = gone.iter().map(|fault| fault.name.as_str()).collect();
        plan.faults.retain(|fault| !gone.contains(&&*fault.name));
        for lines in [&mut plan.expect, &mut plan.steady_state, &mut plan.abort_if] {
            let (gone, stay) = std::mem::take(lines)
                .into_iter()
                .partition(|line| needs(line, &gone));
            *lines = stay;
            left_out.extend(gone.into_iter().map(|line: Expectation| line.text));
        }
        Some(Bare { plan, left_out })
    }

    /// Whether a fault can be in the run without the targets.
    fn stays(&self, fault: &FaultPlan) -> bool {
        let has_place = match fault.kind {
            FaultKind::Link { link, .. } => link == 0,
            FaultKind::Process { role, .. } => match role {
                RoleName::Link(index) => index == 0,
                RoleName::Target(_) => false,
                RoleName::Client | RoleName::Sink => true,
            },
            FaultKind::Tls(_) => self.client.tls != TlsPlan::Off,
            FaultKind::Stress { .. } | FaultKind::Answer { .. } | FaultKind::Dns(_) => true,
        };
        has_place && !fault.when.as_ref().is_some_and(|when| needs(when, &[]))
    }
}

/// Whether a line speaks of a target, or of one of these faults.
fn needs(line: &Expectation, faults: &[&str]) -> bool {
    let speaks = |comparison: &Comparison| {
        let name = &comparison.metric.name;
        let of_fault = match &comparison.window {
            Window::During(fault) | Window::After(fault) => faults.contains(&fault.as_str()),
            Window::Whole | Window::In(_) => false,
        };
        of_fault || name.starts_with("target.") || said::parse(name).is_some()
    };
    line.all_of.iter().any(speaks)
}

#[cfg(test)]
mod tests {
    use super::super::ProcessFault;
    use super::super::expectation::{Limit, MetricRef, Op};
    use super::super::fixture::{cut, plan, plan_with_target};
    use super::super::secret::Secret;
    use super::*;
    use crate::metric::Unit;

    fn line(metric: &str, window: Window) -> Expectation {
        let comparison = Comparison {
            metric: MetricRef {
                signal: None,
                name: metric.to_owned(),
            },
            op: Op::Less,
            limit: Limit::Absolute {
                value: 1.0,
                unit: Unit::Count,
            },
            window,
        };
        Expectation {
            text: metric.to_owned(),
            line: 1,
            all_of: vec![comparison],
        }
    }

    fn with_target() -> Plan {
        let mut plan = plan_with_target();
        for link in &mut plan.links {
            link.tap = false;
        }
        plan.links[0].buffer_bytes = 77;
        plan
    }

    #[test]
    fn what_needs_a_target_is_left_out_and_named() {
        let mut with = with_target();
        with.faults.push(cut("near", 4, 5));
        let mut far = cut("far", 6, 7);
        if let FaultKind::Link { link, .. } = &mut far.kind {
            *link = 1;
        }
        with.faults.push(far);
        let mut crash = cut("crash", 8, 9);
        crash.kind = FaultKind::Process {
            role: RoleName::Target(0),
            fault: ProcessFault::Restart,
        };
        with.faults.push(crash);
        let mut waiting = cut("waiting", 10, 11);
        waiting.when = Some(line("said.queue", Window::Whole));
        with.faults.push(waiting);
        with.expect = vec![
            line("lost", Window::Whole),
            line("lost", Window::During("near".to_owned())),
            line("recovery.time", Window::After("crash".to_owned())),
            line("target.rss.max", Window::Whole),
        ];
        with.abort_if = vec![line("said.queue", Window::Whole)];
        let bare = with.without_targets().unwrap();
        let names = |faults: &[FaultPlan]| -> Vec<String> {
            faults.iter().map(|fault| fault.name.clone()).collect()
        };
        assert_eq!(names(&bare.plan.faults), ["near"]);
        assert_eq!(bare.plan.expect, with.expect[..2]);
        assert!(bare.plan.abort_if.is_empty());
        let told = bare.left_out.join("; ");
        assert_eq!(
            told,
            "fault far (partition.silence); fault crash (relay.restart); \
             fault waiting (partition.silence); recovery.time; target.rss.max; said.queue"
        );
    }

    #[test]
    fn headers_that_a_target_adds_are_not_asked_for() {
        let mut with = with_target();
        let header = |name: &str, value: &str| (name.to_owned(), Secret::new(value));
        with.sink.require = [header("authorization", "a"), header("x-tenant", "b")].into();
        with.client.headers = [header("Authorization", "a")].into();
        let bare = with.without_targets().unwrap();
        assert_eq!(
            bare.plan.sink.require,
            [header("authorization", "a")].into()
        );
        assert_eq!(bare.left_out, ["sink.require (x-tenant)"]);
    }

    #[test]
    fn the_line_is_that_of_a_plan_that_never_had_a_target() {
        let bare = with_target().without_targets().unwrap();
        let mut never = plan();
        never.links[0].buffer_bytes = 77;
        assert_eq!(bare.plan, never);
        assert_eq!(bare.left_out, Vec::<String>::new());
        assert_eq!(never.without_targets(), None);
    }
}
