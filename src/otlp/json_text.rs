//! Protobuf, turned into OTLP/JSON on one line.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Malformed, json};
use crate::signal::Signal;

/// Appends the request to `line` as OTLP/JSON without a line break. Returns whether it says the same:
/// JSON has no numbers for infinities and NaN. Fields that this version of OTLP does not know are
/// left out.
///
/// # Errors
/// When the bytes are not such a request.
pub fn from_protobuf(signal: Signal, body: &[u8], line: &mut Vec<u8>) -> Result<bool, Malformed> {
    match signal {
        Signal::Traces => write::<ExportTraceServiceRequest>(signal, body, line),
        Signal::Metrics => write::<ExportMetricsServiceRequest>(signal, body, line),
        Signal::Logs => write::<ExportLogsServiceRequest>(signal, body, line),
    }
}

fn write<M: Message + Default + PartialEq + Serialize + DeserializeOwned>(
    signal: Signal,
    body: &[u8],
    line: &mut Vec<u8>,
) -> Result<bool, Malformed> {
    let undecodable = |why: String| Malformed::Undecodable(why);
    let message = M::decode(body).map_err(|error| undecodable(error.to_string()))?;
    let start = line.len();
    serde_json::to_writer(&mut *line, &message)
        .map_err(|error| undecodable(format!("JSON: {error}")))?;
    let again = json::to_protobuf(signal, &line[start..]);
    Ok(again.is_ok_and(|bytes| M::decode(&*bytes).is_ok_and(|read| read == message)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gauge(value: &str) -> Vec<u8> {
        let text = format!(
            r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"name":"g","gauge":{{"dataPoints":[{{"timeUnixNano":"5","asDouble":{value}}}]}}}}]}}]}}]}}"#
        );
        json::to_protobuf(Signal::Metrics, text.as_bytes()).unwrap()
    }

    #[test]
    fn a_line_says_what_the_request_said() {
        let body = gauge("1.5");
        let mut line = Vec::new();
        assert_eq!(from_protobuf(Signal::Metrics, &body, &mut line), Ok(true));
        assert!(!line.contains(&b'\n'));
        let again = json::to_protobuf(Signal::Metrics, &line).unwrap();
        let read = |bytes: &[u8]| ExportMetricsServiceRequest::decode(bytes).unwrap();
        assert_eq!(read(&again), read(&body));
    }

    #[test]
    fn a_value_that_json_has_no_number_for_is_told() {
        let mut body = gauge("1.5");
        let bytes = 1.5_f64.to_le_bytes();
        let at = body.windows(8).position(|w| w == bytes).unwrap();
        body[at..at + 8].copy_from_slice(&f64::NAN.to_le_bytes());
        let mut line = Vec::new();
        assert_eq!(from_protobuf(Signal::Metrics, &body, &mut line), Ok(false));
    }

    #[test]
    fn what_is_no_request_is_refused() {
        let mut line = Vec::new();
        assert!(from_protobuf(Signal::Logs, &[0x0a, 9], &mut line).is_err());
    }
}
