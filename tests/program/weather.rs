//! The instrument is right: known weather is measured as what it is, and its absence as absence.

use crate::harness::{Finished, both, run};

fn scenario(load: &str, seconds: u32, more: &str) -> Finished {
    run(&format!(
        "
scenario: weather
run: {{ warmup: 1s, duration: {seconds}s, drain: 20s, miss_after: 5s, lateness_limit: 5s }}
client:
  sdk:
    OTEL_BSP_SCHEDULE_DELAY: 100ms
    OTEL_BSP_MAX_QUEUE_SIZE: 65536
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE: 100
    OTEL_EXPORTER_OTLP_TIMEOUT: 20s
load:
  traces: {load}
{more}"
    ))
}

const GENTLE: &str = "{ rate: 200/s, spans_per_trace: 1 }";

#[test]
fn fifty_milliseconds_of_delay_add_fifty_milliseconds() {
    let without = scenario(GENTLE, 4, "");
    let with = scenario(
        GENTLE,
        4,
        "faults: [ { name: far, direction: up, latency: { delay: 50ms } } ]",
    );
    assert_eq!(with.code, 0, "{}", with.story());
    let name = "export.service.p50";
    let added_ms = (with.metric(name) - without.metric(name)) * 1e3;
    assert!(
        (45.0..=55.0).contains(&added_ms),
        "{added_ms} ms were added"
    );
}

#[test]
fn one_megabyte_per_second_is_measured_as_one() {
    // About 2 MB/s are offered, so the link is the bottleneck while the load lasts. Few long values:
    // the SDK sends one request after the other, and what it takes to make one must not count.
    let load = "{ rate: 200/s, attributes: { count: 2, value_bytes: 5000, cardinality: 10, types: [string] } }";
    let narrow = "faults: [ { name: narrow, direction: up, bandwidth: 1MB/s } ]
expect: [ \"link.up.rate < 1.03MB/s in steady\", \"link.up.rate > 0.97MB/s in steady\" ]";
    let (with, without) = both(
        || scenario(load, 6, narrow),
        || scenario(load, 4, "expect: [ \"link.up.rate > 1.03MB/s in steady\" ]"),
    );
    assert_eq!(without.code, 0, "{}", without.story());
    for check in with.result["checks"].as_array().unwrap() {
        if check["group"] == "expectation" {
            assert_eq!(check["verdict"], "pass", "{check}");
        }
    }
}

#[test]
fn a_five_second_partition_is_a_gap_of_five_seconds() {
    let load = "{ rate: 500/s, spans_per_trace: 1 }";
    let cut = "faults: [ { name: cut, at: 2s, for: 5s, partition: silence } ]
expect: [ \"lost == 0\" ]";
    let (with, without) = both(|| scenario(load, 11, cut), || scenario(load, 4, ""));
    assert_eq!(with.code, 0, "{}", with.story());
    let fault = &with.result["faults"][0];
    let outage = fault["metrics"]["delivery.gap.outage"].as_f64().unwrap();
    let backoff = fault["metrics"]["delivery.gap.backoff"].as_f64().unwrap();
    assert!((outage - 5.0).abs() <= 0.25, "the outage lasted {outage} s");
    assert!(backoff >= 0.0, "the back-off lasted {backoff} s");
    let gap = with.metric("delivery.gap");
    assert!((gap - outage - backoff).abs() <= 0.25, "{gap} s in all");
    assert!(
        fault["proof"].is_string() && fault["healed"] == true,
        "{fault}"
    );

    assert!(without.metric("delivery.gap") < 1.0, "{}", without.story());
}

#[test]
fn a_frozen_sink_shows_in_the_response_time_and_hides_from_the_service_time() {
    let frozen = scenario(
        "{ rate: 500/s, spans_per_trace: 1 }",
        6,
        "faults: [ { name: freeze, at: 2s, for: 2s, pause: sink } ]
expect: [ \"lost == 0\" ]",
    );
    assert_eq!(frozen.code, 0, "{}", frozen.story());
    let response = frozen.metric("export.response.p99");
    let service = frozen.metric("export.service.p90");
    assert!(response > 1.5, "response p99 is {response} s");
    assert!(service < 0.5, "service p90 is {service} s");
    assert!(
        frozen.metric("export.response.p90") > service,
        "{}",
        frozen.story()
    );
    assert_eq!(frozen.result["faults"][0]["healed"], true);
    let html = std::fs::read_to_string(frozen.folder.join("report.html")).unwrap();
    assert!(html.contains("export.response") && html.contains("export.service"));
}
