//! What is written is read back with prost.

use std::collections::{HashMap, HashSet};

use bytes::BytesMut;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{Metric, number_data_point};
use opentelemetry_proto::tonic::trace::v1::Span;
use proptest::prelude::*;
use prost::Message;

use super::logs::LogLayout;
use super::metrics::MetricLayout;
use super::traces::SpanLayout;
use super::*;
use crate::ids::Identity;
use crate::load::payload::traces::SpanTable;
use crate::otlp::check;
use crate::otlp::raw_points::{RawPoint, of_metric, times_of_metric};
use crate::otlp::walk::walk;
use crate::plan::{
    AttributePlan, AttributeType, InstrumentKind, LogPayload, MetricPayload, Temporality,
    TracePayload,
};
use crate::raw::template::{PatchValue, Stamp};

mod captured;

const START_UNIX_NS: u64 = 1_690_000_000_000_000_000;

pub fn layout(items: u32, entropy: Option<f64>) -> Layout {
    Layout {
        service: "shop".to_owned(),
        resource: Default::default(),
        seed: 7,
        items,
        entropy,
        encoding: Encoding::Protobuf,
    }
}

pub fn stamp() -> Stamp {
    Stamp {
        producer: 3,
        first_sequence: 1001,
        arrival: 20,
        due_unix_ns: 1_700_000_000_123_456_789,
        trace_high: 0xfeed_beef,
    }
}

pub fn written(template: &Template, stamp: &Stamp) -> Vec<u8> {
    let mut out = BytesMut::new();
    template.write(stamp, &mut out);
    out.to_vec()
}

/// What was written, as a message.
pub fn read<M: Message + Default>(template: &Template, stamp: &Stamp) -> M {
    let bytes = written(template, stamp);
    walk(template.signal, &bytes, &mut |_| {}).unwrap();
    M::decode(bytes.as_slice()).unwrap()
}

fn same_as_json<M>(of: impl Fn(Encoding) -> Template, stamp: &Stamp)
where
    M: Message + Default + PartialEq + serde::de::DeserializeOwned + std::fmt::Debug,
{
    let json = of(Encoding::Json);
    let text = written(&json, stamp);
    let message: M = serde_json::from_slice(&text).unwrap();
    assert_eq!(message, read(&of(Encoding::Protobuf), stamp));
}

/// Two stamps that share nothing change nothing but what is patched.
fn assert_only_patches_differ(template: &Template) {
    let other = Stamp {
        producer: 0x7777,
        first_sequence: 0x1111_2222_3333,
        arrival: 0x0123_4567_89ab_cdef,
        due_unix_ns: 0x1a2b_3c4d_5e6f_7071,
        trace_high: 0x0bad_cafe_1234_5678,
    };
    let (one, two) = (written(template, &stamp()), written(template, &other));
    let mut patched = vec![false; one.len()];
    for patch in template.patches.iter() {
        let json = template.encoding == Encoding::Json;
        let width = match (patch.value, json) {
            (PatchValue::TraceId { .. } | PatchValue::OtherTraceId { .. }, false) => 16,
            (PatchValue::TraceId { .. } | PatchValue::OtherTraceId { .. }, true) => 32,
            (_, false) => 8,
            (PatchValue::SpanId { .. } | PatchValue::OtherSpanId { .. }, true) => 16,
            (PatchValue::Time { .. } | PatchValue::Ordinal { .. }, true) => 19,
            (PatchValue::OrdinalDouble { .. }, true) => 18,
        };
        let at = patch.at as usize;
        assert_ne!(one[at..at + width], two[at..at + width], "{patch:?}");
        assert!(patched[at..at + width].iter().all(|patched| !patched));
        patched[at..at + width].fill(true);
    }
    assert_eq!(one.len(), template.bytes.len());
    for (index, patched) in patched.iter().enumerate() {
        assert!(*patched || one[index] == two[index], "{index}");
        assert!(*patched || one[index] == template.bytes[index], "{index}");
    }
}

pub fn spans(request: &ExportTraceServiceRequest) -> Vec<&Span> {
    let resources = request.resource_spans.iter();
    let scopes = resources.flat_map(|resource| &resource.scope_spans);
    scopes.flat_map(|scope| &scope.spans).collect()
}

pub fn records(request: &ExportLogsServiceRequest) -> Vec<&LogRecord> {
    let resources = request.resource_logs.iter();
    let scopes = resources.flat_map(|resource| &resource.scope_logs);
    scopes.flat_map(|scope| &scope.log_records).collect()
}

fn metrics(request: &ExportMetricsServiceRequest) -> Vec<&Metric> {
    let resources = request.resource_metrics.iter();
    let scopes = resources.flat_map(|resource| &resource.scope_metrics);
    scopes.flat_map(|scope| &scope.metrics).collect()
}

pub fn identity(span_id: &[u8]) -> Identity {
    Identity::from_span_id(u64::from_be_bytes(span_id.try_into().unwrap())).unwrap()
}

pub fn assert_in_order<'a>(span_ids: impl Iterator<Item = &'a Vec<u8>>, items: u32, stamp: &Stamp) {
    let found: Vec<Identity> = span_ids.map(|id| identity(id)).collect();
    let expected: Vec<Identity> = (0..u64::from(items))
        .map(|item| Identity {
            producer: stamp.producer,
            sequence: stamp.first_sequence + item,
        })
        .collect();
    assert_eq!(found, expected);
}

fn attributes() -> impl Strategy<Value = AttributePlan> {
    let types = prop::sample::subsequence(
        vec![
            AttributeType::String,
            AttributeType::Int,
            AttributeType::Double,
            AttributeType::Bool,
            AttributeType::StringArray,
        ],
        0..5,
    );
    (0..5_u32, 0..30_u32, 1..4_u32, types).prop_map(|(count, value_bytes, cardinality, types)| {
        AttributePlan {
            count,
            value_bytes,
            cardinality,
            types,
        }
    })
}

fn entropies() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![Just(None), (0.0..=1.0_f64).prop_map(Some)]
}

prop_compose! {
    fn trace_payloads()(
        span_names in 1..5_u32,
        events_per_span in 0..3_u32,
        links_per_span in 0..3_u32,
        errors in 0.0..1.0_f64,
        attributes in attributes(),
    ) -> TracePayload {
        TracePayload { span_names, events_per_span, links_per_span, errors, attributes, sample: 1.0 }
    }
}

prop_compose! {
    fn metric_payloads()(
        series in 1..12_u32,
        instruments in prop::collection::vec(prop_oneof![
            Just(InstrumentKind::Sum),
            Just(InstrumentKind::UpDownSum),
            Just(InstrumentKind::Gauge),
            Just(InstrumentKind::Histogram),
            Just(InstrumentKind::ExponentialHistogram),
        ], 1..5),
        attributes in attributes(),
    ) -> MetricPayload {
        MetricPayload { series, instruments, attributes }
    }
}

fn temporalities() -> impl Strategy<Value = Temporality> {
    prop_oneof![
        Just(Temporality::Cumulative),
        Just(Temporality::Delta),
        Just(Temporality::LowMemory)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn spans_are_what_the_plan_says(payload in trace_payloads(), items in 1..40_u32, per_trace in 1..12_u32, variant in 0..3_u32, entropy in entropies()) {
        let of = |encoding| {
            let layout = Layout { encoding, ..layout(items, entropy) };
            SpanLayout::new(layout, &payload, per_trace).template(3, variant).unwrap()
        };
        let template = of(Encoding::Protobuf);
        prop_assert_eq!(template.items, items);
        assert_only_patches_differ(&template);
        assert_only_patches_differ(&of(Encoding::Json));
        let stamp = stamp();
        same_as_json::<ExportTraceServiceRequest>(of, &stamp);
        let request: ExportTraceServiceRequest = read(&template, &stamp);
        let spans = spans(&request);
        assert_in_order(spans.iter().map(|span| &span.span_id), items, &stamp);

        let per_trace = per_trace.min(items);
        let table = SpanTable::new(&payload, 7, per_trace);
        for (item, span) in spans.iter().enumerate() {
            prop_assert_eq!(check::span(&span.encode_to_vec()), None);
            let root = item - item % per_trace as usize;
            prop_assert_eq!(&span.trace_id[..8], stamp.trace_high.to_be_bytes());
            prop_assert_eq!(&span.trace_id[8..], spans[root].span_id.as_slice());
            match item == root {
                true => prop_assert!(span.parent_span_id.is_empty()),
                false => prop_assert!(spans[root..item].iter().any(|other| other.span_id == span.parent_span_id)),
            }
            let sequence = u64::from(variant * items) + item as u64 + 1;
            let look = table.look(3, sequence, item == root);
            prop_assert_eq!(&span.name, look.name);
            prop_assert_eq!(span.start_time_unix_nano, stamp.due_unix_ns);
            prop_assert_eq!(span.end_time_unix_nano, stamp.due_unix_ns + look.duration_ns);
            prop_assert_eq!(span.status.as_ref().unwrap().code == 2, look.error);
            prop_assert_eq!(span.attributes.len(), payload.attributes.count as usize);
            if entropy.is_none() {
                let expected = opentelemetry_proto::transform::common::tonic::Attributes::from(look.attributes).0;
                prop_assert_eq!(&span.attributes, &expected);
            }
            prop_assert_eq!(span.events.len(), payload.events_per_span as usize);
            prop_assert!(span.events.iter().all(|event| event.time_unix_nano == stamp.due_unix_ns));
            prop_assert_eq!(span.links.len(), payload.links_per_span as usize);
            for (back, link) in span.links.iter().enumerate() {
                let linked = (item / per_trace as usize).saturating_sub(back + 1) * per_trace as usize;
                prop_assert_eq!(&link.span_id, &spans[linked].span_id);
                prop_assert_eq!(&link.trace_id, &spans[linked].trace_id);
            }
        }
        let traces: HashSet<&Vec<u8>> = spans.iter().map(|span| &span.trace_id).collect();
        prop_assert_eq!(traces.len(), items.div_ceil(per_trace) as usize);
    }

    #[test]
    fn log_records_are_what_the_plan_says(attributes in attributes(), body_bytes in 0..60_u32, items in 1..40_u32, entropy in entropies()) {
        let payload = LogPayload { body_bytes, attributes };
        let of = |encoding| {
            let layout = Layout { encoding, ..layout(items, entropy) };
            LogLayout::new(layout, &payload).template(3, 1).unwrap()
        };
        let template = of(Encoding::Protobuf);
        prop_assert_eq!(template.items, items);
        assert_only_patches_differ(&template);
        assert_only_patches_differ(&of(Encoding::Json));
        let stamp = stamp();
        same_as_json::<ExportLogsServiceRequest>(of, &stamp);
        let request: ExportLogsServiceRequest = read(&template, &stamp);
        let records = records(&request);
        assert_in_order(records.iter().map(|record| &record.span_id), items, &stamp);
        for record in &records {
            prop_assert_eq!(check::log_record(&record.encode_to_vec()), None);
            prop_assert_eq!(&record.trace_id[8..], records[0].span_id.as_slice());
            prop_assert_eq!(record.time_unix_nano, stamp.due_unix_ns);
            prop_assert_eq!(record.observed_time_unix_nano, stamp.due_unix_ns);
            prop_assert_eq!(record.attributes.len(), payload.attributes.count as usize);
            let any_value::Value::StringValue(body) = record.body.as_ref().unwrap().value.as_ref().unwrap() else {
                return Err(TestCaseError::fail("the body is no text"));
            };
            prop_assert_eq!(body.len(), body_bytes as usize);
        }
    }

    #[test]
    fn data_points_are_what_the_plan_says(payload in metric_payloads(), items in 1..20_u32, temporality in temporalities(), entropy in entropies()) {
        let of = |encoding| {
            let layout = Layout { encoding, ..layout(items, entropy) };
            MetricLayout::new(layout, &payload, temporality, START_UNIX_NS)
        };
        let layout = of(Encoding::Protobuf);
        let series = payload.series * payload.instruments.len() as u32;
        prop_assert_eq!(layout.variants(), series.div_ceil(items));
        let mut seen = HashMap::new();
        for arrival in 0..2 * u64::from(layout.variants()) {
            let variant = (arrival % u64::from(layout.variants())) as u32;
            let of = |encoding| of(encoding).template(3, variant).unwrap();
            let template = of(Encoding::Protobuf);
            prop_assert_eq!(template.items, items);
            assert_only_patches_differ(&template);
            assert_only_patches_differ(&of(Encoding::Json));
            let stamp = Stamp { arrival, ..stamp() };
            same_as_json::<ExportMetricsServiceRequest>(of, &stamp);
            let request: ExportMetricsServiceRequest = read(&template, &stamp);
            let mut points = Vec::new();
            for metric in metrics(&request) {
                let bytes = metric.encode_to_vec();
                prop_assert_eq!(check::metric(&bytes), None);
                prop_assert_eq!(of_metric(&bytes, &mut |point| points.push(point)), 0);
                assert_consistent(metric, stamp.due_unix_ns);
                for (position, value, kind) in values(metric) {
                    // Neither a sum nor a count of what is cumulative goes back.
                    let before = seen.insert((position, kind), value);
                    if temporality == Temporality::Cumulative && kind != "gauge" {
                        prop_assert!(before.is_none_or(|before| value > before), "{kind}");
                    }
                }
            }
            let expected: Vec<RawPoint> = (0..items)
                .map(|item| RawPoint { producer: 3, position: variant * items + item, time_unix_ns: stamp.due_unix_ns })
                .collect();
            prop_assert_eq!(points, expected);
        }
    }
}

fn series_of(attributes: &[KeyValue]) -> i64 {
    match attributes[0].value.as_ref().unwrap().value {
        Some(any_value::Value::IntValue(series)) => series,
        _ => panic!("the first attribute is the series"),
    }
}

/// Values by which a series must not go back, each with its series and a name.
fn values(metric: &Metric) -> Vec<(i64, f64, &'static str)> {
    let number = |kind| {
        move |point: &opentelemetry_proto::tonic::metrics::v1::NumberDataPoint| {
            let value = match point.value.unwrap() {
                number_data_point::Value::AsInt(value) => value as f64,
                number_data_point::Value::AsDouble(value) => value,
            };
            (series_of(&point.attributes), value, kind)
        }
    };
    match metric.data.as_ref().unwrap() {
        Data::Gauge(gauge) => gauge.data_points.iter().map(number("gauge")).collect(),
        Data::Sum(sum) => sum.data_points.iter().map(number("sum")).collect(),
        Data::Histogram(histogram) => histogram
            .data_points
            .iter()
            .flat_map(|point| {
                let series = series_of(&point.attributes);
                [
                    (series, point.sum.unwrap(), "histogram"),
                    (series, point.count as f64, "count"),
                ]
            })
            .collect(),
        Data::ExponentialHistogram(histogram) => histogram
            .data_points
            .iter()
            .map(|point| {
                let series = series_of(&point.attributes);
                (series, point.count as f64, "exponential")
            })
            .collect(),
        Data::Summary(_) => panic!("no instrument makes a summary"),
    }
}

/// A histogram agrees with itself, and every point has the start that its temporality asks for.
fn assert_consistent(metric: &Metric, due_unix_ns: u64) {
    let expect_start = |temporality, start| match temporality {
        1 => assert_eq!(start, due_unix_ns - 1),
        _ => assert_eq!(start, START_UNIX_NS),
    };
    match metric.data.as_ref().unwrap() {
        Data::Sum(sum) => {
            for point in &sum.data_points {
                expect_start(sum.aggregation_temporality, point.start_time_unix_nano);
            }
            assert_eq!(
                sum.is_monotonic,
                metric.name.starts_with("squall.sum"),
                "{metric:?}"
            );
        }
        Data::Histogram(histogram) => {
            for point in &histogram.data_points {
                expect_start(
                    histogram.aggregation_temporality,
                    point.start_time_unix_nano,
                );
                assert_eq!(point.count, point.bucket_counts.iter().sum::<u64>());
                assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
                let (sum, count) = (point.sum.unwrap(), point.count as f64);
                let (min, max) = (point.min.unwrap(), point.max.unwrap());
                assert!(min * count <= sum && sum <= max * count, "{point:?}");
            }
        }
        Data::ExponentialHistogram(histogram) => {
            for point in &histogram.data_points {
                expect_start(
                    histogram.aggregation_temporality,
                    point.start_time_unix_nano,
                );
                let buckets = point.positive.as_ref().unwrap();
                let positive: u64 = buckets.bucket_counts.iter().sum();
                assert_eq!(point.count, point.zero_count + positive);
                // What the buckets allow: each value above its lower bound, up to its upper one.
                let base = 2_f64.powf(2_f64.powi(-point.scale));
                let upper: f64 = buckets
                    .bucket_counts
                    .iter()
                    .zip(buckets.offset..)
                    .map(|(count, index)| *count as f64 * base.powi(index + 1))
                    .sum();
                let sum = point.sum.unwrap();
                assert!(sum <= upper * 1.000_001 && sum > upper / base * 0.999_999);
            }
        }
        Data::Gauge(_) => {}
        Data::Summary(_) => panic!("no instrument makes a summary"),
    }
}

#[test]
fn more_entropy_leaves_more_bytes() {
    use std::io::Write as _;
    let payload = LogPayload {
        body_bytes: 200,
        attributes: AttributePlan {
            count: 5,
            value_bytes: 20,
            cardinality: 4,
            types: Vec::new(),
        },
    };
    let gzipped = |entropy: f64| {
        let layout = layout(100, Some(entropy));
        let template = LogLayout::new(layout, &payload).template(0, 0).unwrap();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&template.bytes).unwrap();
        (template.bytes.len(), gzip.finish().unwrap().len())
    };
    let (plain, none) = gzipped(0.0);
    let (_, half) = gzipped(0.5);
    let (same, full) = gzipped(1.0);
    assert_eq!(plain, same);
    // Of 30,000 random letters five bits each have to be left.
    assert!(none * 8 < plain && half > none + 8_000 && full > half + 8_000 && full < plain);
}

#[test]
fn a_text_that_looks_like_a_mark_is_no_place() {
    let mark = "9d7ce3b500000000";
    let span = Span {
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        name: mark.to_owned(),
        ..Span::default()
    };
    let request = captured::traces(vec![span]).encode_to_vec();
    let template = captured::captured(&request, Signal::Traces, Encoding::Json).unwrap();
    let text = String::from_utf8(written(&template, &stamp())).unwrap();
    assert!(text.contains(&format!(r#""name":"{mark}""#)), "{text}");
    let bytes = crate::otlp::json::to_protobuf(Signal::Traces, text.as_bytes()).unwrap();
    walk(Signal::Traces, &bytes, &mut |found| {
        if let crate::otlp::walk::Found::Span(item, _) = found {
            let identity = Identity::from_span_id(item.span_id).unwrap();
            assert_eq!(identity.sequence, 1001);
        }
    })
    .unwrap();
}
