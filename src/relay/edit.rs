//! Items of a request by name, and what bugs do to single ones.

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use prost::Message as _;

use crate::ids::Identity;
use crate::otlp::points;
use crate::otlp::walk::{Found, walk};
use crate::signal::Signal;

/// What an attribute's value becomes.
const CORRUPTED: &str = "corrupted by the relay";

/// What becomes of one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Kept,
    Removed,
    /// Its first attribute has another value; without any, it is kept as it is.
    Corrupted,
    /// It has no parent any more.
    Orphaned,
}

/// What can be done to an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject {
    pub has_attributes: bool,
    pub has_parent: bool,
}

/// The name of each item of a valid request, in order: `producer/sequence`, or `series@time` for a
/// data point; an item without an identity of ours is `?`.
pub fn names(signal: Signal, request: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    let mut name = |span_id| {
        let identity = Identity::from_span_id(span_id);
        names.push(identity.map_or_else(|| "?".to_owned(), |identity| identity.to_string()));
    };
    let mut found = Vec::new();
    // What is not valid was refused at the door.
    let _ = walk(signal, request, &mut |landmark| match landmark {
        Found::Span(item, _) | Found::LogRecord(item, _) => name(item.span_id),
        Found::Metric(bytes) => points::of_metric(bytes, &mut found),
        Found::Resource(_) => {}
    });
    names.extend(found.iter().map(|point| {
        let key = point.key;
        format!("{}@{}", key.series, key.time_unix_ns)
    }));
    names
}

/// Asks `judge` about every item, in order, and writes the request anew.
pub fn edit(
    signal: Signal,
    request: &Bytes,
    judge: &mut impl FnMut(Subject) -> Fate,
) -> Result<Bytes, prost::DecodeError> {
    let edited = match signal {
        Signal::Traces => {
            let mut traces = ExportTraceServiceRequest::decode(request.as_ref())?;
            for scope in traces
                .resource_spans
                .iter_mut()
                .flat_map(|resource| &mut resource.scope_spans)
            {
                scope.spans.retain_mut(|span| {
                    let fate = judge(Subject {
                        has_attributes: !span.attributes.is_empty(),
                        has_parent: !span.parent_span_id.is_empty(),
                    });
                    if fate == Fate::Orphaned {
                        span.parent_span_id.clear();
                    }
                    obey(fate, &mut span.attributes)
                });
            }
            traces.encode_to_vec()
        }
        Signal::Logs => {
            let mut logs = ExportLogsServiceRequest::decode(request.as_ref())?;
            for scope in logs
                .resource_logs
                .iter_mut()
                .flat_map(|resource| &mut resource.scope_logs)
            {
                scope
                    .log_records
                    .retain_mut(|record| judge_attributes(&mut record.attributes, judge));
            }
            logs.encode_to_vec()
        }
        Signal::Metrics => {
            let mut metrics = ExportMetricsServiceRequest::decode(request.as_ref())?;
            for data in metrics
                .resource_metrics
                .iter_mut()
                .flat_map(|resource| &mut resource.scope_metrics)
                .flat_map(|scope| &mut scope.metrics)
                .filter_map(|metric| metric.data.as_mut())
            {
                edit_points(data, judge);
            }
            metrics.encode_to_vec()
        }
    };
    Ok(edited.into())
}

fn edit_points(data: &mut Data, judge: &mut impl FnMut(Subject) -> Fate) {
    match data {
        Data::Gauge(gauge) => gauge
            .data_points
            .retain_mut(|point| judge_attributes(&mut point.attributes, judge)),
        Data::Sum(sum) => sum
            .data_points
            .retain_mut(|point| judge_attributes(&mut point.attributes, judge)),
        Data::Histogram(histogram) => histogram
            .data_points
            .retain_mut(|point| judge_attributes(&mut point.attributes, judge)),
        Data::ExponentialHistogram(histogram) => histogram
            .data_points
            .retain_mut(|point| judge_attributes(&mut point.attributes, judge)),
        Data::Summary(summary) => summary
            .data_points
            .retain_mut(|point| judge_attributes(&mut point.attributes, judge)),
    }
}

fn judge_attributes(attributes: &mut [KeyValue], judge: &mut impl FnMut(Subject) -> Fate) -> bool {
    let fate = judge(Subject {
        has_attributes: !attributes.is_empty(),
        has_parent: false,
    });
    obey(fate, attributes)
}

/// Whether the item stays.
fn obey(fate: Fate, attributes: &mut [KeyValue]) -> bool {
    if fate == Fate::Corrupted
        && let Some(first) = attributes.first_mut()
    {
        first.value = Some(AnyValue {
            value: Some(any_value::Value::StringValue(CORRUPTED.to_owned())),
        });
    }
    fate != Fate::Removed
}
