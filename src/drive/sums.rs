//! What each metric series recorded, and what arrived of it.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::Path;

use crate::evidence::SeriesSum;
use crate::ids::PointKey;
use crate::journal::{
    self, BatchLine, METRIC_SERIES_FILE, Point, PointKind, PointsLine, SeriesLine,
};
use crate::mapped::{Words, names};

/// Adds up the points of one series.
#[derive(Debug, Default, Clone)]
struct Total {
    /// Time and value of the newest cumulative point, by the time from which it counts: a client
    /// that was started again counts anew, and what it had counted before stays counted.
    newest: BTreeMap<u64, (u64, f64)>,
    deltas: f64,
}

impl Total {
    fn add(&mut self, point: &Point) {
        match point.kind {
            PointKind::Cumulative => {
                let this = (point.key.time_unix_ns, point.value);
                let newest = self.newest.entry(point.start_unix_ns).or_insert(this);
                if this.0 >= newest.0 {
                    *newest = this;
                }
            }
            PointKind::Delta => self.deltas += point.value,
            PointKind::Last => {}
        }
    }

    fn value(&self) -> f64 {
        let cumulative: f64 = self.newest.values().map(|(_, value)| value).sum();
        cumulative + self.deltas
    }
}

fn totals<'a>(points: impl Iterator<Item = &'a Point>) -> BTreeMap<u64, Total> {
    let mut seen: HashSet<PointKey> = HashSet::new();
    let mut totals: BTreeMap<u64, Total> = BTreeMap::new();
    for point in points {
        // A copy of a point adds nothing.
        if seen.insert(point.key) {
            totals.entry(point.key.series).or_default().add(point);
        }
    }
    totals
}

/// Compares, for every series that adds up, what was recorded with what arrived.
///
/// What lost points carried is told by the client's own values of them: the total of the points
/// that it handed over, less the total of those among them that the sink has. A killed client also
/// takes along what it had recorded and not yet collected.
pub(super) fn read(
    folder: &Path,
    lines: &[BatchLine],
    receipts: &[PointsLine],
    client_killed: bool,
) -> io::Result<Vec<SeriesSum>> {
    let series: Vec<SeriesLine> = journal::read(&folder.join(METRIC_SERIES_FILE))?;
    let recorded = Words::open(&folder.join(names::recorded()))?;
    let handed_points = || {
        lines.iter().flat_map(|line| match line {
            BatchLine::Handed { points, .. } => points.as_slice(),
            _ => &[],
        })
    };
    let received_points = || receipts.iter().flat_map(|line| &line.points);
    let arrived: HashSet<PointKey> = received_points().map(|point| point.key).collect();
    let handed = totals(handed_points());
    let handed_and_arrived = totals(handed_points().filter(|p| arrived.contains(&p.key)));
    let received = totals(received_points());
    let value =
        |totals: &BTreeMap<u64, Total>, hash: u64| totals.get(&hash).map_or(0.0, Total::value);
    Ok(series
        .into_iter()
        .enumerate()
        .filter(|(_, line)| line.adds_up)
        .map(|(index, line)| {
            // Up-down sums are kept in two's complement.
            let recorded = recorded.get(index).cast_signed() as f64;
            let handed = value(&handed, line.hash);
            let uncollected = if client_killed {
                recorded - handed
            } else {
                0.0
            };
            SeriesSum {
                recorded,
                received: value(&received, line.hash),
                lost: handed - value(&handed_and_arrived, line.hash) + uncollected,
                series: line.series,
                hash: line.hash,
            }
        })
        .collect())
}

#[cfg(test)]
mod tests;
