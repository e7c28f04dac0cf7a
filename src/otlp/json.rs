//! OTLP/JSON, turned into protobuf.
//!
//! [`rewrite`] does so for what senders write, in one pass over what [`reader`] reads. Whatever it does not take goes through
//! opentelemetry-proto's own messages, which have the last word. Where their reader is stricter than
//! the specification (a field that is `null`, an unknown key inside a value), [`tidy`] mends the text
//! before it.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Malformed;
use crate::signal::Signal;

pub mod reader;
pub mod rewrite;
mod shapes;

/// Objects in one request: each costs some hundred bytes once it is read.
pub use reader::OBJECTS_MAX;

/// Reads a request of that signal and writes it as protobuf.
///
/// # Errors
/// When the text is not such a request, or holds too many objects.
pub fn to_protobuf(signal: Signal, text: &[u8]) -> Result<Vec<u8>, Malformed> {
    // A reader made by serde would take a list for an object's fields in order.
    if text.trim_ascii_start().first() != Some(&b'{') {
        let why = "JSON: a request is an object".to_owned();
        return Err(Malformed::Undecodable(why));
    }
    if let Ok(text) = std::str::from_utf8(text)
        && let Ok(request) = rewrite::rewrite(signal, text)
    {
        return Ok(request);
    }
    // Counts those inside texts as well, which no sender of telemetry comes near.
    if text.iter().filter(|byte| **byte == b'{').count() > OBJECTS_MAX {
        return Err(Malformed::TooManyMessages(OBJECTS_MAX));
    }
    by_messages(signal, text)
}

/// The same, with every message built on the way: slow, and the measure of what is a request.
///
/// # Errors
/// When the text is not such a request.
pub fn by_messages(signal: Signal, text: &[u8]) -> Result<Vec<u8>, Malformed> {
    match signal {
        Signal::Traces => convert::<ExportTraceServiceRequest>(text),
        Signal::Metrics => convert::<ExportMetricsServiceRequest>(text),
        Signal::Logs => convert::<ExportLogsServiceRequest>(text),
    }
}

fn convert<M: Message + DeserializeOwned>(text: &[u8]) -> Result<Vec<u8>, Malformed> {
    let undecodable = |error: serde_json::Error| Malformed::Undecodable(format!("JSON: {error}"));
    let message: M = match serde_json::from_slice(text) {
        Ok(message) => message,
        Err(_) => {
            let mut value: Value = serde_json::from_slice(text).map_err(undecodable)?;
            tidy(&mut value);
            serde_json::from_value(value).map_err(undecodable)?
        }
    };
    Ok(message.encode_to_vec())
}

/// Removes `null`s, which mean "not set", and completes lists that were left out because they are empty.
fn tidy(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            for (name, field) in fields.iter_mut() {
                if let ("arrayValue" | "kvlistValue", Value::Object(list)) =
                    (name.as_str(), &mut *field)
                {
                    list.entry("values")
                        .or_insert_with(|| Value::Array(Vec::new()));
                }
                tidy(field);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traces(text: &str) -> Result<ExportTraceServiceRequest, Malformed> {
        let bytes = to_protobuf(Signal::Traces, text.as_bytes())?;
        Ok(ExportTraceServiceRequest::decode(bytes.as_slice()).unwrap())
    }

    fn span(fields: &str) -> String {
        format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{fields}}}]}}]}}]}}"#)
    }

    #[test]
    fn ids_are_hex_and_64_bit_numbers_are_text_or_numbers() {
        let text = span(
            r#""spanId":"EEE19b7ec3c1b174","startTimeUnixNano":"1544712660000000000","endTimeUnixNano":17,"kind":3"#,
        );
        let request = traces(&text).unwrap();
        let span = &request.resource_spans[0].scope_spans[0].spans[0];
        assert_eq!(span.span_id, 0xeee1_9b7e_c3c1_b174_u64.to_be_bytes());
        assert_eq!(span.start_time_unix_nano, 1_544_712_660_000_000_000);
        assert_eq!((span.end_time_unix_nano, span.kind), (17, 3));
    }

    #[test]
    fn unknown_fields_nulls_and_omitted_lists_are_accepted() {
        let text = span(
            r#""name":"n","parentSpanId":null,"future":{"a":[1]},"attributes":[
            {"key":"a","value":{"arrayValue":{}}},{"key":"b","value":{"futureValue":1}},{"key":"c","value":null},{"key":"d"}]"#,
        );
        let request = traces(&text).unwrap();
        let span = &request.resource_spans[0].scope_spans[0].spans[0];
        assert_eq!(span.name, "n");
        assert_eq!(span.attributes.len(), 4);
        assert!(traces("{}").unwrap().resource_spans.is_empty());
    }

    #[test]
    fn what_is_no_request_is_refused_in_words() {
        for text in [
            "",
            "[]",
            "3",
            "{",
            r#"{"resourceSpans":7}"#,
            &span(r#""spanId":"xyz""#),
        ] {
            let error = traces(text).unwrap_err();
            assert!(error.to_string().starts_with("JSON: "), "{text}: {error}");
        }
        let swarm = format!(r#"{{"a":[{}{{}}]}}"#, "{},".repeat(OBJECTS_MAX));
        assert_eq!(traces(&swarm), Err(Malformed::TooManyMessages(OBJECTS_MAX)));
    }

    #[test]
    fn the_examples_of_the_specification_are_read() {
        let metrics = r#"{"resourceMetrics":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"my.service"}}]},
          "scopeMetrics":[{"scope":{"name":"my.library","version":"1.0.0","attributes":[]},"metrics":[
          {"name":"my.counter","unit":"1","description":"d","sum":{"aggregationTemporality":1,"isMonotonic":true,"dataPoints":[{"asDouble":5,"startTimeUnixNano":"1544712660300000000","timeUnixNano":"1544712660300000000","attributes":[{"key":"a","value":{"stringValue":"v"}}]}]}},
          {"name":"my.histogram","histogram":{"aggregationTemporality":1,"dataPoints":[{"startTimeUnixNano":"1","timeUnixNano":"2","count":2,"sum":2,"bucketCounts":[1,1],"explicitBounds":[1],"min":0,"max":2}]}}]}]}]}"#;
        assert!(to_protobuf(Signal::Metrics, metrics.as_bytes()).is_ok());
        let logs = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"1","observedTimeUnixNano":"1","severityNumber":10,"severityText":"Information","traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"EEE19B7EC3C1B174",
          "body":{"stringValue":"Example log record"},"attributes":[{"key":"m","value":{"kvlistValue":{"values":[{"key":"k","value":{"bytesValue":"aGk="}}]}}}]}]}]}]}"#;
        assert!(to_protobuf(Signal::Logs, logs.as_bytes()).is_ok());
    }
}
