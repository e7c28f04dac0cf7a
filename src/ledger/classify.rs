//! Puts each item of one producer into its class.

use std::collections::BTreeMap;
use std::ops::Range;

use roaring::RoaringTreemap;

use super::{Class, ProducerLedger, consistency};
use crate::evidence::{Batch, Evidence, OutcomeKind, Producer};

/// What one producer's batches say about its items.
#[derive(Debug, Default)]
pub struct BatchSets {
    pub handed: RoaringTreemap,
    pub attempted: RoaringTreemap,
    pub acknowledged: RoaringTreemap,
    pub refused: RoaringTreemap,
    /// Handed over, and the client never learnt how it ended.
    pub open: RoaringTreemap,
    /// Items of each batch of which a partial success rejected some, and how many.
    pub partly_rejected: Vec<(RoaringTreemap, u64)>,
}

impl BatchSets {
    /// Collects what `batches` say about the items of `producer`.
    pub fn of<'b>(producer: &Producer, batches: impl IntoIterator<Item = &'b Batch>) -> Self {
        let mut sets = Self::default();
        let batches = batches.into_iter();
        for batch in batches.filter(|b| b.signal == producer.signal) {
            let items = items_of(producer.producer, batch);
            sets.handed |= &items;
            if !batch.attempts.is_empty() {
                sets.attempted |= &items;
            }
            match &batch.outcome {
                None => sets.open |= &items,
                Some(outcome) => match outcome.result {
                    OutcomeKind::Acknowledged => {
                        sets.acknowledged |= &items;
                        if outcome.rejected > 0 {
                            sets.partly_rejected.push((items, outcome.rejected));
                        }
                    }
                    OutcomeKind::Refused => sets.refused |= &items,
                    OutcomeKind::GivenUp => {}
                },
            }
        }
        sets
    }
}

fn items_of(producer: u16, batch: &Batch) -> RoaringTreemap {
    let mut items = RoaringTreemap::new();
    for range in batch.items.iter().filter(|r| r.producer == producer) {
        items.insert_range(range.first..=range.last);
    }
    items
}

/// Classifies one producer.
pub(super) fn classify(producer: &Producer, evidence: &Evidence) -> ProducerLedger {
    let batches = BatchSets::of(producer, &evidence.batches);
    let generated = producer.entered.clone();
    let received = &producer.received & &generated;

    let mut left = generated.clone();
    let mut classes = BTreeMap::new();
    let mut take = |class: Class, items: RoaringTreemap| {
        let taken = &left & &items;
        left -= &taken;
        classes.insert(class, taken);
    };
    take(Class::Duplicated, producer.received_again.clone());
    take(Class::Delivered, received.clone());
    take(Class::Unresolved, unresolved(producer, &batches, evidence));
    take(Class::Refused, refused(&batches, &producer.received));
    take(Class::LostSilently, batches.acknowledged.clone());
    take(Class::GivenUp, batches.attempted.clone());
    take(Class::DroppedByClient, &generated - &batches.attempted);
    let lost = classes
        .iter()
        .filter(|(class, _)| class.is_loss())
        .fold(RoaringTreemap::new(), |lost, (_, items)| lost | items);

    let offered = offered(producer);
    let missed = &(&offered - &generated) - &producer.sampled_out;
    let thought_failed = &(&batches.handed - &batches.acknowledged) & &received;
    let why_not = consistency::producer(producer, &batches, &offered, &left);
    ProducerLedger {
        signal: producer.signal,
        producer: producer.producer,
        missed,
        sampled_out: producer.sampled_out.clone(),
        recovered: thought_failed,
        late: &received - &producer.received_by_deadline,
        lost,
        extra_copies: producer.extra_copies,
        unexpected: (&producer.received - &generated).len(),
        offered,
        generated,
        received,
        classes,
        why_not,
    }
}

/// Items of every arrival that the schedule made due. While no client lived, none was. Of the last
/// arrival that a killed client released only what entered: the kill cut it short, and what it never
/// made was never due.
fn offered(producer: &Producer) -> RoaringTreemap {
    let per_arrival = u64::from(producer.items_per_arrival.max(1));
    let mut offered = RoaringTreemap::new();
    let arrivals = producer.due_ns.len() as u64;
    if arrivals > 0 {
        offered.insert_range(1..=arrivals * per_arrival);
    }
    for (outage, life) in producer.outages.iter().zip(producer.ended_lives()) {
        let nobody_there = (life.end..producer.due_ns.len())
            .take_while(|index| {
                outage
                    .back_ns
                    .is_none_or(|back| producer.due_ns[*index] < back)
            })
            .filter(|index| producer.released_ns[*index] == 0);
        for index in nobody_there {
            offered.remove_range(sequences(index..index + 1, per_arrival));
        }
        if !life.is_empty() {
            let cut_short = sequences(last_released(producer, &life), per_arrival);
            offered.remove_range(cut_short.clone());
            offered.extend(cut_short.filter(|sequence| {
                producer.entered.contains(*sequence) || producer.sampled_out.contains(*sequence)
            }));
        }
    }
    offered
}

/// The last arrival of a life, and those that were released with it: the items of a replayed request.
fn last_released(producer: &Producer, life: &Range<usize>) -> Range<usize> {
    let at_ns = |index: usize| producer.released_ns[index];
    let together = |index: &usize| at_ns(*index) == at_ns(life.end - 1);
    let count = life.clone().rev().take_while(together).count();
    life.end - count..life.end
}

/// The sequences of a range of arrivals.
fn sequences(arrivals: Range<usize>, per_arrival: u64) -> Range<u64> {
    let first_of = |arrival: usize| arrival as u64 * per_arrival + 1;
    first_of(arrivals.start)..first_of(arrivals.end)
}

/// What a killed client held (in its queue, or in flight), and what was acknowledged or in flight
/// when the drain ended with receipts still arriving, or went where nobody looks.
fn unresolved(producer: &Producer, batches: &BatchSets, evidence: &Evidence) -> RoaringTreemap {
    let mut items = RoaringTreemap::new();
    let per_arrival = u64::from(producer.items_per_arrival.max(1));
    for life in producer.ended_lives() {
        let mut lived = RoaringTreemap::new();
        lived.insert_range(sequences(life, per_arrival));
        items |= &batches.open & &lived;
        // The queue is first in, first out: what entered after the last item handed over was still
        // in it; what entered before and was not handed over had been dropped.
        let handed = &batches.handed & &lived;
        let last_handed = handed.iter().map(|s| producer.entry_order(s)).max();
        let not_handed = &(&producer.entered & &lived) - &handed;
        items.extend(
            not_handed
                .iter()
                .filter(|s| last_handed.is_none_or(|last| producer.entry_order(*s) > last)),
        );
    }
    if evidence.times.quiescent_ns.is_none() {
        items |= &batches.acknowledged;
        items |= &batches.open;
    }
    if evidence.ends_elsewhere {
        items |= &batches.acknowledged;
    }
    items
}

/// Items of refused batches, and of each partly rejected batch as many unreceived ones as the
/// answer said, no more.
fn refused(batches: &BatchSets, received: &RoaringTreemap) -> RoaringTreemap {
    let mut items = batches.refused.clone();
    for (batch, rejected) in &batches.partly_rejected {
        let unreceived = batch - received;
        items.extend(
            unreceived
                .iter()
                .take(usize::try_from(*rejected).unwrap_or(usize::MAX)),
        );
    }
    items
}
