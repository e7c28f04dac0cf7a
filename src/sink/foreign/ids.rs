//! A bounded set of ids, with what has to be known of each: whether it came again, and who waits for it.

use std::collections::{HashMap, HashSet};

use super::Sighting;
use crate::evidence::ForeignSignal;
use crate::signal::Signal;

/// The items of one signal.
#[derive(Debug)]
pub struct Ids {
    /// Most ids that are kept.
    max: usize,
    known: HashSet<u64>,
    /// Those of them that came more than once.
    again: HashSet<u64>,
    /// Parents that have not come, and how many spans name each.
    awaited: HashMap<u64, u64>,
    orphans: u64,
    copies: u64,
    extra_copies: u64,
    nameless: u64,
    forgotten: u64,
}

impl Ids {
    pub fn of_at_most(max: usize) -> Self {
        Self {
            max,
            known: HashSet::new(),
            again: HashSet::new(),
            awaited: HashMap::new(),
            orphans: 0,
            copies: 0,
            extra_copies: 0,
            nameless: 0,
            forgotten: 0,
        }
    }

    /// Items that are not known to be copies of others.
    pub const fn received(&self) -> u64 {
        self.copies - self.extra_copies
    }

    /// Counts one item.
    pub fn take(&mut self, item: Sighting) {
        self.copies += 1;
        let Some(id) = item.id else {
            self.nameless += 1;
            return;
        };
        if self.known.contains(&id) {
            self.extra_copies += 1;
            self.again.insert(id);
            return;
        }
        if self.known.len() >= self.max {
            self.forgotten += 1;
            return;
        }
        self.known.insert(id);
        self.orphans -= self.awaited.remove(&id).unwrap_or(0);
        if let Some(parent) = item.parent
            && !self.known.contains(&parent)
        {
            // There are no more of these than of the known, each of which has one parent.
            *self.awaited.entry(parent).or_insert(0) += 1;
            self.orphans += 1;
        }
    }

    pub fn evidence(&self, signal: Signal) -> ForeignSignal {
        ForeignSignal {
            signal,
            copies: self.copies,
            distinct: self.known.len() as u64,
            again: self.again.len() as u64,
            extra_copies: self.extra_copies,
            nameless: self.nameless,
            forgotten: self.forgotten,
            orphans: self.orphans,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// Items with few ids, so that they meet: their own, their parent's.
    fn items() -> impl Strategy<Value = Vec<Sighting>> {
        let id = || prop::option::weighted(0.9, 0_u64..24);
        prop::collection::vec((id(), id()), 0..120).prop_map(|items| {
            let sighting = |(id, parent)| Sighting { id, parent };
            items.into_iter().map(sighting).collect()
        })
    }

    fn taken(max: usize, items: &[Sighting]) -> ForeignSignal {
        let mut ids = Ids::of_at_most(max);
        items.iter().for_each(|item| ids.take(*item));
        ids.evidence(Signal::Traces)
    }

    proptest! {
        /// Against the same told in the plainest way: all items kept, and counted at the end.
        #[test]
        fn it_counts_as_one_counts_by_hand(items in items()) {
            let seen = taken(usize::MAX, &items);
            let mut copies: BTreeMap<u64, u64> = BTreeMap::new();
            let mut parents: BTreeMap<u64, Option<u64>> = BTreeMap::new();
            for item in &items {
                if let Some(id) = item.id {
                    *copies.entry(id).or_default() += 1;
                    // The first copy says whose child it is.
                    parents.entry(id).or_insert(item.parent);
                }
            }
            prop_assert_eq!(seen.copies, items.len() as u64);
            prop_assert_eq!(seen.distinct, copies.len() as u64);
            prop_assert_eq!(seen.again, copies.values().filter(|n| **n > 1).count() as u64);
            prop_assert_eq!(seen.extra_copies, copies.values().map(|n| n - 1).sum::<u64>());
            let orphans = parents.values().flatten().filter(|p| !copies.contains_key(p));
            prop_assert_eq!(seen.orphans, orphans.count() as u64);
        }

        #[test]
        fn every_copy_is_counted_once_and_the_bound_is_kept(items in items(), max in 0_usize..30) {
            let seen = taken(max, &items);
            let sum = seen.distinct + seen.extra_copies + seen.nameless + seen.forgotten;
            prop_assert_eq!(seen.copies, sum);
            prop_assert!(seen.distinct <= max as u64);
            if seen.forgotten > 0 {
                prop_assert_eq!(seen.distinct, max as u64);
                prop_assert!(seen.blurred().unwrap().contains("only counted"));
            }
        }

        #[test]
        fn order_does_not_matter_where_every_id_has_one_parent(items in items(), seed: u64) {
            let one_parent = |item: &Sighting| Sighting {
                parent: item.id.map(|id| id.wrapping_mul(7) % 40),
                ..*item
            };
            let items: Vec<Sighting> = items.iter().map(one_parent).collect();
            let mut shuffled = items.clone();
            shuffled.sort_by_key(|item| item.id.unwrap_or(0).wrapping_mul(seed | 1));
            prop_assert_eq!(taken(usize::MAX, &items), taken(usize::MAX, &shuffled));
        }
    }
}
