//! What a scenario's words become in the plan.

use std::time::Duration;

use squall::metric::{METRICS, Unit};
use squall::plan::expectation::{Limit, Op, Phase, Window};
use squall::plan::{
    ArrivalProcess, Delay, Direction, Distribution, FaultKind, LinkBackend, LinkFault, Loss,
    PacketFault, Per, Plan, PlantKind, ProcessFault, Queue, RateProfile, RoleName, TlsPlan,
    Toxicity,
};
use squall::scenario::{load, load_text};
use squall::signal::Signal;

const BASE: &str = "scenario: x\nload:\n  traces: { rate: 1k/s }\n  logs: { rate: 100/s }\n  metrics: { rate: 100/s }\n";

fn plan(more: &str) -> Plan {
    let text = format!("{BASE}{more}");
    load_text("x.yaml", &text, &[]).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn messages(more: &str) -> Vec<String> {
    let problems = load_text("x.yaml", &format!("{BASE}{more}"), &[]).unwrap_err();
    problems
        .into_iter()
        .map(|problem| problem.message)
        .collect()
}

#[test]
fn a_sink_can_be_told_to_read_twice() {
    assert!(!plan("").sink.strict);
    assert!(plan("sink: { strict: true }\n").sink.strict);
}

#[test]
fn defaults_are_explicit() {
    let plan = plan("");
    assert_eq!(plan.seed, 1);
    assert_eq!(plan.run.warmup_ns, 2_000_000_000);
    assert_eq!(plan.run.duration_ns, 20_000_000_000);
    assert_eq!(plan.run.recovery_ns, 5_000_000_000);
    assert_eq!(plan.run.miss_after_ns, 100_000_000);
    assert_eq!(plan.run.lateness_limit_ns, 50_000_000);
    assert_eq!(plan.client.shutdown_timeout_ns, plan.run.drain_ns);
    assert_eq!(plan.client.service, "squall-client");
    assert_eq!(plan.client.retry.max_retries, 3);
    assert_eq!(plan.client.sdk["OTEL_METRIC_EXPORT_INTERVAL"], "60000");
    assert_eq!(
        plan.client.sdk["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT"],
        "10000"
    );
    assert_eq!(plan.client.tls, TlsPlan::Off);
    assert_eq!(plan.links[0].buffer_bytes, 1 << 20);
    assert_eq!(plan.links[0].packets, None);
    assert_eq!(plan.sink.max_request_bytes, 64 << 20);
    let traces = plan.load.traces.unwrap();
    assert_eq!(traces.arrivals.process, ArrivalProcess::Constant);
    assert_eq!(traces.payload.sample, 1.0);
}

#[test]
fn the_retry_policy_is_by_default_the_exporters_own() {
    let retry = plan("").client.retry;
    let ours = opentelemetry_otlp::RetryPolicy::disabled()
        .with_max_retries(retry.max_retries as usize)
        .with_initial_delay(Duration::from_nanos(retry.initial_delay_ns))
        .with_max_delay(Duration::from_nanos(retry.max_delay_ns))
        .with_max_jitter(Duration::from_nanos(retry.max_jitter_ns));
    let theirs = opentelemetry_otlp::RetryPolicy::default();
    assert_eq!(format!("{ours:?}"), format!("{theirs:?}"));
}

#[test]
fn the_drain_is_the_default_of_the_shutdown() {
    let plan = plan("run: { drain: 7s }\n");
    assert_eq!(plan.client.shutdown_timeout_ns, 7_000_000_000);
}

#[test]
fn every_fault_kind_is_read() {
    let plan = plan(
        "faults:
  - { name: a, at: 1s, for: 1s, partition: silence }
  - { name: b, at: 3s, for: 1s, direction: up, partition: reset }
  - { name: c, direction: down, latency: { delay: 50ms, jitter: 5ms } }
  - { name: d, at: 5s, for: 1s, bandwidth: 1MB/s }
  - { name: e, at: 5s, for: 1s, slow_close: 2s }
  - { name: h, at: 1s, for: 1s, direction: up, connect_latency: { delay: 1s, jitter: 1ms, distribution: normal } }
  - { name: i, at: 5s, for: 1s, timeout: 3s, toxicity: 30%, per: request }
  - { name: j, at: 5s, for: 1s, reset_peer: 0s, toxicity: 5% }
  - { name: k, at: 5s, for: 1s, slicer: { size: 1KiB, variation: 24B, delay: 1ms } }
  - name: l
    at: 5s
    for: 1s
    together:
      - limit: 64kB
      - loss: { share: 2% }
      - corrupt: { every: 1MB }
  - { name: m, at: 7s, for: 1s, bandwidth: { rate: 2MB/s, shared: true } }
  - { name: f, at: 7s, for: 500ms, pause: sink }
  - { name: g, at: 12s, kill: client }
",
    );
    let link = |direction, fault| FaultKind::Link {
        link: 0,
        direction,
        fault,
        toxicity: Toxicity::default(),
    };
    let process = |role, fault| FaultKind::Process { role, fault };
    let kinds: Vec<FaultKind> = plan.faults.iter().map(|fault| fault.kind.clone()).collect();
    assert_eq!(
        kinds,
        [
            link(Direction::Both, LinkFault::PartitionSilence),
            link(Direction::Up, LinkFault::PartitionReset),
            link(
                Direction::Down,
                LinkFault::Latency(Delay::uniform(50_000_000, 5_000_000))
            ),
            link(
                Direction::Both,
                LinkFault::Bandwidth {
                    bytes_per_second: 1_000_000,
                    shared: false
                }
            ),
            link(
                Direction::Both,
                LinkFault::SlowClose {
                    delay_ns: 2_000_000_000
                }
            ),
            link(
                Direction::Up,
                LinkFault::ConnectLatency(Delay {
                    distribution: Distribution::Normal,
                    ..Delay::uniform(1_000_000_000, 1_000_000)
                })
            ),
            FaultKind::Link {
                link: 0,
                direction: Direction::Both,
                fault: LinkFault::Timeout {
                    timeout_ns: 3_000_000_000
                },
                toxicity: Toxicity {
                    share: 0.3,
                    per: Per::Request
                },
            },
            FaultKind::Link {
                link: 0,
                direction: Direction::Both,
                fault: LinkFault::ResetPeer { timeout_ns: 0 },
                toxicity: Toxicity {
                    share: 0.05,
                    per: Per::Connection
                },
            },
            link(
                Direction::Both,
                LinkFault::Slicer {
                    average_bytes: 1024,
                    variation_bytes: 24,
                    delay_ns: 1_000_000
                }
            ),
            link(
                Direction::Both,
                LinkFault::Together(vec![
                    LinkFault::Limit { bytes: 64_000 },
                    LinkFault::Loss {
                        share: 0.02,
                        retransmit_ns: 200_000_000
                    },
                    LinkFault::Corrupt {
                        every_bytes: 1_000_000
                    },
                ])
            ),
            link(
                Direction::Both,
                LinkFault::Bandwidth {
                    bytes_per_second: 2_000_000,
                    shared: true
                }
            ),
            process(RoleName::Sink, ProcessFault::Pause),
            process(RoleName::Client, ProcessFault::Kill),
        ]
    );
    assert!(plan.faults[2].lasts_all_run());
    assert_eq!(plan.faults[11].end_ns, Some(7_500_000_000));
    assert_eq!(plan.faults[12].end_ns, None);
}

#[test]
fn a_link_of_packets_and_its_faults_are_read() {
    let plan = plan(
        "link: { via: netns, mtu: 1400B, congestion: reno }
faults:
  - { name: share, at: 1s, for: 1s, loss: 5% }
  - { name: same, at: 2s, for: 1s, loss: { share: 5% } }
  - { name: bursts, at: 3s, for: 1s, loss: { bursts: { enter: 1%, leave: 25% } } }
  - { name: mild, at: 4s, for: 1s, loss: { bursts: { enter: 1%, leave: 25%, lost_in_burst: 50%, lost_between: 2% } } }
  - { name: listed, at: 5s, for: 1s, direction: up, loss: { packets: [17, 3, 3] } }
  - { name: mixed, at: 1s, for: 1s, reorder: { share: 1%, by: 3ms } }
  - { name: twice, at: 1s, for: 1s, duplicate: 1% }
  - { name: broken, at: 1s, for: 1s, corrupt: 2% }
  - { name: narrow, at: 1s, for: 1s, rate: { limit: 1MB/s, queue: 64KiB } }
  - { name: short, at: 2s, for: 1s, rate: { limit: 1MB/s, queue_packets: 9 } }
  - { name: hole, at: 1s, for: 1s, mtu: 1000B }
  - { name: shaky, at: 1s, for: 1s, flap: { up: 1s, down: 200ms } }
  - { name: far, at: 1s, for: 1s, latency: { delay: 5ms } }
  - { name: cut, at: 1s, for: 1s, direction: down, partition: silence }
",
    );
    assert_eq!(plan.links[0].via, LinkBackend::Netns);
    assert_eq!(
        plan.links[0].buffer_bytes,
        64 << 20,
        "a packet link's own default"
    );
    let packets = plan.links[0].packets.clone().unwrap();
    assert_eq!(
        (packets.mtu_bytes, packets.congestion.as_deref()),
        (1400, Some("reno"))
    );
    let kinds: Vec<PacketFault> = plan
        .faults
        .iter()
        .filter_map(|fault| match &fault.kind {
            FaultKind::Link {
                fault: LinkFault::Packets(kind),
                ..
            } => Some(kind.clone()),
            _ => None,
        })
        .collect();
    let bursts = |loss_bad, loss_good| Loss::GilbertElliott {
        enter: 0.01,
        leave: 0.25,
        loss_bad,
        loss_good,
    };
    let rate = |queue| PacketFault::Rate {
        bytes_per_second: 1_000_000,
        queue,
    };
    let share = PacketFault::Loss(Loss::Independent { share: 0.05 });
    assert_eq!(
        kinds,
        [
            share.clone(),
            share,
            PacketFault::Loss(bursts(1.0, 0.0)),
            PacketFault::Loss(bursts(0.5, 0.02)),
            PacketFault::Loss(Loss::Exact {
                packets: vec![3, 17]
            }),
            PacketFault::Reorder {
                share: 0.01,
                by_ns: 3_000_000
            },
            PacketFault::Duplicate { share: 0.01 },
            PacketFault::Corrupt { share: 0.02 },
            rate(Queue::Bytes(65_536)),
            rate(Queue::Packets(9)),
            PacketFault::Mtu { bytes: 1000 },
            PacketFault::Flap {
                up_ns: 1_000_000_000,
                down_ns: 200_000_000
            },
        ]
    );
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(load_text("plan.json", &text, &[]).unwrap(), plan);
}

#[test]
fn faults_of_processes_are_read() {
    let plan = plan(
        "faults:
  - { name: a, at: 1s, for: 2s, restart: sink }
  - { name: b, at: 1s, for: 6s, crash_loop: { role: client, every: 2s } }
  - { name: c, at: 4s, for: 1s, cpu_limit: { role: sink, cores: 0.25 } }
  - { name: d, memory_limit: { role: link, bytes: 64MiB } }
  - { name: e, at: 6s, for: 1s, descriptors: { role: sink } }
  - { name: f, at: 1s, for: 1s, stress: { cpu: 50%, memory: 1GiB } }
",
    );
    let process = |role, fault| FaultKind::Process { role, fault };
    let kinds: Vec<FaultKind> = plan.faults.iter().map(|fault| fault.kind.clone()).collect();
    let looped = ProcessFault::CrashLoop {
        every_ns: 2_000_000_000,
        down_ns: 500_000_000,
    };
    assert_eq!(
        kinds,
        [
            process(RoleName::Sink, ProcessFault::Restart),
            process(RoleName::Client, looped),
            process(RoleName::Sink, ProcessFault::CpuLimit { millicores: 250 }),
            process(
                RoleName::Link(0),
                ProcessFault::MemoryLimit { bytes: 64 << 20 }
            ),
            process(RoleName::Sink, ProcessFault::Descriptors { left: 0 }),
            FaultKind::Stress {
                cpu_permille: 500,
                memory_bytes: 1 << 30
            },
        ]
    );
    assert!(plan.faults[3].lasts_all_run());
}

#[test]
fn plants_are_read() {
    let plan = plan(
        "sink:
  oracle: oracle.txt
  plant:
    - { signal: traces, lose_acknowledged: { items: 137 } }
    - { signal: logs, receive_twice: { requests: 2 } }
    - { signal: logs, lose_response: { requests: 3 } }
    - { signal: metrics, reject: { items: 10 } }
    - { signal: traces, refuse_all: { after_requests: 0 } }
",
    );
    let kinds: Vec<PlantKind> = plan.sink.plant.iter().map(|plant| plant.kind).collect();
    assert_eq!(
        kinds,
        [
            PlantKind::LoseAcknowledged { items: 137 },
            PlantKind::ReceiveTwice { requests: 2 },
            PlantKind::LoseResponse { requests: 3 },
            PlantKind::Reject { items: 10 },
            PlantKind::RefuseAll { after_requests: 0 },
        ]
    );
    assert_eq!(plan.sink.oracle.as_deref(), Some("oracle.txt"));
}

#[test]
fn shapes_and_files_beside_the_scenario_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("day.csv", "# seconds,rate\n0,100\n5,2k/s # noon\n");
    write("token.txt", "  hunter2\n");
    for name in ["ca.pem", "cert.pem", "key.pem"] {
        write(name, "");
    }
    write(
        "x.yaml",
        "scenario: x
client:
  headers: { authorization: { file: token.txt } }
  tls: { given: { ca: ca.pem, cert: cert.pem, key: key.pem } }
load:
  traces: { shape: { recorded: day.csv } }
  logs: { shape: { steps: [{ rate: 1/s, for: 2s }, { rate: 60/min, for: 1s }] } }
  metrics: { rate: 10/s, shape: { spike: { peak: 1k/s, at: 2s, for: 1s } } }
",
    );
    let path = folder.path().join("x.yaml");
    let plan = load(&path, &[]).unwrap_or_else(|problems| panic!("{problems:?}"));
    assert_eq!(plan.client.headers["authorization"].reveal(), "hunter2");
    let TlsPlan::Given { ca, client, .. } = &plan.client.tls else {
        panic!("{:?}", plan.client.tls);
    };
    assert!(ca.ends_with("ca.pem") && client.is_none());
    let profile = |signal| &plan.load.arrivals(signal).unwrap().profile;
    assert_eq!(profile(Signal::Traces).rate_at(6_000_000_000), 2000.0);
    assert!(matches!(profile(Signal::Logs), RateProfile::Steps { steps } if steps.len() == 2));
    assert_eq!(profile(Signal::Metrics).rate_at(2_500_000_000), 1000.0);
}

#[test]
fn expectations_are_in_base_units() {
    let plan = plan(
        "faults:
  - { name: cut, at: 5s, for: 2s, partition: silence }
expect:
  - lost == 0
  - traces.duplicated <= 0.1% during cut
  - delivery.latency.p99 < 250ms in steady and recovery.time < 5s after cut
  - \"client.rss.max < 200MiB\"
  - client.cpu < 80%
",
    );
    let of = |index: usize| &plan.expect[index].all_of;
    assert_eq!(
        of(0)[0].limit,
        Limit::Absolute {
            value: 0.0,
            unit: Unit::Count
        }
    );
    assert_eq!(of(1)[0].metric.signal, Some(Signal::Traces));
    assert_eq!(of(1)[0].metric.name, "duplicated");
    assert_eq!(of(1)[0].op, Op::LessOrEqual);
    assert_eq!(of(1)[0].limit, Limit::ShareOfGenerated { share: 0.001 });
    assert_eq!(of(1)[0].window, Window::During("cut".to_owned()));
    assert_eq!(of(2).len(), 2);
    assert_eq!(of(2)[0].window, Window::In(Phase::Steady));
    assert_eq!(of(2)[1].window, Window::After("cut".to_owned()));
    let absolute = |value, unit| Limit::Absolute { value, unit };
    assert_eq!(of(2)[0].limit, absolute(0.25, Unit::Seconds));
    assert_eq!(of(3)[0].limit, absolute(209_715_200.0, Unit::Bytes));
    assert_eq!(of(4)[0].limit, absolute(0.8, Unit::Ratio));
    assert_eq!(plan.expect[0].line, 9);
    assert_eq!(plan.expect[3].text, "client.rss.max < 200MiB");
}

#[test]
fn every_metric_can_be_expected_and_the_live_ones_can_abort() {
    for metric in METRICS {
        let value = match metric.unit {
            Unit::Count | Unit::Ratio => "5",
            Unit::Seconds => "5s",
            Unit::Bytes => "5MiB",
            Unit::PerSecond => "5/s",
            Unit::BytesPerSecond => "5kB/s",
        };
        // Some are known only where content is checked, or with a target.
        let faults =
            "validate: content\nfaults:\n  - { name: cut, at: 5s, for: 2s, partition: silence }\n";
        let line = |key: &str| format!("{faults}{key}:\n  - {} < {value}\n", metric.name);
        if metric.name == "orphans" {
            // Counted of a program of one's own alone.
            assert_eq!(messages(&line("expect")).len(), 1);
            continue;
        }
        assert_eq!(plan(&line("expect")).expect.len(), 1);
        if metric.live {
            assert_eq!(plan(&line("abort_if")).abort_if.len(), 1);
        } else {
            assert_eq!(messages(&line("abort_if")).len(), 1, "{}", metric.name);
        }
    }
}

#[test]
fn everything_wrong_is_found_at_once() {
    let found = messages(
        "seeed: 1
run: { drain: 5 }
faults:
  - { name: cut, at: 19s, for: 5s, partition: silent }
expect:
  - losst == 0 and lost < 5s
",
    );
    assert_eq!(found.len(), 6, "{found:#?}");
}

#[test]
fn delays_of_a_file_stand_in_the_plan_itself() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("delays.csv"), "30\n5ms # near\n1s\n").unwrap();
    let text = "scenario: a
load: { logs: { rate: 1/s } }
faults:
  - { name: a, latency: { distribution: { file: delays.csv }, delay: 2ms, correlation: 50% } }
";
    let path = folder.path().join("a.yaml");
    std::fs::write(&path, text).unwrap();
    let plan = load(&path, &[]).unwrap();
    let FaultKind::Link { fault, .. } = &plan.faults[0].kind else {
        panic!("a fault of the link");
    };
    let delay = Delay {
        distribution: Distribution::Empirical {
            delays_ns: vec![5_000_000, 30_000_000, 1_000_000_000],
        },
        correlation: 0.5,
        ..Delay::fixed(2_000_000)
    };
    assert_eq!(*fault, LinkFault::Latency(delay));
}
