//! Several exporters as one: batches go round them in turn.
//!
//! Each batch has its one way, retries included: an endpoint that is gone takes its share with it, as
//! behind a load balancer that does not look.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use opentelemetry::logs::Severity;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{LogBatch, LogExporter};
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

use super::attempt;

/// One exporter for each endpoint.
#[derive(Debug)]
pub struct Spread<E> {
    first: E,
    others: Vec<E>,
    /// Batches so far.
    batches: AtomicUsize,
}

impl<E> Spread<E> {
    /// Over all of these; `None` where there are none.
    pub fn over(ways: Vec<E>) -> Option<Self> {
        let mut ways = ways.into_iter();
        Some(Self {
            first: ways.next()?,
            others: ways.collect(),
            batches: AtomicUsize::new(0),
        })
    }

    /// The one whose turn it is, which is noted.
    fn next(&self) -> &E {
        let turn = self.batches.fetch_add(1, Ordering::Relaxed) % (self.others.len() + 1);
        // There are fewer targets than that.
        attempt::goes(u8::try_from(turn).unwrap_or(u8::MAX));
        match turn.checked_sub(1) {
            Some(other) => self.others.get(other).unwrap_or(&self.first),
            None => &self.first,
        }
    }

    fn all(&self) -> impl Iterator<Item = &E> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// Has every one of them do it; the first failure is told.
    fn each(&self, act: impl Fn(&E) -> OTelSdkResult) -> OTelSdkResult {
        self.all().map(act).fold(Ok(()), OTelSdkResult::and)
    }
}

impl<E: SpanExporter> SpanExporter for Spread<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.next().export(batch).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.each(|way| way.shutdown_with_timeout(timeout))
    }

    fn shutdown(&self) -> OTelSdkResult {
        self.each(E::shutdown)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.each(E::force_flush)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.first.set_resource(resource);
        for way in &mut self.others {
            way.set_resource(resource);
        }
    }
}

impl<E: LogExporter> LogExporter for Spread<E> {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        self.next().export(batch).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.each(|way| way.shutdown_with_timeout(timeout))
    }

    fn shutdown(&self) -> OTelSdkResult {
        self.each(E::shutdown)
    }

    fn event_enabled(&self, level: Severity, target: &str, name: Option<&str>) -> bool {
        self.all().any(|way| way.event_enabled(level, target, name))
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.first.set_resource(resource);
        for way in &mut self.others {
            way.set_resource(resource);
        }
    }
}

impl<E: PushMetricExporter> PushMetricExporter for Spread<E> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        self.next().export(metrics).await
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.each(E::force_flush)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.each(|way| way.shutdown_with_timeout(timeout))
    }

    fn temporality(&self) -> Temporality {
        self.first.temporality()
    }
}
