//! A made-up run, as real ones look: three signals for 20 s, a cut of the link from 8 s to 12 s,
//! a backlog, a full queue, retries and recovery. Figures are worked out here once, by a small model.

#![allow(
    dead_code,
    reason = "each test file that includes this uses a part of it"
)]

use std::collections::BTreeMap;

use squall::evidence::{
    ClientSample, LinkSample, MachineSample, ProcessSample, RoleEvidence, Series, SinkSample,
};
use squall::metric::Unit;
use squall::plan::*;
use squall::record::*;
use squall::signal::Signal;
use squall::stats::histogram::Latencies;

pub mod targeted;

const SECOND: u64 = 1_000_000_000;
const RATES: [f64; 3] = [600.0, 40.0, 250.0];
const DROPPED: [u64; 3] = [412, 0, 0];

/// A run with a cut, losses, duplicates and a check that could not be measured.
pub fn failing() -> Record {
    let mut record = passing();
    record.run = "20261121T061500Z-quickstart-3fa9c1".to_owned();
    let result = &mut record.result;
    result.verdict = Verdict::Fail;
    result.exit_code = 1;
    result.summary = "2 of 12 checks failed: 412 spans were lost in a full queue during cut, and delivery p99 was 4.31 s where 250 ms are allowed.".to_owned();
    result.notes = vec!["Memory pressure was not readable on this machine.".to_owned()];
    let traces = result.ledger.get_mut(&Signal::Traces).unwrap();
    traces.delivered = 11_524;
    traces.duplicated = 64;
    traces.extra_copies = 64;
    traces.dropped_by_client = 412;
    traces.recovered = 64;
    traces.received = 11_588;
    let logs = result.ledger.get_mut(&Signal::Logs).unwrap();
    logs.delivered = 4_967;
    logs.given_up = 30;
    logs.lost_silently = 3;
    logs.received = 4_967;
    for (name, value) in [
        ("delivered", 17_290.0),
        ("traces.delivered", 11_524.0),
        ("logs.delivered", 4_967.0),
        ("lost", 445.0),
        ("traces.lost", 412.0),
        ("logs.lost", 33.0),
        ("duplicated", 64.0),
        ("traces.duplicated", 64.0),
        ("retry.amplification", 1.0534),
        ("traces.retry.amplification", 1.071),
    ] {
        result.metrics.insert(name.to_owned(), value);
    }
    for check in &mut result.checks {
        match check.name.as_str() {
            "lost == 0" => fail(
                check,
                "445",
                "412 spans were dropped by the client, 30 log records given up, 3 log records lost silently",
            ),
            "delivery.latency.p99 < 250ms" => {
                fail(check, "4.31 s", "items due during cut waited for its end")
            }
            "machine.pressure.memory" => {
                check.verdict = Verdict::Inconclusive;
                check.observed = "–".to_owned();
                check.why = "/proc/pressure/memory cannot be read, so memory pressure is unknown"
                    .to_owned();
            }
            _ => {}
        }
    }
    result.causes = causes();
    let altered = squall::record::ContentFinding {
        signal: Some(Signal::Traces),
        flaw: squall::evidence::ContentFlaw::Altered,
        what: "arrived other than they were sent: attributes in 2".to_owned(),
        items: 2,
        examples: vec![r#"0/7: attributes arrived as {key="<other>"}"#.to_owned()],
    };
    result.content.as_mut().unwrap().findings.push(altered);
    result.conformance = conformance();
    result
        .metrics
        .insert("client.conformance.violations".to_owned(), 2.0);
    record
}

fn fail(check: &mut CheckResult, observed: &str, why: &str) {
    check.verdict = Verdict::Fail;
    check.observed = observed.to_owned();
    check.why = why.to_owned();
}

fn causes() -> Vec<Cause> {
    let story = |identity: &str, due_s, batch, events: &[&str]| ItemStory {
        identity: identity.to_owned(),
        due_s: Some(due_s),
        batch,
        events: events.iter().map(|event| (*event).to_owned()).collect(),
    };
    vec![
        Cause {
            signal: Signal::Traces,
            class: "dropped_by_client".to_owned(),
            items: 412,
            text: "entered a full queue between 11.31 s and 12.02 s, during cut".to_owned(),
            examples: vec![
                story("0/6788", 11.312, None, &["entered the client at 11.312 s", "the queue held 2,048 of 2,048"]),
                story("1/6789", 11.314, None, &["entered the client at 11.314 s", "the queue held 2,048 of 2,048"]),
            ],
        },
        Cause {
            signal: Signal::Traces,
            class: "duplicated".to_owned(),
            items: 64,
            text: "the answer to the first attempt was lost when cut began, and the client sent the batch again".to_owned(),
            examples: vec![story("0/4801", 7.98, Some(93), &[
                "attempt 1 sent at 8.001 s: no answer: connection reset",
                "received at 8.002 s",
                "attempt 2 sent at 12.614 s: ok at 12.631 s",
                "received again at 12.629 s",
            ])],
        },
        Cause {
            signal: Signal::Logs,
            class: "given_up".to_owned(),
            items: 30,
            text: "retries ended during cut after 4 attempts; the last answer was `no answer: connection reset`".to_owned(),
            examples: vec![story("0/2011", 8.04, Some(97), &[
                "attempt 1 sent at 8.21 s: no answer: connection reset",
                "attempt 4 sent at 10.9 s: no answer: connection reset",
                "given up at 10.91 s",
            ])],
        },
        Cause {
            signal: Signal::Logs,
            class: "lost_silently".to_owned(),
            items: 3,
            text: "acknowledged in batch 141 and never received".to_owned(),
            examples: vec![story("0/3377", 13.5, Some(141), &["attempt 1 sent at 13.61 s: ok at 13.62 s"])],
        },
    ]
}

/// The same run with nothing lost.
pub fn passing() -> Record {
    let model = Model::run();
    Record {
        run: "20261121T060000Z-quickstart-0b77d2".to_owned(),
        plan: plan(),
        result: result(),
        histograms: model.histograms,
        series: model.series,
    }
}

fn result() -> RunResult {
    let whole = |generated| SignalLedger {
        closes: true,
        offered: generated,
        generated,
        delivered: generated,
        received: generated,
        ..SignalLedger::default()
    };
    let metrics = [
        ("delivered", 17_799.0, Unit::Count),
        ("traces.delivered", 12_000.0, Unit::Count),
        ("metrics.delivered", 799.0, Unit::Count),
        ("logs.delivered", 5_000.0, Unit::Count),
        ("lost", 0.0, Unit::Count),
        ("traces.lost", 0.0, Unit::Count),
        ("metrics.lost", 0.0, Unit::Count),
        ("logs.lost", 0.0, Unit::Count),
        ("duplicated", 0.0, Unit::Count),
        ("delivery.latency.p50", 0.061, Unit::Seconds),
        ("delivery.latency.p99", 4.31, Unit::Seconds),
        ("traces.delivery.latency.p99", 4.33, Unit::Seconds),
        ("metrics.delivery.latency.p99", 3.2, Unit::Seconds),
        ("logs.delivery.latency.p99", 4.27, Unit::Seconds),
        ("recovery.time", 1.0, Unit::Seconds),
        ("retry.amplification", 1.0, Unit::Ratio),
        ("client.cpu", 0.172, Unit::Ratio),
        ("client.cpu.per_item", 0.000_012_4, Unit::Seconds),
        ("client.rss.max", 31_200_000.0, Unit::Bytes),
        ("sink.cpu.per_item", 0.000_001_93, Unit::Seconds),
        ("link.cpu.per_byte", 0.000_000_000_62, Unit::Seconds),
        ("wire.bytes.per_item", 188.2, Unit::Bytes),
        ("lateness.p99", 0.000_31, Unit::Seconds),
    ];
    RunResult {
        format: RESULT_FORMAT,
        scenario: "quickstart".to_owned(),
        seed: 42,
        verdict: Verdict::Pass,
        exit_code: 0,
        summary: "All 12 checks passed: every item arrived exactly once, and the pipeline recovered 1.00 s after cut.".to_owned(),
        started: "2026-11-21T06:00:00Z".to_owned(),
        duration_s: 23.4,
        ledger: BTreeMap::from([
            (Signal::Traces, whole(12_000)),
            (Signal::Metrics, whole(799)),
            (Signal::Logs, whole(5_000)),
        ]),
        metrics: metrics.iter().map(|(name, value, _)| ((*name).to_owned(), *value)).collect(),
        units: metrics.iter().map(|(name, _, unit)| ((*name).to_owned(), *unit)).collect(),
        checks: checks(),
        faults: vec![FaultResult {
            name: "cut".to_owned(),
            occurrence: 1,
            occurrences: 1,
            storm: None,
            kind: "partition.reset".to_owned(),
            backend: "proxy".to_owned(),
            place: "link".to_owned(),
            started_s: Some(8.001),
            ended_s: Some(12.003),
            proof: Some("3 connections cut, 41 new ones refused".to_owned()),
            healed: Some(true),
            metrics: BTreeMap::from([
                ("backlog.drain.time".to_owned(), 1.42),
                ("delivery.gap.backoff".to_owned(), 0.611),
                ("delivery.gap.outage".to_owned(), 4.002),
                ("recovery.time".to_owned(), 1.0),
            ]),
        }],
        phases: [
            ("warmup", "phase", 0.0, 2.0),
            ("steady", "phase", 2.0, 8.0),
            ("cut", "fault", 8.0, 12.0),
            ("recovery", "phase", 12.0, 17.0),
            ("steady", "phase", 17.0, 20.0),
            ("drain", "phase", 20.0, 23.4),
        ]
        .map(|(name, kind, start_s, end_s)| PhaseResult {
            name: name.to_owned(),
            kind: kind.to_owned(),
            start_s,
            end_s,
        })
        .to_vec(),
        causes: Vec::new(),
        content: Some(squall::record::ContentResult {
            compared: [(Signal::Traces, 12_000), (Signal::Logs, 6000)].into(),
            findings: Vec::new(),
        }),
        conformance: Default::default(),
        flow: targeted::without_target(),
        calibration: None,
        sums: SumsResult {
            series: 40,
            equal: 40,
            recorded_total: 81_231.0,
            received_total: 81_231.0,
            ..SumsResult::default()
        },
        notes: Vec::new(),
        environment: pairs(&[
            ("cores", "2"),
            ("cpu", "Example CPU @ 2.50 GHz"),
            ("kernel", "Linux 6.18.0"),
            ("squall", "0.1.0 <&> \"quoted\""),
        ]),
        fingerprint: pairs(&[("client", "opentelemetry_sdk 0.33.1"), ("protocol", "grpc")]),
        replay_of: None,
    }
}

fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn checks() -> Vec<CheckResult> {
    use CheckGroup::{Expectation, Harness, SteadyState};
    [
        (
            Harness,
            "ledger.closes",
            "traces, metrics, logs",
            "all signals",
            "the seven classes add up to generated",
        ),
        (
            Harness,
            "delivered.something",
            "17,799 items",
            "> 0",
            "a run in which nothing arrives proves nothing",
        ),
        (
            Harness,
            "lateness.p99",
            "310 µs",
            "≤ 5 ms",
            "the generator kept its schedule",
        ),
        (
            Harness,
            "fault.cut.proof",
            "3 connections cut",
            "an effect",
            "the fault was seen to take effect",
        ),
        (
            Harness,
            "machine.pressure.memory",
            "0 %",
            "< 20 %",
            "the machine was not short of memory",
        ),
        (
            Harness,
            "sink.saturation",
            "0.11 cores",
            "< 0.8 cores",
            "the sink was not the bottleneck",
        ),
        (
            SteadyState,
            "delivery.latency.p99 < 200ms",
            "118 ms",
            "< 200 ms",
            "before cut and after recovery",
        ),
        (
            Expectation,
            "lost == 0",
            "0",
            "== 0",
            "refused + lost silently + given up + dropped by client",
        ),
        (
            Expectation,
            "duplicated <= 1%",
            "0 %",
            "<= 1 %",
            "received more than once",
        ),
        (
            Expectation,
            "delivery.latency.p99 < 250ms",
            "118 ms",
            "< 250 ms",
            "from due to received",
        ),
        (
            Expectation,
            "recovery.time < 5s after cut",
            "1.00 s",
            "< 5 s",
            "from the end of cut",
        ),
        (
            Expectation,
            "client.rss.max < 200MiB",
            "31.2 MB",
            "< 210 MB",
            "resident memory of the client",
        ),
    ]
    .into_iter()
    .map(|(group, name, observed, limit, why)| CheckResult {
        name: name.to_owned(),
        group,
        verdict: Verdict::Pass,
        observed: observed.to_owned(),
        limit: limit.to_owned(),
        why: why.to_owned(),
    })
    .collect()
}

/// Time in tenths of a second, and what the counters say at each.
struct Model {
    series: StoredSeries,
    histograms: Histograms,
}

impl Model {
    fn run() -> Self {
        let mut live = Series::default();
        let mut client = ClientSample::default();
        let mut sink = SinkSample::default();
        let mut link = LinkSample::default();
        let mut roles = ["client", "link", "sink", "controller"].map(|role| RoleEvidence {
            role: role.to_owned(),
            pid: 100,
            exit: "exited 0".to_owned(),
            samples: Vec::new(),
        });
        let mut cpu_ns = [0_u64; 4];
        let mut rss = [18_000_000_u64, 6_200_000, 14_000_000, 12_000_000];
        let mut noise = Noise(7);
        for tenth in 0..=234_u64 {
            let at_ns = tenth * SECOND / 10;
            let cut = (80..126).contains(&tenth);
            let mut moved = 0;
            for i in 0..3 {
                let due = if tenth < 200 {
                    (RATES[i] / 10.0) as u64
                } else {
                    0
                };
                let dropped = if (113..120).contains(&tenth) {
                    DROPPED[i] / 7
                } else {
                    0
                };
                client.offered[i] += due;
                client.generated[i] += due;
                let waiting = client.generated[i] - client.handed[i];
                // The backlog goes out faster than it came in.
                let hand = if cut {
                    0
                } else {
                    waiting.min((RATES[i] * 0.225) as u64)
                };
                client.handed[i] += hand;
                client.queued[i] = client.generated[i] - client.handed[i];
                let arrived = if tenth == 80 { 0 } else { hand };
                sink.received[i] += arrived.saturating_sub(dropped);
                if !cut {
                    client.acknowledged[i] = sink.received[i];
                    client.finished[i] =
                        client.handed[i] - (hand / 3 + noise.below(1 + hand / 8)).min(hand);
                }
                moved += arrived;
            }
            client.at_ns = at_ns;
            client.lateness_max_ns = 80_000 + noise.below(240_000);
            live.client.push(client);
            sink.at_ns = at_ns;
            live.sink.push(sink);
            link.at_ns = at_ns;
            link.up_bytes += moved * 188;
            link.down_bytes += moved * 3;
            link.held_bytes = if cut { 0 } else { noise.below(4000) };
            live.link.push(link);
            live.machine.push(MachineSample {
                at_ns,
                load_1m: 0.8,
                steal: noise.below(10) as f64 / 1000.0,
                busy: 0.12 + moved as f64 / 4000.0 + noise.below(40) as f64 / 1000.0,
                pressure_cpu: Some(1.2 + noise.below(10) as f64 / 10.0),
                pressure_memory: None,
                pressure_io: Some(0.1),
            });
            let work = [
                8_000_000 + moved * 40_000,
                1_000_000 + moved * 9_000,
                1_500_000 + moved * 20_000,
                2_500_000,
            ];
            for (index, role) in roles.iter_mut().enumerate() {
                cpu_ns[index] += work[index] + noise.below(1_500_000);
                rss[index] += match index {
                    0 if cut => 130_000,
                    _ => noise.below(9_000),
                };
                role.samples.push(ProcessSample {
                    at_ns,
                    cpu_user_ns: cpu_ns[index],
                    rss_bytes: rss[index],
                    ..ProcessSample::default()
                });
            }
        }
        Self {
            series: StoredSeries {
                live,
                roles: roles.to_vec(),
                delivery: Signal::ALL
                    .map(|signal| latency_bins(signal, &mut noise))
                    .to_vec(),
            },
            histograms: histograms(&mut noise),
        }
    }
}

fn latency_bins(signal: Signal, noise: &mut Noise) -> LatencyBins {
    let p50_s: Vec<Option<f64>> = (0..20_u64)
        .map(|second| {
            let wobble = noise.below(30) as f64 / 1000.0;
            match second {
                // Whoever was due early in the cut waited longest.
                8..=11 => Some(12.6 - second as f64 - 0.5 + wobble),
                12 => Some(0.61 + wobble),
                _ if signal == Signal::Metrics && second % 7 == 6 => None,
                _ => Some(0.055 + wobble),
            }
        })
        .collect();
    let times = |factor: f64| {
        p50_s
            .iter()
            .map(|value| value.map(|v| v * factor))
            .collect()
    };
    LatencyBins {
        signal,
        p90_s: times(1.45),
        p99_s: times(1.7),
        max_s: times(2.1),
        p50_s,
    }
}

fn histograms(noise: &mut Noise) -> Histograms {
    let mut histograms = Histograms::default();
    let mut put = |name: &str, base_ns: u64, slow_share: u64, slow_ns: u64| {
        let mut whole = Latencies::default();
        let mut steady = Latencies::default();
        for _ in 0..20_000 {
            let fast = base_ns / 3 + noise.below(base_ns);
            steady.record_ns(fast, 1);
            let slow = noise.below(1000) < slow_share;
            whole.record_ns(
                if slow {
                    slow_ns / 8 + noise.below(slow_ns)
                } else {
                    fast
                },
                1,
            );
        }
        histograms.whole_run.insert(name.to_owned(), whole);
        histograms.by_phase.insert(format!("steady/{name}"), steady);
    };
    put("delivery.latency", 90 * 1_000_000, 210, 4_300_000_000);
    put("export.response", 94 * 1_000_000, 210, 4_400_000_000);
    put("export.service", 4_000_000, 4, 600_000_000);
    put("lateness", 120_000, 8, 400_000);
    histograms
}

/// xorshift: repeatable, and random enough to look like a machine.
struct Noise(u64);

impl Noise {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit.max(1)
    }
}

fn plan() -> Plan {
    let arrivals = |rate, items_per_arrival| ArrivalPlan {
        process: ArrivalProcess::Poisson,
        profile: RateProfile::Constant { rate },
        items_per_arrival,
        producers: 2,
    };
    let attributes = AttributePlan {
        count: 6,
        value_bytes: 16,
        cardinality: 20,
        types: vec![AttributeType::String, AttributeType::Int],
    };
    Plan {
        format: PLAN_FORMAT,
        scenario: "quickstart".to_owned(),
        description: "Three signals over a link that is cut for four seconds".to_owned(),
        source: "scenarios/quickstart.yaml".to_owned(),
        seed: 42,
        run: RunPlan {
            warmup_ns: 2 * SECOND,
            duration_ns: 20 * SECOND,
            onset_ns: 0,
            recovery_ns: 5 * SECOND,
            drain_ns: 10 * SECOND,
            miss_after_ns: SECOND,
            lateness_limit_ns: 5_000_000,
        },
        load: LoadPlan {
            traces: Some(SignalLoad {
                arrivals: arrivals(600.0, 5),
                payload: TracePayload {
                    span_names: 12,
                    events_per_span: 1,
                    links_per_span: 0,
                    errors: 0.02,
                    attributes: attributes.clone(),
                    sample: 1.0,
                },
            }),
            metrics: None,
            logs: Some(SignalLoad {
                arrivals: arrivals(250.0, 1),
                payload: LogPayload {
                    body_bytes: 120,
                    attributes,
                },
            }),
        },
        client: ClientPlan {
            kind: ClientKind::Sdk,
            protocol: Protocol::Grpc,
            compression: Compression::Gzip,
            service: "</script><b>shop".to_owned(),
            sdk: pairs(&[("OTEL_BSP_MAX_QUEUE_SIZE", "2048")]),
            retry: RetryPlan {
                max_retries: 4,
                initial_delay_ns: SECOND,
                max_delay_ns: 5 * SECOND,
                max_jitter_ns: SECOND / 10,
            },
            shutdown_timeout_ns: 5 * SECOND,
            headers: BTreeMap::from([("authorization".to_owned(), secret::Secret::new("hunter2"))]),
            tls: TlsPlan::Off,
            resolve: Resolve::Address,
            temporality: Temporality::Cumulative,
            instances: 1,
            raw: None,
            replay: None,
        },
        links: vec![LinkPlan {
            name: "link".to_owned(),
            from: Place::Client,
            to: Place::Sink,
            via: LinkBackend::Proxy,
            buffer_bytes: 262_144,
            packets: None,
            toxiproxy: None,
            tap: false,
        }],
        targets: Vec::new(),
        sink: SinkPlan {
            require: std::collections::BTreeMap::new(),
            tls: TlsPlan::Off,
            max_request_bytes: 64 << 20,
            strict: false,
            throttle: None,
            plant: Vec::new(),
            oracle: None,
        },
        faults: vec![FaultPlan {
            name: "cut".to_owned(),
            occurrence: 1,
            storm: None,
            when: None,
            start_ns: 8 * SECOND,
            end_ns: Some(12 * SECOND),
            kind: FaultKind::Link {
                link: 0,
                direction: Direction::Both,
                fault: LinkFault::PartitionReset,
                toxicity: Default::default(),
            },
        }],
        expect: Vec::new(),
        steady_state: Vec::new(),
        content: None,
        abort_if: Vec::new(),
    }
}

/// A client that retried too soon, backed off as it should, and had no occasion for the rest.
fn conformance() -> Conformance {
    let check = |name: &str, outcome, observed: &str, examples: &[&str]| ConformanceCheck {
        name: name.to_owned(),
        outcome,
        section: "OTLP: Failures".to_owned(),
        observed: observed.to_owned(),
        violations: examples.len() as u64,
        examples: examples.iter().map(|text| (*text).to_owned()).collect(),
    };
    Conformance {
        checks: vec![
            check(
                "the back-off grows",
                ConformanceOutcome::Kept,
                "median waits of 152 ms, 249 ms",
                &[],
            ),
            check(
                "Retry-After and RetryInfo are honoured",
                ConformanceOutcome::Violated,
                "3 waits as long as asked, the tightest 12.0 ms longer",
                &[
                    "logs batch 41 was told to wait 2.00 s and was sent again after 311 ms",
                    "logs batch 42 was told to wait 2.00 s and was sent again after 298 ms",
                ],
            ),
            check(
                "no attempt outlives its time-out",
                ConformanceOutcome::NotExercised,
                "no attempt came near it",
                &[],
            ),
        ],
        waits: vec![
            RetryWaits {
                retry: 1,
                count: 24,
                min_s: 0.101,
                median_s: 0.152,
                max_s: 0.198,
            },
            RetryWaits {
                retry: 2,
                count: 9,
                min_s: 0.203,
                median_s: 0.249,
                max_s: 0.297,
            },
        ],
    }
}
