//! The data points of a raw client or of a replay as items with identities.

use super::identities::{Item, Runs};
use super::raw_points;
use crate::clock::RunClock;
use crate::ids::Identity;
use crate::mapped::timetable::{TimedRequest, Timetable};

/// Adds the points of a metric that has been walked. One that is not of ours is an item of nobody.
pub fn of_metric(metric: &[u8], timetable: &Timetable, clock: &RunClock, items: &mut Runs) {
    // Most points are of the request of which the one before them was.
    let mut last: Option<((u16, u64), Option<TimedRequest>)> = None;
    let mut push = |time_unix_ns: u64, producer, position| {
        let of = (producer, time_unix_ns);
        let request = match last {
            Some((known, request)) if known == of => request,
            _ => {
                let due_ns = u64::try_from(clock.from_unix_ns(time_unix_ns)).ok();
                let request = due_ns.and_then(|due_ns| timetable.request(producer, due_ns));
                last = Some((of, request));
                request
            }
        };
        let identity = request.map(|request| request.identity(position));
        items.push(Item {
            span_id: identity.map_or(0, Identity::to_span_id),
            time_unix_ns,
        });
    };
    if timetable.replays_points() {
        raw_points::times_of_metric(metric, &mut |time_unix_ns| push(time_unix_ns, 0, 0));
        return;
    }
    let others = raw_points::of_metric(metric, &mut |point| {
        push(point.time_unix_ns, point.producer, point.position);
    });
    for _ in 0..others {
        items.push(Item::NOBODY);
    }
}
