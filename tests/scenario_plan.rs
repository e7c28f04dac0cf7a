//! What a scenario's words become in the plan.

use std::time::Duration;

use squall::metric::{METRICS, Unit};
use squall::plan::expectation::{Limit, Op, Phase, Window};
use squall::plan::{
    ArrivalProcess, Direction, FaultKind, LinkFault, Plan, PlantKind, ProcessFault, RateProfile,
    RoleName, TlsPlan,
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
    assert_eq!(plan.link.buffer_bytes, 1 << 20);
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
  - { name: f, at: 7s, for: 500ms, pause: sink }
  - { name: g, at: 12s, kill: client }
",
    );
    let link = |direction, fault| FaultKind::Link { direction, fault };
    let process = |role, fault| FaultKind::Process { role, fault };
    let kinds: Vec<FaultKind> = plan.faults.iter().map(|fault| fault.kind.clone()).collect();
    assert_eq!(
        kinds,
        [
            link(Direction::Both, LinkFault::PartitionSilence),
            link(Direction::Up, LinkFault::PartitionReset),
            link(
                Direction::Down,
                LinkFault::Latency {
                    delay_ns: 50_000_000,
                    jitter_ns: 5_000_000
                }
            ),
            link(
                Direction::Both,
                LinkFault::Bandwidth {
                    bytes_per_second: 1_000_000
                }
            ),
            link(
                Direction::Both,
                LinkFault::SlowClose {
                    delay_ns: 2_000_000_000
                }
            ),
            process(RoleName::Sink, ProcessFault::Pause),
            process(RoleName::Client, ProcessFault::Kill),
        ]
    );
    assert!(plan.faults[2].lasts_all_run());
    assert_eq!(plan.faults[5].end_ns, Some(7_500_000_000));
    assert_eq!(plan.faults[6].end_ns, None);
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
                RoleName::Link,
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
        let faults = "faults:\n  - { name: cut, at: 5s, for: 2s, partition: silence }\n";
        let line = |key: &str| format!("{faults}{key}:\n  - {} < {value}\n", metric.name);
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
