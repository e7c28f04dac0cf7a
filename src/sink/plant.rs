//! Planted misbehaviour: a sink that is wrong in a known way, to judge squall by.
//!
//! Pure: it is told which items a request holds and says what becomes of each. The caller obeys,
//! and writes what was touched to the oracle file.

use std::collections::HashSet;

use crate::plan::PlantKind;

/// What tells an item apart from all others of its signal.
pub type Key = (u64, u64);

/// Forgotten items are chosen from one in this many, so that they are spread over the run.
const CHOSEN_FROM: u64 = 7;

/// What becomes of one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Received,
    ReceivedTwice,
    Forgotten,
    Rejected,
}

/// What the sender is told, instead of the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    Accepted,
    Partial { rejected: u64 },
    Unavailable,
    Refused,
}

/// What the plants do to one request.
#[derive(Debug, PartialEq, Eq)]
pub struct Verdict {
    /// One per item, in order.
    pub fates: Vec<Fate>,
    pub reply: Reply,
    /// Items that a plant touches for the first time: index in the request, and the ledger's class.
    pub touched: Vec<(usize, &'static str)>,
}

/// The plants of one signal.
#[derive(Debug)]
pub struct Plants {
    seed: u64,
    requests: u64,
    plants: Vec<Plant>,
}

#[derive(Debug)]
struct Plant {
    kind: PlantKind,
    touched: HashSet<Key>,
}

impl Plants {
    pub fn new(seed: u64, kinds: impl Iterator<Item = PlantKind>) -> Self {
        let plants = kinds
            .map(|kind| Plant {
                kind,
                touched: HashSet::new(),
            })
            .collect();
        Self {
            seed,
            requests: 0,
            plants,
        }
    }

    /// Whether every request goes its usual way.
    pub fn is_empty(&self) -> bool {
        self.plants.is_empty()
    }

    /// Judges the signal's next request. An item without a key is nobody's: it is never chosen and
    /// never written down.
    pub fn judge(&mut self, items: &[Option<Key>]) -> Verdict {
        self.requests += 1;
        let mut verdict = Verdict {
            fates: vec![Fate::Received; items.len()],
            reply: Reply::Accepted,
            touched: Vec::new(),
        };
        for plant in &mut self.plants {
            plant.apply(self.seed, self.requests, items, &mut verdict);
        }
        verdict
    }
}

impl Plant {
    /// `request` counts from 1. An item that another plant has taken is left alone.
    fn apply(&mut self, seed: u64, request: u64, items: &[Option<Key>], verdict: &mut Verdict) {
        let (class, fate, reach) = match self.kind {
            PlantKind::LoseAcknowledged { .. } => ("lost_silently", Fate::Forgotten, items.len()),
            PlantKind::ReceiveTwice { requests } if request <= requests => {
                ("duplicated", Fate::ReceivedTwice, items.len())
            }
            PlantKind::LoseResponse { requests } if request <= requests => {
                verdict.reply = Reply::Unavailable;
                ("duplicated", Fate::Received, items.len())
            }
            PlantKind::Reject { items: rejected } => {
                let rejected = rejected.min(items.len() as u64);
                if rejected > 0 {
                    verdict.reply = Reply::Partial { rejected };
                }
                ("refused", Fate::Rejected, rejected as usize)
            }
            PlantKind::RefuseAll { after_requests } if request > after_requests => {
                verdict.reply = Reply::Refused;
                ("refused", Fate::Rejected, items.len())
            }
            PlantKind::Note => ("received", Fate::Received, items.len()),
            _ => return,
        };
        for (index, key) in items.iter().enumerate().take(reach) {
            if verdict.fates[index] != Fate::Received || !self.wants(seed, *key) {
                continue;
            }
            verdict.fates[index] = fate;
            if key.is_some_and(|key| self.touched.insert(key)) {
                verdict.touched.push((index, class));
            }
        }
    }

    /// An item once forgotten stays forgotten when it is sent again.
    fn wants(&self, seed: u64, key: Option<Key>) -> bool {
        let PlantKind::LoseAcknowledged { items } = self.kind else {
            return true;
        };
        key.is_some_and(|key| {
            self.touched.contains(&key)
                || ((self.touched.len() as u64) < items
                    && mix(seed ^ mix(key.0 ^ mix(key.1))).is_multiple_of(CHOSEN_FROM))
        })
    }
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014).
pub(super) fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plants(kind: PlantKind) -> Plants {
        Plants::new(7, std::iter::once(kind))
    }

    fn items(range: std::ops::Range<u64>) -> Vec<Option<Key>> {
        range.map(|item| Some((0, item))).collect()
    }

    #[test]
    fn exactly_as_many_as_asked_are_forgotten_and_stay_so() {
        let mut plants = plants(PlantKind::LoseAcknowledged { items: 137 });
        let mut forgotten = Vec::new();
        for start in (0..5000).step_by(100) {
            let verdict = plants.judge(&items(start..start + 100));
            assert_eq!(verdict.reply, Reply::Accepted);
            for (index, class) in verdict.touched {
                assert_eq!(
                    (class, verdict.fates[index]),
                    ("lost_silently", Fate::Forgotten)
                );
                forgotten.push(start + index as u64);
            }
        }
        assert_eq!(forgotten.len(), 137);
        assert!(forgotten.windows(2).any(|pair| pair[1] != pair[0] + 1));
        let again = plants.judge(&items(0..5000));
        assert!(again.touched.is_empty());
        let still: Vec<u64> = (0..5000)
            .filter(|item| again.fates[*item as usize] == Fate::Forgotten)
            .collect();
        assert_eq!(still, forgotten);
    }

    #[test]
    fn the_seed_chooses() {
        let chosen = |seed| {
            let kind = PlantKind::LoseAcknowledged { items: 10 };
            Plants::new(seed, std::iter::once(kind))
                .judge(&items(0..1000))
                .touched
        };
        assert_eq!(chosen(1), chosen(1));
        assert_ne!(chosen(1), chosen(2));
    }

    #[test]
    fn the_first_requests_count_twice_or_lose_their_response() {
        let mut twice = plants(PlantKind::ReceiveTwice { requests: 1 });
        let first = twice.judge(&items(0..3));
        assert_eq!(first.fates, [Fate::ReceivedTwice; 3]);
        assert_eq!(first.touched.len(), 3);
        assert_eq!(twice.judge(&items(3..4)).fates, [Fate::Received]);

        let mut lost = plants(PlantKind::LoseResponse { requests: 1 });
        let first = lost.judge(&items(0..3));
        assert_eq!(first.reply, Reply::Unavailable);
        assert_eq!(first.fates, [Fate::Received; 3]);
        assert_eq!(first.touched.len(), 3);
        assert_eq!(lost.judge(&items(0..3)).reply, Reply::Accepted);
    }

    #[test]
    fn a_few_of_each_request_or_all_from_some_request_on_are_rejected() {
        let mut few = plants(PlantKind::Reject { items: 2 });
        let verdict = few.judge(&items(0..3));
        assert_eq!(verdict.reply, Reply::Partial { rejected: 2 });
        assert_eq!(
            verdict.fates,
            [Fate::Rejected, Fate::Rejected, Fate::Received]
        );
        let reply = few.judge(&items(5..6)).reply;
        assert_eq!(reply, Reply::Partial { rejected: 1 });

        let mut all = plants(PlantKind::RefuseAll { after_requests: 1 });
        assert_eq!(all.judge(&items(0..2)).reply, Reply::Accepted);
        let verdict = all.judge(&items(0..2));
        assert_eq!(verdict.reply, Reply::Refused);
        assert_eq!(verdict.fates, [Fate::Rejected; 2]);
        assert_eq!(verdict.touched, [(0, "refused"), (1, "refused")]);
    }

    #[test]
    fn what_is_nobodys_is_never_written_down() {
        let mut plants = plants(PlantKind::ReceiveTwice { requests: 9 });
        assert!(plants.judge(&[None]).touched.is_empty());
    }
}
