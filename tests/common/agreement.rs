//! The walk and the JSON rewriter against the full decoders: the same answers to what is valid, and
//! the same refusal of what is not. Used by `tests/agreement.rs` and by the fuzz targets.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::metrics::v1::{Metric, metric::Data, number_data_point};
use prost::Message;
use squall::ids::series_hash;
use squall::journal::PointKind;
use squall::otlp::Malformed;
use squall::otlp::json::{by_messages, rewrite::rewrite};
use squall::otlp::points::of_metric;
use squall::otlp::walk::{Found, walk};
use squall::signal::Signal;

/// What both say of one item: a span's or a record's id and time, or a point's series, times, value
/// and kind.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Item(u64, u64),
    Point(u64, [u64; 2], u64, PointKind),
}

/// Panics where the walk and prost say different things of these bytes; whether they are valid.
pub fn protobuf(signal: Signal, bytes: &[u8]) -> bool {
    let walked = walked(signal, bytes);
    if matches!(walked, Err(Malformed::TooManyMessages(_))) {
        return false;
    }
    match (walked, decoded(signal, bytes)) {
        (Ok(walked), Ok(decoded)) => {
            assert_eq!(walked, decoded, "{signal} {bytes:02x?}");
            true
        }
        (Err(_), Err(_)) => false,
        (Ok(_), Err(error)) => panic!("only prost refuses, {error}: {signal} {bytes:02x?}"),
        (Err(error), Ok(_)) => panic!("only the walk refuses, {error}: {signal} {bytes:02x?}"),
    }
}

/// Panics where the rewriter takes a text that the full reader reads differently; whether it takes it.
pub fn json(signal: Signal, text: &str) -> bool {
    if !text.trim_ascii_start().starts_with('{') {
        return false;
    }
    let Ok(rewritten) = rewrite(signal, text) else {
        return false;
    };
    let whole = by_messages(signal, text.as_bytes());
    let whole = whole.unwrap_or_else(|error| panic!("{error}: {signal} {text}"));
    fn same<M: Message + Default + std::fmt::Debug>(one: &[u8], other: &[u8]) -> bool {
        // Debug texts, for a NaN is not equal to itself.
        let [one, other] = [one, other].map(|bytes| M::decode(bytes).map(|m| format!("{m:?}")));
        one.is_ok() && one == other
    }
    let same = match signal {
        Signal::Traces => same::<ExportTraceServiceRequest>(&rewritten, &whole),
        Signal::Metrics => same::<ExportMetricsServiceRequest>(&rewritten, &whole),
        Signal::Logs => same::<ExportLogsServiceRequest>(&rewritten, &whole),
    };
    assert!(same, "read differently: {signal} {text}");
    true
}

fn walked(signal: Signal, bytes: &[u8]) -> Result<Vec<Said>, Malformed> {
    let mut said = Vec::new();
    let mut points = Vec::new();
    walk(signal, bytes, &mut |found| match found {
        Found::Span(item, _) | Found::LogRecord(item, _) => {
            said.push(Said::Item(item.span_id, item.time_unix_ns));
        }
        Found::Metric(bytes) => of_metric(bytes, &mut points),
        Found::Resource(_) => {}
    })?;
    said.extend(points.iter().map(|point| {
        let times = [point.start_unix_ns, point.key.time_unix_ns];
        Said::Point(point.key.series, times, point.value.to_bits(), point.kind)
    }));
    Ok(said)
}

fn decoded(signal: Signal, bytes: &[u8]) -> Result<Vec<Said>, prost::DecodeError> {
    let item = |id: &[u8], time| Said::Item(id.try_into().map_or(0, u64::from_be_bytes), time);
    Ok(match signal {
        Signal::Traces => ExportTraceServiceRequest::decode(bytes)?
            .resource_spans
            .iter()
            .flat_map(|resource| &resource.scope_spans)
            .flat_map(|scope| &scope.spans)
            .map(|span| item(&span.span_id, span.start_time_unix_nano))
            .collect(),
        Signal::Logs => ExportLogsServiceRequest::decode(bytes)?
            .resource_logs
            .iter()
            .flat_map(|resource| &resource.scope_logs)
            .flat_map(|scope| &scope.log_records)
            .map(|record| item(&record.span_id, record.time_unix_nano))
            .collect(),
        Signal::Metrics => ExportMetricsServiceRequest::decode(bytes)?
            .resource_metrics
            .iter()
            .flat_map(|resource| &resource.scope_metrics)
            .flat_map(|scope| &scope.metrics)
            .flat_map(points)
            .collect(),
    })
}

fn points(metric: &Metric) -> Vec<Said> {
    let kind = |temporality| match temporality {
        1 => PointKind::Delta,
        _ => PointKind::Cumulative,
    };
    let point = |attributes: &[KeyValue], times, value: f64, kind| {
        let attributes = attributes.iter().map(|attribute| {
            let mut text = String::new();
            printed(attribute.value.as_ref(), false, &mut text);
            (attribute.key.as_str(), text)
        });
        let series = series_hash(&metric.name, attributes);
        Said::Point(series, times, value.to_bits(), kind)
    };
    macro_rules! points {
        ($data:expr, $kind:expr, $value:expr) => {
            $data
                .data_points
                .iter()
                .map(|p| {
                    let times = [p.start_time_unix_nano, p.time_unix_nano];
                    point(&p.attributes, times, $value(p), $kind)
                })
                .collect()
        };
    }
    macro_rules! number {
        () => {
            |p: &opentelemetry_proto::tonic::metrics::v1::NumberDataPoint| match p.value {
                Some(number_data_point::Value::AsDouble(value)) => value,
                Some(number_data_point::Value::AsInt(value)) => value as f64,
                None => 0.0,
            }
        };
    }
    match &metric.data {
        None => Vec::new(),
        Some(Data::Gauge(data)) => points!(data, PointKind::Last, number!()),
        Some(Data::Sum(data)) => points!(data, kind(data.aggregation_temporality), number!()),
        Some(Data::Histogram(data)) => points!(
            data,
            kind(data.aggregation_temporality),
            |p: &opentelemetry_proto::tonic::metrics::v1::HistogramDataPoint| p.sum.unwrap_or(0.0)
        ),
        Some(Data::ExponentialHistogram(data)) => points!(
            data,
            kind(data.aggregation_temporality),
            |p: &opentelemetry_proto::tonic::metrics::v1::ExponentialHistogramDataPoint| p
                .sum
                .unwrap_or(0.0)
        ),
        Some(Data::Summary(data)) => points!(
            data,
            PointKind::Cumulative,
            |p: &opentelemetry_proto::tonic::metrics::v1::SummaryDataPoint| p.sum
        ),
    }
}

/// A value as the SDK prints it.
fn printed(value: Option<&AnyValue>, quoted: bool, out: &mut String) {
    match value.and_then(|value| value.value.as_ref()) {
        None | Some(Value::StringValueStrindex(_)) => {}
        Some(Value::StringValue(text)) if quoted => out.push_str(&format!("\"{text}\"")),
        Some(Value::StringValue(text)) => out.push_str(text),
        Some(Value::BoolValue(flag)) => out.push_str(&flag.to_string()),
        Some(Value::IntValue(number)) => out.push_str(&number.to_string()),
        Some(Value::DoubleValue(number)) => out.push_str(&number.to_string()),
        Some(Value::ArrayValue(list)) => {
            let items: Vec<String> = list
                .values
                .iter()
                .map(|item| {
                    let mut text = String::new();
                    printed(Some(item), true, &mut text);
                    text
                })
                .collect();
            out.push_str(&format!("[{}]", items.join(",")));
        }
        Some(other) => out.push_str(&format!("{other:?}")),
    }
}
