//! What the sink costs per item, against the full decoders.

use std::hint::black_box;

use common::{SPANS, request};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, any_value::Value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric::Data, number_data_point,
};
use prost::Message;
use squall::mapped::shelves::Marks;
use squall::mapped::{Bitmap, Words};
use squall::otlp::identities::Runs;
use squall::otlp::json::to_protobuf;
use squall::otlp::points::of_metric;
use squall::otlp::walk::{Found, walk};
use squall::signal::Signal;

mod common;

/// Where the items of one producer are marked. After the first request every item is another copy
/// of one that came before, which costs more than a first one.
struct Sink {
    _folder: tempfile::TempDir,
    marks: Marks,
    runs: Runs,
}

impl Sink {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = |name: &str| folder.path().join(name);
        Bitmap::create(&file("seen"), SPANS).expect("a bitmap");
        Bitmap::create(&file("again"), SPANS).expect("a bitmap");
        Words::create(&file("extra"), 2).expect("words");
        let marks = Marks::open(&file("seen"), &file("again"), &file("extra")).expect("marks");
        Self {
            _folder: folder,
            marks,
            runs: Runs::default(),
        }
    }

    fn take(&mut self, signal: Signal, request: &[u8]) {
        self.runs.clear();
        walk(signal, request, &mut |found| {
            if let Found::Span(item, _) | Found::LogRecord(item, _) = found {
                self.runs.push(item);
            }
        })
        .expect("a valid request");
        for run in self.runs.iter() {
            self.marks
                .mark_run(run.first.span_id..run.first.span_id + run.count);
        }
    }
}

fn logs() -> ExportLogsServiceRequest {
    let spans = request()
        .resource_spans
        .remove(0)
        .scope_spans
        .remove(0)
        .spans;
    let log_records = spans
        .into_iter()
        .map(|span| LogRecord {
            time_unix_nano: span.start_time_unix_nano,
            observed_time_unix_nano: span.end_time_unix_nano,
            severity_number: 9,
            severity_text: "INFO".to_owned(),
            body: Some(AnyValue {
                value: Some(Value::StringValue(span.name)),
            }),
            trace_id: span.trace_id,
            span_id: span.span_id,
            attributes: span.attributes,
            ..LogRecord::default()
        })
        .collect();
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            scope_logs: vec![ScopeLogs {
                log_records,
                ..ScopeLogs::default()
            }],
            ..ResourceLogs::default()
        }],
    }
}

fn metrics() -> ExportMetricsServiceRequest {
    let spans = request()
        .resource_spans
        .remove(0)
        .scope_spans
        .remove(0)
        .spans;
    let data_points = spans
        .into_iter()
        .map(|span| NumberDataPoint {
            attributes: span.attributes,
            time_unix_nano: span.start_time_unix_nano,
            value: Some(number_data_point::Value::AsInt(5)),
            ..NumberDataPoint::default()
        })
        .collect();
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            scope_metrics: vec![ScopeMetrics {
                metrics: vec![Metric {
                    name: "m".to_owned(),
                    data: Some(Data::Gauge(Gauge { data_points })),
                    ..Metric::default()
                }],
                ..ScopeMetrics::default()
            }],
            ..ResourceMetrics::default()
        }],
    }
}

fn protobuf(c: &mut Criterion) {
    let mut group = c.benchmark_group("sink protobuf");
    group.throughput(Throughput::Elements(SPANS));
    let bytes = request().encode_to_vec();
    let mut sink = Sink::new();
    group.bench_function("spans: walk, read ids, mark", |b| {
        b.iter(|| sink.take(Signal::Traces, black_box(&bytes)));
    });
    group.bench_function("spans: prost decode and drop", |b| {
        b.iter(|| ExportTraceServiceRequest::decode(black_box(bytes.as_slice())));
    });
    let bytes = logs().encode_to_vec();
    group.bench_function("log records: walk, read ids, mark", |b| {
        b.iter(|| sink.take(Signal::Logs, black_box(&bytes)));
    });
    group.bench_function("log records: prost decode and drop", |b| {
        b.iter(|| ExportLogsServiceRequest::decode(black_box(bytes.as_slice())));
    });
    let bytes = metrics().encode_to_vec();
    let mut points = Vec::new();
    group.bench_function("data points: walk, hash series", |b| {
        b.iter(|| {
            points.clear();
            walk(Signal::Metrics, black_box(&bytes), &mut |found| {
                if let Found::Metric(metric) = found {
                    of_metric(metric, &mut points);
                }
            })
        });
    });
    group.bench_function("data points: prost decode and drop", |b| {
        b.iter(|| ExportMetricsServiceRequest::decode(black_box(bytes.as_slice())));
    });
    group.finish();
}

fn json(c: &mut Criterion) {
    let text = serde_json::to_string(&request()).expect("JSON");
    let mut group = c.benchmark_group("sink JSON");
    group.throughput(Throughput::Elements(SPANS));
    let mut sink = Sink::new();
    group.bench_function("spans: rewrite, walk, read ids, mark", |b| {
        b.iter(|| {
            let text = black_box(text.as_bytes());
            let request = to_protobuf(Signal::Traces, text).expect("a valid request");
            sink.take(Signal::Traces, &request);
        });
    });
    group.bench_function("spans: serde into the generated types and drop", |b| {
        b.iter(|| {
            serde_json::from_slice::<ExportTraceServiceRequest>(black_box(text.as_bytes()))
                .expect("a valid request")
        });
    });
    group.finish();
}

criterion_group!(benches, protobuf, json);
criterion_main!(benches);
