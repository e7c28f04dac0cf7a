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
mod tap;

use load::{Load, Pass, Work};
use paths::Path;

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
    paths: Arc<Vec<Path>>,
    /// What this project aims at, in words.
    aim: &'static str,
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
    let pinged = Arc::new(paths::all(peers::echo(PING_BYTES, PING_BYTES), false));
    let filled = Arc::new(paths::all(peers::echo(BULK_BYTES, 1), false));
    let called = Arc::new(paths::all(peers::grpc(), true));
    let row = |name, connections, work: &Work, operations, paths: &Arc<_>, aim| Row {
        name,
        connections,
        work: work.clone(),
        operations,
        paths: Arc::clone(paths),
        aim,
    };
    vec![
        row(
            "ping 1 KiB, 1",
            1,
            &ping,
            3_000,
            &pinged,
            "; aim: the link adds at most 1.5 times what HAProxy adds",
        ),
        row("ping 1 KiB, 64", 64, &ping, 20_000, &pinged, ""),
        row("bulk, 1", 1, &bulk, 80, &filled, ""),
        row("bulk, 64", 64, &bulk, 128, &filled, ""),
        row(
            "gRPC full rate, 1",
            1,
            &prepared,
            1_200,
            &called,
            "; aim: 0.68 of direct",
        ),
        row(
            "gRPC full rate, 64",
            64,
            &prepared,
            1_200,
            &called,
            "; aim: 0.68 of direct",
        ),
        row(
            "gRPC, prost client, 1",
            1,
            &encoded,
            150,
            &called,
            "; aim: 0.92 of direct",
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

/// One path in one round of the table.
struct Cell {
    pass: Pass,
    /// What the proxy used.
    cpu: Option<Duration>,
}

/// Takes the paths of a row in turn and prints what each made of it.
fn print(row: &Row) {
    let connect = |path: &Path| Load::new(path.address, row.connections, &row.work);
    let mut loads: Vec<Load> = row.paths.iter().map(connect).collect();
    let round = || {
        let each = row.paths.iter().zip(&mut loads);
        each.map(|(path, load)| {
            let before = path.cpu();
            let pass = load.pass(row.operations);
            let cpu = path.cpu().zip(before).map(|(after, before)| after - before);
            Cell { pass, cpu }
        })
        .collect()
    };
    let rounds: Vec<Vec<Cell>> = std::iter::repeat_with(round).take(ROUNDS).collect();
    println!("{}{}", row.name, row.aim);
    for (index, path) in row.paths.iter().enumerate() {
        let of = |value: &dyn Fn(&Cell, &Cell) -> f64| {
            median(rounds.iter().map(|cells| value(&cells[index], &cells[0])))
        };
        let operations = row.operations as f64;
        println!(
            "  {:<12} {:>9.0} {:>8.2} {:>10.1} {:>10.1} {:>10.2} {:>10.0}",
            path.name,
            of(&|cell, _| operations / cell.pass.elapsed.as_secs_f64()),
            of(&|cell, direct| {
                direct.pass.elapsed.as_secs_f64() / cell.pass.elapsed.as_secs_f64()
            }),
            of(&|cell, _| micros(cell.pass.median)),
            of(&|cell, direct| micros(cell.pass.median) - micros(direct.pass.median)),
            of(&|cell, _| micros(cell.cpu.unwrap_or_default()) / operations),
            of(&|cell, _| micros(cell.cpu.unwrap_or_default()) / operations)
                / (row.work.bytes() as f64 / 1e6),
        );
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
    // `SQUALL_TABLE=ping` leaves out criterion's part and all rows but those of this name.
    let only = std::env::var("SQUALL_TABLE").ok();
    for row in rows.iter().filter(|_| only.is_none()) {
        measure(&mut c, row);
    }
    c.final_summary();

    println!(
        "\n  {:<12} {:>9} {:>8} {:>10} {:>10} {:>10} {:>10}",
        "", "per s", "direct", "median µs", "added µs", "CPU µs", "µs per MB"
    );
    let only = only.unwrap_or_default();
    for row in rows.iter().filter(|row| row.name.contains(&only)) {
        print(row);
    }
    latency::compare(&Work::Encoded(Arc::new(common::request())));
}
