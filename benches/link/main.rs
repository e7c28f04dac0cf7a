//! What the idle link costs, beside no proxy at all, a plain copy and HAProxy.
//!
//! Client, proxy and peer have one thread each. Criterion measures every path for itself; the table
//! at the end takes them in turn, so that what else the machine does strikes all alike: compare
//! within one table only.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::Criterion;

#[path = "../common/mod.rs"]
mod common;
mod latency;
mod load;
mod paths;
mod peers;

use load::{Load, Work};

const PING_BYTES: usize = 1 << 10;
const BULK_BYTES: usize = 4 << 20;
/// Rounds of the table; each takes every path once.
const ROUNDS: usize = 7;

/// One row of the table.
struct Row {
    name: &'static str,
    connections: usize,
    work: Work,
    /// Of one pass, which takes some 200 ms.
    operations: u64,
    paths: Arc<Vec<paths::Path>>,
    /// Least share of the direct throughput that this project aims at.
    aim: Option<f64>,
}

fn rows() -> Vec<Row> {
    let request = common::request();
    let prepared = Work::Prepared(load::framed(&request));
    let encoded = Work::Encoded(Arc::new(request));
    let ping = Work::Bytes {
        sent: PING_BYTES,
        awaited: PING_BYTES,
    };
    let bulk = Work::Bytes {
        sent: BULK_BYTES,
        awaited: 1,
    };
    let pinged = Arc::new(paths::all(peers::echo(PING_BYTES, PING_BYTES)));
    let filled = Arc::new(paths::all(peers::echo(BULK_BYTES, 1)));
    let called = Arc::new(paths::all(peers::grpc()));
    let row = |name, connections, work: &Work, operations, paths: &Arc<_>, aim| Row {
        name,
        connections,
        work: work.clone(),
        operations,
        paths: Arc::clone(paths),
        aim,
    };
    vec![
        row("ping 1 KiB, 1", 1, &ping, 3_000, &pinged, None),
        row("ping 1 KiB, 64", 64, &ping, 20_000, &pinged, None),
        row("bulk, 1", 1, &bulk, 80, &filled, None),
        row("bulk, 64", 64, &bulk, 128, &filled, None),
        row(
            "gRPC full rate, 1",
            1,
            &prepared,
            1_200,
            &called,
            Some(0.68),
        ),
        row(
            "gRPC full rate, 64",
            64,
            &prepared,
            1_200,
            &called,
            Some(0.68),
        ),
        row(
            "gRPC, prost client, 1",
            1,
            &encoded,
            150,
            &called,
            Some(0.92),
        ),
    ]
}

fn measure(c: &mut Criterion, row: &Row) {
    let mut group = c.benchmark_group(format!("link/{}", row.name));
    for path in row.paths.iter() {
        let mut load = Load::new(path.address, row.connections, &row.work);
        group.bench_function(path.name, |bencher| {
            bencher.iter_custom(|operations| black_box(load.pass(operations)).elapsed);
        });
    }
    group.finish();
}

/// Takes the paths of a row in turn and prints what each made of it.
fn print(row: &Row) {
    let mut loads: Vec<Load> = row
        .paths
        .iter()
        .map(|path| Load::new(path.address, row.connections, &row.work))
        .collect();
    let rounds: Vec<Vec<load::Pass>> = (0..ROUNDS)
        .map(|_| {
            loads
                .iter_mut()
                .map(|load| load.pass(row.operations))
                .collect()
        })
        .collect();
    print!("{:<22}", row.name);
    for index in 0..row.paths.len() {
        let rates = rounds
            .iter()
            .map(|round| row.operations as f64 / round[index].elapsed.as_secs_f64());
        let shares = rounds
            .iter()
            .map(|round| round[0].elapsed.as_secs_f64() / round[index].elapsed.as_secs_f64());
        let medians = rounds.iter().map(|round| micros(round[index].median));
        print!(
            " {:>9.0}/s {:>4.2} {:>7.0} µs",
            median(rates),
            median(shares),
            median(medians)
        );
    }
    let aim = row.aim.map_or(String::new(), |aim| format!("  aim {aim}"));
    println!("{aim}");
    if row.connections == 1 && matches!(row.work, Work::Bytes { awaited: 2.., .. }) {
        print!("{:<22}", "  added to a ping");
        for index in 0..row.paths.len() {
            let added = rounds
                .iter()
                .map(|round| micros(round[index].median) - micros(round[0].median));
            print!(" {:>24.1} µs", median(added));
        }
        println!("  aim: link at most 1.5 x HAProxy");
    }
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let mut c = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(800))
        .configure_from_args();
    let rows = rows();
    // `SQUALL_TABLE=1` leaves out criterion's part.
    for row in rows
        .iter()
        .filter(|_| std::env::var_os("SQUALL_TABLE").is_none())
    {
        measure(&mut c, row);
    }
    c.final_summary();

    println!("\noperations per second, share of direct, median of one operation");
    print!("{:<22}", "connections last");
    for path in rows[0].paths.iter() {
        print!(" {:>27}", path.name);
    }
    println!();
    for row in &rows {
        print(row);
    }
    latency::compare();
}
