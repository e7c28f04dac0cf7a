//! Names: how the client finds its peer, and what can be wrong with that.

use serde::{Deserialize, Serialize};

/// The name that the run's name server knows. Nothing else in the world has it (RFC 6761).
pub const SINK_NAME: &str = "squall-sink.test";

/// How the client finds the link.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Resolve {
    /// By its address.
    #[default]
    Address,
    /// By a name, looked up at the run's own name server for every connection.
    Dns,
}

/// What the name server does instead of answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DnsFault {
    /// Says that there is no such name.
    Nxdomain,
    /// Says that it failed.
    Servfail,
    /// Says nothing.
    Silence,
    /// Gives an address where nobody listens.
    DeadAddress,
}

impl DnsFault {
    /// The name under which scenarios and results know it.
    pub const fn as_str(self) -> &'static str {
        match self {
            DnsFault::Nxdomain => "nxdomain",
            DnsFault::Servfail => "servfail",
            DnsFault::Silence => "silence",
            DnsFault::DeadAddress => "dead_address",
        }
    }
}
