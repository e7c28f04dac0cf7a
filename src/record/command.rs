//! What is stored of a program of one's own as the client.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::signal::Signal;

/// How the program ended, and what came of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CommandResult {
    /// `exited with 0`; empty where it was not seen to end.
    pub exit: String,
    /// How long it ran.
    pub lived_s: f64,
    /// Whether it was asked to end, and whether it had to be killed then.
    pub asked: bool,
    pub killed: bool,
    /// What came, and what it said that it made.
    pub signals: BTreeMap<Signal, CommandSignal>,
}

/// One signal of it. What is not known is not there, and `unknown` says why.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CommandSignal {
    /// Items that it said it made.
    pub made: Option<u64>,
    /// Different items that were received.
    pub received: Option<u64>,
    /// Of these, received more than once.
    pub duplicated: Option<u64>,
    /// Copies beyond each item's first.
    pub extra_copies: Option<u64>,
    /// Made and never received.
    pub never_came: Option<u64>,
    /// Spans whose parent never came; of traces alone.
    pub orphans: Option<u64>,
    /// All that was received, copies among it.
    pub copies: u64,
    pub unknown: Vec<String>,
}
