//! A small plan for unit tests: 20 s of 100 log records a second.

use std::collections::BTreeMap;

use super::*;

/// One second in nanoseconds.
pub const SECOND_NS: u64 = 1_000_000_000;

/// Warm-up until 2 s, load until 20 s, five seconds of recovery after each fault.
pub fn plan() -> Plan {
    Plan {
        format: PLAN_FORMAT,
        scenario: "made up".to_owned(),
        description: String::new(),
        source: String::new(),
        seed: 1,
        run: RunPlan {
            warmup_ns: 2 * SECOND_NS,
            duration_ns: 20 * SECOND_NS,
            onset_ns: 0,
            recovery_ns: 5 * SECOND_NS,
            drain_ns: 10 * SECOND_NS,
            miss_after_ns: 100_000_000,
            lateness_limit_ns: 50_000_000,
        },
        load: LoadPlan {
            logs: Some(SignalLoad {
                arrivals: arrivals(100.0),
                payload: LogPayload {
                    body_bytes: 10,
                    attributes: attributes(),
                },
            }),
            ..LoadPlan::default()
        },
        client: ClientPlan {
            kind: ClientKind::Sdk,
            protocol: Protocol::Grpc,
            compression: Compression::None,
            service: "unit".to_owned(),
            sdk: BTreeMap::new(),
            retry: RetryPlan {
                max_retries: 0,
                initial_delay_ns: 0,
                max_delay_ns: 0,
                max_jitter_ns: 0,
            },
            shutdown_timeout_ns: SECOND_NS,
            headers: BTreeMap::new(),
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
            buffer_bytes: 1 << 20,
            packets: None,
            toxiproxy: None,
            tap: false,
        }],
        targets: Vec::new(),
        sink: SinkPlan {
            require: std::collections::BTreeMap::new(),
            max_request_bytes: 1 << 20,
            strict: false,
            tls: TlsPlan::Off,
            throttle: None,
            plant: Vec::new(),
            oracle: None,
        },
        faults: Vec::new(),
        expect: Vec::new(),
        steady_state: Vec::new(),
        abort_if: Vec::new(),
        content: None,
    }
}

/// The same with a target in the middle, taps on both links.
pub fn plan_with_target() -> Plan {
    let mut plan = plan();
    let link = |name: &str, from, to| LinkPlan {
        name: name.to_owned(),
        from,
        to,
        tap: true,
        ..plan.links[0].clone()
    };
    plan.links = vec![
        link("to-relay", Place::Client, Place::Target(0)),
        link("to-sink", Place::Target(0), Place::Sink),
    ];
    plan.targets = vec![TargetPlan {
        name: "relay".to_owned(),
        kind: TargetKind::Process(ProcessTarget {
            command: "relay".to_owned(),
            args: Vec::new(),
            env: BTreeMap::new(),
            secret_env: BTreeMap::new(),
            files: BTreeMap::new(),
            stop: StopPlan {
                signal: 15,
                grace_ns: SECOND_NS,
            },
            log_limit_bytes: 1 << 20,
            disk_bytes: None,
        }),
        exports: Transport::Grpc,
        to: Some(Place::Sink),
        ready: ReadyPlan {
            sign: ReadySign::Tcp("{{ listen.grpc }}".to_owned()),
            within_ns: SECOND_NS,
        },
        metrics: Some(SelfMetricsPlan {
            url: "http://{{ metrics }}/metrics".to_owned(),
            every_ns: SECOND_NS,
            series: BTreeMap::from([("dropped".to_owned(), "dropped_items".to_owned())]),
            lost: vec!["dropped".to_owned()],
        }),
    }];
    plan
}

/// A load of metrics beside, or instead of, the log records.
pub fn metrics() -> SignalLoad<MetricPayload> {
    SignalLoad {
        arrivals: arrivals(10.0),
        payload: MetricPayload {
            series: 1,
            instruments: vec![InstrumentKind::Sum],
            attributes: attributes(),
        },
    }
}

fn arrivals(rate: f64) -> ArrivalPlan {
    ArrivalPlan {
        process: ArrivalProcess::Constant,
        profile: RateProfile::Constant { rate },
        items_per_arrival: 1,
        producers: 1,
    }
}

fn attributes() -> AttributePlan {
    AttributePlan {
        count: 0,
        value_bytes: 0,
        cardinality: 1,
        types: Vec::new(),
    }
}

/// A fault of the link; times in seconds.
pub fn link_fault(name: &str, start_s: u64, end_s: Option<u64>, fault: LinkFault) -> FaultPlan {
    FaultPlan {
        name: name.to_owned(),
        occurrence: 1,
        storm: None,
        when: None,
        start_ns: start_s * SECOND_NS,
        end_ns: end_s.map(|end_s| end_s * SECOND_NS),
        kind: FaultKind::Link {
            link: 0,
            direction: Direction::Up,
            fault,
            toxicity: Toxicity::default(),
        },
    }
}

/// A silent partition towards the sink; times in seconds.
pub fn cut(name: &str, start_s: u64, end_s: u64) -> FaultPlan {
    link_fault(name, start_s, Some(end_s), LinkFault::PartitionSilence)
}

/// What happens to the client; times in seconds.
pub fn client_fault(
    name: &str,
    start_s: u64,
    end_s: Option<u64>,
    fault: ProcessFault,
) -> FaultPlan {
    FaultPlan {
        kind: FaultKind::Process {
            role: RoleName::Client,
            fault,
        },
        ..link_fault(name, start_s, end_s, LinkFault::PartitionSilence)
    }
}
