//! The ledger: every generated item in exactly one class, by identity.
//!
//! No class is a difference of totals. Each is a set of sequences taken out of what is left, in the
//! order of the classes' definitions; then everything that was observed independently must agree
//! with the sets, or the ledger does not close and says why.

use std::collections::BTreeMap;

use roaring::RoaringTreemap;

use crate::evidence::{Evidence, Producer};
use crate::record::SignalLedger;
use crate::signal::Signal;

mod classify;
mod consistency;
mod own_program;
#[cfg(test)]
mod tests;

pub use classify::BatchSets;
pub use own_program::OwnSignal;

/// The classes in which a generated item can end, in the order in which they are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    Duplicated,
    Delivered,
    Unresolved,
    Refused,
    LostSilently,
    GivenUp,
    DroppedByClient,
}

impl Class {
    pub const ALL: [Class; 7] = [
        Class::Duplicated,
        Class::Delivered,
        Class::Unresolved,
        Class::Refused,
        Class::LostSilently,
        Class::GivenUp,
        Class::DroppedByClient,
    ];

    /// The name in metrics and results.
    pub const fn as_str(self) -> &'static str {
        match self {
            Class::Duplicated => "duplicated",
            Class::Delivered => "delivered",
            Class::Unresolved => "unresolved",
            Class::Refused => "refused",
            Class::LostSilently => "lost_silently",
            Class::GivenUp => "given_up",
            Class::DroppedByClient => "dropped_by_client",
        }
    }

    /// The part of `lost` in expectations.
    pub const fn is_loss(self) -> bool {
        matches!(
            self,
            Class::Refused | Class::LostSilently | Class::GivenUp | Class::DroppedByClient
        )
    }
}

/// One producer's items as sets of sequences.
#[derive(Debug, Clone)]
pub struct ProducerLedger {
    pub signal: Signal,
    pub producer: u16,
    pub offered: RoaringTreemap,
    pub missed: RoaringTreemap,
    pub sampled_out: RoaringTreemap,
    pub generated: RoaringTreemap,
    pub received: RoaringTreemap,
    /// Overlay: received although the client never learnt, or learnt of a failure.
    pub recovered: RoaringTreemap,
    /// Overlay: received after the drain's deadline.
    pub late: RoaringTreemap,
    /// The four classes of loss together.
    pub lost: RoaringTreemap,
    pub extra_copies: u64,
    /// Received with an identity that was never generated.
    pub unexpected: u64,
    classes: BTreeMap<Class, RoaringTreemap>,
    why_not: Vec<String>,
}

impl ProducerLedger {
    /// The items of one class.
    pub fn class(&self, class: Class) -> &RoaringTreemap {
        &self.classes[&class]
    }

    /// The items behind a ledger name; `None` for a name that has no set of items.
    pub fn items(&self, name: &str) -> Option<&RoaringTreemap> {
        match name {
            "offered" => Some(&self.offered),
            "missed" => Some(&self.missed),
            "sampled_out" => Some(&self.sampled_out),
            "generated" => Some(&self.generated),
            "received" => Some(&self.received),
            "recovered" => Some(&self.recovered),
            "late" => Some(&self.late),
            "lost" => Some(&self.lost),
            _ => Class::ALL
                .into_iter()
                .find(|class| class.as_str() == name)
                .map(|class| self.class(class)),
        }
    }
}

/// The ledger of a whole run.
#[derive(Debug, Clone)]
pub struct Ledger {
    pub producers: Vec<ProducerLedger>,
    /// Of a program of the user's own, which has no producers.
    pub own: Vec<OwnSignal>,
    unexpected: BTreeMap<Signal, u64>,
    why_not: BTreeMap<Signal, Vec<String>>,
}

impl Ledger {
    /// Classifies everything in `evidence`.
    pub fn of(evidence: &Evidence) -> Self {
        let producers: Vec<ProducerLedger> = evidence
            .producers
            .iter()
            .map(|producer| classify::classify(producer, evidence))
            .collect();
        let mut why_not = consistency::sink_totals(evidence);
        let mut unexpected = BTreeMap::new();
        for ledger in &producers {
            why_not
                .entry(ledger.signal)
                .or_default()
                .extend(ledger.why_not.iter().cloned());
            *unexpected.entry(ledger.signal).or_default() += ledger.unexpected;
        }
        for seen in &evidence.sink.signals {
            *unexpected.entry(seen.signal).or_default() += seen.unexpected;
        }
        Self {
            own: OwnSignal::all(evidence),
            producers,
            unexpected,
            why_not,
        }
    }

    /// Signals that have a producer, or that a program of the user's own sends, in report order.
    pub fn signals(&self) -> Vec<Signal> {
        Signal::ALL
            .into_iter()
            .filter(|signal| {
                self.producers.iter().any(|p| p.signal == *signal) || self.own(*signal).is_some()
            })
            .collect()
    }

    /// Whether it is known how many items were generated: not where a program of the user's own keeps
    /// that to itself.
    pub fn has_books(&self, signal: Signal) -> bool {
        self.own(signal).is_none_or(|own| own.made.is_some())
    }

    fn own(&self, signal: Signal) -> Option<&OwnSignal> {
        self.own.iter().find(|own| own.seen.signal == signal)
    }

    /// Items that the sink received and nobody generated; of every signal when `signal` is `None`,
    /// those that are not sent included.
    pub fn unexpected(&self, signal: Option<Signal>) -> u64 {
        self.unexpected
            .iter()
            .filter(|(seen, _)| signal.is_none_or(|signal| **seen == signal))
            .map(|(_, count)| count)
            .sum()
    }

    /// One signal's totals, as they are stored.
    pub fn totals(&self, signal: Signal) -> SignalLedger {
        if let Some(own) = self.own(signal) {
            return own.totals();
        }
        let mut totals = SignalLedger {
            unexpected: self.unexpected.get(&signal).copied().unwrap_or(0),
            why_not: self.why_not.get(&signal).cloned().unwrap_or_default(),
            ..SignalLedger::default()
        };
        for ledger in self.producers.iter().filter(|p| p.signal == signal) {
            let class = |class: Class| ledger.class(class).len();
            totals.offered += ledger.offered.len();
            totals.missed += ledger.missed.len();
            totals.sampled_out += ledger.sampled_out.len();
            totals.generated += ledger.generated.len();
            totals.delivered += class(Class::Delivered);
            totals.duplicated += class(Class::Duplicated);
            totals.extra_copies += ledger.extra_copies;
            totals.dropped_by_client += class(Class::DroppedByClient);
            totals.refused += class(Class::Refused);
            totals.given_up += class(Class::GivenUp);
            totals.lost_silently += class(Class::LostSilently);
            totals.unresolved += class(Class::Unresolved);
            totals.recovered += ledger.recovered.len();
            totals.received += ledger.received.len();
            totals.late += ledger.late.len();
        }
        let sum = totals.delivered
            + totals.duplicated
            + totals.dropped_by_client
            + totals.refused
            + totals.given_up
            + totals.lost_silently
            + totals.unresolved;
        if sum != totals.generated {
            totals.why_not.push(format!(
                "the seven classes hold {sum} items, {} were generated",
                totals.generated
            ));
        }
        let accounted = totals.generated + totals.sampled_out + totals.missed;
        if accounted != totals.offered {
            totals.why_not.push(format!(
                "generated, sampled out and missed add up to {accounted}, {} were offered",
                totals.offered
            ));
        }
        totals.closes = totals.why_not.is_empty();
        totals
    }

    /// How many items behind a ledger name were due within `[start_ns, end_ns)`, over all producers
    /// of `signal` (`None`: of every signal). `None` for a name that has no set of items.
    pub fn count_due_within(
        &self,
        evidence: &Evidence,
        signal: Option<Signal>,
        (start_ns, end_ns): (u64, u64),
        name: &str,
    ) -> Option<u64> {
        evidence
            .producers
            .iter()
            .zip(&self.producers)
            .filter(|(producer, _)| signal.is_none_or(|signal| producer.signal == signal))
            .map(|(producer, ledger)| {
                Some(due_within(producer, ledger.items(name)?, start_ns, end_ns))
            })
            .sum()
    }
}

fn due_within(producer: &Producer, items: &RoaringTreemap, start_ns: u64, end_ns: u64) -> u64 {
    // `rank` counts members up to and including its argument.
    let before = |at_ns: u64| items.rank(producer.first_sequence_due_at(at_ns) - 1);
    before(end_ns) - before(start_ns)
}
