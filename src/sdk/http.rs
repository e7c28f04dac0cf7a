//! The SDK's own HTTP client, behind a journal of requests and answers.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};

use super::names::Names;
use super::outcome::LastAnswer;
use super::transport::Tls;
use super::{SdkError, attempt};
use crate::error_chain::error_chain;
use crate::otlp::{Encoding, status};
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
    SdkError::Tls(error_chain(&error))
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
                attempt::http_answered(false, LastAnswer::None(error_chain(error.as_ref())));
            }
        }
        result
    }
}

/// Rejected items and the message of a partial success, if the answer is one.
fn partial_success(signal: Signal, response: &Response<Bytes>) -> Option<(u64, String)> {
    let json = response
        .headers()
        .get(http::header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("application/json"));
    let encoding = if json {
        Encoding::Json
    } else {
        Encoding::Protobuf
    };
    status::partial_success(signal, encoding, response.body())
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::collector::trace::v1::{
        ExportTracePartialSuccess, ExportTraceServiceResponse,
    };
    use prost::Message;

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
