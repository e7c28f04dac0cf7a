//! What the sink found when it compared content with what the client had handed to its exporter.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::signal::Signal;

/// Examples that are kept, per signal and flaw; further ones are only counted.
pub const EXAMPLES_MAX: usize = 10;

/// The parts in which an item's content is compared.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ContentPart {
    /// The resource's attributes and schema.
    Resource,
    /// The scope's name, version, attributes and schema.
    Scope,
    /// The item's own attributes.
    Attributes,
    /// Trace id and parent span id.
    Parent,
    /// When it began, ended, was observed.
    Times,
    /// Everything else: names, kind, status, events, links, body, severity, values.
    Payload,
}

impl ContentPart {
    pub const ALL: [ContentPart; 6] = [
        ContentPart::Resource,
        ContentPart::Scope,
        ContentPart::Attributes,
        ContentPart::Parent,
        ContentPart::Times,
        ContentPart::Payload,
    ];

    /// Its place in [`Self::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            ContentPart::Resource => "resource",
            ContentPart::Scope => "scope",
            ContentPart::Attributes => "attributes",
            ContentPart::Parent => "parent",
            ContentPart::Times => "times",
            ContentPart::Payload => "payload",
        }
    }
}

/// The ways in which content can be wrong.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ContentFlaw {
    /// A part of an item is not what was sent.
    Altered,
    /// A span whose parent was generated and never received.
    Orphans,
    /// A span that ends before it begins, or whose events go back in time; a data point that is not
    /// newer than what its series had before.
    Disordered,
    /// A cumulative value below the one before, with the same start.
    Regressions,
    /// A data point that is missing between two of its series that were received.
    Gaps,
    /// A request that is not valid OTLP.
    Malformed,
}

impl ContentFlaw {
    pub const ALL: [ContentFlaw; 6] = [
        ContentFlaw::Altered,
        ContentFlaw::Orphans,
        ContentFlaw::Disordered,
        ContentFlaw::Regressions,
        ContentFlaw::Gaps,
        ContentFlaw::Malformed,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            ContentFlaw::Altered => "altered",
            ContentFlaw::Orphans => "orphans",
            ContentFlaw::Disordered => "disordered",
            ContentFlaw::Regressions => "regressions",
            ContentFlaw::Gaps => "gaps",
            ContentFlaw::Malformed => "malformed",
        }
    }
}

/// What was found, per signal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentEvidence {
    pub signals: Vec<SignalContent>,
}

/// What was found in one signal. Copies of an item count once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignalContent {
    pub signal: Signal,
    /// Items that were compared with what was sent.
    pub compared: u64,
    /// Copies of items of which is not known what was sent: nobody can tell whether they are right.
    pub unknown: u64,
    pub flaws: BTreeMap<ContentFlaw, u64>,
    /// Items in which each part differs; one item may differ in several.
    pub parts: BTreeMap<ContentPart, u64>,
    /// A few items with each flaw, in words.
    pub examples: BTreeMap<ContentFlaw, Vec<String>>,
}

impl ContentEvidence {
    /// What was found in a signal; `None` where nothing was looked for.
    pub fn signal(&self, signal: Signal) -> Option<&SignalContent> {
        self.signals.iter().find(|found| found.signal == signal)
    }

    /// The same, to be added to.
    pub fn signal_mut(&mut self, signal: Signal) -> &mut SignalContent {
        let index = match self.signals.iter().position(|found| found.signal == signal) {
            Some(index) => index,
            None => {
                self.signals.push(SignalContent::new(signal));
                self.signals.len() - 1
            }
        };
        &mut self.signals[index]
    }

    /// Adds what another process of the same sink found.
    pub fn absorb(&mut self, other: ContentEvidence) {
        for theirs in other.signals {
            let ours = self.signal_mut(theirs.signal);
            ours.compared += theirs.compared;
            ours.unknown += theirs.unknown;
            for (flaw, count) in theirs.flaws {
                *ours.flaws.entry(flaw).or_default() += count;
            }
            for (part, count) in theirs.parts {
                *ours.parts.entry(part).or_default() += count;
            }
            for (flaw, examples) in theirs.examples {
                let ours = ours.examples.entry(flaw).or_default();
                ours.extend(examples);
                ours.truncate(EXAMPLES_MAX);
            }
        }
    }
}

impl SignalContent {
    pub fn new(signal: Signal) -> Self {
        Self {
            signal,
            compared: 0,
            unknown: 0,
            flaws: BTreeMap::new(),
            parts: BTreeMap::new(),
            examples: BTreeMap::new(),
        }
    }

    /// Items with that flaw.
    pub fn count(&self, flaw: ContentFlaw) -> u64 {
        self.flaws.get(&flaw).copied().unwrap_or(0)
    }

    /// Counts one item, and keeps it as an example while there is room.
    pub fn note(&mut self, flaw: ContentFlaw, example: impl FnOnce() -> String) {
        *self.flaws.entry(flaw).or_default() += 1;
        let examples = self.examples.entry(flaw).or_default();
        if examples.len() < EXAMPLES_MAX {
            examples.push(example());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_stand_in_their_places() {
        for (index, part) in ContentPart::ALL.into_iter().enumerate() {
            assert_eq!(part.index(), index);
        }
    }

    #[test]
    fn what_two_processes_of_a_sink_found_is_added_up() {
        let mut first = ContentEvidence::default();
        let mut second = ContentEvidence::default();
        for index in 0..8 {
            let found = second.signal_mut(Signal::Logs);
            found.note(ContentFlaw::Altered, || format!("0/{index}"));
            found.compared += 1;
        }
        first.absorb(second.clone());
        first.absorb(second);
        let found = first.signal(Signal::Logs).unwrap();
        assert_eq!(
            (found.compared, found.count(ContentFlaw::Altered)),
            (16, 16)
        );
        assert_eq!(found.examples[&ContentFlaw::Altered].len(), EXAMPLES_MAX);
    }
}
