//! Which items of one producer came to each station of the line, and which went out of it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use roaring::RoaringTreemap;

use crate::evidence::{Batch, Evidence, Producer, Side, Tapped};
use crate::ledger::{BatchSets, Class, ProducerLedger};
use crate::plan::RoleName;
use crate::plan::line::Line;

/// Items that passed a place, and those that passed it more than once.
#[derive(Debug, Clone, Default)]
pub struct Passed<'a> {
    pub seen: Cow<'a, RoaringTreemap>,
    pub again: Cow<'a, RoaringTreemap>,
    /// Copies beyond each item's first.
    pub extra_copies: u64,
    /// Those of `seen` of which nobody knows how many copies passed.
    uncounted: RoaringTreemap,
}

impl<'a> Passed<'a> {
    fn tapped(tapped: &'a Tapped) -> Self {
        Self {
            seen: Cow::Borrowed(&tapped.seen),
            again: Cow::Borrowed(&tapped.seen_again),
            extra_copies: tapped.extra_copies,
            uncounted: RoaringTreemap::new(),
        }
    }

    /// Adds what passed beside it, by another way.
    fn join(&mut self, other: &Passed<'_>) {
        let both = &*self.seen & &*other.seen;
        // The first copy by the second way is one beyond the first.
        self.extra_copies += other.extra_copies + both.len();
        *self.again.to_mut() |= both | &*other.again;
        *self.seen.to_mut() |= &*other.seen;
        self.uncounted |= &other.uncounted;
    }

    /// Adds items that passed as well, in some number of copies.
    fn add(&mut self, items: &RoaringTreemap) {
        let unseen = items - &*self.seen;
        if !unseen.is_empty() {
            *self.seen.to_mut() |= &unseen;
            self.uncounted |= unseen;
        }
    }

    /// Those of `items` of which one copy passed, and those of which more did.
    pub fn once_and_again(&self, items: &RoaringTreemap) -> (RoaringTreemap, RoaringTreemap) {
        let again = items & &*self.again;
        let once = (items & &*self.seen) - &again - &self.uncounted;
        (once, again)
    }
}

/// One producer's way along the line, station by station in the line's order.
#[derive(Debug)]
pub struct Passage<'a> {
    stations: Vec<RoleName>,
    /// What came in and what went out; `None` where nobody looked.
    came: Vec<Option<Passed<'a>>>,
    went: Vec<Option<Passed<'a>>>,
    /// What was sent into each link out of the client, and the places in the line that it passes.
    ways: Vec<(Vec<usize>, RoaringTreemap)>,
}

impl<'a> Passage<'a> {
    pub fn of(line: &Line, evidence: &'a Evidence, producer: &Producer) -> Self {
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
            let mut taps = evidence.taps.iter();
            let tap = taps.find(|t| t.link == usize::from(index) && t.side == side)?;
            let mut producers = tap.producers.iter();
            producers
                .find(|t| t.signal == producer.signal && t.producer == producer.producer)
                // Nobody knows which ones the others were.
                .filter(|tapped| tapped.strangers == 0)
                .map(Passed::tapped)
        };
        // Known only where every link there has a tap.
        let joined = |links: &[RoleName], side: Side| {
            let (first, others) = links.split_first()?;
            let mut all = tapped(*first, side)?;
            for link in others {
                all.join(&tapped(*link, side)?);
            }
            Some(all)
        };
        // What the client was answered for came to what it sends to, also where a tap could not
        // read it.
        let received = |before: &[RoleName]| {
            let tapped = joined(before, Side::Exit);
            if !before.iter().all(|link| line.is_first(*link)) {
                return tapped;
            }
            let mut came = tapped.unwrap_or_default();
            for (_, batches) in ways.iter().filter(|(link, _)| before.contains(link)) {
                came.add(&(&batches.acknowledged | &batches.refused));
            }
            Some(came)
        };
        let (mut came, mut went) = (Vec::new(), Vec::new());
        for station in &line.stations {
            let (before, behind) = (line.before(*station), line.behind(*station));
            came.push(match station {
                RoleName::Client => None,
                RoleName::Link(_) => tapped(*station, Side::Entry),
                RoleName::Sink if evidence.ends_elsewhere => None,
                RoleName::Target(_) | RoleName::Sink => received(&before),
            });
            went.push(match station {
                RoleName::Client => Some(sent.clone()),
                RoleName::Link(_) => tapped(*station, Side::Exit),
                RoleName::Target(_) => joined(&behind, Side::Entry),
                RoleName::Sink => None,
            });
        }
        let ways = ways.into_iter();
        Self {
            stations: line.stations.clone(),
            came,
            went,
            ways: ways
                .map(|(link, batches)| (line.way(link), batches.attempted))
                .collect(),
        }
    }

    /// What came to a station, by its place in the line.
    pub fn came(&self, station: usize) -> Option<&Passed<'a>> {
        self.came.get(station)?.as_ref()
    }

    /// What went out of it.
    pub fn went(&self, station: usize) -> Option<&Passed<'a>> {
        self.went.get(station)?.as_ref()
    }

    /// Whether taps before and behind a station both saw one of the items.
    pub fn passed_through(&self, station: usize) -> bool {
        let (Some(came), Some(went)) = (self.came(station), self.went(station)) else {
            return false;
        };
        let mut counted = &*came.seen & &*went.seen;
        counted -= &came.uncounted;
        !counted.is_empty()
    }

    /// Items that did not arrive, by the last station to which each came.
    pub fn left(&self, lost: &RoaringTreemap) -> Vec<(usize, RoaringTreemap)> {
        let mut remaining = lost.clone();
        let mut left = Vec::new();
        for station in (1..self.stations.len()).rev() {
            if let Some(came) = self.came(station) {
                let here = &remaining & &*came.seen;
                remaining -= &here;
                left.push((station, here));
            }
        }
        // Sent, and never seen whole: left on the way. The rest never set out.
        for (way, attempted) in &self.ways {
            let on_the_way = &remaining & attempted;
            remaining -= &on_the_way;
            // The way is the client and the link behind it at least.
            left.push((way.get(1).copied().unwrap_or(0), on_the_way));
        }
        left.push((0, remaining));
        left.retain(|(_, items)| !items.is_empty());
        left
    }

    /// Items that a target answered for and nothing behind it: the last target to which each came.
    pub fn held_by_targets(&self, lost: &RoaringTreemap) -> Vec<(usize, RoaringTreemap)> {
        let mut remaining = lost.clone();
        let mut held = Vec::new();
        for station in (1..self.stations.len()).rev() {
            if let (RoleName::Target(_), Some(came)) = (self.stations[station], self.came(station))
            {
                let here = &remaining & &*came.seen;
                remaining -= &here;
                held.push((station, here));
            }
        }
        held
    }

    /// Who made the second copies of items that arrived more than once.
    pub fn copied(&self, duplicated: &RoaringTreemap) -> Copied {
        let mut copied = Copied::default();
        let mut remaining = duplicated.clone();
        for (number, (way, attempted)) in self.ways.iter().enumerate() {
            let mut items = &remaining & attempted;
            remaining -= &items;
            // Sent into two links, an item is two by the client's doing.
            for (_, attempted) in &self.ways[number + 1..] {
                let into_both = &items & attempted;
                items -= &into_both;
                copied.made_by(0, into_both);
            }
            self.trace_back(way, items, &mut copied);
        }
        // The client's notes say nothing of these: any way is as good.
        if let Some((way, _)) = self.ways.first() {
            self.trace_back(way, remaining, &mut copied);
        }
        copied
    }

    /// Follows copies from the sink back to where there was only one.
    fn trace_back(&self, way: &[usize], items: RoaringTreemap, copied: &mut Copied) {
        let mut traces = vec![Trace {
            items,
            suspects: Vec::new(),
        }];
        for at in way.iter().rev() {
            if let Some(went) = self.went(*at) {
                self.meet(&mut traces, went, *at, copied);
            }
            for trace in &mut traces {
                trace.suspects.push(*at);
            }
            if let Some(came) = self.came(*at) {
                self.meet(&mut traces, came, *at, copied);
            }
        }
        // More than one copy went out of the client, or nobody knows.
        for trace in traces {
            self.convict(&trace.suspects, 0, trace.items, copied);
        }
    }

    /// Where copies were counted: items of which one passed were copied behind it, and those of which
    /// more did before it.
    fn meet(&self, traces: &mut Vec<Trace>, passed: &Passed<'_>, at: usize, copied: &mut Copied) {
        let mut before = RoaringTreemap::new();
        for trace in traces.iter_mut() {
            let (once, again) = passed.once_and_again(&trace.items);
            trace.items -= &once;
            trace.items -= &again;
            self.convict(&trace.suspects, at, once, copied);
            before |= again;
        }
        traces.retain(|trace| !trace.items.is_empty());
        if !before.is_empty() {
            traces.push(Trace {
                items: before,
                suspects: Vec::new(),
            });
        }
    }

    /// Of several suspects it is the last target out of which nobody saw them come, for links and
    /// sinks make no copies; else whoever stands before the sink.
    fn convict(&self, suspects: &[usize], at: usize, items: RoaringTreemap, copied: &mut Copied) {
        if items.is_empty() {
            return;
        }
        let is = |at: &usize, kind: &str| self.stations.get(*at).is_some_and(|r| r.kind() == kind);
        let target = suspects.iter().find(|at| is(at, "target"));
        let other = || suspects.iter().find(|at| !is(at, "sink"));
        let unsure = suspects.len() > 1;
        if let Some(target) = target.filter(|_| unsure) {
            *copied.unsure.entry(*target).or_default() |= &items;
        }
        let maker = match suspects {
            [] => at,
            [only] => *only,
            [first, ..] => *target.or_else(other).unwrap_or(first),
        };
        copied.made_by(maker, items);
    }
}

/// Second copies, by the place in the line of who made them.
#[derive(Debug, Default)]
pub struct Copied {
    pub at: BTreeMap<usize, RoaringTreemap>,
    /// Those of them that a target may have made or not, for nobody looked, by that target.
    pub unsure: BTreeMap<usize, RoaringTreemap>,
}

impl Copied {
    fn made_by(&mut self, at: usize, items: RoaringTreemap) {
        if !items.is_empty() {
            *self.at.entry(at).or_default() |= items;
        }
    }
}

/// Items that are followed back along the line.
struct Trace {
    items: RoaringTreemap,
    /// The stations behind which more than one copy was seen, and before which nobody has counted yet.
    suspects: Vec<usize>,
}

/// What the client put on the wire; an item of a batch that was sent twice went out twice.
fn sent(producer: &Producer, batches: &[Batch]) -> Passed<'static> {
    let (mut seen, mut again) = (RoaringTreemap::new(), RoaringTreemap::new());
    let mut extra_copies = 0;
    for batch in batches.iter().filter(|b| b.signal == producer.signal) {
        let attempts = batch.attempts.len() as u64;
        for range in batch
            .items
            .iter()
            .filter(|r| r.producer == producer.producer)
        {
            if attempts > 0 {
                seen.insert_range(range.first..=range.last);
            }
            if attempts > 1 {
                again.insert_range(range.first..=range.last);
                extra_copies += (attempts - 1) * (range.last - range.first + 1);
            }
        }
    }
    Passed {
        seen: Cow::Owned(seen),
        again: Cow::Owned(again),
        extra_copies,
        uncounted: RoaringTreemap::new(),
    }
}

/// The classes whose items were left somewhere.
pub fn losses(ledger: &ProducerLedger) -> impl Iterator<Item = (Class, &RoaringTreemap)> {
    let classes = Class::ALL.into_iter().filter(|class| class.is_loss());
    classes.map(|class| (class, ledger.class(class)))
}
