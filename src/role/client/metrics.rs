//! Measurements through the SDK, with what was recorded kept beside it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Gauge, Histogram, MeterProvider as _, UpDownCounter};
use opentelemetry_sdk::metrics::SdkMeterProvider;

use super::set_up::evidence_error;
use crate::journal::{Journal, METRIC_SERIES_FILE, SeriesLine};
use crate::load::payload::metrics::{InstrumentLook, MetricTable};
use crate::mapped::{Words, names};
use crate::plan::InstrumentKind;
use crate::sdk::SdkError;
use crate::sdk::points;
use crate::sdk::recorder::Recorder;
use crate::signal::Signal;

/// The instruments, and the sums that they should show.
pub struct Meters {
    table: MetricTable,
    instruments: Vec<Instrument>,
    recorded: Words,
}

enum Instrument {
    Sum(Counter<u64>),
    /// Only ever goes up here, so that its sum is as easy to check as the others.
    UpDownSum(UpDownCounter<i64>),
    Gauge(Gauge<f64>),
    /// Explicit or exponential: a view decides.
    Histogram(Histogram<u64>),
}

impl Meters {
    /// Makes the instruments and writes which series there are.
    pub fn new(
        provider: &SdkMeterProvider,
        table: MetricTable,
        evidence: &Path,
    ) -> Result<Self, SdkError> {
        let meter = provider.meter("squall");
        let instrument = |look: &InstrumentLook| {
            let name = look.name.clone();
            match look.kind {
                InstrumentKind::Sum => Instrument::Sum(meter.u64_counter(name).build()),
                InstrumentKind::UpDownSum => {
                    Instrument::UpDownSum(meter.i64_up_down_counter(name).build())
                }
                InstrumentKind::Gauge => Instrument::Gauge(meter.f64_gauge(name).build()),
                InstrumentKind::Histogram | InstrumentKind::ExponentialHistogram => {
                    Instrument::Histogram(meter.u64_histogram(name).build())
                }
            }
        };
        let instruments = table.instruments().iter().map(instrument).collect();
        let path = evidence.join(names::recorded());
        let recorded = Words::open(&path).map_err(|error| evidence_error(&path, error))?;
        let path = evidence.join(METRIC_SERIES_FILE);
        // A client that is started again has the series of the one before.
        if !path.exists() {
            write_series(&path, &table).map_err(|error| evidence_error(&path, error))?;
        }
        Ok(Self {
            table,
            instruments,
            recorded,
        })
    }

    /// Notes a measurement, then records it: what was recorded is never less than what was exported.
    fn record(&self, producer: u16, arrival: u64) {
        let measurement = self.table.measurement(producer, arrival);
        let Some(instrument) = self.instruments.get(measurement.instrument) else {
            return;
        };
        let attributes = self.table.attributes(measurement.series);
        let value = measurement.value;
        let slot = measurement.instrument * self.table.series() + measurement.series;
        match instrument {
            Instrument::Sum(sum) => {
                self.recorded.add(slot, value);
                sum.add(value, attributes);
            }
            Instrument::UpDownSum(sum) => {
                self.recorded.add(slot, value);
                // At most a thousand.
                sum.add(value as i64, attributes);
            }
            Instrument::Gauge(gauge) => {
                if let Some(word) = self.recorded.as_slice().get(slot) {
                    word.store(value, Ordering::Relaxed);
                }
                gauge.record(value as f64, attributes);
            }
            Instrument::Histogram(histogram) => {
                self.recorded.add(slot, value);
                histogram.record(value, attributes);
            }
        }
    }
}

/// One line per series, instrument by instrument, in the order of their slots.
fn write_series(path: &Path, table: &MetricTable) -> std::io::Result<()> {
    let journal = Journal::open(path)?;
    for look in table.instruments() {
        for series in 0..table.series() {
            let attributes = table.attributes(series);
            journal.append(&SeriesLine {
                series: format!("{}{{{}}}", look.name, text(attributes)),
                hash: points::hash(&look.name, attributes),
                adds_up: look.kind != InstrumentKind::Gauge,
            })?;
        }
    }
    Ok(())
}

fn text(attributes: &[KeyValue]) -> String {
    let pairs: Vec<String> = attributes
        .iter()
        .map(|pair| format!("{}={}", pair.key, points::value_text(&pair.value)))
        .collect();
    pairs.join(",")
}

/// Makes the measurements of one producer.
pub struct MeasurementSource {
    pub meters: Arc<Meters>,
    pub recorder: Arc<Recorder>,
    pub producer: u16,
}

impl MeasurementSource {
    /// Records the measurement of an arrival.
    pub fn release(&self, arrival: u64) {
        self.meters.record(self.producer, arrival);
        let record = self.recorder.signal(Signal::Metrics);
        if let Some(producer) = record.producers.get(usize::from(self.producer)) {
            producer.recorded.store(arrival + 1, Ordering::Relaxed);
        }
    }
}
