//! What was found in the content of what arrived, as results store it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::evidence::ContentFlaw;
use crate::signal::Signal;

/// What `validate: content` found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ContentResult {
    /// Items that were compared with what was sent.
    pub compared: BTreeMap<Signal, u64>,
    pub findings: Vec<ContentFinding>,
}

/// Items of one signal with one flaw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ContentFinding {
    /// `None` for requests that could not be read.
    pub signal: Option<Signal>,
    pub flaw: ContentFlaw,
    /// The same in words.
    pub what: String,
    pub items: u64,
    /// The first few of them.
    pub examples: Vec<String>,
}

impl ContentFinding {
    /// `12 spans arrived other than they were sent: attributes in 12`
    pub fn headline(&self) -> String {
        let items = crate::units::count(self.items);
        match self.signal {
            Some(signal) => format!("{items} {} {}", signal.items(), self.what),
            None => format!("{items} {}", self.what),
        }
    }
}
