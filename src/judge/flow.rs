//! The line of a run, and what was seen at each of its stations.

use super::facts::Facts;
use crate::plan::{ClientKind, Place, Plan, RoleName};
use crate::record::{Flow, Station};

/// Everything about the line.
pub(super) fn flow(facts: &Facts<'_>) -> Flow {
    Flow {
        stations: stations(facts.plan),
        ..Flow::default()
    }
}

/// Every role, in the order in which items pass.
fn stations(plan: &Plan) -> Vec<Station> {
    order(plan)
        .into_iter()
        .map(|role| Station {
            role: role.as_str().to_owned(),
            name: plan.name_of(role).to_owned(),
            kind: kind(plan, role).to_owned(),
            to: followers(plan, role)
                .into_iter()
                .map(|next| plan.name_of(next).to_owned())
                .collect(),
            seen: Default::default(),
            latency: Default::default(),
        })
        .collect()
}

/// The roles, each behind all that send to it.
fn order(plan: &Plan) -> Vec<RoleName> {
    let mut order = vec![RoleName::Client];
    let mut at = 0;
    while let Some(role) = order.get(at).copied() {
        for next in followers(plan, role) {
            // What is reached by a longer way as well stands behind that.
            order.retain(|known| *known != next);
            order.push(next);
        }
        at = 1 + order.iter().position(|known| *known == role).unwrap_or(at);
    }
    if !order.contains(&RoleName::Sink) {
        order.push(RoleName::Sink);
    }
    order
}

/// The roles to which one sends.
pub(super) fn followers(plan: &Plan, role: RoleName) -> Vec<RoleName> {
    let links = || (0_u8..).zip(&plan.links);
    let place = |place: Place| match place {
        Place::Client => RoleName::Client,
        Place::Target(index) => RoleName::Target(index),
        Place::Sink => RoleName::Sink,
    };
    match role {
        RoleName::Link(index) => {
            let link = plan.links.get(usize::from(index));
            link.map(|link| place(link.to)).into_iter().collect()
        }
        role => links()
            .filter(|(_, link)| place(link.from) == role)
            .map(|(index, _)| RoleName::Link(index))
            .collect(),
    }
}

fn kind(plan: &Plan, role: RoleName) -> &'static str {
    match role {
        RoleName::Client => match plan.client.kind {
            ClientKind::Sdk => "sdk",
        },
        RoleName::Link(index) => {
            let link = plan.links.get(usize::from(index));
            link.map_or("", |link| link.via.as_str())
        }
        RoleName::Target(index) => {
            let target = plan.targets.get(usize::from(index));
            target.map_or("", |target| target.kind.as_str())
        }
        RoleName::Sink => "sink",
    }
}
