//! The SDK's own HTTP client, behind a journal of requests and answers.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;

use super::names::Names;
use super::outcome::LastAnswer;
use super::transport::Tls;
use super::{SdkError, attempt};
use crate::signal::Signal;

/// Sends through the client that the SDK uses by default.
#[derive(Debug)]
pub struct Watched {
    inner: reqwest::blocking::Client,
}

impl Watched {
    /// Builds the client as the SDK builds its own: with the exporter's timeout, on a thread of its
    /// own since it may not be built where tokio runs. No proxy of the environment is used, for the
    /// endpoint is on this machine.
    ///
    /// # Errors
    /// When a certificate is not one, or the client cannot be built.
    pub fn new(
        timeout: Duration,
        tls: Option<&Tls>,
        names: Option<Names>,
    ) -> Result<Self, SdkError> {
        let mut builder = reqwest::blocking::Client::builder()
            .timeout(timeout)
            .no_proxy();
        if let Some(names) = names {
            builder = builder.dns_resolver(Arc::new(names));
        }
        if let Some(tls) = tls {
            let ca = reqwest::Certificate::from_pem(tls.ca.as_bytes()).map_err(wrong)?;
            builder = builder.tls_certs_only([ca]);
            if let Some((cert, key)) = &tls.identity {
                let pem = format!("{cert}\n{key}");
                let identity = reqwest::Identity::from_pem(pem.as_bytes()).map_err(wrong)?;
                builder = builder.identity(identity);
            }
        }
        let built = std::thread::spawn(move || builder.build()).join();
        match built {
            Ok(client) => Ok(Self {
                inner: client.map_err(wrong)?,
            }),
            Err(_) => Err(SdkError::Tls("building the HTTP client panicked".into())),
        }
    }
}

fn wrong(error: reqwest::Error) -> SdkError {
    SdkError::Tls(chain(&error))
}

#[async_trait]
impl HttpClient for Watched {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        attempt::sent();
        let result = self.inner.send_bytes(request).await;
        match &result {
            Ok(response) => {
                let status = response.status();
                attempt::http_answered(status.is_success(), LastAnswer::Http(status.as_u16()));
                if status.is_success()
                    && let Some(signal) = attempt::current_signal()
                    && let Some((rejected, message)) = partial_success(signal, response)
                {
                    attempt::partial_success(rejected, &message);
                }
            }
            Err(error) => {
                attempt::http_answered(false, LastAnswer::None(chain(error.as_ref())));
            }
        }
        result
    }
}

/// An error with its causes: reqwest's own text leaves out why.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// Rejected items and the message of a partial success, if the answer is one. A body that cannot be
/// read says nothing; the status alone counts then, as for the SDK.
fn partial_success(signal: Signal, response: &Response<Bytes>) -> Option<(u64, String)> {
    let json = response
        .headers()
        .get(http::header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("application/json"));
    if json {
        partial_success_json(signal, response.body())
    } else {
        partial_success_binary(signal, response.body())
    }
}

fn partial_success_binary(signal: Signal, body: &[u8]) -> Option<(u64, String)> {
    let (rejected, message) = match signal {
        Signal::Traces => {
            let answer = ExportTraceServiceResponse::decode(body).ok()?;
            let partial = answer.partial_success?;
            (partial.rejected_spans, partial.error_message)
        }
        Signal::Metrics => {
            let answer = ExportMetricsServiceResponse::decode(body).ok()?;
            let partial = answer.partial_success?;
            (partial.rejected_data_points, partial.error_message)
        }
        Signal::Logs => {
            let answer = ExportLogsServiceResponse::decode(body).ok()?;
            let partial = answer.partial_success?;
            (partial.rejected_log_records, partial.error_message)
        }
    };
    Some((u64::try_from(rejected).unwrap_or(0), message))
}

/// Protobuf's JSON writes 64-bit numbers as text, and readers must take both. The SDK takes numbers
/// only, and would miss what its peer says.
fn partial_success_json(signal: Signal, body: &[u8]) -> Option<(u64, String)> {
    let answer: serde_json::Value = serde_json::from_slice(body).ok()?;
    let partial = answer.get("partialSuccess")?;
    let rejected = partial.get(match signal {
        Signal::Traces => "rejectedSpans",
        Signal::Metrics => "rejectedDataPoints",
        Signal::Logs => "rejectedLogRecords",
    });
    let rejected = rejected.and_then(|value| match value {
        serde_json::Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    });
    let message = partial.get("errorMessage").and_then(|text| text.as_str());
    Some((
        rejected.unwrap_or(0),
        message.unwrap_or_default().to_owned(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTracePartialSuccess;

    #[test]
    fn a_partial_success_is_read_from_either_encoding() {
        let answer = ExportTraceServiceResponse {
            partial_success: Some(ExportTracePartialSuccess {
                rejected_spans: 10,
                error_message: "too many".into(),
            }),
        };
        let expected = Some((10, "too many".to_owned()));
        let binary = Response::new(Bytes::from(answer.encode_to_vec()));
        assert_eq!(partial_success(Signal::Traces, &binary), expected);
        for json in [
            r#"{"partialSuccess":{"rejectedSpans":"10","errorMessage":"too many"}}"#,
            r#"{"partialSuccess":{"rejectedSpans":10,"errorMessage":"too many"}}"#,
        ] {
            let json = Response::builder()
                .header("content-type", "application/json")
                .body(Bytes::from_static(json.as_bytes()))
                .unwrap();
            assert_eq!(partial_success(Signal::Traces, &json), expected);
        }
        let empty = Response::new(Bytes::new());
        assert_eq!(partial_success(Signal::Logs, &empty), None);
    }
}
