//! The receiver of `squall sink`: counts what comes and from whom, and keeps nothing else.

use std::collections::BTreeSet;
use std::sync::Mutex;

use serde::Serialize;

use super::traffic::lock;
use super::{Answer, Receiver, Request, Taken};
use crate::otlp::Malformed;
use crate::otlp::check;
use crate::otlp::points::of_metric;
use crate::otlp::walk::{Found, walk};
use crate::otlp::wire::{Field, Value, checked};

/// Services that are remembered by name, per signal; the names of further ones are not.
const SERVICES_MAX: usize = 1000;

/// What came of one signal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SignalCounts {
    pub requests: u64,
    /// Spans, data points or log records.
    pub items: u64,
    /// Items that can be decoded and are not what the specification demands. They are accepted.
    pub invalid: u64,
    /// What is wrong with them.
    pub invalid_reasons: BTreeSet<&'static str>,
    /// `service.name` of the resources.
    pub services: BTreeSet<String>,
}

/// Counts per signal, one slot per [`crate::signal::Signal::index`].
#[derive(Debug, Default)]
pub struct Counts {
    signals: Mutex<[SignalCounts; 3]>,
}

impl Counts {
    pub fn snapshot(&self) -> [SignalCounts; 3] {
        lock(&self.signals).clone()
    }
}

impl Receiver for Counts {
    fn accept(&self, request: Request<'_>) -> Result<Taken, Malformed> {
        let mut items = 0;
        let mut points = Vec::new();
        let mut services = BTreeSet::new();
        let mut invalid = 0;
        let mut reasons = BTreeSet::new();
        let mut note = |wrong: Option<&'static str>| {
            invalid += u64::from(wrong.is_some());
            reasons.extend(wrong);
        };
        walk(request.signal, request.body, &mut |found| match found {
            Found::Span(_, bytes) => {
                items += 1;
                note(check::span(bytes));
            }
            Found::LogRecord(_, bytes) => {
                items += 1;
                note(check::log_record(bytes));
            }
            Found::Metric(bytes) => {
                note(check::metric(bytes));
                points.clear();
                of_metric(bytes, &mut points);
                items += points.len() as u64;
            }
            Found::Resource(bytes) if services.len() < SERVICES_MAX => {
                services.extend(service_name(bytes));
            }
            Found::Resource(_) => {}
        })?;
        let kept_out = request.kept_out(items);
        let mut signals = lock(&self.signals);
        let counts = &mut signals[request.signal.index()];
        counts.requests += 1;
        counts.items += items - kept_out;
        counts.invalid += invalid;
        counts.invalid_reasons.extend(reasons);
        for service in services {
            if counts.services.len() < SERVICES_MAX {
                counts.services.insert(service.to_owned());
            }
        }
        let answer = match kept_out {
            0 => Answer::Accepted,
            rejected => Answer::Partial {
                rejected,
                why: "rejected by a fault".to_owned(),
            },
        };
        Ok(Taken {
            answer,
            first: None,
            items,
        })
    }
}

/// The `service.name` of a resource that has been walked.
fn service_name(resource: &[u8]) -> Option<&str> {
    let inner = |message, number| {
        checked(message).find_map(move |field: Field<'_>| match field.value {
            Value::Bytes(bytes) if field.number == number => Some(bytes),
            _ => None,
        })
    };
    checked(resource)
        .filter_map(|field| match field.value {
            Value::Bytes(attribute) if field.number == 1 => Some(attribute),
            _ => None,
        })
        .find(|attribute| inner(attribute, 1) == Some(b"service.name"))
        .and_then(|attribute| inner(inner(attribute, 2)?, 1))
        .and_then(|name| std::str::from_utf8(name).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otlp::json::to_protobuf;
    use crate::signal::Signal;

    fn accept(counts: &Counts, signal: Signal, json: &str) {
        let body = to_protobuf(signal, json.as_bytes()).unwrap();
        let request = Request {
            signal,
            body: &body,
            arrived_monotonic_ns: 0,
            treatment: None,
        };
        assert_eq!(counts.accept(request).unwrap().answer, Answer::Accepted);
    }

    #[test]
    fn items_and_services_are_counted_per_signal() {
        let counts = Counts::default();
        let resource = r#""resource":{"attributes":[{"key":"host","value":{"stringValue":"h"}},{"key":"service.name","value":{"stringValue":"shop"}}]}"#;
        let traces = format!(
            r#"{{"resourceSpans":[{{{resource},"scopeSpans":[{{"spans":[{{}},{{}}]}}]}}]}}"#
        );
        accept(&counts, Signal::Traces, &traces);
        accept(&counts, Signal::Traces, &traces);
        accept(
            &counts,
            Signal::Metrics,
            r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"a","gauge":{"dataPoints":[{},{},{}]}}]}]}]}"#,
        );
        let [traces, metrics, logs] = counts.snapshot();
        assert_eq!((traces.requests, traces.items), (2, 4));
        assert_eq!((traces.invalid, traces.invalid_reasons.len()), (4, 1));
        assert_eq!(traces.services, ["shop".to_owned()].into());
        assert_eq!((metrics.requests, metrics.items), (1, 3));
        assert_eq!(metrics.invalid, 0);
        assert_eq!(logs, SignalCounts::default());
    }

    #[test]
    fn nothing_of_a_malformed_request_is_counted() {
        let counts = Counts::default();
        let request = Request {
            signal: Signal::Logs,
            body: &[0x0a, 9],
            arrived_monotonic_ns: 0,
            treatment: None,
        };
        assert!(counts.accept(request).is_err());
        assert_eq!(counts.snapshot()[2], SignalCounts::default());
    }
}
