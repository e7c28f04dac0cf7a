//! What the raw client costs per item: patching a template, against restamping messages and encoding them.

use std::hint::black_box;

use bytes::BytesMut;
use common::{SPANS, request};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use prost::Message;
use squall::ids::Identity;
use squall::otlp::Encoding;
use squall::otlp::raw_points::of_metric;
use squall::otlp::walk::{Found, walk};
use squall::plan::{
    AttributePlan, InstrumentKind, LogPayload, MetricPayload, Temporality, TracePayload,
};
use squall::raw::layout::Layout;
use squall::raw::layout::captured::{self, captured};
use squall::raw::layout::logs::LogLayout;
use squall::raw::layout::metrics::MetricLayout;
use squall::raw::layout::traces::SpanLayout;
use squall::raw::template::{Stamp, Template};
use squall::signal::Signal;

mod common;

const START_UNIX_NS: u64 = 1_690_000_000_000_000_000;

const STAMP: Stamp = Stamp {
    producer: 3,
    first_sequence: 1,
    arrival: 0,
    due_unix_ns: 1_700_000_000_000_000_000,
    trace_high: 0x1234_5678_9abc_def0,
};

fn layout(encoding: Encoding) -> Layout {
    Layout {
        service: "bench".to_owned(),
        resource: Default::default(),
        seed: 7,
        items: SPANS as u32,
        entropy: None,
        encoding,
    }
}

fn attributes() -> AttributePlan {
    AttributePlan {
        count: 10,
        value_bytes: 20,
        cardinality: 10,
        types: Vec::new(),
    }
}

fn traces(encoding: Encoding) -> Template {
    let payload = TracePayload {
        span_names: 5,
        events_per_span: 0,
        links_per_span: 0,
        errors: 0.01,
        attributes: attributes(),
        sample: 1.0,
    };
    let layout = SpanLayout::new(layout(encoding), &payload, 8);
    layout.template(3, 0).expect("a template")
}

fn logs(encoding: Encoding) -> Template {
    let payload = LogPayload {
        body_bytes: 100,
        attributes: attributes(),
    };
    let layout = LogLayout::new(layout(encoding), &payload);
    layout.template(3, 0).expect("a template")
}

fn metrics(encoding: Encoding) -> Template {
    let payload = MetricPayload {
        series: SPANS as u32,
        instruments: vec![InstrumentKind::Sum],
        attributes: attributes(),
    };
    let temporality = Temporality::Cumulative;
    let layout = MetricLayout::new(layout(encoding), &payload, temporality, START_UNIX_NS);
    layout.template(3, 0).expect("a template")
}

fn next(stamp: &mut Stamp) {
    stamp.first_sequence += SPANS;
    stamp.arrival += 1;
    stamp.due_unix_ns += 1_000_000;
}

fn write(c: &mut Criterion) {
    let mut group = c.benchmark_group("raw: write a request of 512");
    group.throughput(Throughput::Elements(SPANS));
    let templates = [
        ("spans", traces(Encoding::Protobuf)),
        ("log records", logs(Encoding::Protobuf)),
        ("data points", metrics(Encoding::Protobuf)),
        ("spans as JSON", traces(Encoding::Json)),
    ];
    for (name, template) in templates {
        let bytes = template.bytes.len() as u64 / SPANS;
        let mut stamp = STAMP;
        let mut out = BytesMut::with_capacity(template.bytes.len());
        group.bench_function(format!("{name} of {bytes} bytes"), |b| {
            b.iter(|| {
                next(&mut stamp);
                out.clear();
                template.write(black_box(&stamp), &mut out);
                black_box(out.len())
            });
        });
        // What is left when it is taken from the above is the patching.
        group.bench_function(format!("{name} of {bytes} bytes, copied only"), |b| {
            b.iter(|| {
                out.clear();
                out.extend_from_slice(black_box(&template.bytes));
                black_box(out.len())
            });
        });
    }
    group.finish();
}

fn restamp(c: &mut Criterion) {
    let template = traces(Encoding::Protobuf);
    let mut message =
        ExportTraceServiceRequest::decode(template.bytes.as_slice()).expect("a request");
    let mut group = c.benchmark_group("raw: the same with messages");
    group.throughput(Throughput::Elements(SPANS));
    let mut stamp = STAMP;
    let mut out = BytesMut::with_capacity(template.bytes.len());
    group.bench_function("restamp and encode", |b| {
        b.iter(|| {
            next(&mut stamp);
            out.clear();
            let spans = &mut message.resource_spans[0].scope_spans[0].spans;
            for (sequence, span) in (stamp.first_sequence..).zip(spans) {
                let identity = Identity {
                    producer: stamp.producer,
                    sequence,
                };
                let id = identity.to_span_id().to_be_bytes();
                span.trace_id[..8].copy_from_slice(&stamp.trace_high.to_be_bytes());
                span.trace_id[8..].copy_from_slice(&id);
                span.span_id.copy_from_slice(&id);
                if let Some(parent) = span.parent_span_id.first_chunk_mut() {
                    *parent = id;
                }
                let length = span.end_time_unix_nano - span.start_time_unix_nano;
                span.start_time_unix_nano = stamp.due_unix_ns;
                span.end_time_unix_nano = stamp.due_unix_ns + length;
            }
            message.encode(&mut out).expect("room");
            black_box(out.len())
        });
    });
    group.finish();
}

fn lay_out(c: &mut Criterion) {
    let bytes = request().encode_to_vec();
    let mut group = c.benchmark_group("raw: lay out");
    group.throughput(Throughput::Elements(SPANS));
    group.bench_function("a captured request", |b| {
        b.iter(|| {
            let request = captured::Request {
                body: black_box(&bytes).clone(),
                at_unix_ns: 0,
            };
            captured(vec![request], Signal::Traces, Encoding::Protobuf)
        });
    });
    group.finish();
}

fn points(c: &mut Criterion) {
    let template = metrics(Encoding::Protobuf);
    let mut found = Vec::new();
    walk(Signal::Metrics, &template.bytes, &mut |told| {
        if let Found::Metric(metric) = told {
            found.push(metric);
        }
    })
    .expect("a request");
    let mut group = c.benchmark_group("raw: identities of data points");
    group.throughput(Throughput::Elements(SPANS));
    group.bench_function("read from walked metrics", |b| {
        b.iter(|| {
            let mut sum = 0;
            for metric in &found {
                of_metric(black_box(metric), &mut |point| {
                    sum += u64::from(point.position)
                });
            }
            sum
        });
    });
    group.bench_function("prost decode and drop", |b| {
        b.iter(|| {
            let metric = opentelemetry_proto::tonic::metrics::v1::Metric::decode(found[0]);
            matches!(metric.expect("a metric").data, Some(Data::Sum(_)))
        });
    });
    group.finish();
}

criterion_group!(benches, write, restamp, lay_out, points);
criterion_main!(benches);
