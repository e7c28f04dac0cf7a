//! Requests of others, sent again.

use opentelemetry_proto::tonic::logs::v1::{ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, Gauge, Histogram, HistogramDataPoint, NumberDataPoint, ResourceMetrics, ScopeMetrics,
};
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans};

use super::*;
use crate::raw::layout::captured::Request;

const DAY_NS: u64 = 86_400_000_000_000;

/// Each span in a scope of its own, so that lengths nest.
pub fn traces(spans: Vec<Span>) -> ExportTraceServiceRequest {
    let scope = |span| ScopeSpans {
        scope: Layout::scope(),
        spans: vec![span],
        schema_url: "s".to_owned(),
    };
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            scope_spans: spans.into_iter().map(scope).collect(),
            ..ResourceSpans::default()
        }],
    }
}

fn logs(log_records: Vec<LogRecord>) -> ExportLogsServiceRequest {
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            scope_logs: vec![ScopeLogs {
                log_records,
                ..ScopeLogs::default()
            }],
            schema_url: "after".to_owned(),
            ..ResourceLogs::default()
        }],
    }
}

const AT: u64 = 3 * DAY_NS;

/// One request as a whole capture.
pub fn captured(request: &[u8], signal: Signal, encoding: Encoding) -> Result<Template, Malformed> {
    let request = Request {
        body: request.to_vec(),
        at_unix_ns: AT,
    };
    let mut templates = super::super::captured::captured(vec![request], signal, encoding)?;
    Ok(templates.remove(0))
}

fn laid(request: &impl Message, signal: Signal) -> Template {
    captured(&request.encode_to_vec(), signal, Encoding::Protobuf).unwrap()
}

prop_compose! {
    /// A span of a few traces and ids, so that they meet, and of times near each other.
    fn spans()(
        trace in 1..4_u8,
        id in 1..9_u8,
        parent in prop::option::of(1..12_u8),
        name in "[a-z]{0,9}",
        start in prop_oneof![Just(0_u64), DAY_NS..2 * DAY_NS],
        length in 0..1000_u64,
        links in prop::collection::vec((1..6_u8, 1..12_u8), 0..3),
        events in prop::collection::vec(0..1000_u64, 0..3),
        flags: u32,
    ) -> Span {
        Span {
            trace_id: vec![trace; 16],
            span_id: vec![id; 8],
            parent_span_id: parent.map(|parent| vec![parent; 8]).unwrap_or_default(),
            name,
            flags,
            start_time_unix_nano: start,
            end_time_unix_nano: start + length,
            events: events.iter().map(|after| Event { time_unix_nano: start + after, ..Event::default() }).collect(),
            links: links.iter().map(|(trace, span)| Link { trace_id: vec![*trace; 16], span_id: vec![*span; 8], ..Link::default() }).collect(),
            ..Span::default()
        }
    }
}

/// Spans without what a sending changes.
fn bare(request: &ExportTraceServiceRequest) -> ExportTraceServiceRequest {
    let mut request = request.clone();
    for span in request
        .resource_spans
        .iter_mut()
        .flat_map(|r| &mut r.scope_spans)
        .flat_map(|s| &mut s.spans)
    {
        (span.trace_id, span.span_id) = (vec![], vec![]);
        span.parent_span_id.truncate(1);
        span.parent_span_id.fill(0);
        (span.start_time_unix_nano, span.end_time_unix_nano) = (0, 0);
        span.events
            .iter_mut()
            .for_each(|event| event.time_unix_nano = 0);
        span.links
            .iter_mut()
            .for_each(|link| (link.trace_id, link.span_id) = (vec![], vec![]));
    }
    request
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn spans_keep_their_structure(spans in prop::collection::vec(spans(), 1..10)) {
        let original = traces(spans.clone());
        let bytes = original.encode_to_vec();
        let template = laid(&original, Signal::Traces);
        let stamp = stamp();
        prop_assert_eq!(written(&template, &stamp).len(), bytes.len());
        let request: ExportTraceServiceRequest = read(&template, &stamp);
        prop_assert_eq!(bare(&request), bare(&original));
        let sent = super::spans(&request);
        assert_in_order(sent.iter().map(|span| &span.span_id), spans.len() as u32, &stamp);

        // An id stands for the first span that has it, or for nobody; the same one for the same.
        let first = |trace: &[u8], id: &[u8]| spans.iter().position(|span| span.trace_id == trace && span.span_id == id);
        let mut others: HashMap<Vec<u8>, Vec<u8>> = HashMap::new();
        let mut follows = |trace: &[u8], id: &Vec<u8>, new: &Vec<u8>| match first(trace, id) {
            Some(item) => assert_eq!(new, &sent[item].span_id),
            None => {
                assert!(new[0] >= 0x80);
                assert_eq!(others.entry(id.clone()).or_insert_with(|| new.clone()), new);
            }
        };
        let times = |span: &Span| {
            let events = span.events.iter().map(|event| event.time_unix_nano);
            [span.start_time_unix_nano, span.end_time_unix_nano].into_iter().chain(events).collect::<Vec<u64>>()
        };
        for (old, new) in spans.iter().zip(&sent) {
            let root = spans.iter().position(|span| span.trace_id == old.trace_id).unwrap();
            prop_assert_eq!(&new.trace_id[8..], sent[root].span_id.as_slice());
            if !old.parent_span_id.is_empty() {
                follows(&old.trace_id, &old.parent_span_id, &new.parent_span_id);
            }
            for (old, new) in old.links.iter().zip(&new.links) {
                follows(&old.trace_id, &old.span_id, &new.span_id);
                match spans.iter().position(|span| span.trace_id == old.trace_id) {
                    Some(root) => prop_assert_eq!(&new.trace_id[8..], sent[root].span_id.as_slice()),
                    None => prop_assert!(new.trace_id[8] >= 0x80),
                }
            }
            for (old, new) in times(old).into_iter().zip(times(new)) {
                let expected = match old {
                    0 => 0,
                    old => stamp.due_unix_ns - (AT - old),
                };
                prop_assert_eq!(new, expected);
            }
        }
        let json = captured(&bytes, Signal::Traces, Encoding::Json).unwrap();
        let message: ExportTraceServiceRequest = serde_json::from_slice(&written(&json, &stamp)).unwrap();
        prop_assert_eq!(message, request);
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>, at: prop::sample::Index, byte: u8, spans in prop::collection::vec(spans(), 1..4)) {
        let mut damaged = traces(spans).encode_to_vec();
        let index = at.index(damaged.len());
        damaged[index] = byte;
        for signal in Signal::ALL {
            for bytes in [&bytes, &damaged] {
                for encoding in [Encoding::Protobuf, Encoding::Json] {
                    if let Ok(template) = captured(bytes, signal, encoding) {
                        written(&template, &stamp());
                    }
                }
            }
        }
    }
}

#[test]
fn bytes_that_nobody_knows_stay() {
    // An unknown field, and a name that is given twice: prost would write neither.
    let mut span = Span {
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        name: "n".to_owned(),
        ..Span::default()
    }
    .encode_to_vec();
    span.extend([0x2a, 1, b'm', 0xba, 0x3e, 2, 7, 7]);
    let scope = [&[0x12, span.len() as u8], span.as_slice()].concat();
    let resource = [&[0x12, scope.len() as u8], scope.as_slice()].concat();
    let request = [&[0x0a, resource.len() as u8], resource.as_slice()].concat();
    let template = captured(&request, Signal::Traces, Encoding::Protobuf).unwrap();
    assert_eq!(template.bytes, request);
    let bytes = written(&template, &stamp());
    assert!(bytes.ends_with(&[0x2a, 1, b'm', 0xba, 0x3e, 2, 7, 7]));
    assert_eq!(template.patches.iter().count(), 2);
}

#[test]
fn records_without_ids_get_their_own() {
    let full = LogRecord {
        time_unix_nano: DAY_NS,
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        severity_text: "x".repeat(200),
        ..LogRecord::default()
    };
    let empty = LogRecord {
        time_unix_nano: 2 * DAY_NS,
        severity_text: "y".to_owned(),
        ..LogRecord::default()
    };
    let half = LogRecord {
        trace_id: vec![1; 16],
        span_id: vec![9; 3],
        ..LogRecord::default()
    };
    let stamp = stamp();

    let complete = logs(vec![full.clone(), full.clone()]);
    let template = laid(&complete, Signal::Logs);
    assert_eq!(template.bytes, complete.encode_to_vec());

    let request = logs(vec![full.clone(), empty.clone(), half, empty]);
    let template = laid(&request, Signal::Logs);
    assert_eq!(template.items, 4);
    let sent: ExportLogsServiceRequest = read(&template, &stamp);
    assert_eq!(sent.resource_logs[0].schema_url, "after");
    let sent = records(&sent);
    assert_in_order(sent.iter().map(|record| &record.span_id), 4, &stamp);
    let roots = [0, 1, 0, 3];
    for (record, root) in sent.iter().zip(roots) {
        assert_eq!(&record.trace_id[8..], sent[root].span_id.as_slice());
    }
    assert_eq!(sent[0].severity_text, full.severity_text);
    assert_eq!(sent[0].time_unix_nano, stamp.due_unix_ns - 2 * DAY_NS);
    assert_eq!(sent[1].time_unix_nano, stamp.due_unix_ns - DAY_NS);
    assert_eq!(sent[2].time_unix_nano, 0);
}

#[test]
fn data_points_are_told_by_their_times_and_keep_the_rest() {
    let attribute = |key: &str, value| KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue {
            value: Some(any_value::Value::IntValue(value)),
        }),
        ..KeyValue::default()
    };
    let gauge = |attributes, time_unix_nano| NumberDataPoint {
        attributes,
        time_unix_nano,
        // What stands for an ordinal in a generated request is a value here.
        value: Some(number_data_point::Value::AsInt(sample::ORDINAL as i64 + 5)),
        ..NumberDataPoint::default()
    };
    let histogram = HistogramDataPoint {
        start_time_unix_nano: DAY_NS,
        time_unix_nano: 2 * DAY_NS,
        count: 4,
        sum: Some(1.5),
        exemplars: vec![Exemplar {
            time_unix_nano: 2 * DAY_NS - 7,
            span_id: vec![5; 8],
            ..Exemplar::default()
        }],
        ..HistogramDataPoint::default()
    };
    let metric = |data| Metric {
        name: "m".to_owned(),
        data: Some(data),
        ..Metric::default()
    };
    let request = ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            scope_metrics: vec![ScopeMetrics {
                metrics: vec![
                    metric(Data::Gauge(Gauge {
                        data_points: vec![
                            gauge(vec![attribute("a", 1)], DAY_NS),
                            gauge(vec![attribute("squall.series", 9), attribute("b", 2)], 0),
                        ],
                    })),
                    metric(Data::Histogram(Histogram {
                        data_points: vec![histogram.clone()],
                        aggregation_temporality: 2,
                    })),
                ],
                ..ScopeMetrics::default()
            }],
            ..ResourceMetrics::default()
        }],
    };
    let stamp = stamp();
    let template = laid(&request, Signal::Metrics);
    assert_eq!(template.items, 3);
    let sent: ExportMetricsServiceRequest = read(&template, &stamp);
    let mut times = Vec::new();
    for metric in metrics(&sent) {
        times_of_metric(&metric.encode_to_vec(), &mut |time| times.push(time));
    }
    let due = stamp.due_unix_ns;
    assert_eq!(times, [due, due + 1, due + 2]);

    let sent_metrics = metrics(&sent);
    let Some(Data::Gauge(sent_gauge)) = &sent_metrics[0].data else {
        panic!("a gauge stays a gauge");
    };
    let series = attribute("squall.series", 9);
    assert_eq!(
        sent_gauge.data_points,
        [
            gauge(vec![attribute("a", 1)], due),
            gauge(vec![series, attribute("b", 2)], due + 1)
        ]
    );
    let Some(Data::Histogram(sent_histogram)) = &sent_metrics[1].data else {
        panic!("a histogram stays a histogram");
    };
    let mut expected = histogram;
    expected.start_time_unix_nano = due + 2 - DAY_NS;
    expected.time_unix_nano = due + 2;
    expected.exemplars[0].time_unix_nano = due + 2 - 7;
    assert_eq!(sent_histogram.data_points, [expected]);

    let bytes = request.encode_to_vec();
    let json = captured(&bytes, Signal::Metrics, Encoding::Json).unwrap();
    let message: ExportMetricsServiceRequest =
        serde_json::from_slice(&written(&json, &stamp)).unwrap();
    assert_eq!(message, sent);
}

#[test]
fn what_is_no_request_is_refused() {
    for encoding in [Encoding::Protobuf, Encoding::Json] {
        let error = captured(b"nonsense", Signal::Logs, encoding).unwrap_err();
        assert!(error.to_string().contains("LogsServiceRequest"), "{error}");
    }
}

/// The second request has the child, the root comes with the first, and a link leads back.
#[test]
fn a_trace_over_several_requests_stays_one() {
    let span = |id: u8, parent: u8, time: u64| Span {
        trace_id: vec![7; 16],
        span_id: vec![id; 8],
        parent_span_id: vec![parent; 8],
        start_time_unix_nano: time,
        ..Span::default()
    };
    let with_link = |mut span: Span, trace: u8, id: u8| {
        span.links.push(Link {
            trace_id: vec![trace; 16],
            span_id: vec![id; 8],
            ..Link::default()
        });
        span
    };
    let first = traces(vec![span(2, 1, 5), with_link(span(3, 9, 6), 7, 1)]);
    let second = traces(vec![with_link(span(1, 9, 90), 5, 2)]);
    let requests = [(&first, 10), (&second, 100)].map(|(request, at_unix_ns)| Request {
        body: request.encode_to_vec(),
        at_unix_ns,
    });
    let templates =
        super::super::captured::captured(requests.into(), Signal::Traces, Encoding::Protobuf)
            .unwrap();
    let send = |first_sequence| {
        let stamp = Stamp {
            first_sequence,
            ..stamp()
        };
        let spans: Vec<Span> = templates
            .iter()
            .flat_map(|template| {
                super::spans(&read::<ExportTraceServiceRequest>(template, &stamp))
                    .into_iter()
                    .cloned()
                    .collect::<Vec<_>>()
            })
            .collect();
        assert_in_order(spans.iter().map(|span| &span.span_id), 3, &stamp);
        spans
    };
    let [round, next] = [send(1), send(4)];
    for spans in [&round, &next] {
        assert!(spans.iter().all(|span| span.trace_id == spans[0].trace_id));
        assert_eq!(spans[0].parent_span_id, spans[2].span_id);
        // Nobody has the span 9, yet it is the same one in both requests.
        assert_eq!(spans[1].parent_span_id, spans[2].parent_span_id);
        assert_eq!(spans[1].links[0].trace_id, spans[0].trace_id);
        assert_eq!(spans[1].links[0].span_id, spans[2].span_id);
        assert_ne!(spans[2].links[0].trace_id, spans[0].trace_id);
    }
    // The next round has nothing of this one.
    assert_ne!(round[0].trace_id, next[0].trace_id);
    assert_ne!(round[1].parent_span_id, next[1].parent_span_id);
    assert_ne!(round[2].links[0].trace_id, next[2].links[0].trace_id);
    // Times are told from when each request is due.
    let due = stamp().due_unix_ns;
    let times = round.iter().map(|span| span.start_time_unix_nano);
    assert_eq!(times.collect::<Vec<_>>(), [due - 5, due - 4, due - 10]);
}
