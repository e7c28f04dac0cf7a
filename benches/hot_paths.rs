//! What squall itself costs per item: schedule, identity, marks, histogram, decoding at the sink.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use squall::ids::Identity;
use squall::mapped::Bitmap;
use squall::otlp::identities::of_span;
use squall::otlp::schema::Landmark;
use squall::otlp::walk::walk;
use squall::plan::schedule::due_times_ns;
use squall::plan::{ArrivalPlan, ArrivalProcess, RateProfile};
use squall::signal::Signal;
use squall::stats::histogram::Latencies;

/// Spans of the request that is decoded.
const SPANS: u64 = 512;
/// Arrivals, marks or values of one measured pass.
const ITEMS: u64 = 100_000;

fn schedule(c: &mut Criterion) {
    let mut group = c.benchmark_group("schedule");
    group.throughput(Throughput::Elements(ITEMS));
    for (name, process) in [
        ("constant", ArrivalProcess::Constant),
        ("poisson", ArrivalProcess::Poisson),
    ] {
        let plan = ArrivalPlan {
            process,
            profile: RateProfile::Constant {
                rate: ITEMS as f64 / 10.0,
            },
            items_per_arrival: 1,
            producers: 1,
        };
        group.bench_function(name, |b| {
            b.iter(|| due_times_ns(black_box(&plan), 0, 1, 10_000_000_000));
        });
    }
    group.finish();
}

fn identity(c: &mut Criterion) {
    c.bench_function("identity: pack and unpack", |b| {
        b.iter(|| {
            let identity = Identity {
                producer: black_box(3),
                sequence: black_box(123_456),
            };
            Identity::from_span_id(black_box(identity.to_span_id()))
        });
    });
}

fn marks(c: &mut Criterion) {
    let mut group = c.benchmark_group("ledger mark");
    group.throughput(Throughput::Elements(ITEMS));
    group.bench_function("mapped bitmap", |b| {
        b.iter_batched(
            || {
                let folder = tempfile::tempdir().expect("a temporary folder");
                let bitmap = Bitmap::create(&folder.path().join("b"), ITEMS).expect("a bitmap");
                (folder, bitmap)
            },
            |(folder, bitmap)| {
                for sequence in 1..=ITEMS {
                    black_box(bitmap.mark(black_box(sequence)));
                }
                folder
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn histogram(c: &mut Criterion) {
    let mut group = c.benchmark_group("histogram");
    group.throughput(Throughput::Elements(ITEMS));
    group.bench_function("record", |b| {
        let mut latencies = Latencies::default();
        b.iter(|| {
            for value in 0..ITEMS {
                latencies.record_ns(black_box(value * 997), 1);
            }
        });
    });
    group.finish();
}

fn request() -> Vec<u8> {
    let attributes: Vec<KeyValue> = (0..10)
        .map(|index| KeyValue {
            key: format!("attribute.{index}"),
            value: Some(AnyValue {
                value: Some(Value::StringValue("a value of twenty b".to_owned())),
            }),
            ..KeyValue::default()
        })
        .collect();
    let spans = (1..=SPANS)
        .map(|sequence| Span {
            trace_id: vec![7; 16],
            span_id: sequence.to_be_bytes().to_vec(),
            name: "GET /checkout/{id}".to_owned(),
            start_time_unix_nano: 1_700_000_000_000_000_000,
            end_time_unix_nano: 1_700_000_000_000_100_000,
            attributes: attributes.clone(),
            ..Span::default()
        })
        .collect();
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            scope_spans: vec![ScopeSpans {
                spans,
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    }
    .encode_to_vec()
}

fn decode(c: &mut Criterion) {
    let bytes = request();
    let mut group = c.benchmark_group("sink decode");
    group.throughput(Throughput::Elements(SPANS));
    group.bench_function("walk, validate and read ids", |b| {
        b.iter(|| {
            let mut sum = 0_u64;
            walk(Signal::Traces, black_box(&bytes), &mut |landmark, span| {
                if landmark == Landmark::Span {
                    sum = sum.wrapping_add(of_span(span).span_id);
                }
            })
            .expect("a valid request");
            sum
        });
    });
    group.bench_function("prost decode and drop", |b| {
        b.iter(|| ExportTraceServiceRequest::decode(black_box(bytes.as_slice())));
    });
    group.finish();
}

criterion_group!(benches, schedule, identity, marks, histogram, decode);
criterion_main!(benches);
