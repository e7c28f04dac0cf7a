//! Points are told apart, recognised when they were altered, and followed along their series.

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, number_data_point,
};
use prost::Message as _;

use super::*;
use crate::journal::{Journal, PointContent};
use crate::otlp::content::of_metrics;
use crate::otlp::points::of_metric;
use crate::plan::ContentIgnore;
use crate::signal::Signal;

/// A collection of one cumulative sum: series, start, time and value of each point.
fn collection(points: &[(&str, u64, u64, i64)]) -> Vec<ResourceMetrics> {
    let point = |(series, start, time, value): &(&str, u64, u64, i64)| NumberDataPoint {
        attributes: vec![KeyValue {
            key: "series".to_owned(),
            value: Some(AnyValue {
                value: Some(any_value::Value::StringValue((*series).to_owned())),
            }),
            key_strindex: 0,
        }],
        start_time_unix_nano: *start,
        time_unix_nano: *time,
        value: Some(number_data_point::Value::AsInt(*value)),
        ..NumberDataPoint::default()
    };
    vec![ResourceMetrics {
        scope_metrics: vec![ScopeMetrics {
            metrics: vec![Metric {
                name: "m".to_owned(),
                data: Some(Data::Sum(Sum {
                    data_points: points.iter().map(point).collect(),
                    aggregation_temporality: 2,
                    is_monotonic: true,
                })),
                ..Metric::default()
            }],
            ..ScopeMetrics::default()
        }],
        ..ResourceMetrics::default()
    }]
}

fn keyed(metrics: &[ResourceMetrics]) -> Vec<Point> {
    let mut points = Vec::new();
    let metric = &metrics[0].scope_metrics[0].metrics[0];
    of_metric(&metric.encode_to_vec(), &mut points);
    points
}

struct Bench {
    folder: tempfile::TempDir,
    points: Points,
    found: SignalContent,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            points: Points::new(folder.path()).unwrap(),
            folder,
            found: SignalContent::new(Signal::Metrics),
        }
    }

    fn send(&self, metrics: &[ResourceMetrics]) {
        let journal = Journal::open(&self.folder.path().join(CONTENT_FILE)).unwrap();
        let points = keyed(metrics).into_iter().zip(of_metrics(metrics));
        let points = points.map(|(point, item)| PointContent {
            key: point.key,
            place: item.place,
            parts: item.parts,
        });
        let points = points.collect();
        journal.append(&ContentLine { points }).unwrap();
    }

    /// The identities that the points get.
    fn arrive(&mut self, metrics: &[ResourceMetrics]) -> Vec<PointKey> {
        self.arrive_by(&ContentPlan::default(), metrics)
    }

    fn arrive_by(&mut self, plan: &ContentPlan, metrics: &[ResourceMetrics]) -> Vec<PointKey> {
        let mut points = keyed(metrics);
        let items = of_metrics(metrics);
        self.points
            .compare(plan, &items, &mut points, &mut self.found)
            .unwrap();
        points.iter().map(|point| point.key).collect()
    }

    fn count(&self, flaw: ContentFlaw) -> u64 {
        self.found.count(flaw)
    }
}

#[test]
fn what_arrives_as_it_was_sent_is_right_however_often() {
    let mut bench = Bench::new();
    for time in 1..4 {
        let sent = collection(&[("a", 0, time, 5), ("b", 0, time, 7)]);
        bench.send(&sent);
        bench.arrive(&sent);
        bench.arrive(&sent);
    }
    // Started again, so from nothing.
    let sent = collection(&[("a", 4, 5, 1)]);
    bench.send(&sent);
    bench.arrive(&sent);
    assert!(bench.found.flaws.is_empty(), "{:?}", bench.found);
    assert_eq!((bench.found.compared, bench.found.unknown), (7, 0));
}

#[test]
fn points_with_altered_attributes_are_recognised_and_counted_once() {
    let mut bench = Bench::new();
    let sent = collection(&[
        ("a", 0, 1, 5),
        ("b", 0, 1, 5),
        ("c", 0, 1, 5),
        ("d", 0, 1, 6),
    ]);
    bench.send(&sent);
    // Two of them, which look the same then.
    let altered = collection(&[
        ("x", 0, 1, 5),
        ("b", 0, 1, 5),
        ("x", 0, 1, 5),
        ("d", 0, 1, 6),
    ]);
    let mut before: Vec<PointKey> = keyed(&sent).iter().map(|point| point.key).collect();
    let mut after = bench.arrive(&altered);
    before.sort_unstable();
    after.sort_unstable();
    assert_eq!(before, after);
    bench.arrive(&altered);
    assert_eq!(bench.count(ContentFlaw::Altered), 2);
    assert_eq!(bench.found.parts[&ContentPart::Attributes], 2);
    assert_eq!((bench.found.compared, bench.found.unknown), (4, 0));
    // Nobody ever sent this one.
    bench.arrive(&collection(&[("a", 0, 9, 5)]));
    assert_eq!(bench.found.unknown, 1);
}

#[test]
fn a_second_copy_is_recognised_although_attributes_are_ignored() {
    let plan = ContentPlan {
        ignore: [ContentIgnore::Attributes].into(),
    };
    let mut bench = Bench::new();
    let sent = collection(&[("a", 0, 1, 5), ("b", 0, 1, 6)]);
    bench.send(&sent);
    let altered = collection(&[("x", 0, 1, 5), ("b", 0, 1, 6)]);
    let first = bench.arrive_by(&plan, &altered);
    let key = keyed(&sent)[0].key;
    assert_eq!(first[0], key);
    assert_eq!(bench.arrive_by(&plan, &altered)[0], key);
    // The sink before this one noted which point it was, and not what it looked like.
    let line = PointsLine {
        at_ns: 0,
        points: keyed(&sent),
    };
    let journal = Journal::open(&bench.folder.path().join(POINTS_FILE)).unwrap();
    journal.append(&line).unwrap();
    bench.points = Points::new(bench.folder.path()).unwrap();
    assert_eq!(bench.arrive_by(&plan, &altered)[0], key);
    assert_eq!((bench.found.compared, bench.found.unknown), (2, 0));
    assert_eq!(bench.count(ContentFlaw::Altered), 0);
}

#[test]
fn a_value_that_goes_back_and_a_point_that_comes_late_are_told_apart() {
    let mut bench = Bench::new();
    for (time, value) in [(1, 5), (2, 8), (3, 6), (5, 9), (4, 7)] {
        let sent = collection(&[("a", 0, time, value)]);
        bench.send(&sent);
        bench.arrive(&sent);
    }
    assert_eq!(bench.count(ContentFlaw::Regressions), 1);
    assert_eq!(bench.count(ContentFlaw::Disordered), 1);
    assert_eq!(bench.count(ContentFlaw::Altered), 0);
    assert!(bench.found.examples[&ContentFlaw::Regressions][0].ends_with("6 after 8"));
}

#[test]
fn a_sink_that_is_started_again_knows_what_arrived_before() {
    let mut bench = Bench::new();
    let sent = collection(&[("a", 0, 2, 5)]);
    bench.send(&sent);
    let line = PointsLine {
        at_ns: 0,
        points: keyed(&sent),
    };
    let journal = Journal::open(&bench.folder.path().join(POINTS_FILE)).unwrap();
    journal.append(&line).unwrap();
    bench.points = Points::new(bench.folder.path()).unwrap();
    bench.arrive(&sent);
    assert_eq!(bench.found.compared, 0);
    let late = collection(&[("a", 0, 1, 4)]);
    bench.send(&late);
    bench.arrive(&late);
    assert_eq!(bench.count(ContentFlaw::Disordered), 1);
}
