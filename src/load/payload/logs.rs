//! What log records look like.

use std::sync::Arc;

use opentelemetry::logs::{AnyValue, Severity};
use opentelemetry::{Array, Key, StringValue, Value};

use super::for_ever;
use crate::load::attribute::AttributeTable;
use crate::load::mix::{self, Use, mix, text};
use crate::plan::LogPayload;

/// Distinct bodies.
const BODIES: u64 = 64;
/// Distinct event names.
const EVENTS: u64 = 8;
const SEVERITIES: [(Severity, &str); 4] = [
    (Severity::Debug, "DEBUG"),
    (Severity::Info, "INFO"),
    (Severity::Warn, "WARN"),
    (Severity::Error, "ERROR"),
];

/// Everything that log records choose from.
#[derive(Debug)]
pub struct LogTable {
    seed: u64,
    bodies: Vec<StringValue>,
    event_names: Vec<&'static str>,
    attributes: AttributeTable,
}

/// One log record's looks.
#[derive(Debug, Clone, PartialEq)]
pub struct LogLook {
    pub event_name: &'static str,
    pub severity: Severity,
    pub severity_text: &'static str,
    pub body: StringValue,
    pub attributes: Vec<(Key, AnyValue)>,
}

impl LogTable {
    pub fn new(payload: &LogPayload, seed: u64) -> Self {
        let body = |index| {
            let text = text(seed, u64::MAX, index, payload.body_bytes as usize);
            StringValue::from(Arc::<str>::from(text))
        };
        Self {
            seed,
            bodies: (0..BODIES).map(body).collect(),
            event_names: (0..EVENTS)
                .map(|index| for_ever(format!("squall.event.{index}")))
                .collect(),
            attributes: AttributeTable::new(&payload.attributes, seed),
        }
    }

    /// The trace id in a record's trace context.
    pub fn trace_id(&self, producer: u16, arrival: u64) -> u128 {
        mix::log_trace_id(self.seed, producer, arrival)
    }

    /// The looks of one record.
    pub fn look(&self, producer: u16, sequence: u64) -> LogLook {
        let word = mix(self.seed, Use::Log, u64::from(producer), sequence);
        let (severity, severity_text) = SEVERITIES[(word & 3) as usize];
        LogLook {
            event_name: self.event_names[((word >> 2) % EVENTS) as usize],
            severity,
            severity_text,
            body: self.bodies[((word >> 8) % BODIES) as usize].clone(),
            attributes: self
                .attributes
                .pick(word)
                .map(|(key, value)| (key, any_value(value)))
                .collect(),
        }
    }
}

fn any_value(value: &Value) -> AnyValue {
    match value {
        Value::Bool(value) => AnyValue::Boolean(*value),
        Value::I64(value) => AnyValue::Int(*value),
        Value::F64(value) => AnyValue::Double(*value),
        Value::Array(Array::String(texts)) => texts.iter().cloned().map(AnyValue::String).collect(),
        Value::String(text) => AnyValue::String(text.clone()),
        // No other value is in a table; its text is right for all of them.
        other => AnyValue::String(StringValue::from(other.as_str().into_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{AttributePlan, AttributeType};

    #[test]
    fn a_record_has_its_body_and_attributes() {
        let payload = LogPayload {
            body_bytes: 21,
            attributes: AttributePlan {
                count: 2,
                value_bytes: 3,
                cardinality: 2,
                types: vec![AttributeType::StringArray, AttributeType::Bool],
            },
        };
        let look = LogTable::new(&payload, 5).look(1, 9);
        assert_eq!(look.body.as_str().len(), 21);
        assert!(matches!(&look.attributes[0].1, AnyValue::ListAny(texts) if texts.len() == 3));
        assert!(matches!(look.attributes[1].1, AnyValue::Boolean(_)));
    }
}
