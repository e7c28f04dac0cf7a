//! What the two ends of a run carry over loopback: the raw client's role and the sink's, beside the
//! same path with prost at both ends, and beside HTTP/2 that carries the same bytes and reads none.
//!
//! Generator and sink are processes of their own, with four requests of 512 items under way on one
//! connection. The rows are taken in turn, round after round, so that what else the machine does
//! strikes all alike: compare within one table only. `SQUALL_ROUNDS=9` takes more than the usual five.

mod load;
mod pass;
mod peers;
mod roles;

use load::Kind;
use pass::Pass;

/// One row of the table.
struct Row {
    name: &'static str,
    kind: Kind,
    ends: Ends,
    aims: &'static [Aim],
}

/// Who generates and who receives.
#[derive(Clone, Copy)]
enum Ends {
    Squall,
    Peers {
        generator: &'static str,
        sink: &'static str,
    },
}

/// A ratio to the same figure of another row, in the same round.
struct Aim {
    what: &'static str,
    figure: fn(&Pass) -> f64,
    to: usize,
    aim: &'static str,
}

const PROST: usize = 0;
const BARE: usize = 1;
const TRACES: usize = 2;

const fn items(to: usize, what: &'static str, aim: &'static str) -> Aim {
    Aim {
        what,
        figure: |pass| pass.items_per_s,
        to,
        aim,
    }
}

const fn bytes(to: usize, what: &'static str, aim: &'static str) -> Aim {
    Aim {
        what,
        figure: |pass| pass.bytes_per_s,
        to,
        aim,
    }
}

const ROWS: [Row; 6] = [
    Row {
        name: "prost, gRPC",
        kind: Kind::Traces,
        ends: Ends::Peers {
            generator: peers::PROST_GENERATOR,
            sink: peers::PROST_SINK,
        },
        aims: &[],
    },
    Row {
        name: "HTTP/2 alone",
        kind: Kind::Traces,
        ends: Ends::Peers {
            generator: peers::BARE_GENERATOR,
            sink: peers::BARE_SINK,
        },
        aims: &[],
    },
    Row {
        name: "traces, gRPC",
        kind: Kind::Traces,
        ends: Ends::Squall,
        aims: &[
            items(PROST, "spans per s, of prost's", "at least 8"),
            items(BARE, "of HTTP/2 alone", "at least 0.5"),
            Aim {
                what: "generator's CPU per span, of prost's",
                figure: |pass| pass.generator_s,
                to: PROST,
                aim: "at most 0.15",
            },
            Aim {
                what: "sink's CPU per span, of prost's",
                figure: |pass| pass.sink_s,
                to: PROST,
                aim: "at most 0.2",
            },
        ],
    },
    Row {
        name: "metrics, gRPC",
        kind: Kind::Metrics,
        ends: Ends::Squall,
        aims: &[bytes(TRACES, "bytes per s, of traces'", "at least 0.67")],
    },
    Row {
        name: "logs, gRPC",
        kind: Kind::Logs,
        ends: Ends::Squall,
        aims: &[bytes(TRACES, "bytes per s, of traces'", "at least 0.67")],
    },
    Row {
        name: "traces, HTTP",
        kind: Kind::TracesOverHttp,
        ends: Ends::Squall,
        aims: &[bytes(TRACES, "bytes per s, of gRPC's", "at least 1")],
    },
];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|one| one == peers::ARGUMENT) {
        return peers::play(&arguments[at + 1..]);
    }
    // `cargo test --all-targets` runs benches too, without this.
    if !arguments.iter().any(|one| one == "--bench") {
        return println!("cargo bench --bench ends");
    }
    let rounds = std::env::var("SQUALL_ROUNDS").ok();
    let rounds: usize = rounds.map_or(5, |text| text.parse().expect("a number of rounds"));
    let rounds: Vec<[Pass; ROWS.len()]> = (0..rounds)
        .map(|_| ROWS.each_ref().map(|row| row.take()))
        .collect();
    print(&rounds);
}

impl Row {
    fn take(&self) -> Pass {
        match self.ends {
            Ends::Squall => roles::pass(self.kind),
            Ends::Peers { generator, sink } => peers::pass(generator, sink),
        }
    }
}

fn print(rounds: &[[Pass; ROWS.len()]]) {
    println!(
        "{:<14} {:>8} {:>8} {:>10} {:>10}  medians of {} rounds",
        "",
        "items/s",
        "MB/s",
        "generator",
        "sink",
        rounds.len()
    );
    println!(
        "{:<14} {:>8} {:>8} {:>10} {:>10}",
        "", "x 1000", "", "us/item", "us/item"
    );
    for (index, row) in ROWS.iter().enumerate() {
        let of = |figure: fn(&Pass) -> f64| {
            let (median, ..) = spread(rounds.iter().map(|round| figure(&round[index])));
            median
        };
        println!(
            "{:<14} {:>8.0} {:>8.0} {:>10.3} {:>10.3}",
            row.name,
            of(|pass| pass.items_per_s) / 1e3,
            of(|pass| pass.bytes_per_s) / 1e6,
            of(|pass| pass.generator_s) * 1e6,
            of(|pass| pass.sink_s) * 1e6,
        );
    }
    println!("\nratios within a round: median [least..most]");
    for (index, row) in ROWS.iter().enumerate() {
        for aim in row.aims {
            let ratios = rounds
                .iter()
                .map(|round| (aim.figure)(&round[index]) / (aim.figure)(&round[aim.to]));
            let (median, least, most) = spread(ratios);
            println!(
                "{:<14} {:<38} {median:>6.2} [{least:.2}..{most:.2}]  aim: {}",
                row.name, aim.what, aim.aim
            );
        }
    }
}

/// The median, the least and the most.
fn spread(values: impl Iterator<Item = f64>) -> (f64, f64, f64) {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    (
        values[values.len() / 2],
        values[0],
        values[values.len() - 1],
    )
}
