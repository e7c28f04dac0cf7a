//! Requests of data points.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram,
    HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum,
};
use opentelemetry_proto::transform::common::tonic::Attributes;
use prost::Message;

use super::binding::Meaning;
use super::entropy::Entropy;
use super::sample::{DUE_UNIX_NS, ORDINAL, ORDINAL_DOUBLE};
use super::{Layout, lay};
use crate::load::mix::{Use, mix};
use crate::load::payload::metrics::MetricTable;
use crate::otlp::Malformed;
use crate::otlp::raw_points::{SERIES_KEY, series};
use crate::plan::{InstrumentKind, MetricPayload, Temporality};
use crate::raw::template::Template;
use crate::signal::Signal;

/// Values that a histogram holds besides those that arrivals add.
const RECORDED: u64 = 16;
/// Largest of them.
const VALUE_MAX: u64 = 1000;
/// The SDK's default bounds.
const BOUNDS: [f64; 15] = [
    0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0, 2500.0, 5000.0, 7500.0,
    10000.0,
];
/// The bucket to which each arrival adds a value of 1: above 0, up to 5.
const GROWING: usize = 1;
/// Buckets of an exponential histogram for each doubling, as a power of two: 160 for all values.
const SCALE: i32 = 4;

/// Makes requests of data points.
#[derive(Debug)]
pub struct MetricLayout {
    layout: Layout,
    table: MetricTable,
    temporality: Temporality,
    start_unix_ns: u64,
}

/// One data point to be made.
struct Point {
    attributes: Vec<KeyValue>,
    /// What its values are drawn by.
    word: u64,
    cumulative: bool,
    start_unix_ns: u64,
}

impl MetricLayout {
    /// Cumulative points and gauges start at `start_unix_ns`.
    pub fn new(
        layout: Layout,
        payload: &MetricPayload,
        temporality: Temporality,
        start_unix_ns: u64,
    ) -> Self {
        Self {
            // Who takes turns with whom only matters to measurements, of which there are none.
            table: MetricTable::new(payload, layout.seed, 1),
            layout,
            temporality,
            start_unix_ns,
        }
    }

    /// Requests in which each series of a producer has one point: arrival `a` sends the template of the
    /// variant `a` modulo this.
    pub fn variants(&self) -> u32 {
        let series = self.table.series() * self.table.instruments().len();
        let variants = series.div_ceil(self.layout.items() as usize);
        u32::try_from(variants).unwrap_or(u32::MAX).max(1)
    }

    /// One point each of the series from position `variant * items` on. The last request is filled up with
    /// further series of the last instrument.
    ///
    /// A cumulative point grows with the number of its arrival: a sum by one each, a histogram by a value of 1
    /// (an exponential one by a value of 0). A point of deltas is the same each time and
    /// covers the nanosecond before it, so that no two overlap. Gauges follow the arrival's number.
    ///
    /// # Errors
    /// When the request would be too long.
    pub fn template(&self, producer: u16, variant: u32) -> Result<Template, Malformed> {
        let mut entropy = self.layout.entropy(producer, variant);
        let items = self.layout.items();
        let first = variant.saturating_mul(items);
        let mut metrics: Vec<Metric> = Vec::new();
        for position in first..first.saturating_add(items) {
            self.add(&mut metrics, producer, position, entropy.as_mut());
        }
        let request = ExportMetricsServiceRequest {
            resource_metrics: vec![ResourceMetrics {
                resource: self.layout.resource(),
                scope_metrics: vec![ScopeMetrics {
                    scope: Layout::scope(),
                    metrics,
                    ..ScopeMetrics::default()
                }],
                ..ResourceMetrics::default()
            }],
        };
        let bytes = request.encode_to_vec();
        lay(
            Signal::Metrics,
            self.layout.encoding,
            bytes,
            Meaning::Sample,
        )
    }

    /// Adds the point of one series to the metric of its instrument, which comes last if it is there.
    fn add(
        &self,
        metrics: &mut Vec<Metric>,
        producer: u16,
        position: u32,
        entropy: Option<&mut Entropy>,
    ) {
        let instruments = self.table.instruments();
        let slot = position as usize / self.table.series();
        let Some(look) = instruments.get(slot).or(instruments.last()) else {
            return;
        };
        if metrics.last().is_none_or(|metric| metric.name != look.name) {
            metrics.push(Metric {
                name: look.name.clone(),
                data: Some(self.empty(look.kind)),
                ..Metric::default()
            });
        }
        let Some(data) = metrics.last_mut().and_then(|metric| metric.data.as_mut()) else {
            return;
        };
        // The first one is the client's own series.
        let of_set = &self
            .table
            .attributes(position as usize % self.table.series())[1..];
        let mut attributes = vec![KeyValue {
            key: SERIES_KEY.to_owned(),
            value: Some(AnyValue {
                value: Some(any_value::Value::IntValue(series(producer, position))),
            }),
            ..KeyValue::default()
        }];
        attributes.extend(Attributes::from(of_set.iter().cloned()).0);
        if let Some(entropy) = entropy {
            entropy.stir(&mut attributes);
        }
        let cumulative = self.is_cumulative(look.kind);
        let point = Point {
            attributes,
            word: mix(
                self.layout.seed,
                Use::Value,
                u64::from(producer),
                u64::from(position),
            ),
            cumulative,
            start_unix_ns: match cumulative {
                true => self.start_unix_ns,
                false => DUE_UNIX_NS - 1,
            },
        };
        match data {
            Data::Gauge(gauge) => gauge.data_points.push(point.gauge()),
            Data::Sum(sum) => sum.data_points.push(point.sum()),
            Data::Histogram(histogram) => histogram.data_points.push(point.histogram()),
            Data::ExponentialHistogram(histogram) => {
                histogram.data_points.push(point.exponential_histogram());
            }
            // No instrument makes one.
            Data::Summary(_) => {}
        }
    }

    /// As the SDK takes the preference.
    fn is_cumulative(&self, kind: InstrumentKind) -> bool {
        match kind {
            InstrumentKind::Gauge | InstrumentKind::UpDownSum => true,
            InstrumentKind::Sum
            | InstrumentKind::Histogram
            | InstrumentKind::ExponentialHistogram => self.temporality == Temporality::Cumulative,
        }
    }

    /// The data of a metric before it has any points.
    fn empty(&self, kind: InstrumentKind) -> Data {
        let data_points = Vec::new();
        let aggregation_temporality = match self.is_cumulative(kind) {
            true => AggregationTemporality::Cumulative as i32,
            false => AggregationTemporality::Delta as i32,
        };
        match kind {
            InstrumentKind::Gauge => Data::Gauge(Gauge { data_points }),
            InstrumentKind::Sum | InstrumentKind::UpDownSum => Data::Sum(Sum {
                data_points,
                aggregation_temporality,
                is_monotonic: kind == InstrumentKind::Sum,
            }),
            InstrumentKind::Histogram => Data::Histogram(Histogram {
                data_points: Vec::new(),
                aggregation_temporality,
            }),
            InstrumentKind::ExponentialHistogram => {
                Data::ExponentialHistogram(ExponentialHistogram {
                    data_points: Vec::new(),
                    aggregation_temporality,
                })
            }
        }
    }
}

impl Point {
    fn number(self, value: Value) -> NumberDataPoint {
        NumberDataPoint {
            attributes: self.attributes,
            start_time_unix_nano: self.start_unix_ns,
            time_unix_nano: DUE_UNIX_NS,
            value: Some(value),
            ..NumberDataPoint::default()
        }
    }

    /// The values that the point holds, whatever arrives.
    fn values(&self) -> impl Iterator<Item = u64> + use<> {
        let word = self.word;
        (0..RECORDED).map(move |nth| 1 + mix(word, Use::Value, nth, 0) % VALUE_MAX)
    }

    fn sum(self) -> NumberDataPoint {
        let value = self.word % VALUE_MAX + 1;
        // Both are far below the largest.
        let value = match self.cumulative {
            true => ORDINAL + value,
            false => value,
        } as i64;
        self.number(Value::AsInt(value))
    }

    fn gauge(self) -> NumberDataPoint {
        let value = ORDINAL_DOUBLE + (self.word % VALUE_MAX) as f64;
        self.number(Value::AsDouble(value))
    }

    fn histogram(self) -> HistogramDataPoint {
        let mut bucket_counts = vec![0; BOUNDS.len() + 1];
        let (mut sum, mut min, mut max) = (0.0, f64::MAX, 0.0_f64);
        for value in self.values().map(|value| value as f64) {
            bucket_counts[BOUNDS.partition_point(|bound| *bound < value)] += 1;
            sum += value;
            (min, max) = (min.min(value), max.max(value));
        }
        let mut count = RECORDED;
        if self.cumulative {
            bucket_counts[GROWING] += ORDINAL;
            count += ORDINAL;
            sum += ORDINAL_DOUBLE;
            min = 1.0;
        }
        HistogramDataPoint {
            attributes: self.attributes,
            start_time_unix_nano: self.start_unix_ns,
            time_unix_nano: DUE_UNIX_NS,
            count,
            sum: Some(sum),
            bucket_counts,
            explicit_bounds: BOUNDS.to_vec(),
            min: Some(min),
            max: Some(max),
            ..HistogramDataPoint::default()
        }
    }

    fn exponential_histogram(self) -> ExponentialHistogramDataPoint {
        let values: Vec<u64> = self.values().collect();
        let bucket = |value: &u64| {
            let exponent = (*value as f64).log2() * f64::from(1 << SCALE);
            // A bucket ends with its upper bound; values from 1 on have small numbers.
            exponent.ceil() as i32 - 1
        };
        let buckets: Vec<i32> = values.iter().map(bucket).collect();
        let offset = buckets.iter().copied().min().unwrap_or_default();
        let last = buckets.iter().copied().max().unwrap_or_default();
        let mut bucket_counts = vec![0; (last - offset + 1) as usize];
        for bucket in buckets {
            bucket_counts[(bucket - offset) as usize] += 1;
        }
        let (zero_count, min) = match self.cumulative {
            true => (ORDINAL, 0),
            false => (0, values.iter().copied().min().unwrap_or_default()),
        };
        ExponentialHistogramDataPoint {
            attributes: self.attributes,
            start_time_unix_nano: self.start_unix_ns,
            time_unix_nano: DUE_UNIX_NS,
            count: zero_count + RECORDED,
            sum: Some(values.iter().sum::<u64>() as f64),
            scale: SCALE,
            zero_count,
            positive: Some(Buckets {
                offset,
                bucket_counts,
            }),
            negative: Some(Buckets::default()),
            min: Some(min as f64),
            max: values.iter().copied().max().map(|max| max as f64),
            ..ExponentialHistogramDataPoint::default()
        }
    }
}
