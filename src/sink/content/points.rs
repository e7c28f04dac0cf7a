//! The same for data points, whose identity is made of what they say.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use super::tail::Tail;
use super::{ARRIVED, DISORDERED, count, differing};
use crate::evidence::{ContentFlaw, ContentPart, SignalContent};
use crate::ids::PointKey;
use crate::journal::{self, CONTENT_FILE, ContentLine, POINTS_FILE, Point, PointsLine};
use crate::otlp::content::{Item, Parts};
use crate::plan::ContentPlan;

/// What the client says of its points, and what has arrived of them.
#[derive(Debug)]
pub struct Points {
    notes: Tail,
    known: HashMap<PointKey, Known>,
    /// The points of a metric at one time: what is left of their identities when attributes change.
    by_place: HashMap<(u64, u64), Vec<PointKey>>,
    /// The newest point of each series.
    newest: HashMap<u64, Newest>,
}

#[derive(Debug)]
struct Known {
    parts: Parts,
    marks: u64,
    altered: Altered,
}

/// Whether a point arrived with other attributes than it was sent with, minded or not: then so may a
/// second copy of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Altered {
    No,
    /// It came to the sink before this one, which noted only which point it was.
    Perhaps,
    Yes,
}

#[derive(Debug, Clone, Copy)]
struct Newest {
    time_unix_ns: u64,
    start_unix_ns: u64,
    risen: Option<f64>,
}

impl Points {
    /// A sink that is started again knows the points that the one before has accepted.
    ///
    /// # Errors
    /// When the journal of these cannot be read.
    pub fn new(evidence: &Path) -> io::Result<Self> {
        let mut points = Self {
            notes: Tail::new(evidence.join(CONTENT_FILE)),
            known: HashMap::new(),
            by_place: HashMap::new(),
            newest: HashMap::new(),
        };
        let before: Vec<PointsLine> = journal::read(&evidence.join(POINTS_FILE))?;
        if before.is_empty() {
            return Ok(points);
        }
        for line in points.notes.read::<ContentLine>()? {
            points.learn(&line);
        }
        for point in before.iter().flat_map(|line| &line.points) {
            if let Some(known) = points.known.get_mut(&point.key) {
                known.marks |= ARRIVED;
                known.altered = Altered::Perhaps;
            }
            let this = Newest {
                time_unix_ns: point.key.time_unix_ns,
                start_unix_ns: point.start_unix_ns,
                risen: None,
            };
            let newest = points.newest.entry(point.key.series).or_insert(this);
            if newest.time_unix_ns < this.time_unix_ns {
                *newest = this;
            }
        }
        Ok(points)
    }

    /// Compares the points of a request; `points` and `items` are the same ones, in the same order.
    pub fn compare(
        &mut self,
        plan: &ContentPlan,
        items: &[Item<'_>],
        points: &mut [Point],
        found: &mut SignalContent,
    ) -> io::Result<()> {
        // The client notes what it sends before it sends it.
        if points
            .iter()
            .any(|point| !self.known.contains_key(&point.key))
        {
            for line in self.notes.read::<ContentLine>()? {
                self.learn(&line);
            }
        }
        let (known, strangers): (Vec<usize>, Vec<usize>) = (0..points.len().min(items.len()))
            .partition(|index| self.known.contains_key(&points[*index].key));
        for index in known {
            self.compare_one(plan, &items[index], &points[index], found);
        }
        // Only now is it known which are missing, and so which the strangers can have been.
        for index in strangers {
            match self.original(&items[index]) {
                Some(key) => {
                    points[index].key = key;
                    self.compare_one(plan, &items[index], &points[index], found);
                }
                None => found.unknown += 1,
            }
        }
        Ok(())
    }

    fn learn(&mut self, line: &ContentLine) {
        for point in &line.points {
            let known = Known {
                parts: point.parts,
                marks: 0,
                altered: Altered::No,
            };
            self.known.insert(point.key, known);
            let keys = self.by_place.entry(point.place).or_default();
            keys.push(point.key);
        }
    }

    /// Which point this was before its attributes were altered: one of the same metric, time and
    /// value that has not arrived, else one that arrived altered, of which this is a copy.
    fn original(&self, item: &Item<'_>) -> Option<PointKey> {
        let payload = ContentPart::Payload.index();
        let candidates = || {
            let keys = self.by_place.get(&item.place).into_iter().flatten();
            keys.filter_map(|key| Some((key, self.known.get(key)?)))
                .filter(|(_, known)| known.parts[payload] == item.parts[payload])
        };
        candidates()
            .find(|(_, known)| known.marks & ARRIVED == 0)
            .or_else(|| candidates().find(|(_, known)| known.altered == Altered::Yes))
            .or_else(|| candidates().find(|(_, known)| known.altered == Altered::Perhaps))
            .map(|(key, _)| *key)
    }

    fn compare_one(
        &mut self,
        plan: &ContentPlan,
        item: &Item<'_>,
        point: &Point,
        found: &mut SignalContent,
    ) {
        let Some(known) = self.known.get_mut(&point.key) else {
            return;
        };
        let before = known.marks;
        let attributes = ContentPart::Attributes.index();
        if known.parts[attributes] != item.parts[attributes] {
            known.altered = Altered::Yes;
        }
        let mut marks = differing(plan, &known.parts, &item.parts) | ARRIVED;
        let newest = self.newest.get(&point.key.series).copied();
        let name = || format!("{}@{}", point.key.series, point.key.time_unix_ns);
        let is_first = before & ARRIVED == 0;
        let late = newest.is_some_and(|newest| point.key.time_unix_ns < newest.time_unix_ns);
        if is_first {
            if late || !item.ordered {
                marks |= DISORDERED;
            }
            if let Some((newer, older)) = went_back(newest, item, point) {
                found.note(ContentFlaw::Regressions, || {
                    format!("{}: {newer} after {older}", name())
                });
            }
            if !late {
                let this = Newest {
                    time_unix_ns: point.key.time_unix_ns,
                    start_unix_ns: point.start_unix_ns,
                    risen: item.risen,
                };
                self.newest.insert(point.key.series, this);
            }
        }
        known.marks |= marks;
        let only_parts = marks & !DISORDERED;
        count(found, before, only_parts, item, &name);
        if marks & DISORDERED != 0 {
            found.note(ContentFlaw::Disordered, || match newest {
                Some(newest) if late => {
                    format!("{}: after that of {}", name(), newest.time_unix_ns)
                }
                _ => format!("{}: it ends before it starts", name()),
            });
        }
    }
}

/// The newer and the older value of a series, where the newer is below the older. With another start
/// a series counts anew.
fn went_back(newest: Option<Newest>, item: &Item<'_>, point: &Point) -> Option<(f64, f64)> {
    let newest = newest.filter(|newest| newest.start_unix_ns == point.start_unix_ns)?;
    let (before, this) = (newest.risen?, item.risen?);
    let (older, newer) = match point.key.time_unix_ns < newest.time_unix_ns {
        true => (this, before),
        false => (before, this),
    };
    (newer < older).then_some((newer, older))
}

#[cfg(test)]
mod tests;
