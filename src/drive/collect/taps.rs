//! What the taps saw of each item, and how long items took from one tap to the next.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::Path;

use roaring::RoaringTreemap;

use crate::evidence::{HopLatency, Producer, Side, TapEvidence, Tapped};
use crate::ids::PointKey;
use crate::journal::{self, PointsLine};
use crate::mapped::{Bitmap, Words, names};
use crate::plan::line::Line;
use crate::plan::windows::{Segment, segment_at};
use crate::plan::{Plan, RoleName};
use crate::signal::Signal;
use crate::stats::histogram::Latencies;
use crate::topology::tapped;

/// Where items are due, as the place before the first tap.
const DUE: &str = "due";

/// One side of a link with a tap; a run's are listed in the order in which items pass them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Number of the link.
    pub link: usize,
    pub side: Side,
    /// The link's name, a dot and the side.
    pub name: String,
}

/// Both sides of each link with a tap, in the order in which items pass them. That is not the one in
/// which a scenario lists its targets.
pub fn places(plan: &Plan) -> Vec<Place> {
    let line = Line::of(plan);
    let mut links: Vec<(usize, RoleName)> = tapped(plan).collect();
    links.sort_by_key(|(_, role)| line.position(*role));
    let both = |(link, role): (usize, RoleName)| {
        Side::ALL.map(|side| Place {
            link,
            side,
            name: format!("{}.{side}", role.as_str()),
        })
    };
    links.into_iter().flat_map(both).collect()
}

/// What is known of the items before the taps' files are read.
pub struct Known<'a> {
    pub producers: &'a [Producer],
    /// Whether data points are known by their keys alone.
    pub by_key: bool,
    /// Sequence of each data point that was handed over.
    pub points: &'a HashMap<PointKey, u64>,
    /// What each tap counted.
    pub counts: Vec<TapEvidence>,
}

/// Reads what each tap saw, in the order of `places`, and the latencies between them.
///
/// # Errors
/// When a file cannot be read.
pub fn read(
    folder: &Path,
    places: &[Place],
    known: Known<'_>,
    segments: &[Segment],
) -> io::Result<(Vec<TapEvidence>, Vec<HopLatency>)> {
    let mut taps = known.counts;
    let mut hops = Vec::new();
    for signal in Signal::ALL {
        let mut latencies = Hops::new(segments);
        for producer in known.producers.iter().filter(|p| p.signal == signal) {
            let mut firsts = Vec::new();
            for place in places {
                let (tapped, first) = match signal {
                    Signal::Metrics if known.by_key => points_seen(folder, place, known.points)?,
                    _ => items_seen(folder, place, producer)?,
                };
                let tap = tap_of(&mut taps, place);
                tap.unexpected += tapped.strangers;
                tap.producers.push(tapped);
                firsts.push(first);
            }
            latencies.record(producer, &firsts);
        }
        hops.extend(latencies.into_evidence(places, signal));
    }
    Ok((taps, hops))
}

/// The tap at a place; one whose link did not live to tell has counted nothing.
fn tap_of<'a>(taps: &'a mut Vec<TapEvidence>, place: &Place) -> &'a mut TapEvidence {
    let is_there = |tap: &TapEvidence| tap.link == place.link && tap.side == place.side;
    let index = taps.iter().position(is_there).unwrap_or_else(|| {
        taps.push(TapEvidence::new(place.link, place.side));
        taps.len() - 1
    });
    &mut taps[index]
}

/// When each item was first seen at one place.
enum First {
    /// As the tap wrote it: one more than the time, and 0 for never.
    Words(Words),
    Points(HashMap<u64, u64>),
}

impl First {
    fn at_ns(&self, sequence: u64) -> Option<u64> {
        match self {
            First::Words(words) => words.get(usize::try_from(sequence).ok()?).checked_sub(1),
            First::Points(points) => points.get(&sequence).copied(),
        }
    }
}

fn items_seen(folder: &Path, place: &Place, of: &Producer) -> io::Result<(Tapped, First)> {
    let (link, side, signal, producer) = (place.link, place.side, of.signal, of.producer);
    let set = |name: String| Bitmap::open(&folder.join(name)).map(|bitmap| bitmap.to_set());
    let words = |name: String| Words::open(&folder.join(name));
    let tapped = Tapped {
        signal,
        producer,
        seen: set(names::tapped(link, side, signal, producer))?,
        seen_again: set(names::tapped_again(link, side, signal, producer))?,
        extra_copies: words(names::tapped_extra_copies(link, side, signal, producer))?.get(0),
        strangers: 0,
    };
    let first = words(names::tapped_first(link, side, signal, producer))?;
    Ok((tapped, First::Words(first)))
}

fn points_seen(
    folder: &Path,
    place: &Place,
    sequences: &HashMap<PointKey, u64>,
) -> io::Result<(Tapped, First)> {
    let file = folder.join(names::tapped_points(place.link, place.side));
    let lines: Vec<PointsLine> = journal::read(&file)?;
    let mut tapped = Tapped {
        signal: Signal::Metrics,
        producer: 0,
        seen: RoaringTreemap::new(),
        seen_again: RoaringTreemap::new(),
        extra_copies: 0,
        strangers: 0,
    };
    let mut first = HashMap::new();
    for line in &lines {
        for point in &line.points {
            let Some(sequence) = sequences.get(&point.key).copied() else {
                tapped.strangers += 1;
                continue;
            };
            if tapped.seen.insert(sequence) {
                first.insert(sequence, line.at_ns);
            } else {
                tapped.seen_again.insert(sequence);
                tapped.extra_copies += 1;
            }
        }
    }
    Ok((tapped, First::Points(first)))
}

/// The latencies of one signal: from the due time to the first place, and from each to the next at
/// which the item was seen. On a line that branches these differ from item to item.
struct Hops<'a> {
    segments: &'a [Segment],
    /// From which place, `None` being the due time, and to which.
    by_hop: BTreeMap<(Option<usize>, usize), Vec<Latencies>>,
}

impl<'a> Hops<'a> {
    fn new(segments: &'a [Segment]) -> Self {
        Self {
            segments,
            by_hop: BTreeMap::new(),
        }
    }

    fn record(&mut self, producer: &Producer, firsts: &[First]) {
        let per_arrival = u64::from(producer.items_per_arrival.max(1));
        let items = producer.due_ns.len() as u64 * per_arrival;
        let count = self.segments.len();
        for sequence in 1..=items {
            let Some(due_ns) = producer.due_of(sequence) else {
                continue;
            };
            let segment = segment_at(self.segments, due_ns);
            let mut before = (None, due_ns);
            for (place, first) in firsts.iter().enumerate() {
                let Some(here_ns) = first.at_ns(sequence) else {
                    continue;
                };
                let hop = self.by_hop.entry((before.0, place));
                let by_segment = hop.or_insert_with(|| vec![Latencies::default(); count]);
                if let Some(latencies) = by_segment.get_mut(segment) {
                    latencies.record_ns(here_ns.saturating_sub(before.1), 1);
                }
                before = (Some(place), here_ns);
            }
        }
    }

    /// Those hops that any item took.
    fn into_evidence(self, places: &[Place], signal: Signal) -> Vec<HopLatency> {
        let name = |place: usize| places.get(place).map_or("", |p| p.name.as_str()).to_owned();
        let hops = self.by_hop.into_iter();
        hops.map(|((from, to), by_segment)| HopLatency {
            from: from.map_or(DUE.to_owned(), name),
            to: name(to),
            signal,
            by_segment,
        })
        .collect()
    }
}
