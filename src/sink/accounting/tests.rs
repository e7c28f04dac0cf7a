//! What the accounting marks, counts and keeps.

use super::*;
use crate::otlp::json::to_protobuf;
use crate::plan::{PlantKind, PlantPlan};

fn accounting(folder: &Path, plant: Option<PlantKind>) -> Accounting {
    let plan = SinkPlan {
        require: std::collections::BTreeMap::new(),
        max_request_bytes: 1 << 20,
        strict: false,
        tls: crate::plan::TlsPlan::Off,
        throttle: None,
        plant: plant
            .map(|kind| PlantPlan {
                signal: Signal::Metrics,
                kind,
            })
            .into_iter()
            .collect(),
        oracle: Some(folder.join("oracle").display().to_string()),
    };
    Accounting::open(&plan, 1, &[], Vec::new(), folder).unwrap()
}

fn gauge(accounting: &Accounting, times: std::ops::Range<u64>) -> Answer {
    let points: Vec<String> = times
        .map(|time| format!(r#"{{"timeUnixNano":"{time}","asInt":"1"}}"#))
        .collect();
    let text = format!(
        r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"name":"m","gauge":{{"dataPoints":[{}]}}}}]}}]}}]}}"#,
        points.join(",")
    );
    let body = to_protobuf(Signal::Metrics, text.as_bytes()).unwrap();
    let request = Request {
        signal: Signal::Metrics,
        body: &body,
        arrived_monotonic_ns: 5_000_000,
        treatment: None,
    };
    accounting.accept(request).unwrap().answer
}

const CLOCK: RunClock = RunClock {
    start_monotonic_ns: 0,
    start_unix_ns: 0,
};

#[test]
fn nothing_is_accepted_before_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let accounting = accounting(folder.path(), None);
    assert!(matches!(gauge(&accounting, 0..1), Answer::Unavailable(_)));
    assert_eq!(accounting.sample(&Traffic::default()), None);
    accounting.start(CLOCK);
    assert_eq!(gauge(&accounting, 0..1), Answer::Accepted);
}

#[test]
fn forgotten_points_are_named_by_series_and_time() {
    let folder = tempfile::tempdir().unwrap();
    let accounting = accounting(
        folder.path(),
        Some(PlantKind::LoseAcknowledged { items: 3 }),
    );
    accounting.start(CLOCK);
    assert_eq!(gauge(&accounting, 0..100), Answer::Accepted);
    let written: Vec<PointsLine> = crate::journal::read(&folder.path().join(POINTS_FILE)).unwrap();
    let kept = &written[0].points;
    let oracle = std::fs::read_to_string(folder.path().join("oracle")).unwrap();
    let series = kept[0].key.series;
    let forgotten: Vec<String> = (0..100)
        .filter(|time| kept.iter().all(|point| point.key.time_unix_ns != *time))
        .map(|time| format!("lost_silently metrics {series}@{time}"))
        .collect();
    assert_eq!(forgotten.len(), 3);
    assert_eq!(oracle.lines().collect::<Vec<_>>(), forgotten);
}

#[test]
fn the_live_percentile_looks_back_for_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let accounting = accounting(folder.path(), None);
    accounting.start(CLOCK);
    gauge(&accounting, 0..1);
    let traffic = Traffic::default();
    for _ in 0..RECENT_SAMPLES {
        let sample = accounting.sample(&traffic).unwrap();
        assert_eq!(sample.received, [0, 1, 0]);
        let p99_ns = sample.delivery_p99_ns;
        assert!((4_900_000..5_100_000).contains(&p99_ns), "{p99_ns}");
    }
    assert_eq!(accounting.sample(&traffic).unwrap().delivery_p99_ns, 0);
}

#[test]
fn a_frozen_sink_counts_nothing_and_the_next_one_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let first = accounting(folder.path(), None);
    first.start(CLOCK);
    assert_eq!(gauge(&first, 0..3), Answer::Accepted);
    first.freeze();
    assert!(matches!(gauge(&first, 3..6), Answer::Unavailable(_)));
    let traffic = Traffic::default();
    let second = accounting(folder.path(), None);
    second.start(CLOCK);
    assert_eq!(gauge(&second, 2..5), Answer::Accepted);
    let mut evidence = first.evidence(&traffic);
    evidence.absorb(second.evidence(&traffic));
    let seen = &evidence.signals[Signal::Metrics.index()];
    assert_eq!(seen.copies, 6);
    // One of them was a second copy, which has no latency of its own.
    let counted: u64 = seen.by_due_bin.iter().map(Latencies::count).sum();
    assert_eq!(counted, 5);
}

#[test]
fn evidence_that_is_missing_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let plan = SinkPlan {
        require: std::collections::BTreeMap::new(),
        max_request_bytes: 1,
        strict: false,
        tls: crate::plan::TlsPlan::Off,
        throttle: None,
        plant: Vec::new(),
        oracle: None,
    };
    let expected = [Expected {
        signal: Signal::Logs,
        producer: 0,
        sequences: 1,
        items_per_arrival: 1,
        replayed: false,
    }];
    assert!(Accounting::open(&plan, 1, &expected, Vec::new(), folder.path()).is_err());
}
