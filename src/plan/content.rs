//! Which checks of content a run makes.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::evidence::{ContentFlaw, ContentPart};

/// `validate: content`: what arrives is compared with what the client handed to its exporter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentPlan {
    /// What is not looked at, sorted.
    pub ignore: BTreeSet<ContentIgnore>,
}

/// What a run can leave unjudged: a part of items, or a check.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ContentIgnore {
    /// The resource's attributes and schema may change.
    Resource,
    /// The scope may change.
    Scope,
    /// The items' own attributes may change.
    Attributes,
    /// Trace ids and parents may change.
    Parent,
    /// Times may change.
    Times,
    /// Everything else of an item may change.
    Payload,
    /// Spans may arrive without their parents.
    Orphans,
    /// Items may be out of order.
    Disordered,
    /// Cumulative values may go back.
    Regressions,
    /// Series may have gaps.
    Gaps,
}

impl ContentPlan {
    /// Whether a part may differ.
    pub fn ignores(&self, part: ContentPart) -> bool {
        self.ignore.contains(&match part {
            ContentPart::Resource => ContentIgnore::Resource,
            ContentPart::Scope => ContentIgnore::Scope,
            ContentPart::Attributes => ContentIgnore::Attributes,
            ContentPart::Parent => ContentIgnore::Parent,
            ContentPart::Times => ContentIgnore::Times,
            ContentPart::Payload => ContentIgnore::Payload,
        })
    }

    /// Whether a flaw is measured and not judged. What differs is always judged, as far as its part is.
    pub fn allows(&self, flaw: ContentFlaw) -> bool {
        let ignore = match flaw {
            ContentFlaw::Orphans => ContentIgnore::Orphans,
            ContentFlaw::Disordered => ContentIgnore::Disordered,
            ContentFlaw::Regressions => ContentIgnore::Regressions,
            ContentFlaw::Gaps => ContentIgnore::Gaps,
            ContentFlaw::Altered | ContentFlaw::Malformed => return false,
        };
        self.ignore.contains(&ignore)
    }
}
