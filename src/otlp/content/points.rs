//! What data points say.

use std::fmt;
use std::hash::{DefaultHasher, Hash as _};

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Exemplar, ExponentialHistogramDataPoint, HistogramDataPoint, Metric,
    NumberDataPoint, ResourceMetrics, SummaryDataPoint, exemplar, number_data_point,
};

use super::{Item, attributes_hash, hash, resource_hash, scope_hash};

/// The data points of a message, in order.
pub fn of_metrics(metrics: &[ResourceMetrics]) -> Vec<Item<'_>> {
    let mut items = Vec::new();
    for of_resource in metrics {
        let resource = of_resource.resource.as_ref();
        let resource_part = resource_hash(resource, &of_resource.schema_url);
        for of_scope in &of_resource.scope_metrics {
            let scope = of_scope.scope.as_ref();
            let scope_part = scope_hash(scope, &of_scope.schema_url);
            for metric in &of_scope.metrics {
                let name = hash(|h| metric.name.hash(h));
                let nobodys = hash(|h| 0_u8.hash(h));
                tell(metric, &mut |point| {
                    let times = [point.start, point.time];
                    items.push(Item {
                        parts: [
                            resource_part,
                            scope_part,
                            attributes_hash(point.attributes),
                            nobodys,
                            hash(|h| times.hash(h)),
                            point.payload,
                        ],
                        span_id: 0,
                        parent: 0,
                        ordered: point.start <= point.time,
                        risen: point.risen,
                        place: (name, point.time),
                        resource,
                        scope,
                        attributes: point.attributes,
                        times,
                        trace_id: &[],
                        payload: point.shown,
                    });
                });
            }
        }
    }
    items
}

struct Point<'a> {
    attributes: &'a [KeyValue],
    start: u64,
    time: u64,
    payload: u64,
    risen: Option<f64>,
    shown: &'a dyn fmt::Debug,
}

/// Tells of each point of a metric. Names, units and how values combine are part of what it says.
fn tell<'a>(metric: &'a Metric, tell: &mut impl FnMut(Point<'a>)) {
    let head = |kind: u8, temporality: i32, monotonic: bool| {
        hash(|h| {
            (&metric.name, &metric.description, &metric.unit).hash(h);
            attributes_hash(&metric.metadata).hash(h);
            (kind, temporality, monotonic).hash(h);
        })
    };
    let cumulative = |temporality: i32| temporality == AggregationTemporality::Cumulative as i32;
    match &metric.data {
        None => {}
        Some(Data::Gauge(gauge)) => {
            let head = head(1, 0, false);
            let points = gauge.data_points.iter();
            points.for_each(|point| tell(number(point, head, false)));
        }
        Some(Data::Sum(sum)) => {
            let head = head(2, sum.aggregation_temporality, sum.is_monotonic);
            let rises = sum.is_monotonic && cumulative(sum.aggregation_temporality);
            let points = sum.data_points.iter();
            points.for_each(|point| tell(number(point, head, rises)));
        }
        Some(Data::Histogram(histogram)) => {
            let head = head(3, histogram.aggregation_temporality, false);
            let rises = cumulative(histogram.aggregation_temporality);
            let points = histogram.data_points.iter();
            points.for_each(|point| tell(self::histogram(point, head, rises)));
        }
        Some(Data::ExponentialHistogram(histogram)) => {
            let head = head(4, histogram.aggregation_temporality, false);
            let rises = cumulative(histogram.aggregation_temporality);
            let points = histogram.data_points.iter();
            points.for_each(|point| tell(exponential(point, head, rises)));
        }
        Some(Data::Summary(summary)) => {
            let head = head(5, 0, false);
            let points = summary.data_points.iter();
            points.for_each(|point| tell(self::summary(point, head)));
        }
    }
}

fn number(point: &NumberDataPoint, head: u64, rises: bool) -> Point<'_> {
    use number_data_point::Value;
    let value = match point.value {
        None => (0_u8, 0, 0.0),
        Some(Value::AsInt(number)) => (1, number.cast_unsigned(), number as f64),
        Some(Value::AsDouble(number)) => (2, number.to_bits(), number),
    };
    Point {
        attributes: &point.attributes,
        start: point.start_time_unix_nano,
        time: point.time_unix_nano,
        payload: hash(|h| {
            (head, point.flags, value.0, value.1).hash(h);
            exemplars(&point.exemplars, h);
        }),
        risen: rises.then_some(value.2),
        shown: &point.value,
    }
}

fn histogram(point: &HistogramDataPoint, head: u64, rises: bool) -> Point<'_> {
    Point {
        attributes: &point.attributes,
        start: point.start_time_unix_nano,
        time: point.time_unix_nano,
        payload: hash(|h| {
            (head, point.flags, point.count, &point.bucket_counts).hash(h);
            [point.sum, point.min, point.max].map(bits).hash(h);
            let bounds = point.explicit_bounds.iter();
            bounds.for_each(|bound| bound.to_bits().hash(h));
            exemplars(&point.exemplars, h);
        }),
        risen: rises.then_some(point.count as f64),
        shown: point,
    }
}

fn exponential(point: &ExponentialHistogramDataPoint, head: u64, rises: bool) -> Point<'_> {
    // No buckets say as little as empty ones.
    let buckets = |buckets: &Option<Buckets>, h: &mut DefaultHasher| {
        let filled = buckets.as_ref().filter(|b| !b.bucket_counts.is_empty());
        filled.map(|b| (b.offset, &b.bucket_counts)).hash(h);
    };
    Point {
        attributes: &point.attributes,
        start: point.start_time_unix_nano,
        time: point.time_unix_nano,
        payload: hash(|h| {
            (head, point.flags, point.count, point.zero_count).hash(h);
            (point.scale, point.zero_threshold.to_bits()).hash(h);
            [point.sum, point.min, point.max].map(bits).hash(h);
            buckets(&point.positive, h);
            buckets(&point.negative, h);
            exemplars(&point.exemplars, h);
        }),
        risen: rises.then_some(point.count as f64),
        shown: point,
    }
}

fn summary(point: &SummaryDataPoint, head: u64) -> Point<'_> {
    Point {
        attributes: &point.attributes,
        start: point.start_time_unix_nano,
        time: point.time_unix_nano,
        payload: hash(|h| {
            (head, point.flags, point.count, point.sum.to_bits()).hash(h);
            let quantiles = point.quantile_values.iter();
            quantiles.for_each(|q| (q.quantile.to_bits(), q.value.to_bits()).hash(h));
        }),
        risen: None,
        shown: point,
    }
}

fn bits(number: Option<f64>) -> Option<u64> {
    number.map(f64::to_bits)
}

fn exemplars(exemplars: &[Exemplar], h: &mut DefaultHasher) {
    exemplars.len().hash(h);
    for exemplar in exemplars {
        attributes_hash(&exemplar.filtered_attributes).hash(h);
        (
            exemplar.time_unix_nano,
            &exemplar.span_id,
            &exemplar.trace_id,
        )
            .hash(h);
        match exemplar.value {
            None => 0_u8.hash(h),
            Some(exemplar::Value::AsInt(number)) => (1_u8, number).hash(h),
            Some(exemplar::Value::AsDouble(number)) => (2_u8, number.to_bits()).hash(h),
        }
    }
}
