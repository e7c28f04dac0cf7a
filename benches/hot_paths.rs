//! What squall itself costs per item: schedule, identity, marks, histogram.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use squall::ids::Identity;
use squall::mapped::Bitmap;
use squall::plan::schedule::due_times_ns;
use squall::plan::{ArrivalPlan, ArrivalProcess, RateProfile};
use squall::stats::histogram::Latencies;

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

criterion_group!(benches, schedule, identity, marks, histogram);
criterion_main!(benches);
