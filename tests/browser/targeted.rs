//! The failing run with a collector in the middle, and with three of them on two branches.

use std::collections::BTreeMap;

use squall::evidence::{ProcessSample, RoleEvidence, SaidSample};
use squall::plan::*;
use squall::record::*;
use squall::signal::Signal;

use super::{SECOND, failing};

/// A relay that was killed and lost what it held, between two links of which each had a fault.
pub fn one() -> Record {
    let mut record = failing();
    record.run = "20261121T063000Z-relayed-77aa01".to_owned();
    let line = [("to-relay", Place::Client), ("to-sink", Place::Target(0))];
    record.plan.links = vec![
        link(line[0].0, line[0].1, Place::Target(0)),
        link(line[1].0, line[1].1, Place::Sink),
    ];
    record.plan.targets = vec![target("relay", Place::Sink)];
    let result = &mut record.result;
    result.faults[0].place = "to-sink".to_owned();
    let mut crash = result.faults[0].clone();
    crash.name = "crash".to_owned();
    crash.kind = "target.restart".to_owned();
    crash.backend = "signals".to_owned();
    crash.place = "relay".to_owned();
    crash.proof = Some("killed at 9 s, ready again 1.2 s after its start".to_owned());
    (crash.started_s, crash.ended_s) = (Some(9.0), Some(10.5));
    let mut stress = crash.clone();
    stress.name = "squeeze".to_owned();
    stress.kind = "machine.stress".to_owned();
    stress.place = MACHINE.to_owned();
    result.faults.extend([crash, stress]);
    result.flow = Flow {
        stations: vec![
            station(
                "client",
                "client",
                "sdk",
                &["to-relay"],
                [None, Some(12_000)],
                [0.0, 0.0],
            ),
            station(
                "link",
                "to-relay",
                "proxy",
                &["relay"],
                [Some(12_000), Some(11_588)],
                [0.000_3, 0.001_1],
            ),
            station(
                "target",
                "relay",
                "process",
                &["to-sink"],
                [Some(11_588), Some(11_585)],
                [0.012, 1.9],
            ),
            station(
                "link2",
                "to-sink",
                "proxy",
                &["sink"],
                [Some(11_585), Some(11_585)],
                [0.000_4, 4.1],
            ),
            station(
                "sink",
                "sink",
                "sink",
                &[],
                [Some(11_585), Some(11_585)],
                [0.0, 0.0],
            ),
        ],
        lost_at: vec![
            placed(Signal::Traces, "dropped_by_client", "client", 412),
            placed(Signal::Traces, "lost_silently", "relay", 3),
            placed(Signal::Logs, "given_up", "to-relay", 30),
            placed(Signal::Logs, "lost_silently", "relay", 3),
        ],
        duplicated_at: vec![placed(Signal::Traces, "duplicated", "relay", 64)],
        blurred: vec!["link to-sink was not read to its end on 1 connection".to_owned()],
        owned_up: vec![OwnedUp {
            target: "relay".to_owned(),
            lost: 6,
            said: Some(0),
            text: "relay lost 6 items and owned up to none".to_owned(),
            agrees: false,
            killed: false,
        }],
    };
    over_time(&mut record);
    record
}

/// The line of the other runs, on which nobody looked into the link.
pub fn without_target() -> Flow {
    let none = [None, None];
    Flow {
        stations: vec![
            station("client", "client", "sdk", &["link"], none, [0.0, 0.0]),
            station("link", "link", "proxy", &["sink"], none, [0.0, 0.0]),
            station("sink", "sink", "sink", &[], none, [0.0, 0.0]),
        ],
        ..Flow::default()
    }
}

/// What the relay used and said, and what its second link carried.
fn over_time(record: &mut Record) {
    let live = &mut record.series.live;
    live.other_links
        .insert("link2".to_owned(), live.link.clone());
    let mut process = RoleEvidence {
        role: "target".to_owned(),
        pid: 200,
        exit: "exited 0".to_owned(),
        samples: Vec::new(),
    };
    for tenth in 0..=234_u64 {
        let at_ns = tenth * SECOND / 10;
        let held = if (80..126).contains(&tenth) {
            (tenth - 80) as f64 * 89.0
        } else {
            12.0
        };
        process.samples.push(ProcessSample {
            at_ns,
            cpu_user_ns: at_ns / 20,
            rss_bytes: 8_000_000 + tenth * 20_000,
            ..ProcessSample::default()
        });
        if tenth % 10 == 0 {
            live.said.push(SaidSample {
                at_ns,
                target: "relay".to_owned(),
                values: BTreeMap::from([("queue".to_owned(), held)]),
            });
        }
    }
    record.series.roles.push(process);
}

/// The client by two links to two collectors, one of which has another behind it.
pub fn three() -> Record {
    let mut record = one();
    record.run = "20261121T064500Z-branched-0c11de".to_owned();
    let names = ["gateway", "store-with-a-very-long-name", "mirror"];
    record.plan.targets = names.map(|name| target(name, Place::Sink)).to_vec();
    let result = &mut record.result;
    let mut storm = result.faults[0].clone();
    storm.place = "mirror".to_owned();
    for (number, name) in ["limit", "freeze", "leak", "burn"].iter().enumerate() {
        storm.name = (*name).to_owned();
        storm.kind = format!("target2.{name}");
        for occurrence in 1..=number as u32 + 1 {
            storm.occurrence = occurrence;
            storm.occurrences = number as u32 + 1;
            storm.started_s = Some(3.0 + f64::from(occurrence) * 2.0 + number as f64 * 0.1);
            storm.ended_s = storm.started_s.map(|start_s| start_s + 1.0);
            result.faults.push(storm.clone());
        }
    }
    result.faults[1].place = "gateway".to_owned();
    let known = [Some(1_234_567), Some(1_200_000)];
    let none = [None, None];
    result.flow.stations = vec![
        station(
            "client",
            "client",
            "sdk",
            &["to-gateway", "to-mirror"],
            [None, Some(12_000)],
            [0.0, 0.0],
        ),
        station(
            "link",
            "to-gateway",
            "netns",
            &["gateway"],
            known,
            [0.01, 0.2],
        ),
        station(
            "target",
            "gateway",
            "container",
            &["to-store"],
            known,
            [0.01, 0.2],
        ),
        station(
            "link3",
            "to-store",
            "toxiproxy",
            &[names[1]],
            known,
            [0.01, 0.2],
        ),
        station(
            "target2",
            names[1],
            "process",
            &["to-sink"],
            known,
            [0.01, 0.2],
        ),
        station("link4", "to-sink", "proxy", &["sink"], known, [0.01, 0.2]),
        station("link2", "to-mirror", "proxy", &["mirror"], none, [0.0, 0.0]),
        station(
            "target3",
            "mirror",
            "external",
            &["mirror-to-sink"],
            none,
            [0.0, 0.0],
        ),
        station(
            "link5",
            "mirror-to-sink",
            "proxy",
            &["sink"],
            none,
            [0.0, 0.0],
        ),
        station(
            "sink",
            "sink",
            "sink",
            &[],
            [Some(11_585), Some(11_585)],
            [0.0, 0.0],
        ),
    ];
    result.flow.lost_at = vec![
        placed(Signal::Traces, "lost_silently", names[1], 34_567),
        placed(Signal::Traces, "unresolved", names[1], 12),
        placed(Signal::Traces, "refused", "gateway", 9),
    ];
    result.flow.duplicated_at = vec![placed(Signal::Traces, "duplicated", "client", 64)];
    record
}

fn link(name: &str, from: Place, to: Place) -> LinkPlan {
    LinkPlan {
        name: name.to_owned(),
        from,
        to,
        via: LinkBackend::Proxy,
        buffer_bytes: 262_144,
        packets: None,
        toxiproxy: None,
        tap: true,
    }
}

fn target(name: &str, to: Place) -> TargetPlan {
    TargetPlan {
        name: name.to_owned(),
        kind: TargetKind::External(ExternalTarget {
            endpoint: "127.0.0.1:4317".to_owned(),
            returns_to: None,
        }),
        exports: Transport::Grpc,
        to: Some(to),
        ready: ReadyPlan {
            sign: ReadySign::Tcp("127.0.0.1:4317".to_owned()),
            within_ns: 10 * SECOND,
        },
        metrics: None,
    }
}

fn station(
    role: &str,
    name: &str,
    kind: &str,
    to: &[&str],
    [came, went]: [Option<u64>; 2],
    [p50_s, p99_s]: [f64; 2],
) -> Station {
    let seen = Seen {
        came,
        came_again: came.map(|_| 0),
        went,
        went_again: went.map(|_| 64),
    };
    let latency = HopLatencyResult {
        items: 11_000,
        p50_s,
        p99_s,
        max_s: 2.0 * p99_s,
    };
    let looked = came.is_some() || went.is_some();
    Station {
        role: role.to_owned(),
        name: name.to_owned(),
        kind: kind.to_owned(),
        to: to.iter().map(|name| (*name).to_owned()).collect(),
        seen: looked
            .then_some((Signal::Traces, seen))
            .into_iter()
            .collect(),
        latency: (p99_s > 0.0)
            .then_some((Signal::Traces, latency))
            .into_iter()
            .collect(),
    }
}

fn placed(signal: Signal, class: &str, at: &str, items: u64) -> Placed {
    Placed {
        signal,
        class: class.to_owned(),
        at: at.to_owned(),
        items,
    }
}
