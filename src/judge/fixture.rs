//! Made-up runs of the plan in [`crate::plan::fixture`]: log records whose delays a test chooses.

use roaring::RoaringTreemap;

use crate::evidence::{
    Answer, Attempt, Batch, ClientSample, Evidence, FaultEvidence, ItemRange, LinkSample, Outcome,
    OutcomeKind, ProcessSample, Producer, RoleEvidence, SinkEvidence, SinkSample, SinkSignal,
    Times,
};
use crate::plan::Plan;
use crate::plan::fixture::SECOND_NS;
use crate::plan::windows::{segment_at, segments};
use crate::signal::Signal;
use crate::stats::histogram::Latencies;

/// Due times are this far apart: 100 records a second.
const PERIOD_NS: u64 = 10_000_000;
const TICK_NS: u64 = 100_000_000;
/// Records that the SDK hands over at once.
const BATCH: u64 = 10;
/// When the made-up run ends: it drains for two and a half seconds.
const ENDED_NS: u64 = 22_500_000_000;

/// A quiescent run in which the record due at `due_ns` reaches the sink after `delay_ns(due_ns)`;
/// `None` for one that is acknowledged and lost. Every fault of the plan began and ended on time.
pub fn run(plan: &Plan, delay_ns: impl Fn(u64) -> Option<u64>) -> Evidence {
    let due_ns: Vec<u64> = (0..plan.run.duration_ns / PERIOD_NS)
        .map(|i| i * PERIOD_NS)
        .collect();
    let arrived: Vec<(u64, u64)> = due_ns
        .iter()
        .filter_map(|due| Some((*due, due + delay_ns(*due)?)))
        .collect();
    let received = arrived.iter().map(|(due, _)| due / PERIOD_NS + 1).collect();
    let total = due_ns.len() as u64;
    let producer = Producer {
        signal: Signal::Logs,
        producer: 0,
        items_per_arrival: 1,
        released_ns: due_ns.iter().map(|due| (*due).max(1)).collect(),
        entered: (1..=total).collect(),
        sampled_out: RoaringTreemap::new(),
        received_by_deadline: received,
        received: arrived.iter().map(|(due, _)| due / PERIOD_NS + 1).collect(),
        received_again: RoaringTreemap::new(),
        extra_copies: 0,
        third_copies: 0,
        outages: Vec::new(),
        due_ns,
    };
    Evidence {
        batches: (0..total / BATCH)
            .map(|number| batch(number, &arrived))
            .collect(),
        sink: SinkEvidence {
            signals: vec![seen(plan, &arrived)],
            requests: total / BATCH,
            ..SinkEvidence::default()
        },
        faults: plan
            .faults
            .iter()
            .map(|fault| FaultEvidence {
                name: fault.name.clone(),
                occurrence: fault.occurrence,
                storm: fault.storm.clone(),
                kind: plan.kind_of(&fault.kind),
                backend: "proxy".to_owned(),
                started_ns: Some(fault.start_ns),
                ended_ns: Some(fault.end_ns.unwrap_or(ENDED_NS)),
                proof: Some("seen".to_owned()),
                healed: Some(true),
            })
            .collect(),
        times: Times {
            start_unix_ns: 0,
            load_ended_ns: plan.run.duration_ns,
            client_done_ns: Some(plan.run.duration_ns),
            quiescent_ns: Some(ENDED_NS),
            ended_ns: ENDED_NS,
        },
        series: series(total, &arrived),
        roles: ["client", "link", "sink", "controller"].map(role).into(),
        producers: vec![producer],
        cores: 2,
        ..Evidence::default()
    }
}

/// A run in which nothing goes wrong: each record arrives after 5 ms.
pub fn healthy(plan: &Plan) -> Evidence {
    run(plan, |_| Some(5_000_000))
}

/// The first time at or after `due_ns` outside `[from_s, to_s)`, plus 5 ms: what a cut does.
pub fn held_between(due_ns: u64, from_s: u64, to_s: u64) -> Option<u64> {
    let to_ns = to_s * SECOND_NS;
    let held = due_ns >= from_s * SECOND_NS && due_ns < to_ns;
    Some(5_000_000 + if held { to_ns - due_ns } else { 0 })
}

/// Records `number * BATCH + 1 ..`, acknowledged when the last of them arrived.
fn batch(number: u64, arrived: &[(u64, u64)]) -> Batch {
    let first = number * BATCH + 1;
    let last = first + BATCH - 1;
    let handed_ns = (last - 1) * PERIOD_NS;
    let of_batch = |(due, _): &&(u64, u64)| (first..=last).contains(&(due / PERIOD_NS + 1));
    let answered_ns = arrived.iter().filter(of_batch).map(|(_, at)| *at).max();
    let at_ns = answered_ns.unwrap_or(handed_ns + 5_000_000);
    Batch {
        batch: number + 1,
        way: 0,
        signal: Signal::Logs,
        items: vec![ItemRange {
            producer: 0,
            first,
            last,
        }],
        handed_ns,
        attempts: vec![Attempt {
            sent_ns: handed_ns,
            answer: Some(Answer {
                at_ns,
                text: "ok".to_owned(),
                ok: true,
            }),
        }],
        outcome: Some(Outcome {
            at_ns,
            result: OutcomeKind::Acknowledged,
            rejected: 0,
            message: String::new(),
        }),
    }
}

fn seen(plan: &Plan, arrived: &[(u64, u64)]) -> SinkSignal {
    let segments = segments(plan);
    let bins = (ENDED_NS / SECOND_NS + 1) as usize;
    let mut seen = SinkSignal {
        signal: Signal::Logs,
        copies: arrived.len() as u64,
        unexpected: 0,
        by_segment: vec![Latencies::default(); segments.len()],
        by_due_bin: vec![Latencies::default(); bins],
    };
    for (due, at) in arrived {
        seen.by_segment[segment_at(&segments, *due)].record_ns(at - due, 1);
        seen.by_due_bin[(due / SECOND_NS) as usize].record_ns(at - due, 1);
    }
    seen
}

fn series(total: u64, arrived: &[(u64, u64)]) -> crate::evidence::Series {
    let mut series = crate::evidence::Series::default();
    let slots = |logs: u64| [0, 0, logs];
    for at_ns in (0..=ENDED_NS).step_by(TICK_NS as usize) {
        let made = (at_ns / PERIOD_NS).min(total);
        let received = arrived.iter().filter(|(_, at)| *at <= at_ns).count() as u64;
        series.client.push(ClientSample {
            at_ns,
            offered: slots(made),
            generated: slots(made),
            handed: slots(made),
            acknowledged: slots(received),
            finished: slots(received),
            requests: made / BATCH,
            ..ClientSample::default()
        });
        series.link.push(LinkSample {
            at_ns,
            up_bytes: received * 100,
            down_bytes: received,
            ..LinkSample::default()
        });
        series.sink.push(SinkSample {
            at_ns,
            received: slots(received),
            ..SinkSample::default()
        });
    }
    series
}

/// A role that uses 2 % of a core and 1 MiB.
fn role(name: &str) -> RoleEvidence {
    let samples = (0..=ENDED_NS)
        .step_by(TICK_NS as usize)
        .map(|at_ns| ProcessSample {
            at_ns,
            cpu_user_ns: at_ns / 100,
            cpu_system_ns: at_ns / 100,
            rss_bytes: 1 << 20,
            threads: 3,
            fds: 7,
            ..ProcessSample::default()
        });
    RoleEvidence {
        role: name.to_owned(),
        pid: 1,
        exit: "exited with 0".to_owned(),
        samples: samples.collect(),
    }
}
