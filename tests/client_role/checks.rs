//! What one run of the client must show, from the server's side and from the evidence files.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{Metric, NumberDataPoint};
use squall::ids::{Identity, PointKey, series_hash};
use squall::signal::Signal;

use super::harness::{self, Run, Told};
use super::server::Server;

/// The identity in a span id of the wire.
pub fn id(bytes: &[u8]) -> u64 {
    u64::from_be_bytes(bytes.try_into().unwrap())
}

pub fn check_spans(run: &Run, server: &Server, told: &Told) {
    let entered = run.entered(Signal::Traces);
    let sampled_out = run.sampled_out(Signal::Traces);
    assert!(!sampled_out.is_empty() && entered.is_disjoint(&sampled_out));
    let created: BTreeSet<u64> = entered.union(&sampled_out).copied().collect();
    assert_eq!(created, run.released(Signal::Traces));
    assert_eq!(run.handed(Signal::Traces), entered);

    let spans = &server.accepted().spans;
    let received: BTreeMap<u64, &_> = spans.iter().map(|s| (id(&s.span_id), s)).collect();
    assert_eq!(received.len(), spans.len(), "a span came twice");
    assert_eq!(received.keys().copied().collect::<BTreeSet<_>>(), entered);
    let clock = told.clock.unwrap();
    let mut position: HashMap<&[u8], u64> = HashMap::new();
    for span in spans {
        let item = Identity::from_span_id(id(&span.span_id)).unwrap();
        let arrival = (item.sequence - 1) / u64::from(harness::SPANS_PER_TRACE);
        let due_ns = run
            .arrivals(Signal::Traces, item.producer)
            .due_ns(arrival as usize);
        assert_eq!(span.start_time_unix_nano, clock.to_unix_ns(due_ns));
        assert!(span.end_time_unix_nano > span.start_time_unix_nano);
        assert_eq!((span.attributes.len(), span.events.len()), (5, 1));
        assert_eq!(span.links.len(), 1);
        let root = item.sequence % u64::from(harness::SPANS_PER_TRACE) == 1;
        assert_eq!(span.parent_span_id.is_empty(), root);
        if !root {
            let parent = received[&id(&span.parent_span_id)];
            assert_eq!(parent.trace_id, span.trace_id);
        }
        // Spans of a trace end, and so travel, in descending order.
        let before = position.insert(&span.trace_id, item.sequence);
        assert!(before.is_none_or(|before| before == item.sequence + 1));
    }
}

pub fn check_logs(run: &Run, server: &Server, told: &Told) {
    let entered = run.entered(Signal::Logs);
    assert_eq!(entered, run.released(Signal::Logs));
    assert_eq!(run.handed(Signal::Logs), entered);
    let records = &server.accepted().logs;
    let received: BTreeSet<u64> = records.iter().map(|r| id(&r.span_id)).collect();
    assert_eq!(received.len(), records.len(), "a record came twice");
    assert_eq!(received, entered);
    let clock = told.clock.unwrap();
    for record in records {
        let item = Identity::from_span_id(id(&record.span_id)).unwrap();
        let arrivals = run.arrivals(Signal::Logs, item.producer);
        let due_ns = arrivals.due_ns(item.sequence as usize - 1);
        assert_eq!(record.time_unix_nano, clock.to_unix_ns(due_ns));
        assert!(record.event_name.starts_with("squall.event."));
        assert_eq!(record.attributes.len(), 5);
        assert_ne!(record.trace_id, [0; 16]);
    }
}

/// A data point as the wire tells it.
fn wire_points(metric: &Metric) -> Vec<(PointKey, f64)> {
    let key = |attributes: &[KeyValue], time_unix_ns| PointKey {
        series: series_hash(
            &metric.name,
            attributes
                .iter()
                .map(|pair| (pair.key.as_str(), text(pair.value.as_ref().unwrap()))),
        ),
        time_unix_ns,
    };
    let number = |point: &NumberDataPoint| {
        let value = match point.value.unwrap() {
            Number::AsDouble(value) => value,
            Number::AsInt(value) => value as f64,
        };
        (key(&point.attributes, point.time_unix_nano), value)
    };
    match metric.data.as_ref().unwrap() {
        Data::Gauge(gauge) => gauge.data_points.iter().map(number).collect(),
        Data::Sum(sum) => sum.data_points.iter().map(number).collect(),
        Data::Histogram(histogram) => {
            let points = histogram.data_points.iter();
            points
                .map(|p| (key(&p.attributes, p.time_unix_nano), p.sum.unwrap()))
                .collect()
        }
        Data::ExponentialHistogram(histogram) => {
            let points = histogram.data_points.iter();
            points
                .map(|p| (key(&p.attributes, p.time_unix_nano), p.sum.unwrap()))
                .collect()
        }
        Data::Summary(_) => panic!("nobody sends summaries"),
    }
}

fn text(value: &AnyValue) -> String {
    match value.value.as_ref().unwrap() {
        Value::StringValue(text) => text.clone(),
        Value::BoolValue(value) => value.to_string(),
        Value::IntValue(value) => value.to_string(),
        Value::DoubleValue(value) => value.to_string(),
        Value::ArrayValue(array) => {
            // As the API's own values print: texts in quotes, other values bare.
            let texts: Vec<String> = array
                .values
                .iter()
                .map(|value| match &value.value {
                    Some(Value::StringValue(text)) => format!("\"{text}\""),
                    _ => text(value),
                })
                .collect();
            format!("[{}]", texts.join(","))
        }
        other => panic!("{other:?}"),
    }
}

pub fn check_metrics(run: &Run, server: &Server) {
    let mut received = Vec::new();
    for resource in &server.accepted().metrics {
        for metric in resource.scope_metrics.iter().flat_map(|s| &s.metrics) {
            received.extend(wire_points(metric));
        }
    }
    let batches = run.batches();
    let handed: Vec<(PointKey, f64)> = batches
        .values()
        .flat_map(|batch| batch.points.iter().map(|p| (p.key, p.value)))
        .collect();
    assert_eq!(received, handed);
    assert_eq!(run.handed(Signal::Metrics).len(), handed.len());
    let last: HashMap<u64, f64> = handed.iter().map(|(k, v)| (k.series, *v)).collect();
    let (series, recorded) = (run.series(), run.recorded());
    assert_eq!(series.len(), 15);
    for (index, line) in series.iter().enumerate() {
        assert!(recorded.get(index) > 0, "{line:?}");
        assert_eq!(line.adds_up, !line.series.starts_with("squall.gauge"));
        if line.adds_up {
            assert_eq!(last[&line.hash], recorded.get(index) as f64, "{line:?}");
        } else {
            assert!(last.contains_key(&line.hash), "{line:?}");
        }
    }
}
