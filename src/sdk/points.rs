//! Data points of one collection, with the identity that the sink computes from the wire.

use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData, ResourceMetrics};

use crate::ids::{PointKey, series_hash};
use crate::journal::{Point, PointKind};

/// The identity of a series: instrument and attributes.
pub fn hash(name: &str, attributes: &[KeyValue]) -> u64 {
    hash_of(name, attributes.iter())
}

fn hash_of<'a>(name: &str, attributes: impl Iterator<Item = &'a KeyValue>) -> u64 {
    let texts = attributes.map(|pair| (pair.key.as_str(), value_text(&pair.value)));
    series_hash(name, texts)
}

/// A value as text, as the SDK's API prints it and as the sink prints it from the wire.
pub fn value_text(value: &Value) -> String {
    value.to_string()
}

/// Every data point, in the order in which the exporter encodes them.
pub fn of(metrics: &ResourceMetrics) -> Vec<Point> {
    let mut points = Vec::new();
    for metric in metrics.scope_metrics().flat_map(|scope| scope.metrics()) {
        let name = metric.name();
        match metric.data() {
            AggregatedMetrics::F64(data) => push(&mut points, name, data, |value| value),
            AggregatedMetrics::U64(data) => push(&mut points, name, data, |value| value as f64),
            AggregatedMetrics::I64(data) => push(&mut points, name, data, |value| value as f64),
        }
    }
    points
}

fn push<T: Copy>(
    points: &mut Vec<Point>,
    name: &str,
    data: &MetricData<T>,
    number: impl Fn(T) -> f64,
) {
    match data {
        MetricData::Gauge(gauge) => {
            let time = unix_ns(gauge.time());
            points.extend(gauge.data_points().map(|point| Point {
                key: key(name, point.attributes(), time),
                start_unix_ns: gauge.start_time().map_or(0, unix_ns),
                value: number(point.value()),
                kind: PointKind::Last,
            }));
        }
        MetricData::Sum(sum) => {
            let (time, kind) = (unix_ns(sum.time()), kind(sum.temporality()));
            points.extend(sum.data_points().map(|point| Point {
                key: key(name, point.attributes(), time),
                start_unix_ns: unix_ns(sum.start_time()),
                value: number(point.value()),
                kind,
            }));
        }
        MetricData::Histogram(histogram) => {
            let (time, kind) = (unix_ns(histogram.time()), kind(histogram.temporality()));
            points.extend(histogram.data_points().map(|point| Point {
                key: key(name, point.attributes(), time),
                start_unix_ns: unix_ns(histogram.start_time()),
                value: number(point.sum()),
                kind,
            }));
        }
        MetricData::ExponentialHistogram(histogram) => {
            let (time, kind) = (unix_ns(histogram.time()), kind(histogram.temporality()));
            points.extend(histogram.data_points().map(|point| Point {
                key: key(name, point.attributes(), time),
                start_unix_ns: unix_ns(histogram.start_time()),
                value: number(point.sum()),
                kind,
            }));
        }
    }
}

fn key<'a>(name: &str, attributes: impl Iterator<Item = &'a KeyValue>, time: u64) -> PointKey {
    PointKey {
        series: hash_of(name, attributes),
        time_unix_ns: time,
    }
}

fn kind(temporality: Temporality) -> PointKind {
    match temporality {
        Temporality::Delta => PointKind::Delta,
        // A single sum or histogram is never of mixed temporality: what is not delta is cumulative.
        _ => PointKind::Cumulative,
    }
}

fn unix_ns(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_nanos() as u64)
}

#[cfg(test)]
mod tests {
    use opentelemetry::Array;

    use super::*;

    #[test]
    fn values_print_as_the_sink_prints_them() {
        assert_eq!(value_text(&Value::F64(1.0)), "1");
        assert_eq!(value_text(&Value::F64(0.25)), "0.25");
        assert_eq!(value_text(&Value::I64(-3)), "-3");
        assert_eq!(value_text(&Value::Bool(true)), "true");
        let texts = Array::String(vec!["a".into(), "b".into()]);
        assert_eq!(value_text(&Value::Array(texts)), r#"["a","b"]"#);
    }
}
