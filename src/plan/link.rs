//! Links, as the plan has them.

use serde::{Deserialize, Serialize};

use super::role::Place;
use super::toxiproxy::ToxiproxyServer;

/// A link between two neighbours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkPlan {
    /// `link` where there is but one, else `to-NAME` after what it leads to.
    pub name: String,
    pub from: Place,
    pub to: Place,
    pub via: LinkBackend,
    /// Bytes that the link holds before it stops reading, per connection and direction. A packet link
    /// knows no connections: there it is per direction, and what comes beyond is lost, which makes
    /// the run inconclusive.
    pub buffer_bytes: u64,
    /// Of a link of packets only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packets: Option<PacketLinkPlan>,
    /// Of `via: toxiproxy` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub toxiproxy: Option<ToxiproxyServer>,
    /// Whether it notes which items enter and leave it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tap: bool,
}

/// What only a link of packets has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PacketLinkPlan {
    /// MTU of both sides' interfaces.
    pub mtu_bytes: u32,
    /// Congestion control of both sides; `None`: the machine's own.
    pub congestion: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkBackend {
    /// The embedded TCP proxy.
    Proxy,
    /// Two network namespaces, joined packet by packet. Linux only.
    Netns,
    /// A real Toxiproxy. Only where squall was built with the cargo feature `toxiproxy`.
    Toxiproxy,
}

impl LinkBackend {
    /// The name under which scenarios and results know it.
    pub const fn as_str(self) -> &'static str {
        match self {
            LinkBackend::Proxy => "proxy",
            LinkBackend::Netns => "netns",
            LinkBackend::Toxiproxy => "toxiproxy",
        }
    }
}
