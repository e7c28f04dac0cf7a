//! Who takes part in a run, and where on the line each stands.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Most targets of one run: there is a link more.
pub const TARGETS_MAX: usize = 16;

const TARGETS: [&str; TARGETS_MAX] = [
    "target", "target2", "target3", "target4", "target5", "target6", "target7", "target8",
    "target9", "target10", "target11", "target12", "target13", "target14", "target15", "target16",
];
/// A target may be reached by a link from the client and from each other target.
const LINKS: [&str; LINKS_MAX] = [
    "link", "link2", "link3", "link4", "link5", "link6", "link7", "link8", "link9", "link10",
    "link11", "link12", "link13", "link14", "link15", "link16", "link17", "link18", "link19",
    "link20", "link21", "link22", "link23", "link24", "link25", "link26", "link27", "link28",
    "link29", "link30", "link31", "link32",
];
/// Most links: one from each target, and one from the client to each.
pub const LINKS_MAX: usize = 2 * TARGETS_MAX;

/// A process that takes part in a run. Links and targets are numbered as in the plan, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RoleName {
    Client,
    Link(u8),
    Target(u8),
    Sink,
}

impl RoleName {
    /// The name under which logs, samples and stored plans know it: `link`, `link2`, `target`.
    pub fn as_str(self) -> &'static str {
        let of = |names: &[&'static str], index: u8| {
            // The plan has no more of them than there are names.
            names.get(usize::from(index)).copied().unwrap_or("unknown")
        };
        match self {
            RoleName::Client => "client",
            RoleName::Link(index) => of(&LINKS, index),
            RoleName::Target(index) => of(&TARGETS, index),
            RoleName::Sink => "sink",
        }
    }

    /// The same without its number: what `squall role` and metrics call it.
    pub const fn kind(self) -> &'static str {
        match self {
            RoleName::Client => "client",
            RoleName::Link(_) => "link",
            RoleName::Target(_) => "target",
            RoleName::Sink => "sink",
        }
    }

    /// The role of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        let index = |names: &[&str]| {
            let index = names.iter().position(|known| *known == name)?;
            u8::try_from(index).ok()
        };
        match name {
            "client" => Some(RoleName::Client),
            "sink" => Some(RoleName::Sink),
            _ => index(&LINKS)
                .map(RoleName::Link)
                .or_else(|| index(&TARGETS).map(RoleName::Target)),
        }
    }

    /// Whether a process sampled under `name` is a role of that kind: `link2` is a link.
    pub fn is_of_kind(name: &str, kind: &str) -> bool {
        name == kind || Self::from_name(name).is_some_and(|role| role.kind() == kind)
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for RoleName {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for RoleName {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = String::deserialize(from)?;
        Self::from_name(&name)
            .ok_or_else(|| de::Error::custom(format!("there is no role `{name}`")))
    }
}

/// An end of a link. Targets are numbered as in the plan, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    Client,
    Target(u8),
    Sink,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_is_found_by_its_name() {
        let links = (0..LINKS_MAX).map(|index| RoleName::Link(index as u8));
        let targets = (0..TARGETS_MAX).map(|index| RoleName::Target(index as u8));
        let others = [RoleName::Client, RoleName::Sink];
        for role in links.chain(targets).chain(others) {
            assert_eq!(RoleName::from_name(role.as_str()), Some(role));
            assert!(RoleName::is_of_kind(role.as_str(), role.kind()));
        }
        assert_eq!(RoleName::from_name("linkage"), None);
        assert!(!RoleName::is_of_kind("target", "link"));
        assert!(RoleName::is_of_kind("controller", "controller"));
    }
}
