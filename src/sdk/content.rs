//! What every item says when it is handed to its exporter, for a run that checks content.

use std::io;
use std::path::Path;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::logs::tonic::group_logs_by_resource_and_scope;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::logs::LogBatch;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::trace::SpanData;

use crate::ids::Identity;
use crate::journal::{CONTENT_FILE, ContentLine, Journal, Point, PointContent};
use crate::mapped::content::Contents;
use crate::mapped::names;
use crate::otlp::content::{Item, of_logs, of_metrics, of_traces};
use crate::plan::LoadPlan;
use crate::signal::Signal;

/// Where what items say is noted: in mapped files for spans and log records, in a journal for points.
#[derive(Debug)]
pub struct ContentNotes {
    spans: Vec<Contents>,
    records: Vec<Contents>,
    points: Journal,
}

impl ContentNotes {
    /// Opens the files that the controller made in `evidence`.
    ///
    /// # Errors
    /// When one is missing or cannot be opened.
    pub fn open(evidence: &Path, load: &LoadPlan) -> io::Result<Self> {
        let files = |signal: Signal| {
            let producers = load.arrivals(signal).map_or(0, |a| a.producers.max(1));
            (0..producers)
                .map(|producer| Contents::open(&evidence.join(names::content(signal, producer))))
                .collect::<io::Result<Vec<Contents>>>()
        };
        Ok(Self {
            spans: files(Signal::Traces)?,
            records: files(Signal::Logs)?,
            points: Journal::open(&evidence.join(CONTENT_FILE))?,
        })
    }

    /// Notes a batch of spans.
    pub fn spans(&self, batch: &[SpanData], resource: &ResourceAttributesWithSchema) {
        let message = group_spans_by_resource_and_scope(batch.to_vec(), resource);
        of_traces(&message).for_each(|item| note(&self.spans, &item));
    }

    /// Notes a batch of log records.
    pub fn records(&self, batch: &LogBatch<'_>, resource: &ResourceAttributesWithSchema) {
        let message = group_logs_by_resource_and_scope(batch, resource);
        of_logs(&message).for_each(|item| note(&self.records, &item));
    }

    /// Notes a collection, whose points have these identities.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn points(&self, metrics: &ResourceMetrics, points: &[Point]) -> io::Result<()> {
        let message = ExportMetricsServiceRequest::from(metrics);
        let points: Vec<PointContent> = points
            .iter()
            .zip(of_metrics(&message.resource_metrics))
            .map(|(point, item)| PointContent {
                key: point.key,
                place: item.place,
                parts: item.parts,
            })
            .collect();
        self.points.append(&ContentLine { points })
    }
}

/// An item that is nobody's has no place to be noted in, and the sink counts it as unexpected.
fn note(files: &[Contents], item: &Item<'_>) {
    let Some(identity) = Identity::from_span_id(item.span_id) else {
        return;
    };
    if let Some(contents) = files.get(usize::from(identity.producer)) {
        contents.write(identity.sequence, &item.parts);
    }
}
