//! Sends OTLP in every protocol and compression, with clients that are not squall's.

use std::io::Write;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric, number_data_point,
};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use squall::ids::Identity;
use squall::plan::{Compression, Protocol};
use squall::role::control::Ready;
use tonic::codec::CompressionEncoding;
use tonic::transport::Endpoint;

pub const PROTOCOLS: [Protocol; 3] = [Protocol::Grpc, Protocol::HttpProtobuf, Protocol::HttpJson];
pub const COMPRESSIONS: [Compression; 3] =
    [Compression::None, Compression::Gzip, Compression::Zstd];

/// What a sender was told.
#[derive(Debug, PartialEq, Eq)]
pub enum Told {
    Accepted,
    Rejected(u64),
    /// `grpc UNAVAILABLE` or `http 503`.
    Unavailable,
    /// `grpc INVALID_ARGUMENT` or `http 400`.
    Refused,
}

/// Spans with these identities, all due at `time_unix_ns`.
pub fn spans(
    producer: u16,
    sequences: impl IntoIterator<Item = u64>,
    time_unix_ns: u64,
) -> ExportTraceServiceRequest {
    let spans = sequences
        .into_iter()
        .map(|sequence| Span {
            trace_id: vec![7; 16],
            span_id: Identity { producer, sequence }
                .to_span_id()
                .to_be_bytes()
                .to_vec(),
            name: "s".to_owned(),
            start_time_unix_nano: time_unix_ns,
            end_time_unix_nano: time_unix_ns + 1,
            ..Default::default()
        })
        .collect();
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            scope_spans: vec![ScopeSpans {
                spans,
                ..Default::default()
            }],
            ..Default::default()
        }],
    }
}

/// Log records with these identities.
pub fn logs(
    producer: u16,
    sequences: impl IntoIterator<Item = u64>,
    time_unix_ns: u64,
) -> ExportLogsServiceRequest {
    let log_records = sequences
        .into_iter()
        .map(|sequence| LogRecord {
            time_unix_nano: time_unix_ns,
            span_id: Identity { producer, sequence }
                .to_span_id()
                .to_be_bytes()
                .to_vec(),
            ..Default::default()
        })
        .collect();
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            scope_logs: vec![ScopeLogs {
                log_records,
                ..Default::default()
            }],
            ..Default::default()
        }],
    }
}

/// A gauge named `m` without attributes, with one point at each of these times.
pub fn gauge(times_unix_ns: impl IntoIterator<Item = u64>) -> ExportMetricsServiceRequest {
    let data_points = times_unix_ns
        .into_iter()
        .map(|time| NumberDataPoint {
            time_unix_nano: time,
            value: Some(number_data_point::Value::AsInt(5)),
            ..Default::default()
        })
        .collect();
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            scope_metrics: vec![ScopeMetrics {
                metrics: vec![Metric {
                    name: "m".to_owned(),
                    data: Some(metric::Data::Gauge(Gauge { data_points })),
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        }],
    }
}

/// Sends spans that way and understands the answer.
pub async fn send_spans(
    to: &Ready,
    protocol: Protocol,
    compression: Compression,
    request: ExportTraceServiceRequest,
) -> Told {
    match protocol {
        Protocol::Grpc => {
            let channel = channel(to).await;
            let mut client = TraceServiceClient::new(channel);
            client = match compression {
                Compression::None => client,
                Compression::Gzip => client.send_compressed(CompressionEncoding::Gzip),
                Compression::Zstd => client.send_compressed(CompressionEncoding::Zstd),
            };
            match client.export(request).await {
                Ok(answer) => told(&answer.into_inner()),
                // Unknown is what a connection is called that broke before the answer.
                Err(status)
                    if [tonic::Code::Unavailable, tonic::Code::Unknown]
                        .contains(&status.code()) =>
                {
                    Told::Unavailable
                }
                Err(status) if status.code() == tonic::Code::InvalidArgument => Told::Refused,
                Err(status) => panic!("{status}"),
            }
        }
        Protocol::HttpProtobuf => {
            let kind = "application/x-protobuf";
            let (status, body) =
                post(to, "/v1/traces", kind, compression, request.encode_to_vec()).await;
            http_told(status, || {
                ExportTraceServiceResponse::decode(&*body).unwrap()
            })
        }
        Protocol::HttpJson => {
            let kind = "application/json";
            let text = serde_json::to_vec(&request).unwrap();
            let (status, body) = post(to, "/v1/traces", kind, compression, text).await;
            let text = String::from_utf8(body).unwrap();
            http_told(status, || {
                // The generated reader does not take numbers as text, which the specification asks for.
                let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
                let rejected = answer["partialSuccess"]["rejectedSpans"].as_str();
                let rejected_spans = rejected.map_or(0, |number| number.parse().unwrap());
                ExportTraceServiceResponse {
                    partial_success: Some(
                        opentelemetry_proto::tonic::collector::trace::v1::ExportTracePartialSuccess {
                            rejected_spans,
                            error_message: String::new(),
                        },
                    ),
                }
            })
        }
    }
}

pub async fn send_logs(to: &Ready, request: ExportLogsServiceRequest) {
    let mut client = LogsServiceClient::new(channel(to).await);
    client.export(request).await.unwrap();
}

pub async fn send_metrics(to: &Ready, request: ExportMetricsServiceRequest) {
    let mut client = MetricsServiceClient::new(channel(to).await);
    client.export(request).await.unwrap();
}

async fn channel(to: &Ready) -> tonic::transport::Channel {
    let endpoint = Endpoint::new(format!("http://{}", to.grpc)).unwrap();
    endpoint.connect().await.unwrap()
}

fn told(answer: &ExportTraceServiceResponse) -> Told {
    match &answer.partial_success {
        Some(partial) if partial.rejected_spans > 0 => {
            Told::Rejected(partial.rejected_spans as u64)
        }
        _ => Told::Accepted,
    }
}

fn http_told(status: u16, answer: impl FnOnce() -> ExportTraceServiceResponse) -> Told {
    match status {
        200 => told(&answer()),
        400 => Told::Refused,
        503 => Told::Unavailable,
        other => panic!("http {other}"),
    }
}

/// Posts a body to the HTTP port; the status and the answer's body.
pub async fn post(
    to: &Ready,
    path: &str,
    content_type: &str,
    compression: Compression,
    body: Vec<u8>,
) -> (u16, Vec<u8>) {
    let (encoding, body) = match compression {
        Compression::None => ("identity", body),
        Compression::Gzip => {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(&body).unwrap();
            ("gzip", encoder.finish().unwrap())
        }
        Compression::Zstd => ("zstd", zstd::encode_all(&*body, 1).unwrap()),
    };
    let answer = http_client()
        .post(format!("http://{}{path}", to.http))
        .header("content-type", content_type)
        .header("content-encoding", encoding)
        .body(body)
        .send()
        .await
        .unwrap();
    let status = answer.status().as_u16();
    (status, answer.bytes().await.unwrap().to_vec())
}

/// A plain HTTP client.
pub fn http_client() -> reqwest::Client {
    // Another test of this process may have chosen it before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}
