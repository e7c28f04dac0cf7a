//! Items of a batch as sorted runs of consecutive sequences.

use opentelemetry::trace::SpanId;

use crate::evidence::ItemRange;
use crate::ids::Identity;

/// Runs of the given identities, by producer and sequence. An id of nobody is left out.
pub fn of_span_ids(span_ids: impl Iterator<Item = SpanId>) -> Vec<ItemRange> {
    let mut items: Vec<Identity> = span_ids
        .filter_map(|id| Identity::from_span_id(u64::from_be_bytes(id.to_bytes())))
        .collect();
    items.sort_unstable();
    let mut ranges: Vec<ItemRange> = Vec::new();
    for item in items {
        match ranges.last_mut() {
            Some(range) if range.producer == item.producer && range.last + 1 == item.sequence => {
                range.last = item.sequence;
            }
            _ => ranges.push(ItemRange {
                producer: item.producer,
                first: item.sequence,
                last: item.sequence,
            }),
        }
    }
    ranges
}

/// Number of items in ranges.
pub fn count(ranges: &[ItemRange]) -> u64 {
    ranges
        .iter()
        .map(|range| range.last - range.first + 1)
        .sum()
}

/// How many of a producer's items, in the order in which they entered, are done once `range` is:
/// the producer's queue is first in, first out. `reversed` says that the items of one arrival enter
/// last first, as spans do.
pub fn entered_through(range: ItemRange, items_per_arrival: u64, reversed: bool) -> u64 {
    let per_arrival = items_per_arrival.max(1);
    if !reversed {
        return range.last;
    }
    let arrival = (range.last - 1) / per_arrival;
    let first_index = range.first.max(arrival * per_arrival + 1) - 1 - arrival * per_arrival;
    arrival * per_arrival + (per_arrival - first_index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn ranges_hold_exactly_the_items(
            items in proptest::collection::btree_set((0_u16..3, 1_u64..60), 0..80),
        ) {
            let ids = items.iter().rev().map(|(producer, sequence)| {
                SpanId::from(Identity { producer: *producer, sequence: *sequence }.to_span_id())
            });
            let ranges = of_span_ids(ids);
            let back: BTreeSet<(u16, u64)> = ranges
                .iter()
                .flat_map(|r| (r.first..=r.last).map(move |s| (r.producer, s)))
                .collect();
            prop_assert_eq!(count(&ranges), items.len() as u64);
            prop_assert_eq!(back, items);
            let apart = |a: ItemRange, b: ItemRange| {
                a.producer < b.producer || a.last + 1 < b.first
            };
            prop_assert!(ranges.windows(2).all(|pair| apart(pair[0], pair[1])));
        }
    }

    #[test]
    fn a_trace_is_done_with_its_root() {
        let range = |first, last| ItemRange {
            producer: 0,
            first,
            last,
        };
        // Traces of four spans enter as 4 3 2 1, 8 7 6 5.
        assert_eq!(entered_through(range(3, 4), 4, true), 2);
        assert_eq!(entered_through(range(1, 4), 4, true), 4);
        assert_eq!(entered_through(range(1, 8), 4, true), 8);
        assert_eq!(entered_through(range(7, 8), 4, true), 6);
        assert_eq!(entered_through(range(7, 8), 4, false), 8);
    }
}
