//! Reads a request with the full decoder as well, and compares: for those who want to see for
//! themselves that the walk misses nothing. As costly as what the walk saves.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use prost::{DecodeError, Message as _};

use super::Malformed;
use super::identities::Item;
use super::points::of_metric;
use super::walk::{Found, walk};
use crate::journal::Point;
use crate::signal::Signal;

/// What a reader found: spans and log records one by one, data points by their times.
#[derive(Debug, Default, PartialEq, Eq)]
struct Contents {
    items: Vec<Item>,
    point_times: Vec<u64>,
}

/// Whether the full decoder takes the request and finds in it what the walk finds.
///
/// # Errors
/// When one of them refuses it, or they differ.
pub fn check(signal: Signal, request: &[u8]) -> Result<(), Malformed> {
    let walked = walked(signal, request)?;
    let decoded = decoded(signal, request)
        .map_err(|error| Malformed::Undecodable(format!("the full decoder says: {error}")))?;
    if walked == decoded {
        return Ok(());
    }
    let count = |contents: &Contents| contents.items.len() + contents.point_times.len();
    let why = format!(
        "the walk and the full decoder found different items, {} and {}: a bug of squall's",
        count(&walked),
        count(&decoded)
    );
    Err(Malformed::Undecodable(why))
}

fn walked(signal: Signal, request: &[u8]) -> Result<Contents, Malformed> {
    let mut items = Vec::new();
    let mut points: Vec<Point> = Vec::new();
    walk(signal, request, &mut |found| match found {
        Found::Span(item, _) | Found::LogRecord(item, _) => items.push(item),
        Found::Metric(bytes) => of_metric(bytes, &mut points),
        Found::Resource(_) => {}
    })?;
    let point_times = points.iter().map(|point| point.key.time_unix_ns).collect();
    Ok(Contents { items, point_times })
}

fn decoded(signal: Signal, request: &[u8]) -> Result<Contents, DecodeError> {
    let mut contents = Contents::default();
    let mut add = |span_id: &[u8], time_unix_ns| {
        let mut item = Item {
            span_id: 0,
            time_unix_ns,
        };
        item.set_span_id(span_id);
        contents.items.push(item);
    };
    match signal {
        Signal::Traces => ExportTraceServiceRequest::decode(request)?
            .resource_spans
            .iter()
            .flat_map(|resource| &resource.scope_spans)
            .flat_map(|scope| &scope.spans)
            .for_each(|span| add(&span.span_id, span.start_time_unix_nano)),
        Signal::Logs => ExportLogsServiceRequest::decode(request)?
            .resource_logs
            .iter()
            .flat_map(|resource| &resource.scope_logs)
            .flat_map(|scope| &scope.log_records)
            .for_each(|record| add(&record.span_id, record.time_unix_nano)),
        Signal::Metrics => ExportMetricsServiceRequest::decode(request)?
            .resource_metrics
            .iter()
            .flat_map(|resource| &resource.scope_metrics)
            .flat_map(|scope| &scope.metrics)
            .filter_map(|metric| metric.data.as_ref())
            .for_each(|data| times(data, &mut contents.point_times)),
    }
    Ok(contents)
}

fn times(data: &Data, times: &mut Vec<u64>) {
    match data {
        Data::Gauge(data) => times.extend(data.data_points.iter().map(|p| p.time_unix_nano)),
        Data::Sum(data) => times.extend(data.data_points.iter().map(|p| p.time_unix_nano)),
        Data::Histogram(data) => times.extend(data.data_points.iter().map(|p| p.time_unix_nano)),
        Data::ExponentialHistogram(data) => {
            times.extend(data.data_points.iter().map(|p| p.time_unix_nano));
        }
        Data::Summary(data) => times.extend(data.data_points.iter().map(|p| p.time_unix_nano)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otlp::json::to_protobuf;

    #[test]
    fn both_find_the_same_and_refuse_the_same() {
        let text = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","gauge":{"dataPoints":[{"timeUnixNano":"5"},{}]}}]}]}]}"#;
        let request = to_protobuf(Signal::Metrics, text.as_bytes()).unwrap();
        assert_eq!(check(Signal::Metrics, &request), Ok(()));
        let text = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"spanId":"0000000000000001"},{}]}]}]}"#;
        let request = to_protobuf(Signal::Logs, text.as_bytes()).unwrap();
        assert_eq!(decoded(Signal::Logs, &request).unwrap().items.len(), 2);
        assert_eq!(check(Signal::Logs, &request), Ok(()));
        assert!(check(Signal::Logs, &request[1..]).is_err());
    }
}
