//! What is read of items, from requests as senders write them.

use super::*;
use crate::otlp::json::to_protobuf;
use crate::otlp::walk::walk;

/// The items of a request in OTLP/JSON.
fn seen(signal: Signal, json: &str) -> Vec<Sighting> {
    let body = to_protobuf(signal, json.as_bytes()).unwrap();
    let (mut points, mut items) = (Vec::new(), Vec::new());
    walk(signal, &body, &mut |found| {
        see(found, &mut points, &mut items);
    })
    .unwrap();
    items
}

fn spans(spans: &str) -> Vec<Sighting> {
    let json = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#);
    seen(Signal::Traces, &json)
}

const TRACE: &str = r#""traceId":"000102030405060708090a0b0c0d0e0f""#;

#[test]
fn a_span_is_its_trace_and_span_id() {
    let one = format!(r#"{{{TRACE},"spanId":"0000000000000001","name":"a"}}"#);
    let child = format!(
        r#"{{{TRACE},"spanId":"0000000000000002","parentSpanId":"0000000000000001","flags":256}}"#
    );
    let of_another =
        r#"{"traceId":"ff0102030405060708090a0b0c0d0e0f","spanId":"0000000000000001"}"#;
    let items = spans(&format!("{one},{child},{of_another},{one}"));
    assert_eq!(items[0], items[3]);
    assert!(items[0].id.is_some() && items[0].id != items[2].id);
    assert_eq!(items[1].parent, items[0].id);
    let foreign = Foreign::default();
    assert_eq!(foreign.take(Signal::Traces, &items), 3);
    let [traces] = foreign.evidence().try_into().unwrap();
    assert_eq!((traces.distinct, traces.again, traces.orphans), (3, 1, 0));
}

#[test]
fn a_parent_in_another_process_is_not_awaited() {
    let child = |flags: u32| {
        format!(
            r#"{{{TRACE},"spanId":"0000000000000002","parentSpanId":"0000000000000009","flags":{flags}}}"#
        )
    };
    // Not known, known to be here, known to be elsewhere.
    let awaited = [0, 0x100, 0x300].map(|flags| spans(&child(flags))[0].parent.is_some());
    assert_eq!(awaited, [true, true, false]);
}

#[test]
fn what_has_no_id_or_time_has_no_name() {
    let half = format!(r#"{{{TRACE},"name":"no span id"}}"#);
    assert_eq!(spans(&half), [Sighting::default()]);
    let logs = |records: &str| {
        let json =
            format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{records}]}}]}}]}}"#);
        seen(Signal::Logs, &json)
    };
    assert_eq!(logs(r#"{"severityText":"x"}"#), [Sighting::default()]);
    let items = logs(
        r#"{"timeUnixNano":"5","severityText":"x"},{"observedTimeUnixNano":"5"},{"timeUnixNano":"5","severityText":"x"}"#,
    );
    assert_eq!(items[0], items[2]);
    assert!(items[1].id.is_some() && items[0].id != items[1].id);
}

#[test]
fn a_point_is_its_series_and_time() {
    let points = |points: &str| {
        let json = format!(
            r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"name":"m","gauge":{{"dataPoints":[{points}]}}}}]}}]}}]}}"#
        );
        seen(Signal::Metrics, &json)
    };
    let point = |time: u64, value: u64| {
        format!(
            r#"{{"timeUnixNano":"{time}","asInt":"{value}","attributes":[{{"key":"k","value":{{"stringValue":"{value}"}}}}]}}"#
        )
    };
    let items = points(
        &[
            point(5, 1),
            point(5, 2),
            point(6, 1),
            point(5, 1),
            point(0, 1),
        ]
        .join(","),
    );
    let different: std::collections::HashSet<_> = items.iter().map(|item| item.id).collect();
    assert_eq!(different.len(), 4);
    assert_eq!((items[0], items[4]), (items[3], Sighting::default()));
}
