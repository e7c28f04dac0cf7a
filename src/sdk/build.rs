//! The three providers. Batch sizes, queues, delays, limits and timeouts are not set here: the SDK
//! reads its own environment variables.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{BatchLogProcessor, SdkLoggerProvider};
use opentelemetry_sdk::metrics::{
    Aggregation, Instrument, PeriodicReader, SdkMeterProvider, Stream, Temporality,
};
use opentelemetry_sdk::trace::{BatchSpanProcessor, Sampler, SdkTracerProvider};

use super::SdkError;
use super::exporter::Journalled;
use super::identity::Identities;
use super::processor::Marking;
use super::recorder::Recorder;
use super::spread::Spread;
use super::transport::Transport;

/// The SDK's default limit of series per instrument.
const SERIES_LIMIT_DEFAULT: usize = 2000;

/// The SDK, ready for load. A signal that is not sent has no provider, another one for each instance.
#[derive(Debug, Default)]
pub struct Sdk {
    pub traces: Vec<SdkTracerProvider>,
    pub metrics: Vec<SdkMeterProvider>,
    pub logs: Vec<SdkLoggerProvider>,
}

/// What metrics need besides the transport.
#[derive(Debug, Clone)]
pub struct MetricSetup {
    pub temporality: crate::plan::Temporality,
    /// Series per instrument; the limit is raised where it would be in the way.
    pub series: usize,
    /// Instruments that are aggregated as exponential histograms.
    pub exponential: Vec<String>,
}

/// Builds providers one by one. gRPC needs a tokio runtime to be entered meanwhile.
#[derive(Debug)]
pub struct Builder {
    /// One for each endpoint; batches go round them in turn.
    pub transports: Vec<Transport>,
    pub recorder: Arc<Recorder>,
    /// `service.name` of the resource.
    pub service: String,
    /// `service.instance.id` of the resource, where there are several.
    pub instance: Option<String>,
}

impl Builder {
    /// Spans, of which the share `sample` is kept.
    ///
    /// # Errors
    /// When the exporter cannot be built.
    pub fn traces(&self, sample: f64) -> Result<SdkTracerProvider, SdkError> {
        let exporter = self.journalled(Transport::spans)?;
        let processor = Marking {
            inner: BatchSpanProcessor::builder(exporter).build(),
            recorder: Arc::clone(&self.recorder),
        };
        let by_ratio = Sampler::TraceIdRatioBased(sample);
        Ok(SdkTracerProvider::builder()
            .with_id_generator(Identities)
            .with_sampler(Sampler::ParentBased(Box::new(by_ratio)))
            .with_resource(self.resource())
            .with_span_processor(processor)
            .build())
    }

    /// Log records.
    ///
    /// # Errors
    /// When the exporter cannot be built.
    pub fn logs(&self) -> Result<SdkLoggerProvider, SdkError> {
        let exporter = self.journalled(Transport::logs)?;
        let processor = Marking {
            inner: BatchLogProcessor::builder(exporter).build(),
            recorder: Arc::clone(&self.recorder),
        };
        Ok(SdkLoggerProvider::builder()
            .with_resource(self.resource())
            .with_log_processor(processor)
            .build())
    }

    /// Metrics, read periodically.
    ///
    /// # Errors
    /// When the exporter cannot be built.
    pub fn metrics(&self, setup: MetricSetup) -> Result<SdkMeterProvider, SdkError> {
        let temporality = match setup.temporality {
            crate::plan::Temporality::Cumulative => Temporality::Cumulative,
            crate::plan::Temporality::Delta => Temporality::Delta,
            crate::plan::Temporality::LowMemory => Temporality::LowMemory,
        };
        let exporter = self.journalled(|transport| transport.metrics(temporality))?;
        Ok(SdkMeterProvider::builder()
            .with_resource(self.resource())
            .with_reader(PeriodicReader::builder(exporter).build())
            .with_view(move |instrument| view(instrument, &setup))
            .build())
    }

    fn journalled<E>(
        &self,
        exporter: impl Fn(&Transport) -> Result<E, SdkError>,
    ) -> Result<Journalled<Spread<E>>, SdkError> {
        let ways: Result<Vec<E>, SdkError> = self.transports.iter().map(exporter).collect();
        let nowhere = || SdkError::Endpoint("there is none".to_owned());
        Ok(Journalled {
            inner: Spread::over(ways?).ok_or_else(nowhere)?,
            recorder: Arc::clone(&self.recorder),
            resource: ResourceAttributesWithSchema::default(),
        })
    }

    fn resource(&self) -> Resource {
        let id = self.instance.clone();
        Resource::builder()
            .with_service_name(self.service.clone())
            .with_attributes(id.map(|id| KeyValue::new("service.instance.id", id)))
            .build()
    }
}

fn view(instrument: &Instrument, setup: &MetricSetup) -> Option<Stream> {
    let limit = SERIES_LIMIT_DEFAULT.max(setup.series + 1);
    let stream = Stream::builder().with_cardinality_limit(limit);
    let exponential = setup.exponential.iter().any(|n| n == instrument.name());
    let stream = match exponential {
        // Size and scale are the specification's defaults.
        true => stream.with_aggregation(Aggregation::Base2ExponentialHistogram {
            max_size: 160,
            max_scale: 20,
            record_min_max: true,
        }),
        false => stream,
    };
    // Every setting above is within the limits that the builder checks.
    stream.build().ok()
}

impl Sdk {
    /// Flushes and shuts down all providers at once. Each may take `timeout` (the meter provider of
    /// this SDK keeps its own). Gives what failed, in words.
    pub fn shutdown(&self, timeout: Duration) -> Vec<String> {
        let traces = self.traces.clone();
        let metrics = self.metrics.clone();
        let logs = self.logs.clone();
        type Shutdown = Box<dyn FnOnce() -> OTelSdkResult + Send>;
        let mut parts: Vec<(&str, Shutdown)> = Vec::new();
        for provider in traces {
            parts.push((
                "traces",
                Box::new(move || provider.shutdown_with_timeout(timeout)),
            ));
        }
        for provider in metrics {
            parts.push((
                "metrics",
                Box::new(move || provider.shutdown_with_timeout(timeout)),
            ));
        }
        for provider in logs {
            parts.push((
                "logs",
                Box::new(move || provider.shutdown_with_timeout(timeout)),
            ));
        }
        let running: Vec<_> = parts
            .into_iter()
            .map(|(name, shut_down)| (name, thread::spawn(shut_down)))
            .collect();
        running
            .into_iter()
            .filter_map(|(name, thread)| match thread.join() {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(format!("shutdown of {name}: {error}")),
                Err(_) => Some(format!("shutdown of {name} panicked")),
            })
            .collect()
    }
}
