//! Whether independent observations agree: one bit lost anywhere must show.

use std::collections::BTreeMap;

use roaring::RoaringTreemap;

use super::BatchSets;
use crate::evidence::{Evidence, Producer};
use crate::signal::Signal;

/// Contradictions within one producer's evidence, in words.
pub(super) fn producer(
    producer: &Producer,
    batches: &BatchSets,
    offered: &RoaringTreemap,
    unclassified: &RoaringTreemap,
) -> Vec<String> {
    let made = &producer.entered | &producer.sampled_out;
    let released_not_made = &(&released(producer) & offered) - &made;
    let rules = [
        (unclassified.clone(), "generated and in no class"),
        (
            &batches.handed - &producer.entered,
            "handed to the exporter and never generated",
        ),
        (
            &producer.received - &producer.entered,
            "received and never generated",
        ),
        (
            &producer.received - &batches.attempted,
            "received and never sent",
        ),
        (
            &producer.received_again - &producer.received,
            "received twice and not once",
        ),
        (&made - offered, "generated and never offered"),
        (
            released_not_made,
            "released by the generator, yet neither generated nor sampled out",
        ),
        (
            &producer.entered & &producer.sampled_out,
            "both generated and sampled out",
        ),
    ];
    let mut why_not: Vec<String> = rules
        .into_iter()
        .filter(|(items, _)| !items.is_empty())
        .map(|(items, what)| {
            let first = items.min().unwrap_or_default();
            format!(
                "producer {}: {} item(s) {what}, the first is {}/{first}",
                producer.producer,
                items.len(),
                producer.producer,
            )
        })
        .collect();
    let second_copies = producer.extra_copies.saturating_sub(producer.third_copies);
    if second_copies != producer.received_again.len() {
        why_not.push(format!(
            "producer {}: {second_copies} second copies were counted, {} items are marked as received again",
            producer.producer,
            producer.received_again.len()
        ));
    }
    why_not
}

fn released(producer: &Producer) -> RoaringTreemap {
    let per_arrival = u64::from(producer.items_per_arrival.max(1));
    let mut items = RoaringTreemap::new();
    for (index, at) in producer.released_ns.iter().enumerate() {
        if *at != 0 {
            let first = index as u64 * per_arrival + 1;
            items.insert_range(first..first + per_arrival);
        }
    }
    items
}

/// The sink counts every copy that it accepts, apart from its bitmaps: both must agree.
pub(super) fn sink_totals(evidence: &Evidence) -> BTreeMap<Signal, Vec<String>> {
    let mut why_not = BTreeMap::new();
    for signal in Signal::ALL {
        let marked: u64 = evidence
            .producers
            .iter()
            .filter(|producer| producer.signal == signal)
            .map(|producer| producer.received.len() + producer.extra_copies)
            .sum();
        let seen = evidence.sink.signals.iter().find(|s| s.signal == signal);
        let (copies, unexpected) = seen.map_or((0, 0), |seen| (seen.copies, seen.unexpected));
        if marked + unexpected != copies {
            why_not.insert(
                signal,
                vec![format!(
                    "the sink accepted {copies} copies, its marks account for {}",
                    marked + unexpected
                )],
            );
        }
    }
    why_not
}
