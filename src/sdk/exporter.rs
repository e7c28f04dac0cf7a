//! The real OTLP exporters, behind a journal of what is handed to them and how that ends.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::logs::Severity;
use opentelemetry::trace::SpanId;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{LogBatch, LogExporter};
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

use super::recorder::Recorder;
use super::{attempt, points, ranges};
use crate::evidence::ItemRange;
use crate::journal::CONTENT_FILE;
use crate::signal::Signal;

/// Journals, then delegates, then journals.
#[derive(Debug)]
pub struct Journalled<E> {
    pub inner: E,
    pub recorder: Arc<Recorder>,
    /// What the exporter writes for the resource. Kept only where content is checked.
    pub resource: ResourceAttributesWithSchema,
}

impl<E> Journalled<E> {
    fn keep(&mut self, resource: &Resource) {
        if self.recorder.content().is_some() {
            self.resource = resource.into();
        }
    }
}

impl<E: SpanExporter> SpanExporter for Journalled<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let items = ranges::of_span_ids(batch.iter().map(|span| span.span_context.span_id()));
        if let Some(notes) = self.recorder.content() {
            notes.spans(&batch, &self.resource);
        }
        attempt::open(&self.recorder, Signal::Traces, items, Vec::new());
        let result = self.inner.export(batch).await;
        attempt::close(&result);
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn shutdown(&self) -> OTelSdkResult {
        self.inner.shutdown()
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.keep(resource);
        self.inner.set_resource(resource);
    }
}

impl<E: LogExporter> LogExporter for Journalled<E> {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        let id = |context: &opentelemetry_sdk::logs::TraceContext| context.span_id;
        let ids = batch
            .iter()
            .map(|(record, _)| record.trace_context().map_or(SpanId::INVALID, id));
        let items = ranges::of_span_ids(ids);
        if let Some(notes) = self.recorder.content() {
            notes.records(&batch, &self.resource);
        }
        attempt::open(&self.recorder, Signal::Logs, items, Vec::new());
        let result = self.inner.export(batch).await;
        attempt::close(&result);
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn shutdown(&self) -> OTelSdkResult {
        self.inner.shutdown()
    }

    fn event_enabled(&self, level: Severity, target: &str, name: Option<&str>) -> bool {
        self.inner.event_enabled(level, target, name)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.keep(resource);
        self.inner.set_resource(resource);
    }
}

impl<E: PushMetricExporter> PushMetricExporter for Journalled<E> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let points = points::of(metrics);
        let count = points.len() as u64;
        if let Some(notes) = self.recorder.content() {
            let noted = notes.points(metrics, &points);
            self.recorder.noted(CONTENT_FILE, noted);
        }
        let first = self.recorder.next_points(count);
        let items = match count {
            0 => Vec::new(),
            _ => vec![ItemRange {
                producer: 0,
                first,
                last: first + count - 1,
            }],
        };
        attempt::open(&self.recorder, Signal::Metrics, items, points);
        let result = self.inner.export(metrics).await;
        attempt::close(&result);
        result
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn shutdown(&self) -> OTelSdkResult {
        self.inner.shutdown()
    }

    fn temporality(&self) -> Temporality {
        self.inner.temporality()
    }
}
