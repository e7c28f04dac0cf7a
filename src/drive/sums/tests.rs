//! What lost points carried, in both temporalities.

use super::*;
use crate::journal::Journal;
use crate::signal::Signal;

const SERIES: u64 = 7;

fn points(kind: PointKind, points: &[(u64, f64)]) -> Vec<Point> {
    let point = |(time_unix_ns, value): &(u64, f64)| Point {
        key: PointKey {
            series: SERIES,
            time_unix_ns: *time_unix_ns,
        },
        start_unix_ns: 0,
        value: *value,
        kind,
    };
    points.iter().map(point).collect()
}

/// `recorded`, and the points (time and value) that were handed over and that arrived.
fn sum(
    kind: PointKind,
    recorded: i64,
    handed: &[(u64, f64)],
    arrived: &[(u64, f64)],
    killed: bool,
) -> SeriesSum {
    let folder = tempfile::tempdir().unwrap();
    let series = Journal::open(&folder.path().join(METRIC_SERIES_FILE)).unwrap();
    for (hash, adds_up) in [(SERIES, true), (8, false)] {
        let line = SeriesLine {
            series: hash.to_string(),
            hash,
            adds_up,
        };
        series.append(&line).unwrap();
    }
    let words = Words::create(&folder.path().join(names::recorded()), 2).unwrap();
    words.add(0, recorded.cast_unsigned());
    let lines = [BatchLine::Handed {
        batch: 1,
        signal: Signal::Metrics,
        at_ns: 0,
        items: Vec::new(),
        points: points(kind, handed),
    }];
    let receipts = [PointsLine {
        at_ns: 0,
        points: points(kind, arrived),
    }];
    let mut sums = read(folder.path(), &lines, &receipts, killed).unwrap();
    // A gauge adds up to nothing and has no sum.
    assert_eq!(sums.len(), 1);
    sums.remove(0)
}

fn seen(sum: &SeriesSum) -> (f64, f64, f64) {
    (sum.recorded, sum.received, sum.lost)
}

#[test]
fn the_last_cumulative_point_carries_everything() {
    let kind = PointKind::Cumulative;
    let handed = [(1, 4.0), (2, 7.0), (3, 10.0)];
    let all = sum(kind, 10, &handed, &handed, false);
    assert_eq!(seen(&all), (10.0, 10.0, 0.0));
    // One in the middle is not missed, and their order does not matter.
    let middle = sum(kind, 10, &handed, &[(3, 10.0), (1, 4.0)], false);
    assert_eq!(seen(&middle), (10.0, 10.0, 0.0));
    let last = sum(kind, 10, &handed, &handed[..2], false);
    assert_eq!(seen(&last), (10.0, 7.0, 3.0));
}

#[test]
fn deltas_add_up_and_copies_do_not() {
    let kind = PointKind::Delta;
    let handed = [(1, 4.0), (2, 3.0), (3, 3.0)];
    let twice = [(1, 4.0), (2, 3.0), (2, 3.0), (3, 3.0)];
    assert_eq!(
        seen(&sum(kind, 10, &handed, &twice, false)),
        (10.0, 10.0, 0.0)
    );
    let middle = sum(kind, 10, &handed, &[(1, 4.0), (3, 3.0)], false);
    assert_eq!(seen(&middle), (10.0, 7.0, 3.0));
}

#[test]
fn what_changed_on_the_way_is_not_explained() {
    let changed = sum(PointKind::Delta, 10, &[(1, 10.0)], &[(1, 9.0)], false);
    assert_eq!(seen(&changed), (10.0, 9.0, 0.0));
    let forgotten = sum(PointKind::Delta, 10, &[(1, 9.0)], &[(1, 9.0)], false);
    assert_eq!(seen(&forgotten), (10.0, 9.0, 0.0));
}

#[test]
fn a_killed_client_takes_along_what_it_had_not_collected() {
    let killed = sum(
        PointKind::Cumulative,
        10,
        &[(1, 4.0), (2, 7.0)],
        &[(1, 4.0)],
        true,
    );
    assert_eq!(seen(&killed), (10.0, 4.0, 6.0));
}

#[test]
fn up_down_sums_may_fall_below_zero() {
    let handed = [(1, 5.0), (2, -3.0)];
    assert_eq!(
        seen(&sum(PointKind::Cumulative, -3, &handed, &handed, false)),
        (-3.0, -3.0, 0.0)
    );
}
