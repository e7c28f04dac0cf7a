//! The plan of the made-up run, and how its client kept to OTLP.

use super::*;

pub fn plan() -> Plan {
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
            command: None,
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
pub fn conformance() -> Conformance {
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
