//! What metrics look like: instruments, the attribute sets of their series, and the values recorded.

use opentelemetry::KeyValue;

use crate::load::attribute::AttributeTable;
use crate::load::mix::{Use, mix};
use crate::plan::{InstrumentKind, MetricPayload};

/// Largest value recorded. Whole numbers this small add up exactly in a double for 2^40 measurements.
const VALUE_MAX: u64 = 1000;

/// Everything that measurements choose from.
#[derive(Debug)]
pub struct MetricTable {
    seed: u64,
    producers: u64,
    instruments: Vec<InstrumentLook>,
    /// One attribute set per series; the same for every instrument.
    sets: Vec<Vec<KeyValue>>,
}

/// One instrument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstrumentLook {
    pub kind: InstrumentKind,
    pub name: String,
}

/// One measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measurement {
    /// Index into [`MetricTable::instruments`].
    pub instrument: usize,
    /// Index of the attribute set.
    pub series: usize,
    /// A whole number from 1.
    pub value: u64,
}

impl MetricTable {
    /// Tables for measurements that `producers` threads share.
    pub fn new(payload: &MetricPayload, seed: u64, producers: u16) -> Self {
        let attributes = AttributeTable::new(&payload.attributes, seed);
        let set = |series: u32| {
            // The number makes each set its own, whatever the cardinality of the others.
            let mut set = vec![KeyValue::new("squall.series", i64::from(series))];
            set.extend(attributes.key_values(u64::from(series)));
            set
        };
        let instrument = |(index, kind): (usize, &InstrumentKind)| {
            let before = &payload.instruments[..index];
            let same = before.iter().filter(|other| *other == kind).count();
            let name = base_name(*kind);
            InstrumentLook {
                kind: *kind,
                name: match same {
                    0 => name.to_owned(),
                    nth => format!("{name}.{}", nth + 1),
                },
            }
        };
        Self {
            seed,
            producers: u64::from(producers.max(1)),
            instruments: payload
                .instruments
                .iter()
                .enumerate()
                .map(instrument)
                .collect(),
            sets: (0..payload.series.max(1)).map(set).collect(),
        }
    }

    pub fn instruments(&self) -> &[InstrumentLook] {
        &self.instruments
    }

    /// Series per instrument.
    pub fn series(&self) -> usize {
        self.sets.len()
    }

    /// The attributes of a series.
    pub fn attributes(&self, series: usize) -> &[KeyValue] {
        &self.sets[series]
    }

    /// What an arrival of a producer records. All series take their turn. There must be an instrument.
    pub fn measurement(&self, producer: u16, arrival: u64) -> Measurement {
        let turn = arrival * self.producers + u64::from(producer);
        let slot = turn % (self.instruments.len() * self.sets.len()).max(1) as u64;
        let word = mix(self.seed, Use::Value, u64::from(producer), arrival);
        Measurement {
            instrument: slot as usize / self.sets.len(),
            series: slot as usize % self.sets.len(),
            value: 1 + word % VALUE_MAX,
        }
    }
}

const fn base_name(kind: InstrumentKind) -> &'static str {
    match kind {
        InstrumentKind::Sum => "squall.sum",
        InstrumentKind::UpDownSum => "squall.up_down_sum",
        InstrumentKind::Gauge => "squall.gauge",
        InstrumentKind::Histogram => "squall.histogram",
        InstrumentKind::ExponentialHistogram => "squall.exponential_histogram",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::AttributePlan;
    use std::collections::HashSet;

    #[test]
    fn every_series_takes_its_turn() {
        let payload = MetricPayload {
            series: 3,
            instruments: vec![
                InstrumentKind::Sum,
                InstrumentKind::Gauge,
                InstrumentKind::Sum,
            ],
            attributes: AttributePlan {
                count: 1,
                value_bytes: 4,
                cardinality: 1,
                types: Vec::new(),
            },
        };
        let table = MetricTable::new(&payload, 1, 2);
        let seen: HashSet<(usize, usize)> = (0..18)
            .map(|turn| table.measurement(turn % 2, u64::from(turn / 2)))
            .map(|m| (m.instrument, m.series))
            .collect();
        assert_eq!(seen.len(), 9);
        assert_eq!(table.instruments()[2].name, "squall.sum.2");
        assert_ne!(table.attributes(0), table.attributes(1));
    }
}
