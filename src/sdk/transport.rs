//! OTLP exporters for each signal and protocol, with every request watched.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry_http::HttpClient;
use opentelemetry_otlp::{
    LogExporter, MetricExporter, RetryPolicy, SpanExporter, WithExportConfig, WithHttpConfig,
    WithTonicConfig,
};
use opentelemetry_sdk::metrics::Temporality;
use tonic::metadata::{MetadataKey, MetadataMap};
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use super::http::Watched;
use super::names::Names;
use super::{SdkError, attempt};
use crate::plan::{Compression, Protocol, RetryPlan};
use crate::signal::Signal;

/// Where and how to export.
#[derive(Debug, Clone)]
pub struct Transport {
    pub protocol: Protocol,
    /// Without a signal's path.
    pub endpoint: String,
    pub compression: Compression,
    pub headers: Vec<(String, String)>,
    pub tls: Option<Tls>,
    pub retry: RetryPlan,
    /// Where the endpoint's name is looked up; `None` for an address or a name that the system knows.
    pub names: Option<Names>,
}

/// PEM texts.
#[derive(Debug, Clone)]
pub struct Tls {
    pub ca: String,
    /// Certificate and key of the client's own.
    pub identity: Option<(String, String)>,
}

impl Transport {
    /// The exporter of spans.
    ///
    /// # Errors
    /// When a setting is not usable.
    pub fn spans(&self) -> Result<SpanExporter, SdkError> {
        match self.protocol {
            Protocol::Grpc => self
                .grpc(SpanExporter::builder().with_tonic(), Signal::Traces)?
                .build(),
            Protocol::HttpProtobuf | Protocol::HttpJson => self
                .http(SpanExporter::builder().with_http(), Signal::Traces)?
                .build(),
        }
        .map_err(|error| failed(Signal::Traces, &error))
    }

    /// The exporter of log records.
    ///
    /// # Errors
    /// When a setting is not usable.
    pub fn logs(&self) -> Result<LogExporter, SdkError> {
        match self.protocol {
            Protocol::Grpc => self
                .grpc(LogExporter::builder().with_tonic(), Signal::Logs)?
                .build(),
            Protocol::HttpProtobuf | Protocol::HttpJson => self
                .http(LogExporter::builder().with_http(), Signal::Logs)?
                .build(),
        }
        .map_err(|error| failed(Signal::Logs, &error))
    }

    /// The exporter of metrics.
    ///
    /// # Errors
    /// When a setting is not usable.
    pub fn metrics(&self, temporality: Temporality) -> Result<MetricExporter, SdkError> {
        let builder = MetricExporter::builder().with_temporality(temporality);
        match self.protocol {
            Protocol::Grpc => self.grpc(builder.with_tonic(), Signal::Metrics)?.build(),
            Protocol::HttpProtobuf | Protocol::HttpJson => {
                self.http(builder.with_http(), Signal::Metrics)?.build()
            }
        }
        .map_err(|error| failed(Signal::Metrics, &error))
    }

    fn grpc<B: WithExportConfig + WithTonicConfig>(
        &self,
        builder: B,
        signal: Signal,
    ) -> Result<B, SdkError> {
        let mut builder = builder
            .with_endpoint(self.endpoint.clone())
            .with_retry_policy(self.retry_policy())
            .with_metadata(self.metadata()?)
            // The SDK calls it once per attempt, on the thread that exports.
            .with_interceptor(|request| {
                attempt::sent();
                Ok(request)
            });
        if let Some(compression) = self.compression() {
            builder = builder.with_compression(compression);
        }
        if let Some(names) = self.names {
            let channel = names.channel(&self.endpoint, self.grpc_tls(), timeout(signal))?;
            return Ok(builder.with_channel(channel));
        }
        Ok(match self.grpc_tls() {
            Some(config) => builder.with_tls_config(config),
            None => builder,
        })
    }

    fn grpc_tls(&self) -> Option<ClientTlsConfig> {
        let tls = self.tls.as_ref()?;
        // The run's own certificates know `localhost`; an external endpoint's know its name.
        let host = match self.names {
            Some(Names::Always(_)) => host(&self.endpoint),
            _ => "localhost",
        };
        let config = ClientTlsConfig::new()
            .domain_name(host)
            .ca_certificate(Certificate::from_pem(&tls.ca));
        Some(match &tls.identity {
            Some((cert, key)) => config.identity(Identity::from_pem(cert, key)),
            None => config,
        })
    }

    fn http<B: WithExportConfig + WithHttpConfig>(
        &self,
        builder: B,
        signal: Signal,
    ) -> Result<B, SdkError> {
        let client = Watched::new(timeout(signal), self.tls.as_ref(), self.names)?;
        let headers: HashMap<String, String> = self.headers.iter().cloned().collect();
        let base = self.endpoint.trim_end_matches('/');
        let builder = builder
            .with_endpoint(format!("{base}{}", signal.http_path()))
            .with_protocol(match self.protocol {
                Protocol::HttpJson => opentelemetry_otlp::Protocol::HttpJson,
                Protocol::HttpProtobuf | Protocol::Grpc => opentelemetry_otlp::Protocol::HttpBinary,
            })
            .with_shared_http_client(Arc::new(client) as Arc<dyn HttpClient>)
            .with_headers(headers)
            .with_retry_policy(self.retry_policy());
        Ok(match self.compression() {
            Some(compression) => builder.with_compression(compression),
            None => builder,
        })
    }

    fn compression(&self) -> Option<opentelemetry_otlp::Compression> {
        match self.compression {
            Compression::None => None,
            Compression::Gzip => Some(opentelemetry_otlp::Compression::Gzip),
            Compression::Zstd => Some(opentelemetry_otlp::Compression::Zstd),
        }
    }

    fn retry_policy(&self) -> RetryPolicy {
        RetryPolicy::recommended()
            .with_max_retries(self.retry.max_retries as usize)
            .with_initial_delay(Duration::from_nanos(self.retry.initial_delay_ns))
            .with_max_delay(Duration::from_nanos(self.retry.max_delay_ns))
            .with_max_jitter(Duration::from_nanos(self.retry.max_jitter_ns))
    }

    fn metadata(&self) -> Result<MetadataMap, SdkError> {
        let mut metadata = MetadataMap::new();
        for (name, value) in &self.headers {
            // The value is a secret and stays out of the error.
            let wrong = || SdkError::Header(name.clone());
            let key = MetadataKey::from_bytes(name.to_lowercase().as_bytes());
            let value = value.parse().map_err(|_| wrong())?;
            metadata.insert(key.map_err(|_| wrong())?, value);
        }
        Ok(metadata)
    }
}

/// The host of `SCHEME://HOST:PORT`.
fn host(endpoint: &str) -> &str {
    let (_, rest) = endpoint.split_once("://").unwrap_or(("", endpoint));
    rest.rsplit_once(':').map_or(rest, |(host, _)| host)
}

/// The exporter's timeout, as the SDK reads it from the environment.
fn timeout(signal: Signal) -> Duration {
    let own = format!(
        "OTEL_EXPORTER_OTLP_{}_TIMEOUT",
        signal.as_str().to_uppercase()
    );
    [own.as_str(), opentelemetry_otlp::OTEL_EXPORTER_OTLP_TIMEOUT]
        .iter()
        .filter_map(|name| std::env::var(name).ok())
        .find_map(|text| text.parse().ok())
        .map_or(
            opentelemetry_otlp::OTEL_EXPORTER_OTLP_TIMEOUT_DEFAULT,
            Duration::from_millis,
        )
}

fn failed(signal: Signal, error: &opentelemetry_otlp::ExporterBuildError) -> SdkError {
    SdkError::Exporter {
        signal,
        why: error.to_string(),
    }
}
