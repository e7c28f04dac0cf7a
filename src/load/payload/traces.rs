//! What spans look like.

use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;

use super::for_ever;
use crate::load::attribute::AttributeTable;
use crate::load::mix::{self, Use, mix};
use crate::load::shape::Shapes;
use crate::plan::TracePayload;

/// Longest span on the wire.
const DURATION_MAX_NS: u64 = 10_000_000;
const KINDS: [SpanKind; 4] = [
    SpanKind::Internal,
    SpanKind::Client,
    SpanKind::Producer,
    SpanKind::Consumer,
];

/// Everything that spans choose from.
#[derive(Debug)]
pub struct SpanTable {
    seed: u64,
    names: Vec<&'static str>,
    event_names: Vec<&'static str>,
    attributes: AttributeTable,
    shapes: Shapes,
    links_per_span: u64,
    errors: f64,
}

/// One span's looks. Times are its own length and the offsets of its events from its start.
#[derive(Debug, Clone, PartialEq)]
pub struct SpanLook {
    pub name: &'static str,
    pub kind: SpanKind,
    pub error: bool,
    pub duration_ns: u64,
    pub attributes: Vec<KeyValue>,
}

impl SpanTable {
    /// Tables for traces of `spans` spans.
    pub fn new(payload: &TracePayload, seed: u64, spans: u32) -> Self {
        let names = |prefix: &str, count: u32| -> Vec<&'static str> {
            (0..count)
                .map(|index| for_ever(format!("{prefix} {index}")))
                .collect()
        };
        Self {
            seed,
            names: names("operation", payload.span_names.max(1)),
            event_names: names("event", payload.events_per_span),
            attributes: AttributeTable::new(&payload.attributes, seed),
            shapes: Shapes::new(seed, spans),
            links_per_span: u64::from(payload.links_per_span),
            errors: payload.errors,
        }
    }

    /// The trace id of an arrival.
    pub fn trace_id(&self, producer: u16, arrival: u64) -> u128 {
        mix::trace_id(self.seed, producer, arrival)
    }

    /// Indices of the parents of the spans after the root.
    pub fn parents(&self, producer: u16, arrival: u64) -> &[usize] {
        self.shapes.of(producer, arrival)
    }

    /// The looks of one span.
    pub fn look(&self, producer: u16, sequence: u64, root: bool) -> SpanLook {
        let word = mix(self.seed, Use::Span, u64::from(producer), sequence);
        // Disjoint bits of the word, so that no choice follows from another.
        let kind = match root {
            true => SpanKind::Server,
            false => KINDS[(word & 3) as usize].clone(),
        };
        SpanLook {
            name: self.names[((word >> 2) % self.names.len() as u64) as usize],
            kind,
            error: ((word >> 40) as f64) < self.errors * (1_u64 << 24) as f64,
            duration_ns: 1_000 + (word >> 16) % DURATION_MAX_NS,
            attributes: self.attributes.key_values(word),
        }
    }

    /// Names of the events that each span has.
    pub fn event_names(&self) -> &[&'static str] {
        &self.event_names
    }

    /// Arrivals of the same producer to whose roots a span of `arrival` links.
    pub fn linked_arrivals(&self, arrival: u64) -> impl Iterator<Item = u64> + use<> {
        (1..=self.links_per_span).map(move |back| arrival.saturating_sub(back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::AttributePlan;

    #[test]
    fn errors_come_at_their_rate() {
        let payload = TracePayload {
            span_names: 3,
            events_per_span: 0,
            links_per_span: 2,
            errors: 0.25,
            attributes: AttributePlan {
                count: 0,
                value_bytes: 0,
                cardinality: 1,
                types: Vec::new(),
            },
            sample: 1.0,
        };
        let table = SpanTable::new(&payload, 1, 1);
        let errors = (1..=4000).filter(|s| table.look(0, *s, true).error).count();
        assert!(errors.abs_diff(1000) < 170, "{errors}");
        assert_eq!(table.linked_arrivals(7).collect::<Vec<_>>(), vec![6, 5]);
        assert_eq!(table.look(0, 1, true).kind, SpanKind::Server);
    }
}
