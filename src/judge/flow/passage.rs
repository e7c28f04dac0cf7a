//! Which items of one producer came to each station of the line, and which went out of it.

use roaring::RoaringTreemap;

use super::Line;
use crate::evidence::{Batch, Evidence, Producer, Side};
use crate::ledger::{BatchSets, Class, ProducerLedger};
use crate::plan::RoleName;

/// Items that passed a place, and those that passed it more than once.
#[derive(Debug, Clone, Default)]
pub struct Passed {
    pub seen: RoaringTreemap,
    pub again: RoaringTreemap,
    /// Copies beyond each item's first.
    pub extra_copies: u64,
}

impl Passed {
    /// Adds what passed beside it, by another way.
    fn join(&mut self, other: &Passed) {
        let both = &self.seen & &other.seen;
        // The first copy by the second way is one beyond the first.
        self.extra_copies += other.extra_copies + both.len();
        self.again |= both | &other.again;
        self.seen |= &other.seen;
    }
}

/// One producer's way along the line, station by station in the line's order.
pub struct Passage<'a> {
    line: &'a Line,
    /// What came in and what went out; `None` where nobody looked.
    came: Vec<Option<Passed>>,
    went: Vec<Option<Passed>>,
    /// What was sent into each link out of the client, by its place in the line.
    attempted: Vec<(usize, RoaringTreemap)>,
}

impl<'a> Passage<'a> {
    pub fn of(line: &'a Line, evidence: &Evidence, producer: &Producer) -> Self {
        let ways: Vec<(RoleName, BatchSets)> = (0_u8..)
            .zip(line.behind(RoleName::Client))
            .map(|(way, link)| {
                let by_it = evidence.batches.iter().filter(|batch| batch.way == way);
                (link, BatchSets::of(producer, by_it))
            })
            .collect();
        let sent = sent(producer, &evidence.batches);
        let tapped = |role: RoleName, side: Side| {
            let RoleName::Link(index) = role else {
                return None;
            };
            let tap = evidence
                .taps
                .iter()
                .find(|tap| tap.link == usize::from(index) && tap.side == side)?;
            let of_producer = tap
                .producers
                .iter()
                .find(|t| t.signal == producer.signal && t.producer == producer.producer)?;
            Some(Passed {
                seen: of_producer.seen.clone(),
                again: of_producer.seen_again.clone(),
                extra_copies: of_producer.extra_copies,
            })
        };
        // Known only where every link there has a tap.
        let joined = |links: &[RoleName], side: Side| {
            let mut all = Passed::default();
            for link in links {
                all.join(&tapped(*link, side)?);
            }
            (!links.is_empty()).then_some(all)
        };
        let answered = |before: &[RoleName]| {
            let mut all = Passed::default();
            for (_, batches) in ways.iter().filter(|(link, _)| before.contains(link)) {
                all.join(&Passed {
                    seen: &batches.acknowledged | &batches.refused,
                    ..Passed::default()
                });
            }
            all
        };
        let (mut came, mut went) = (Vec::new(), Vec::new());
        for station in &line.stations {
            let (before, behind) = (line.before(*station), line.behind(*station));
            came.push(match station {
                RoleName::Client => None,
                RoleName::Link(_) => tapped(*station, Side::Entry),
                RoleName::Sink if evidence.ends_elsewhere => None,
                // What the client was answered for came to what it sends to.
                RoleName::Target(_) | RoleName::Sink => {
                    let first = before.iter().all(|link| line.is_first(*link));
                    joined(&before, Side::Exit).or_else(|| first.then(|| answered(&before)))
                }
            });
            went.push(match station {
                RoleName::Client => Some(sent.clone()),
                RoleName::Link(_) => tapped(*station, Side::Exit),
                RoleName::Target(_) => joined(&behind, Side::Entry),
                RoleName::Sink => None,
            });
        }
        let attempted = ways.into_iter().filter_map(|(link, batches)| {
            let index = line.stations.iter().position(|s| *s == link)?;
            Some((index, batches.attempted))
        });
        Self {
            line,
            came,
            went,
            attempted: attempted.collect(),
        }
    }

    /// What came to a station, by its place in the line.
    pub fn came(&self, station: usize) -> Option<&Passed> {
        self.came.get(station)?.as_ref()
    }

    /// What went out of it.
    pub fn went(&self, station: usize) -> Option<&Passed> {
        self.went.get(station)?.as_ref()
    }

    /// Items that did not arrive, by the last station to which each came.
    pub fn left(&self, lost: &RoaringTreemap) -> Vec<(usize, RoaringTreemap)> {
        let mut remaining = lost.clone();
        let mut left = Vec::new();
        for station in (1..self.line.stations.len()).rev() {
            if let Some(came) = self.came(station) {
                let here = &remaining & &came.seen;
                remaining -= &here;
                left.push((station, here));
            }
        }
        // Sent, and never seen whole: left on the way. The rest never set out.
        for (link, attempted) in &self.attempted {
            let on_the_way = &remaining & attempted;
            remaining -= &on_the_way;
            left.push((*link, on_the_way));
        }
        left.push((0, remaining));
        left.retain(|(_, items)| !items.is_empty());
        left
    }

    /// Items that a target answered for and nothing behind it: the last target to which each came.
    pub fn held_by_targets(&self, lost: &RoaringTreemap) -> Vec<(usize, RoaringTreemap)> {
        let mut remaining = lost.clone();
        let mut held = Vec::new();
        for station in (1..self.line.stations.len()).rev() {
            if let (RoleName::Target(_), Some(came)) =
                (self.line.stations[station], self.came(station))
            {
                let here = &remaining & &came.seen;
                remaining -= &here;
                held.push((station, here));
            }
        }
        held
    }

    /// Items that arrived more than once, by the first station out of which more than one copy came.
    pub fn copied(&self, duplicated: &RoaringTreemap) -> Vec<(usize, RoaringTreemap)> {
        let mut remaining = duplicated.clone();
        let mut copied = Vec::new();
        for station in 0..self.line.stations.len() {
            if let Some(went) = self.went(station) {
                let here = &remaining & &went.again;
                remaining -= &here;
                copied.push((station, here));
            }
        }
        copied.push((self.line.stations.len() - 1, remaining));
        copied.retain(|(_, items)| !items.is_empty());
        copied
    }
}

/// What the client put on the wire; an item of a batch that was sent twice went out twice.
fn sent(producer: &Producer, batches: &[Batch]) -> Passed {
    let mut sent = Passed::default();
    for batch in batches.iter().filter(|b| b.signal == producer.signal) {
        let attempts = batch.attempts.len() as u64;
        for range in batch
            .items
            .iter()
            .filter(|r| r.producer == producer.producer)
        {
            if attempts > 0 {
                sent.seen.insert_range(range.first..=range.last);
            }
            if attempts > 1 {
                sent.again.insert_range(range.first..=range.last);
                sent.extra_copies += (attempts - 1) * (range.last - range.first + 1);
            }
        }
    }
    sent
}

/// The classes whose items were left somewhere.
pub fn losses(ledger: &ProducerLedger) -> impl Iterator<Item = (Class, &RoaringTreemap)> {
    let classes = Class::ALL.into_iter().filter(|class| class.is_loss());
    classes.map(|class| (class, ledger.class(class)))
}
