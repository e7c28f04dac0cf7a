//! `validate: content` over whole runs: no false alarm, exact findings, a ledger that still closes.

use std::collections::BTreeSet;

use squall::signal::Signal;

use crate::harness::{Finished, run, side_by_side};

fn scenario(client: &str, more: &str) -> String {
    format!(
        "
scenario: content
seed: 7
run: {{ warmup: 500ms, duration: 2s, drain: 10s, miss_after: 2s, lateness_limit: 2s }}
validate: content
client:
  {client}
  sdk:
    OTEL_BSP_SCHEDULE_DELAY: 100ms
    OTEL_BLRP_SCHEDULE_DELAY: 100ms
    OTEL_METRIC_EXPORT_INTERVAL: 200ms
    OTEL_BSP_MAX_QUEUE_SIZE: 8192
    OTEL_BLRP_MAX_QUEUE_SIZE: 8192
load:
  traces: {{ rate: 400/s, spans_per_trace: 2, events_per_span: 2, links_per_span: 1, errors: 10%,
             attributes: {{ types: [string, int, double, bool, string_array] }} }}
  metrics: {{ rate: 200/s, series: 5, instruments: [sum, up_down_sum, gauge, histogram, exponential_histogram],
              attributes: {{ types: [string, int, double, bool, string_array] }} }}
  logs: {{ rate: 300/s, attributes: {{ types: [string, int, double, bool, string_array] }} }}
{more}"
    )
}

fn assert_silent(finished: &Finished) {
    assert_no_finding(finished);
    for signal in Signal::ALL {
        let received = finished.count(signal.as_str(), "received");
        assert_eq!(compared(finished, signal), received, "{}", finished.story());
    }
}

fn compared(finished: &Finished, signal: Signal) -> u64 {
    let compared = &finished.result["content"]["compared"][signal.as_str()];
    compared.as_u64().unwrap()
}

fn assert_no_finding(finished: &Finished) {
    finished.assert_closes();
    let content = &finished.result["content"];
    assert_eq!(
        content["findings"].as_array().map(Vec::len),
        Some(0),
        "{content}\n{}",
        finished.story()
    );
}

#[test]
fn an_honest_pipeline_raises_no_alarm() {
    let lost_responses = "sink: { oracle: ORACLE, plant: [
  { signal: traces, lose_response: { requests: 2 } },
  { signal: metrics, lose_response: { requests: 2 } },
  { signal: logs, lose_response: { requests: 2 } } ] }";
    let cases = [
        ("protocol: grpc", ""),
        (
            "{protocol: grpc, compression: gzip, temporality: delta}",
            "",
        ),
        (
            "{protocol: http/protobuf, compression: zstd, temporality: low_memory}",
            "",
        ),
        ("protocol: http/json", ""),
        (
            "{protocol: http/json, compression: gzip, temporality: delta}",
            "",
        ),
        ("producers: 3", lost_responses),
    ];
    side_by_side(3, &cases, |(client, more)| {
        // Both ways of writing a map, so that the cases stay on a line.
        let client = client.trim_matches(['{', '}']).replace(", ", "\n  ");
        let finished = run(&scenario(&client, more));
        assert_eq!(finished.code, 0, "{client}\n{}", finished.story());
        assert_silent(&finished);
        if !more.is_empty() {
            assert!(finished.metric("duplicated") > 0.0, "{}", finished.story());
        }
    });
}

#[test]
fn a_client_and_a_sink_that_are_started_again_raise_none_either() {
    // What a killed client or sink takes along may leave orphans and gaps.
    let finished = run(&scenario(
        "retry: { max_retries: 20, max_delay: 200ms }",
        "faults:
  - { name: client, restart: client, at: 1s, for: 300ms }
  - { name: sink, restart: sink, at: 2s, for: 200ms }",
    )
    .replace(
        "validate: content\n",
        "validate: { content: { ignore: [orphans, gaps] } }\n",
    )
    .replace("duration: 2s", "duration: 3s"));
    assert_no_finding(&finished);
    for signal in Signal::ALL {
        // What reaches a sink that is about to be killed is compared, and not accepted.
        let received = finished.count(signal.as_str(), "received");
        assert!(
            compared(&finished, signal) >= received,
            "{}",
            finished.story()
        );
    }
}

#[test]
fn spans_that_lost_their_parents_are_counted_exactly() {
    let finished = run(&scenario(
        "protocol: grpc",
        "sink: { oracle: ORACLE, plant: [ { signal: traces, lose_acknowledged: { items: 41 } } ] }",
    ));
    // Spans 1 and 2 make a trace, of which 1 is the root.
    let lost = finished.oracle("lost_silently", "traces");
    let sequence = |name: &String| name.strip_prefix("0/").unwrap().parse::<u64>().unwrap();
    let lost: BTreeSet<u64> = lost.iter().map(sequence).collect();
    assert_eq!(lost.len(), 41);
    let orphans = lost
        .iter()
        .filter(|s| **s % 2 == 1 && !lost.contains(&(**s + 1)));
    let orphans = orphans.count() as f64;
    assert!(orphans > 0.0);
    assert_eq!(
        finished.metric("content.orphans"),
        orphans,
        "{}",
        finished.story()
    );
    assert_eq!(finished.code, 1, "{}", finished.story());
    for other in ["altered", "disordered", "regressions", "gaps"] {
        assert_eq!(finished.metric(&format!("content.{other}")), 0.0, "{other}");
    }
    finished.assert_closes();
}

#[test]
fn holes_in_series_are_counted_exactly() {
    let finished = run(&scenario(
        "protocol: grpc",
        "sink: { oracle: ORACLE, plant: [ { signal: metrics, lose_acknowledged: { items: 17 } } ] }",
    ));
    let evidence = finished.evidence();
    let points = evidence
        .producers
        .iter()
        .find(|p| p.signal == Signal::Metrics);
    let points = points.unwrap();
    let lost = finished.oracle("lost_silently", "metrics");
    assert_eq!(lost.len(), 17);
    assert_eq!(points.entered.len() - points.received.len(), 17);
    // Only those at an end of their series leave no hole.
    let gaps = finished.metric("content.gaps");
    assert!(gaps > 0.0 && gaps <= 17.0, "{gaps}\n{}", finished.story());
    for example in finished.result["content"]["findings"][0]["examples"]
        .as_array()
        .unwrap()
    {
        let name = example.as_str().unwrap().split(':').next().unwrap();
        assert!(lost.contains(name), "{example}");
    }
    assert_eq!(finished.metric("content.altered"), 0.0);
    assert_eq!(finished.code, 1, "{}", finished.story());
    finished.assert_closes();
}

#[test]
fn without_it_nothing_is_noted() {
    let finished = run(&scenario("protocol: grpc", "").replace("validate: content\n", ""));
    assert_eq!(finished.code, 0, "{}", finished.story());
    assert!(finished.result.get("content").is_none());
    assert!(finished.result["metrics"].get("content.altered").is_none());
    let evidence = finished.folder.join("evidence");
    let files = std::fs::read_dir(&evidence).map_or_else(
        |_| Vec::new(),
        |entries| {
            let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            names.filter(|name| name.starts_with("content")).collect()
        },
    );
    assert!(files.is_empty(), "{files:?}");
}
