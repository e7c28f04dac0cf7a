//! What a receiver answers: export responses and `google.rpc.Status`, in the request's encoding.

use prost::Message;
use serde_json::json;

use super::Encoding;
use crate::signal::Signal;

/// `google.rpc.Code` values that OTLP receivers use. Source: `google/rpc/code.proto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    InvalidArgument = 3,
    NotFound = 5,
    ResourceExhausted = 8,
    Unimplemented = 12,
    Unavailable = 14,
    Unauthenticated = 16,
}

/// `google.rpc.Status` without details. Source: `google/rpc/status.proto`.
#[derive(Clone, PartialEq, Message)]
pub struct Status {
    #[prost(int32, tag = "1")]
    pub code: i32,
    #[prost(string, tag = "2")]
    pub message: String,
}

impl Status {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code: code as i32,
            message: message.into(),
        }
    }

    /// What the body of an HTTP answer says; `None`: it is no status, or says nothing.
    pub fn words(encoding: Encoding, body: &[u8]) -> Option<String> {
        let words = match encoding {
            Encoding::Protobuf => Self::decode(body).ok()?.message,
            Encoding::Json => {
                let status: serde_json::Value = serde_json::from_slice(body).ok()?;
                status.get("message")?.as_str()?.to_owned()
            }
        };
        (!words.is_empty()).then_some(words)
    }

    /// The body of an HTTP answer.
    pub fn to_body(&self, encoding: Encoding) -> Vec<u8> {
        match encoding {
            Encoding::Protobuf => self.encode_to_vec(),
            Encoding::Json => json!({"code": self.code, "message": self.message})
                .to_string()
                .into_bytes(),
        }
    }
}

/// The export response of every signal: they differ in the name of one field only.
#[derive(Clone, PartialEq, Message)]
struct ExportResponse {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

#[derive(Clone, PartialEq, Message)]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected: i64,
    #[prost(string, tag = "2")]
    error_message: String,
}

/// A successful answer; with `rejected` above 0, a partial success that says why.
pub fn export_response(signal: Signal, encoding: Encoding, rejected: u64, why: &str) -> Vec<u8> {
    let partial_success = (rejected > 0).then(|| PartialSuccess {
        rejected: i64::try_from(rejected).unwrap_or(i64::MAX),
        error_message: why.to_owned(),
    });
    match (encoding, partial_success) {
        (Encoding::Protobuf, partial_success) => ExportResponse { partial_success }.encode_to_vec(),
        (Encoding::Json, None) => b"{}".to_vec(),
        (Encoding::Json, Some(partial)) => json!({"partialSuccess": {
            rejected_field(signal): partial.rejected.to_string(),
            "errorMessage": partial.error_message,
        }})
        .to_string()
        .into_bytes(),
    }
}

/// Rejected items and the message of a partial success, if the answer is one. A body that cannot be
/// read says nothing; the status alone counts then, as for the SDK.
///
/// Protobuf's JSON writes 64-bit numbers as text, and readers must take both. The SDK takes numbers
/// only, and would miss what its peer says.
pub fn partial_success(signal: Signal, encoding: Encoding, body: &[u8]) -> Option<(u64, String)> {
    match encoding {
        Encoding::Protobuf => {
            let partial = ExportResponse::decode(body).ok()?.partial_success?;
            let rejected = u64::try_from(partial.rejected).unwrap_or(0);
            Some((rejected, partial.error_message))
        }
        Encoding::Json => {
            let answer: serde_json::Value = serde_json::from_slice(body).ok()?;
            let partial = answer.get("partialSuccess")?;
            let rejected = partial
                .get(rejected_field(signal))
                .and_then(|value| match value {
                    serde_json::Value::String(text) => text.parse().ok(),
                    other => other.as_u64(),
                });
            let message = partial.get("errorMessage").and_then(|text| text.as_str());
            Some((
                rejected.unwrap_or(0),
                message.unwrap_or_default().to_owned(),
            ))
        }
    }
}

/// What rejected items are called in JSON.
const fn rejected_field(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "rejectedSpans",
        Signal::Metrics => "rejectedDataPoints",
        Signal::Logs => "rejectedLogRecords",
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
    use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;

    use super::*;

    #[test]
    fn every_signal_reads_its_partial_success() {
        let answer = |signal| export_response(signal, Encoding::Protobuf, 7, "why");
        let traces = ExportTraceServiceResponse::decode(&*answer(Signal::Traces)).unwrap();
        assert_eq!(traces.partial_success.unwrap().rejected_spans, 7);
        let metrics = ExportMetricsServiceResponse::decode(&*answer(Signal::Metrics)).unwrap();
        assert_eq!(metrics.partial_success.unwrap().rejected_data_points, 7);
        let logs = ExportLogsServiceResponse::decode(&*answer(Signal::Logs)).unwrap();
        let partial = logs.partial_success.unwrap();
        assert_eq!(
            (partial.rejected_log_records, partial.error_message.as_str()),
            (7, "why")
        );
        let read = partial_success(Signal::Logs, Encoding::Protobuf, &answer(Signal::Logs));
        assert_eq!(read, Some((7, "why".to_owned())));
        let full = export_response(Signal::Logs, Encoding::Protobuf, 0, "");
        assert_eq!(
            partial_success(Signal::Logs, Encoding::Protobuf, &full),
            None
        );
    }

    #[test]
    fn full_success_is_empty() {
        assert!(export_response(Signal::Logs, Encoding::Protobuf, 0, "").is_empty());
        assert_eq!(export_response(Signal::Logs, Encoding::Json, 0, ""), b"{}");
    }

    #[test]
    fn json_answers_name_their_fields() {
        let answer = export_response(Signal::Metrics, Encoding::Json, 2, "why");
        assert_eq!(
            String::from_utf8(answer).unwrap(),
            r#"{"partialSuccess":{"errorMessage":"why","rejectedDataPoints":"2"}}"#
        );
        let status = Status::new(Code::InvalidArgument, "bad").to_body(Encoding::Json);
        assert_eq!(
            String::from_utf8(status).unwrap(),
            r#"{"code":3,"message":"bad"}"#
        );
    }
}
