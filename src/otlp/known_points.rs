//! The data points of a raw client as items with identities.

use super::identities::{Item, Runs};
use super::raw_points;
use crate::clock::RunClock;
use crate::ids::Identity;
use crate::mapped::timetable::Timetable;

/// Adds the points of a metric that has been walked. One that is not of ours is an item of nobody.
pub fn of_metric(metric: &[u8], timetable: &Timetable, clock: &RunClock, items: &mut Runs) {
    let others = raw_points::of_metric(metric, &mut |point| {
        let due_ns = u64::try_from(clock.from_unix_ns(point.time_unix_ns)).ok();
        let identity =
            due_ns.and_then(|due_ns| timetable.identity(point.producer, point.position, due_ns));
        items.push(Item {
            span_id: identity.map_or(0, Identity::to_span_id),
            time_unix_ns: point.time_unix_ns,
        });
    });
    for _ in 0..others {
        items.push(Item::NOBODY);
    }
}
