//! What targets say of themselves.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The series that one target was asked for, as it told them at one moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SaidSample {
    pub at_ns: u64,
    /// The target's name.
    pub target: String,
    /// By the names that the scenario gave them. All values are finite; a series that the target
    /// did not tell is missing.
    pub values: BTreeMap<String, f64>,
}

/// Scrapes of one target that failed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// The target's name.
    pub target: String,
    /// How many of them did.
    pub failed: u64,
    /// Why the last one did, in words.
    pub why: String,
}

/// The newest value of a series, of the target where it is largest; `None` before anybody told it.
pub fn newest(samples: &[SaidSample], name: &str) -> Option<f64> {
    let mut newest: BTreeMap<&str, f64> = BTreeMap::new();
    for sample in samples {
        if let Some(value) = sample.values.get(name) {
            newest.insert(&sample.target, *value);
        }
    }
    newest.into_values().reduce(f64::max)
}
