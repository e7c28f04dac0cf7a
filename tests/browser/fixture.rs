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

mod model;
mod planned;
pub mod targeted;

use model::Model;
use planned::{conformance, plan};

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
        command: None,
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
