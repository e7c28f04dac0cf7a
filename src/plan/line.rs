//! Who stands where, and who sends to whom.

use std::collections::BTreeMap;

use super::{Place, Plan, RoleName};

/// Every role, each behind all that send to it.
#[derive(Debug, Clone)]
pub struct Line {
    pub stations: Vec<RoleName>,
    /// Who sends to whom.
    ways: Vec<(RoleName, RoleName)>,
}

impl Line {
    pub fn of(plan: &Plan) -> Self {
        let place = |place: Place| match place {
            Place::Client => RoleName::Client,
            Place::Target(index) => RoleName::Target(index),
            Place::Sink => RoleName::Sink,
        };
        let ways: Vec<(RoleName, RoleName)> = (0_u8..)
            .map(RoleName::Link)
            .zip(&plan.links)
            .flat_map(|(role, link)| [(place(link.from), role), (role, place(link.to))])
            .collect();
        // Each stands one behind the furthest of those before it. A circle, which no checked plan
        // has, ends with the number of stations.
        let roles: Vec<RoleName> = plan.roles().collect();
        let mut depth: BTreeMap<RoleName, usize> = roles.iter().map(|role| (*role, 0)).collect();
        for _ in &roles {
            for (from, to) in &ways {
                let behind = depth.get(from).copied().unwrap_or(0) + 1;
                depth
                    .entry(*to)
                    .and_modify(|known| *known = behind.max(*known));
            }
        }
        let mut stations = roles;
        let last = usize::MAX;
        stations.sort_by_key(|role| match role {
            // Also where nothing leads to it.
            RoleName::Sink => last,
            role => depth.get(role).copied().unwrap_or(0),
        });
        Self { stations, ways }
    }

    /// The place of a station in the line; the last for one that is not there.
    pub fn position(&self, station: RoleName) -> usize {
        let mut stations = self.stations.iter();
        let at = stations.position(|known| *known == station);
        at.unwrap_or(self.stations.len())
    }

    /// Those that send to a station.
    pub fn before(&self, station: RoleName) -> Vec<RoleName> {
        let ways = self.ways.iter().filter(|(_, to)| *to == station);
        ways.map(|(from, _)| *from).collect()
    }

    /// Those to which it sends.
    pub fn behind(&self, station: RoleName) -> Vec<RoleName> {
        let ways = self.ways.iter().filter(|(from, _)| *from == station);
        ways.map(|(_, to)| *to).collect()
    }

    /// Whether the client sends into it.
    pub fn is_first(&self, station: RoleName) -> bool {
        self.ways.contains(&(RoleName::Client, station))
    }

    /// The places in the line of those whom an item meets that the client sends into `first`, the
    /// client's own before them. Only the client sends into several links.
    pub fn way(&self, first: RoleName) -> Vec<usize> {
        let mut way = vec![self.position(RoleName::Client)];
        let mut next = Some(first);
        while let Some(station) = next.filter(|_| way.len() < self.stations.len()) {
            way.push(self.position(station));
            next = self.behind(station).first().copied();
        }
        way
    }

    /// The targets that an item meets on one of its ways, in order; ways that come together are one.
    pub fn chains(&self) -> Vec<Vec<RoleName>> {
        let mut chains: Vec<Vec<RoleName>> = Vec::new();
        for link in self.behind(RoleName::Client) {
            let way = self.way(link).into_iter();
            let way = way.filter_map(|at| self.stations.get(at).copied());
            let mut chain: Vec<RoleName> = way
                .filter(|role| matches!(role, RoleName::Target(_)))
                .collect();
            while let Some(at) = chains.iter().position(|other| meet(other, &chain)) {
                chain.extend(chains.remove(at));
            }
            chain.sort_by_key(|role| self.position(*role));
            chain.dedup();
            chains.push(chain);
        }
        chains.retain(|chain| !chain.is_empty());
        chains
    }
}

fn meet(one: &[RoleName], other: &[RoleName]) -> bool {
    one.iter().any(|role| other.contains(role))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::plan_with_target;
    use super::super::{LinkPlan, TargetPlan};
    use super::*;

    /// Targets in the order in which they are listed, links from and to.
    fn line(targets: usize, links: &[(Place, Place)]) -> Line {
        let mut plan = plan_with_target();
        let (target, link) = (plan.targets[0].clone(), plan.links[0].clone());
        plan.targets = (0..targets)
            .map(|_| TargetPlan {
                to: Some(Place::Sink),
                ..target.clone()
            })
            .collect();
        let links = links.iter().map(|(from, to)| LinkPlan {
            from: *from,
            to: *to,
            ..link.clone()
        });
        plan.links = links.collect();
        Line::of(&plan)
    }

    #[test]
    fn the_line_is_in_the_order_in_which_items_pass() {
        // The last target is listed first, and its link with it.
        let line = line(
            2,
            &[
                (Place::Target(0), Place::Sink),
                (Place::Client, Place::Target(1)),
                (Place::Target(1), Place::Target(0)),
            ],
        );
        let order = [
            RoleName::Client,
            RoleName::Link(1),
            RoleName::Target(1),
            RoleName::Link(2),
            RoleName::Target(0),
            RoleName::Link(0),
            RoleName::Sink,
        ];
        assert_eq!(line.stations, order);
        assert_eq!(line.way(RoleName::Link(1)), [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(line.chains(), [[RoleName::Target(1), RoleName::Target(0)]]);
    }

    #[test]
    fn targets_side_by_side_are_chains_of_their_own_until_they_meet() {
        let side = [
            (Place::Client, Place::Target(0)),
            (Place::Client, Place::Target(1)),
            (Place::Target(0), Place::Sink),
            (Place::Target(1), Place::Sink),
        ];
        let apart = line(2, &side);
        assert_eq!(
            apart.chains(),
            [[RoleName::Target(0)], [RoleName::Target(1)]]
        );
        let mut met = side.to_vec();
        met[2].1 = Place::Target(2);
        met[3].1 = Place::Target(2);
        met.push((Place::Target(2), Place::Sink));
        let met = line(3, &met);
        assert_eq!(
            met.chains(),
            [[
                RoleName::Target(0),
                RoleName::Target(1),
                RoleName::Target(2)
            ]]
        );
    }
}
